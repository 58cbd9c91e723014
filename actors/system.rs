//! Gives birth to the actors of one run and ties them together.

use std::io::Write;
use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext, Recipient};
use log::debug;
use tokio::sync::oneshot;

use super::error::RunError;
use super::file::FileReporter;
use super::history::HistoryActor;
use super::known::Known;
use super::messages::{Event, FleetNews, Halt};
use super::outputs;
use super::policy::ForeignPolicy;
use super::reporter::{ReporterActor, Subscriber};
use super::scheduler::{self, SchedulerActor};
use super::session::{self, Begin, SessionActor};
use super::supervisor::{self, SupervisorActor};
use super::terminal::TerminalReporter;
use crate::config::Config;
use crate::history::Recorder;
use crate::launch::Role;
use crate::model::{HostSpec, RunEvent, Verdict, WorkerId, WorkerSpec};
use crate::schedule::{Estimates, Policy, Rules, Scheduler, policy};
use crate::session::Session;

/// An actor of the host program that gets every event.
pub type EventRecipient = Recipient<Event>;

/// What the host program brings to a run beside its configuration.
///
/// ```
/// use callsheet::actors::Parts;
/// use callsheet::model::RunEvent;
///
/// let parts = Parts { subscribers: vec![Box::new(|_: &RunEvent| {})], ..Parts::default() };
/// # drop(parts);
/// ```
#[derive(Default)]
pub struct Parts {
    /// Its own way to share out tests, in place of the configuration's. One that breaks the rules of [`Policy`] or panics ends the
    /// run: workers are killed, tests without a result are not-run, the exit code is
    /// [`Internal`](crate::exit::ExitCode::Internal) and its explanation names the policy.
    pub policy: Option<Box<dyn Policy>>,

    /// Its own subscribers.
    pub subscribers: Vec<Box<dyn Subscriber>>,

    /// Actors of its own that get every event. The run does not wait for them: one that is slow or dead holds nothing up, and the last
    /// event may still be in its mailbox when the verdict is there.
    pub recipients: Vec<EventRecipient>,

    /// Where the run is shown to a person, by the configuration's terminal options; nowhere if `None`.
    pub terminal: Option<Box<dyn Write + Send>>,

    /// Where what happens is written as JSON lines, beside the configuration's file for it; nowhere if `None`.
    pub events: Option<Box<dyn Write + Send>>,

    /// Where failures are told as annotations of GitHub Actions; nowhere if `None`.
    pub annotations: Option<Box<dyn Write + Send>>,

    /// Tells the size of that terminal, as columns and rows, asked about ten times a second; without it the width is the
    /// configuration's for the whole run.
    pub terminal_size: Option<TerminalSize>,
}

/// What tells the size of a terminal, as columns and rows; `None` where it is not known.
pub type TerminalSize = Box<dyn Fn() -> Option<(u16, u16)> + Send>;

/// Stops a run from anywhere: signal handlers, other threads, actors. Does nothing once the run has ended.
#[derive(Debug, Clone)]
pub struct Stopper {
    halt: Recipient<Halt>,
}

impl Stopper {
    /// Asks for the end: tests that run are finished and reported, nothing new begins, tests that had not begun are not-run. `by` is told to
    /// people (`SIGINT`). A second request kills, as [`kill`](Self::kill) does.
    pub fn stop(&self, by: &str) {
        self.halt.do_send(Halt { by: by.to_owned(), kill: false });
    }

    /// Kills every worker at once; tests that ran are not-run, the account is closed and the verdict comes all the same.
    pub fn kill(&self, by: &str) {
        self.halt.do_send(Halt { by: by.to_owned(), kill: true });
    }
}

/// A run whose actors live in the caller's own actix `System` (or tokio `LocalSet`). If it is dropped, the run goes on.
#[derive(Debug)]
pub struct SessionHandle {
    session: Addr<SessionActor>,
    answer: oneshot::Receiver<Result<Verdict, RunError>>,
}

impl SessionHandle {
    /// As [`Stopper::stop`].
    pub fn stop(&self, by: &str) {
        self.stopper().stop(by);
    }

