//! Gives birth to the actors of one run and ties them together.

use std::io::Write;

use actix::{Actor, Addr, AsyncContext, Recipient};
use tokio::sync::oneshot;

use super::messages::{Event, Halt};
use super::reporter::ReporterActor;
use super::scheduler::{self, SchedulerActor};
use super::session::{self, Begin, SessionActor};
use super::supervisor::{self, SupervisorActor};
use super::terminal::TerminalReporter;
use crate::config::Config;
use crate::model::{RunEvent, Verdict, WorkerId, WorkerSpec};
use crate::schedule::{Policy, Scheduler, policy};
use crate::session::Session;

/// Gets every event of a run, in order, on the run's own thread.
///
/// What it does there holds the run up, so it should be short: count, write, send on. Every
/// `FnMut(&RunEvent) + Send` is one.
pub trait Subscriber: Send {
    /// The next event.
    fn event(&mut self, event: &RunEvent);
}

impl<F: FnMut(&RunEvent) + Send> Subscriber for F {
    fn event(&mut self, event: &RunEvent) {
        self(event);
    }
}

/// What the host program brings to a run beside its configuration.
#[derive(Default)]
pub struct Parts {
    /// Its own way to share out tests, in place of the configuration's.
    pub policy: Option<Box<dyn Policy>>,

    /// Its own subscribers.
    pub subscribers: Vec<Box<dyn Subscriber>>,

    /// Actors of its own that get every event.
    pub recipients: Vec<Recipient<Event>>,

    /// Where the run is shown to a person, by the configuration's terminal options; nowhere if `None`.
    pub terminal: Option<Box<dyn Write + Send>>,
}

/// A run whose actors live in the caller's own actix `System` (or tokio `LocalSet`).
#[derive(Debug)]
pub struct SessionHandle {
    session: Addr<SessionActor>,
    answer: oneshot::Receiver<Verdict>,
}

impl SessionHandle {
    /// Where to send a [`Halt`]; also from other threads, and after the run has ended.
    pub fn halt(&self) -> Recipient<Halt> {
        self.session.clone().recipient()
    }

    /// Asks for the end: what runs is finished and reported, nothing new begins. `by` is told to people.
    /// A second request kills.
    pub fn stop(&self, by: &str) {
        self.session.do_send(Halt { by: by.to_owned(), kill: false });
    }

    /// Kills every worker; the account is still closed and told.
    pub fn kill(&self, by: &str) {
        self.session.do_send(Halt { by: by.to_owned(), kill: true });
    }

    /// Waits for the end of the run. `None` if its actors broke down without an answer.
    pub async fn verdict(self) -> Option<Verdict> {
        self.answer.await.ok()
    }
}

/// Starts a run in the actix `System` or tokio `LocalSet` that the caller is in.
///
/// Its actors share nothing with those of other runs. Nothing here reads arguments, installs a handler or writes to stdout.
pub fn start(config: &Config, parts: Parts) -> SessionHandle {
    let Parts { policy: own_policy, subscribers, mut recipients, terminal } = parts;
    let (sender, answer) = oneshot::channel();
    let mut flush = Vec::new();
    if let Some(out) = terminal {
        let reporter = TerminalReporter::new(config.terminal.clone(), out).start();
        recipients.push(reporter.clone().recipient());
        flush.push(reporter.recipient());
    }
    for subscriber in subscribers {
        let reporter = ReporterActor::new(subscriber).start();
        recipients.push(reporter.clone().recipient());
        flush.push(reporter.recipient());
    }

    let expected: Vec<(WorkerId, WorkerSpec)> = (0..).map(WorkerId).zip(config.workers.iter().cloned()).collect();
    let policy = own_policy.unwrap_or_else(|| policy(&config.policy));
    let core = Scheduler::new(policy, &expected);

    let session = SessionActor::new(Session::new(config.max_fail), sender).start();
    recipients.push(session.clone().recipient());

    let mut scheduler = None;
    let supervisor = SupervisorActor::create(|context| {
        let neighbours = scheduler::Neighbours {
            session: session.clone().recipient(),
            supervisor: context.address().recipient(),
            came_up: context.address().recipient(),
            subscribers: recipients,
        };
        let address = SchedulerActor::new(core, config.collect_only, neighbours).start();
        scheduler = Some(address.clone());
        SupervisorActor::new(
            config,
            supervisor::Neighbours {
                news: address.clone().recipient(),
                expect: address.clone().recipient(),
                enlist: address.clone().recipient(),
                abandon: address.clone().recipient(),
                publish: address.recipient(),
                session: session.clone().recipient(),
            },
        )
    });
    let scheduler = scheduler.expect("an actor is made before `create` returns");

    let first = RunEvent::RunStarted {
        run_id: config.run_id.clone(),
        dist: config.policy.dist,
        workers: expected.into_iter().map(|(worker, spec)| (worker, spec.to_string())).collect(),
    };
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
            flush,
            retire: vec![scheduler.recipient(), supervisor.recipient()],
        },
        first,
    });
    SessionHandle { session, answer }
}
