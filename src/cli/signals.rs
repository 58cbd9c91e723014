//! What Ctrl-C, SIGTERM and what Slurm sends before a job's end ask for: first to finish what runs, then to kill it, then to leave at once.

use std::env;
use std::io;
use std::thread::{self, JoinHandle};

use callsheet::exit::ExitCode;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::{Handle, Signals as Stream};
use signal_hook::low_level;

use super::error::CliError;

/// Set within a job of Slurm, whose `--signal=B:…` reaches this process in a script that has become it.
const JOB: &str = "SLURM_JOB_ID";

/// What the user asks of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Finish what runs, start nothing new, report. With the signal's name.
    Stop(&'static str),

    /// Kill what runs, report.
    Kill,
}

/// Listens to signals until dropped.
#[derive(Debug)]
pub(super) struct Signals {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Signals {
    /// Calls `ask`, on a thread of its own, for the first and the second signal; the third ends the process.
    pub(super) fn watch(ask: impl Fn(Ask) + Send + 'static) -> Result<Self, CliError> {
        let mut stream = Stream::new([SIGINT, SIGTERM]).map_err(CliError::Signals)?;
        if env::var_os(JOB).is_some() {
            for signal in [SIGUSR1, SIGUSR2] {
                stream.add_signal(signal).map_err(CliError::Signals)?;
            }
        }
        let handle = stream.handle();
        let listen = move || {
            for (count, signal) in stream.forever().enumerate() {
                match answer(count, signal) {
                    Some(what) => ask(what),
                    None => low_level::exit(ExitCode::Interrupted.number().into()),
                }
            }
        };
        let thread = thread::Builder::new()
            .name("signals".to_owned())
            .spawn(listen)
            .map_err(|error: io::Error| CliError::Signals(error))?;
        Ok(Self { handle, thread: Some(thread) })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It ends when its stream is closed; a panic in it was told already.
            let _ = thread.join();
        }
    }
}

/// What a signal means when this many came before; `None`: to leave at once.
fn answer(before: usize, signal: i32) -> Option<Ask> {
    match before {
        0 => Some(Ask::Stop(low_level::signal_name(signal).unwrap_or("a signal"))),
        1 => Some(Ask::Kill),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn signals_escalate() {
        assert_eq!(answer(0, SIGTERM), Some(Ask::Stop("SIGTERM")));
        assert_eq!(answer(0, SIGUSR1), Some(Ask::Stop("SIGUSR1")));
        assert_eq!(answer(1, SIGINT), Some(Ask::Kill));
        assert_eq!(answer(2, SIGINT), None);
    }

    #[test]
    fn what_a_signal_asks_arrives_until_the_watch_is_dropped() {
        let (sender, asked) = mpsc::channel();
        let signals = Signals::watch(move |ask| sender.send(ask).unwrap()).unwrap();
        low_level::raise(SIGINT).unwrap();
        assert_eq!(asked.recv(), Ok(Ask::Stop("SIGINT")));
        drop(signals);
        assert!(asked.recv().is_err());
    }
}