    /// As [`Stopper::kill`].
    pub fn kill(&self, by: &str) {
        self.stopper().kill(by);
    }

    /// What stops the run, to be given away.
    pub fn stopper(&self) -> Stopper {
        Stopper { halt: self.session.clone().recipient() }
    }

    /// Waits for the end of the run. Its actors and agents are gone or about to go by then: nothing of it keeps the `System` alive.
    ///
    /// # Errors
    /// [`RunError::Broken`]
    pub async fn verdict(self) -> Result<Verdict, RunError> {
        let gone = |_| Err(RunError::Broken("its actors were stopped".to_owned()));
        self.answer.await.unwrap_or_else(gone)
    }
}

/// Starts a run in the actix `System` or tokio `LocalSet` that the caller is in; panics outside of one, as every actor does.
///
/// Its actors live on the caller's thread and share nothing with those of other runs; any number of runs may be started, at once or
/// one after the other. Nothing here reads arguments, installs a handler or writes to stdout. The `System` must go on until the
/// [verdict](SessionHandle::verdict): one that is stopped before takes the run and its workers with it.
///
/// # Errors
/// [`RunError::IsAgent`], and [`RunError::Output`] for a file that can not be written.
///
/// ```no_run
/// use actix::{Actor, Context, Handler};
/// use callsheet::actors::messages::Event;
/// use callsheet::actors::{self, Parts};
/// use callsheet::config::Config;
///
/// struct Printer;
///
/// impl Actor for Printer {
///     type Context = Context<Self>;
/// }
///
/// impl Handler<Event> for Printer {
///     type Result = ();
///
///     fn handle(&mut self, Event(event): Event, _context: &mut Context<Self>) {
///         println!("{event:?}");
///     }
/// }
///
/// callsheet::agent::serve_if_asked();
/// actix::System::new().block_on(async {
///     let config = Config::builder().root("project").build()?;
///     let recipients = vec![Printer.start().recipient()];
///     let run = actors::start(&config, Parts { recipients, ..Parts::default() })?;
///     let verdict = run.verdict().await?;
///     println!("{} tests, exit code {}", verdict.tests, verdict.exit_code);
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })
/// # .unwrap();
/// ```
pub fn start(config: &Config, parts: Parts) -> Result<SessionHandle, RunError> {
    if Role::asked().is_some() {
        return Err(RunError::IsAgent);
    }
    let reports = outputs::open(&config.outputs, parts.events, parts.annotations)?;
    let Parts { policy: own_policy, subscribers, mut recipients, terminal, terminal_size, .. } =
        parts;
    let (sender, answer) = oneshot::channel();
    let session = SessionActor::new(
        Session::new(config.max_fail).counting_flaky(config.flaky_fails),
        config.deadlines,
        sender,
    )
    .until(config.until)
    .start();
    let mut flush = Vec::new();
    if let Some(out) = terminal {
        let reporter = TerminalReporter::new(config.terminal.clone(), out, terminal_size).start();
        recipients.push(reporter.clone().recipient());
        flush.push(reporter.recipient());
    }
    for subscriber in subscribers {
        let reporter = ReporterActor::new(subscriber, session.clone().recipient()).start();
        recipients.push(reporter.clone().recipient());
        flush.push(reporter.recipient());
    }
    for (report, name) in reports {
        let reporter = FileReporter::new(report, name, session.clone().recipient()).start();
        recipients.push(reporter.clone().recipient());
        flush.push(reporter.recipient());
    }
    let Known { history, problem, estimates, selection, rules } =
        Known::of(config, own_policy.is_some());
    let history = history.map(|history| HistoryActor::new(history, Recorder::new()).start());
    recipients.extend(history.iter().map(|history| history.clone().recipient()));
    debug!("{} tests are known from past runs", estimates.len());

    let expected: Vec<(WorkerId, WorkerSpec)> =
        (0..).map(WorkerId).zip(config.workers.iter().cloned()).collect();
    let policy = match own_policy {
        Some(own) => Box::new(ForeignPolicy::new(own, session.clone().recipient())),
        None => policy(&config.policy, config.workers.len(), estimates.clone()),
    };
    let core = core(config, policy, &expected, rules, estimates);
    let stream = core.streams();

    recipients.push(session.clone().recipient());

    let mut scheduler = None;
    let supervisor = SupervisorActor::create(|context| {
        let neighbours = scheduler::Neighbours {
            session: session.clone().recipient(),
            supervisor: context.address().recipient(),
            came_up: context.address().recipient(),
            subscribers: recipients,
        };
        let address =
            SchedulerActor::new(core, config.collect_only, config.recycle_memory, neighbours)
                .until(config.until)
                .start();
        scheduler = Some(address.clone());
        SupervisorActor::new(
            config,
            stream,
            selection,
            around_supervisor(&address, session.clone().recipient()),
        )
    });
    let scheduler = scheduler.expect("an actor is made before `create` returns");

    let mut first = vec![RunEvent::RunStarted {
        run_id: config.run_id.clone(),
        dist: config.policy.dist,
        workers: expected
            .into_iter()
            .map(|(worker, spec)| (worker, shown(config, &spec)))
            .collect(),
    }];
    first.extend(config.notes.iter().cloned().chain(problem).map(RunEvent::Notice));
    let mut retire = vec![scheduler.clone().recipient(), supervisor.clone().recipient()];
    retire.extend(history.iter().map(|history| history.clone().recipient()));
    session.do_send(Begin {
        neighbours: session::Neighbours {
            stop: scheduler.clone().recipient(),
            close: scheduler.clone().recipient(),
            resume: scheduler.clone().recipient(),
            publish: scheduler.clone().recipient(),
            start_fleet: supervisor.clone().recipient(),
            stand_down: supervisor.clone().recipient(),
            kill: supervisor.clone().recipient(),
            conclude: supervisor.clone().recipient(),
            dismiss: supervisor.clone().recipient(),
            history: history.map(Addr::recipient),
            flush,
            retire,
        },
        first,
    });
    Ok(SessionHandle { session, answer })
}

