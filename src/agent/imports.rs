//! Measures, on this machine and without a run, what a template could import once for all workers.

use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::adapters::{Adapter, AdapterError, Care};
use crate::model::{Deadlines, Suite, Template};

pub use crate::adapters::pytest::{Imports, Preloadable};

/// Why the imports could not be measured.
#[derive(Debug, Error)]
pub enum MeasureError {
    /// No runtime.
    #[error("failed to start the measurement: {0}")]
    Runtime(#[from] io::Error),

    /// The suite can not be run, or does not answer.
    #[error(transparent)]
    Suite(#[from] AdapterError),

    /// It takes too long.
    #[error(
        "the collection did not end within {} s; give it more time with `[deadlines] collect`",
        .0.as_secs()
    )]
    TooLong(Duration),
}

impl MeasureError {
    /// Whether the user's words are at fault, rather than the machine.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Suite(error) => error.is_usage(),
            Self::Runtime(_) | Self::TooLong(_) => false,
        }
    }
}

/// Collects the suite once and measures what it imports; `progress` gets a line for each step of the preparation.
///
/// # Errors
/// [`MeasureError`]
pub fn measure_imports(
    suite: &Suite,
    deadlines: &Deadlines,
    progress: impl Fn(String),
) -> Result<Imports, MeasureError> {
    let mut suite = suite.clone();
    if let Suite::Pytest(pytest) = &mut suite {
        // Nothing is forked here.
        pytest.template = Template::Off;
    }
    let care = Care { patience: deadlines.agent, deadlines: *deadlines, env: Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (adapter, _info) = Adapter::prepare(&suite, care, progress).await?;
        let measured = tokio::time::timeout(deadlines.collect, adapter.imports()).await;
        Ok(measured.map_err(|_| MeasureError::TooLong(deadlines.collect))??)
    })
}
