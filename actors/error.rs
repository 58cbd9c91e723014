//! Why a run gave no verdict.

use std::io;

use thiserror::Error;

use crate::report::OutputError;

/// Why a run gave no verdict. Tests that fail and workers that die are no error: the verdict tells of them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The process was started to be an agent and runs a suite instead. Going on would start a further agent, and so on.
    #[error(
        "this process was started to serve as an agent; call `callsheet::agent::serve_if_asked()` first in its `main`"
    )]
    IsAgent,

    /// A file that the results were to be written to can not be written. Nothing was run.
    #[error(transparent)]
    Output(#[from] OutputError),

    /// The system gives no thread.
    #[error("failed to start the thread of the run: {0}")]
    Thread(#[source] io::Error),

    /// An actor that nothing goes on without is gone: a panic, or the host program stopped the `System` under the run.
    #[error("the run broke down without a verdict: {0}")]
    Broken(String),
}