/// Where the supervisor's messages go: all to the scheduler but what is of the fleet as a whole.
fn around_supervisor(
    scheduler: &Addr<SchedulerActor>,
    session: Recipient<FleetNews>,
) -> supervisor::Neighbours {
    supervisor::Neighbours {
        news: scheduler.clone().recipient(),
        expect: scheduler.clone().recipient(),
        enlist: scheduler.clone().recipient(),
        delay: scheduler.clone().recipient(),
        round_trip: scheduler.clone().recipient(),
        abandon: scheduler.clone().recipient(),
        publish: scheduler.clone().recipient(),
        session,
    }
}

/// The specification of a worker as people are shown it.
fn shown(config: &Config, spec: &WorkerSpec) -> String {
    match config.hosts.get(spec.host.0 as usize).filter(|host| !host.is_local()) {
        Some(host) => HostSpec { env: spec.env.clone(), ..host.clone() }.to_string(),
        None => spec.to_string(),
    }
}

/// The scheduler of these workers as the configuration has it.
fn core(
    config: &Config,
    policy: Box<dyn Policy>,
    expected: &[(WorkerId, WorkerSpec)],
    rules: Rules,
    estimates: Arc<Estimates>,
) -> Scheduler {
    let mut core = Scheduler::new(policy, expected).with_rules(rules);
    if config.until.is_some() {
        core = core.with_time_limit(estimates);
    }
    if let Some(workers) = config.min_workers {
        core.begin_with(usize::try_from(workers).unwrap_or(usize::MAX));
    }
    core
}

/// Runs the suite in a `System` of its own on the caller's thread and blocks until the verdict; `begun` gets what stops it.
///
/// # Errors
/// As [`start`] and [`SessionHandle::verdict`].
pub(crate) fn run(
    config: &Config,
    parts: Parts,
    begun: impl FnOnce(Stopper),
) -> Result<Verdict, RunError> {
    actix_rt::System::new().block_on(async move {
        let session = start(config, parts)?;
        begun(session.stopper());
        session.verdict().await
    })
}
