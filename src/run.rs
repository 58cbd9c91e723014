//! The front door: one run on a thread of its own, from plain code or from inside any async runtime, as many at once as wanted.

use std::io::Write;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::actors::{self, EventRecipient, Parts, RunError, Stopper, Subscriber};
use crate::config::Config;
use crate::model::Verdict;
use crate::schedule::Policy;

/// A run in preparation: what the program brings to it beside the configuration.
///
/// ```no_run
/// use callsheet::Run;
/// use callsheet::config::Config;
///
/// callsheet::agent::serve_if_asked();
/// let config = Config::builder().root("project").build()?;
/// let run = Run::new().terminal(std::io::stdout()).start(config)?;
/// let stopper = run.stopper();
/// std::thread::spawn(move || {
///     let _ = std::io::stdin().read_line(&mut String::new());
///     stopper.stop("the return key");
/// });
/// let verdict = run.wait()?;
/// println!("exit code {}", verdict.exit_code);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
#[must_use = "nothing is run before `start`"]
pub struct Run {
    parts: Parts,
}

impl Run {
    /// A run that is shown to nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands every event to this subscriber, on the run's own thread; see [`Subscriber`] for what it may do there.
    pub fn subscribe(mut self, subscriber: impl Subscriber + 'static) -> Self {
        self.parts.subscribers.push(Box::new(subscriber));
        self
    }

    /// Sends every event to an actor of the program; see [`Parts::recipients`].
    pub fn recipient(mut self, recipient: EventRecipient) -> Self {
        self.parts.recipients.push(recipient);
        self
    }

    /// Shows the run there as the command does, by the configuration's terminal options
    /// ([`ConfigBuilder::terminal`](crate::config::ConfigBuilder::terminal)).
    pub fn terminal(mut self, out: impl Write + Send + 'static) -> Self {
        self.parts.terminal = Some(Box::new(out));
        self
    }

    /// Lets the view there follow the size of the terminal; see [`Parts::terminal_size`].
    pub fn terminal_size(mut self, size: impl Fn() -> Option<(u16, u16)> + Send + 'static) -> Self {
        self.parts.terminal_size = Some(Box::new(size));
        self
    }

    /// Writes what happens there as JSON lines, as it happens (`docs/events.schema.json`), beside the file that the configuration
    /// may name for it.
    pub fn events(mut self, out: impl Write + Send + 'static) -> Self {
        self.parts.events = Some(Box::new(out));
        self
    }

    /// Tells failures there as annotations of GitHub Actions, at the end of the run.
    pub fn annotations(mut self, out: impl Write + Send + 'static) -> Self {
        self.parts.annotations = Some(Box::new(out));
        self
    }

    /// Shares out tests by this policy in place of the configuration's; see [`Parts::policy`] for what becomes of one that fails.
    pub fn policy(mut self, policy: impl Policy + 'static) -> Self {
        self.parts.policy = Some(Box::new(policy));
        self
    }

    /// Starts the run on a thread of its own and returns at once. Runs share nothing; any number may go on at a time.
    ///
    /// # Errors
    /// [`RunError::IsAgent`], [`RunError::Thread`], and [`RunError::Output`] for a file that can not be written.
    pub fn start(self, config: Config) -> Result<RunHandle, RunError> {
        let Self { parts } = self;
        let (to_caller, from_run) = mpsc::channel();
        let (ending, ended) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("callsheet".to_owned())
            .spawn(move || {
                // Dropped when all else of the thread is gone.
                let _ending: oneshot::Sender<()> = ending;
                actors::run(&config, parts, |stopper| {
                    // The caller waits for it.
                    let _caller = to_caller.send(stopper);
                })
            })
            .map_err(RunError::Thread)?;
        match from_run.recv() {
            Ok(stopper) => Ok(RunHandle { stopper, ended, thread }),
            Err(_not_started) => Err(join(thread).err().unwrap_or_else(broken)),
        }
    }
}

/// A run on its way. If it is dropped, the run goes on, with nobody to hear the verdict but its subscribers.
#[derive(Debug)]
pub struct RunHandle {
    stopper: Stopper,
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<Result<Verdict, RunError>>,
}

impl RunHandle {
    /// As [`Stopper::stop`].
    pub fn stop(&self, by: &str) {
        self.stopper.stop(by);
    }

    /// As [`Stopper::kill`].
    pub fn kill(&self, by: &str) {
        self.stopper.kill(by);
    }

    /// What stops the run, to be given away: to signal handlers, other threads, subscribers.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Waits for the end of the run and of its thread. Blocks; async code awaits [`verdict`](Self::verdict).
    ///
    /// # Errors
    /// [`RunError::Broken`]
    pub fn wait(self) -> Result<Verdict, RunError> {
        join(self.thread)
    }

    /// As [`wait`](Self::wait), for any async runtime: no thread of the runtime is held up, and none of its features is needed.
    ///
    /// # Errors
    /// [`RunError::Broken`]
    pub async fn verdict(self) -> Result<Verdict, RunError> {
        // Nothing is ever sent: the sender is dropped with the thread's last breath.
        let _dropped = self.ended.await;
        join(self.thread)
    }
}

fn join(thread: JoinHandle<Result<Verdict, RunError>>) -> Result<Verdict, RunError> {
    thread.join().unwrap_or_else(|_panic| Err(broken()))
}

fn broken() -> RunError {
    RunError::Broken("its thread panicked".to_owned())
}

/// Runs the suite and blocks until the verdict; `subscriber` gets every event, on another thread.
///
/// To stop the run from elsewhere, to show it, or to await it in async code, use [`Run`].
///
/// # Errors
/// [`RunError`]; failed tests are no error but a verdict.
///
/// ```no_run
/// use callsheet::config::Config;
/// use callsheet::model::RunEvent;
///
/// callsheet::agent::serve_if_asked();
/// let config = Config::builder().root("project").workers(4).build()?;
/// let verdict = callsheet::run(config, |event: &RunEvent| println!("{event:?}"))?;
/// assert_eq!(verdict.exit_code, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(config: Config, subscriber: impl Subscriber + 'static) -> Result<Verdict, RunError> {
    Run::new().subscribe(subscriber).start(config)?.wait()
}
