//! The allocation that a run takes place in, as the command has it: asked for before the run, watched during it.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use callsheet::Stopper;
use callsheet::config::Config;
use callsheet::launch::Allocation;

use super::error::CliError;
use super::output;

/// Asks for the allocation that the configuration speaks of, while people are told what it waits for. Signals end the command
/// now, and with it the request.
pub(super) fn obtain(config: &mut Config) -> Result<Option<Allocation>, CliError> {
    let told = |step: String| {
        // Who can not be told of it will see what comes of it.
        let _ = output::write_stdout(format!("slurm: {step}\n").as_bytes());
    };
    let allocation = config.allocate(told)?;
    if let Some(allocation) = &allocation {
        let names: Vec<&str> = allocation.nodes.iter().map(|node| &*node.name).collect();
        let left = allocation.left.map_or_else(String::new, |left| {
            format!(", {} left", humantime::format_duration(left))
        });
        told(format!("job {} on {}{left}", allocation.job, names.join(", ")));
    }
    Ok(allocation)
}

/// Stops a run before its time is over, unless it is dropped first.
#[derive(Debug)]
pub(super) struct Limit {
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Limit {
    /// Stops the run after so long.
    pub(super) fn after(time: Duration, stopper: Stopper) -> Self {
        let (over, ended) = mpsc::channel();
        let thread = thread::spawn(move || {
            if ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                stopper.stop("the time limit of its allocation");
            }
        });
        Self { over: Some(over), thread: Some(thread) }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it was told already.
            let _ = thread.join();
        }
    }
}
