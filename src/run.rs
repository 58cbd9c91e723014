//! The front door: one run on a thread of its own, from plain code or from inside any async runtime, as many at once as wanted.

use std::io::Write;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use actix::Recipient;
use thiserror::Error;

use crate::actors::messages::{Event, Halt};
use crate::actors::{self, Parts, Subscriber};
use crate::agent;
use crate::config::Config;
use crate::model::Verdict;
use crate::schedule::Policy;

/// Why a run gave no verdict.
#[derive(Debug, Error)]
pub enum RunError {
    /// The process was started to be an agent and runs a suite instead.
    #[error(
        "this process was started to serve as an agent; call `callsheet::agent::serve_if_asked()` first in its `main`"
    )]
    IsAgent,

    /// The system gives no thread.
    #[error("failed to start the thread of the run: {0}")]
    Thread(std::io::Error),

    /// The actors broke down.
    #[error("the run broke down without a verdict; its log says why")]
    NoVerdict,
}

/// A run in preparation: its configuration and what the program brings.
#[derive(Default)]
pub struct Run {
    parts: Parts,
}

impl Run {
    /// A run that is shown to nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands every event to this subscriber, on the run's own thread.
    #[must_use]
    pub fn subscribe(mut self, subscriber: impl Subscriber + 'static) -> Self {
        self.parts.subscribers.push(Box::new(subscriber));
        self
    }

    /// Sends every event to an actor of the program.
    #[must_use]
    pub fn recipient(mut self, recipient: Recipient<Event>) -> Self {
        self.parts.recipients.push(recipient);
        self
    }

    /// Shows the run there, by the configuration's terminal options.
    #[must_use]
    pub fn terminal(mut self, out: impl Write + Send + 'static) -> Self {
        self.parts.terminal = Some(Box::new(out));
        self
    }

    /// Shares out tests by this policy in place of the configuration's.
    #[must_use]
    pub fn policy(mut self, policy: impl Policy + 'static) -> Self {
        self.parts.policy = Some(Box::new(policy));
        self
    }

    /// Starts the run on a thread of its own.
    ///
    /// # Errors
    /// [`RunError::IsAgent`] and [`RunError::Thread`].
    pub fn start(self, config: Config) -> Result<RunHandle, RunError> {
        if agent::is_asked() {
            return Err(RunError::IsAgent);
        }
        let Self { parts } = self;
        let (to_caller, from_run) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("callsheet".to_owned())
            .spawn(move || {
                actix_rt::System::new().block_on(async move {
                    let session = actors::start(&config, parts);
                    // The caller waits for it, unless it has just died.
                    let _nobody = to_caller.send(session.halt());
                    session.verdict().await
                })
            })
            .map_err(RunError::Thread)?;
        let halt = from_run.recv().map_err(|_| RunError::NoVerdict)?;
        Ok(RunHandle { halt, thread })
    }
}

/// A run on its way.
#[derive(Debug)]
pub struct RunHandle {
    halt: Recipient<Halt>,
    thread: JoinHandle<Option<Verdict>>,
}

impl RunHandle {
    /// Asks for the end: what runs is finished and reported, nothing new begins. `by` is told to people
    /// (`SIGINT`). A second request kills, as [`kill`](Self::kill) does.
    pub fn stop(&self, by: &str) {
        self.stopper().stop(by);
    }

    /// Kills every worker; the account is still closed and told.
    pub fn kill(&self, by: &str) {
        self.stopper().kill(by);
    }

    /// A copy of the handle that can only stop the run, for signal handlers and other threads.
    pub fn stopper(&self) -> Stopper {
        Stopper {
            halt: self.halt.clone(),
        }
    }

    /// Waits for the end of the run; blocks the calling thread. From async code, wait on a blocking thread
    /// (`tokio::task::spawn_blocking`).
    ///
    /// # Errors
    /// [`RunError::NoVerdict`] if the actors broke down.
    pub fn wait(self) -> Result<Verdict, RunError> {
        self.thread.join().ok().flatten().ok_or(RunError::NoVerdict)
    }
}

/// Stops a run from anywhere; does nothing once it has ended.
#[derive(Debug, Clone)]
pub struct Stopper {
    halt: Recipient<Halt>,
}

impl Stopper {
    /// As [`RunHandle::stop`].
    pub fn stop(&self, by: &str) {
        self.halt.do_send(Halt {
            by: by.to_owned(),
            kill: false,
        });
    }

    /// As [`RunHandle::kill`].
    pub fn kill(&self, by: &str) {
        self.halt.do_send(Halt {
            by: by.to_owned(),
            kill: true,
        });
    }
}

/// Runs the suite and waits for the verdict; `subscriber` gets every event.
///
/// Works in plain code and, on a blocking thread, inside any async runtime; any number of runs at once share nothing. To stop
/// it from elsewhere, or to show it, use [`Run`].
///
/// # Errors
/// [`RunError`]; failed tests are no error but a verdict.
///
/// ```no_run
/// use callsheet::config::Config;
///
/// callsheet::agent::serve_if_asked();
/// let config = Config::builder().root("project").workers(4).build()?;
/// let verdict = callsheet::run(config, |event: &callsheet::model::RunEvent| println!("{event:?}"))?;
/// assert_eq!(verdict.exit_code, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(config: Config, subscriber: impl Subscriber + 'static) -> Result<Verdict, RunError> {
    Run::new().subscribe(subscriber).start(config)?.wait()
}
