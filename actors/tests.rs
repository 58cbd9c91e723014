//! What becomes of a run when one of its own actors fails.

mod supervision;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, Context, Handler, Message, Recipient, ResponseFuture};
use tokio::sync::{mpsc, oneshot};

use super::RunError;
use super::messages::{
    Enlist, Event, FleetNews, Flush, KeepHistory, News, SessionNote, WorkerNews,
};
use super::scheduler::{self, SchedulerActor};
use super::session::{self, Begin, SessionActor};
use crate::exit::ExitCode;
use crate::model::{Collection, Deadlines, RunEvent, Verdict, WorkerId, WorkerInfo, WorkerSpec};
use crate::schedule::{Move, Policy, Scheduler, View};
use crate::session::Session;

/// In place of every neighbour: notes each message as it is printed.
struct Noted(mpsc::UnboundedSender<String>);

impl Actor for Noted {
    type Context = Context<Self>;
}

impl<M: Message<Result = ()> + Debug> Handler<M> for Noted {
    type Result = ();

    fn handle(&mut self, message: M, _context: &mut Context<Self>) {
        self.0.send(format!("{message:?}")).unwrap();
    }
}

type Notes = mpsc::UnboundedReceiver<String>;

fn noted() -> (Addr<Noted>, Notes) {
    let (sender, notes) = mpsc::unbounded_channel();
    (Noted(sender).start(), notes)
}

/// Waits until a neighbour gets a message that begins like this.
async fn until(notes: &mut Notes, start: &str) -> String {
    let found = async {
        loop {
            let note = notes.recv().await.unwrap();
            if note.starts_with(start) {
                return note;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), found).await.unwrap()
}

type Answer = oneshot::Receiver<Result<Verdict, RunError>>;

/// A reporter that has written all.
struct Written;

impl Actor for Written {
    type Context = Context<Self>;
}

impl Handler<Flush> for Written {
    type Result = Option<String>;

    fn handle(&mut self, _: Flush, _context: &mut Context<Self>) -> Option<String> {
        None
    }
}

/// A history on a disk that does not answer.
struct Stuck;

impl Actor for Stuck {
    type Context = Context<Self>;
}

impl Handler<KeepHistory> for Stuck {
    type Result = ResponseFuture<Option<String>>;

    fn handle(&mut self, _: KeepHistory, _context: &mut Context<Self>) -> Self::Result {
        Box::pin(std::future::pending())
    }
}

/// A session that has begun.
fn begun() -> (Addr<SessionActor>, Notes, Answer) {
    begun_with(None)
}

fn begun_with(history: Option<Recipient<KeepHistory>>) -> (Addr<SessionActor>, Notes, Answer) {
    let (all, notes) = noted();
    let (sender, answer) = oneshot::channel();
    let session = SessionActor::new(Session::new(None), Deadlines::default(), sender).start();
    let neighbours = session::Neighbours {
        stop: all.clone().recipient(),
        close: all.clone().recipient(),
        resume: all.clone().recipient(),
        publish: all.clone().recipient(),
        start_fleet: all.clone().recipient(),
        stand_down: all.clone().recipient(),
        kill: all.clone().recipient(),
        conclude: all.clone().recipient(),
        dismiss: all.clone().recipient(),
        history,
        flush: vec![Written.start().recipient()],
        retire: vec![all.recipient()],
    };
    session.do_send(Begin { neighbours, first: vec![RunEvent::Progress("begun".to_owned())] });
    (session, notes, answer)
}

#[actix::test]
async fn without_the_scheduler_the_fleet_is_dismissed_and_the_answer_is_an_error() {
    let (session, mut notes, answer) = begun();
    session.do_send(SessionNote::SchedulerFailed);
    until(&mut notes, "Dismiss").await;
    session.do_send(FleetNews::Dismissed);
    let error = answer.await.unwrap().unwrap_err().to_string();
    assert_eq!(error, "the run broke down without a verdict: the scheduler failed");
    until(&mut notes, "Retire").await;
}

#[actix::test]
async fn a_history_that_can_not_be_written_does_not_hold_the_verdict_up_for_ever() {
    // Nothing else waits for anything: the clock goes on by itself to what is waited for next.
    tokio::time::pause();
    let (session, mut notes, _answer) = begun_with(Some(Stuck.start().recipient()));
    session.do_send(FleetNews::SupervisorFailed);
    until(&mut notes, "CloseRun").await;
    session.do_send(SessionNote::Closed);
    until(&mut notes, "Publish(Notice(\"durations are not recorded: writing them takes").await;
    until(&mut notes, "Publish(RunFinished").await;
}

#[actix::test]
async fn without_the_supervisor_the_account_is_closed_and_the_verdict_says_so() {
    let (session, mut notes, answer) = begun();
    session.do_send(FleetNews::SupervisorFailed);
    until(&mut notes, "CloseRun(\"the supervisor failed\")").await;
    session.do_send(SessionNote::Closed);
    until(&mut notes, "Publish(RunFinished").await;
    session.do_send(Event(Arc::new(RunEvent::RunFinished(Verdict::default()))));
    let verdict = answer.await.unwrap().unwrap();
    assert_eq!(verdict.exit_code, i32::from(ExitCode::Internal.number()));
    assert_eq!(verdict.explanation.as_deref(), Some("the supervisor failed"));
}

#[actix::test]
async fn without_both_the_answer_comes_at_once() {
    for scheduler_first in [true, false] {
        let (session, _notes, answer) = begun();
        if scheduler_first {
            session.do_send(SessionNote::SchedulerFailed);
            session.do_send(FleetNews::SupervisorFailed);
        } else {
            session.do_send(FleetNews::SupervisorFailed);
            session.do_send(SessionNote::SchedulerFailed);
        }
        assert!(matches!(answer.await.unwrap(), Err(RunError::Broken(_))));
    }
}

/// Panics where nothing catches it, as a fault of the scheduler's own would.
struct Faulty;

impl Policy for Faulty {
    fn name(&self) -> &'static str {
        "Faulty"
    }

    fn refill(&mut self, _worker: WorkerId, _last: Option<f64>, _view: &View<'_>) -> Vec<Move> {
        panic!("a fault in the scheduler")
    }
}

#[actix::test]
async fn a_scheduler_that_panics_says_so() {
    let (all, mut notes) = noted();
    let worker = WorkerId(0);
    let core = Scheduler::new(Box::new(Faulty), &[(worker, WorkerSpec::default())]);
    let neighbours = scheduler::Neighbours {
        session: all.clone().recipient(),
        supervisor: all.clone().recipient(),
        came_up: all.clone().recipient(),
        subscribers: Vec::new(),
    };
    let scheduler = SchedulerActor::new(core, false, None, neighbours).start();
    scheduler.do_send(Enlist { worker, orders: all.recipient(), remote: false });
    for news in [
        News::Ready(WorkerInfo::default()),
        News::Collected(Collection::from_ids(["test_it.py::test_it"]), 0, None),
    ] {
        scheduler.do_send(WorkerNews { worker, news });
    }
    until(&mut notes, "SchedulerFailed").await;
}
