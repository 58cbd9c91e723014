//! Workers that are this very program in another role: the worker's side of the worker protocol, and a module for each framework
//! that callsheet itself speaks to.
//!
//! A worker is started by an agent ([`Role::Worker`](crate::launch::Role)), runs on a thread and a runtime of its own, and starts each
//! test in a process, so that nothing that a test does is done to the worker.

mod captured;
mod channel;
mod command;
mod event;
mod libtest;
mod message;
mod process;
mod setup;
mod tap;

use std::io::{self, Write};

use thiserror::Error;

pub use captured::Captured;
pub use channel::{Channel, ChannelError, DESCRIPTORS};
pub use event::{Event, ItemLine, Ready, Report, VERSION};
pub use message::{Job, Message};
pub use process::{Leftover, TestOutput, TestProcess, ending};
pub use setup::{Native, Setup};

/// Why a worker ended before its session.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// No runtime.
    #[error("failed to start the runtime of a worker: {0}")]
    Runtime(io::Error),

    /// The conversation broke.
    #[error(transparent)]
    Channel(#[from] ChannelError),

    /// A setup that makes no sense.
    #[error(
        "the setup is none that this worker understands: {0}; agent and worker are one program, so this is a bug"
    )]
    Setup(serde_json::Error),
}

impl WorkerError {
    /// The exit code, by the worker protocol.
    fn exit_code(&self) -> i32 {
        match self {
            Self::Channel(ChannelError::Orphaned) => 71,
            Self::Channel(_) | Self::Runtime(_) | Self::Setup(_) => 70,
        }
    }
}

/// Serves as a worker until its session is over; gives the exit code of the process.
pub fn serve() -> i32 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(WorkerError::Runtime);
    let served = runtime.and_then(|runtime| runtime.block_on(session()));
    match served {
        Ok(()) => 0,
        Err(error) => {
            let code = error.exit_code();
            // One without an agent has nobody to tell it.
            if code != 71 {
                let _ = writeln!(io::stderr(), "callsheet worker: {error}");
            }
            code
        }
    }
}

async fn session() -> Result<(), WorkerError> {
    let (mut channel, text) = Channel::from_environment()?;
    let mut setup: Setup = serde_json::from_str(&text).map_err(WorkerError::Setup)?;
    match &mut setup.native {
        Native::Libtest { version, plan } => {
            let (version, plan) = (std::mem::take(version), std::mem::take(plan));
            libtest::serve(&mut channel, &setup, &version, plan).await?;
        }
        Native::Command { plan } => {
            let plan = std::mem::take(plan);
            command::serve(&mut channel, &setup, plan).await?;
        }
    }
    Ok(())
}
