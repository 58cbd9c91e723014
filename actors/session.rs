//! The session: hosts the pure `session` core, resolves the run's answer.

use std::time::{Duration, Instant};

use actix::fut::wrap_future;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient};
use futures_util::future::join_all;
use log::error;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::error::RunError;
use super::messages::{
    CloseRun, Dismiss, Event, FleetNews, Flush, Halt, KeepHistory, KillFleet, Publish,
    ResumeWorker, Retire, RunConclusion, SessionNote, StandDown, StartFleet, StopRun,
};
use crate::exit::ExitCode;
use crate::model::{Deadlines, RunEvent, Verdict};
use crate::session::{Phase, Session, Step};
use crate::wire::StopKind;

/// How long the verdict waits for durations to be written: many times what a slow disk needs for a million tests.
const KEEPING: Duration = Duration::from_secs(30);

/// Where messages go; known once the other actors exist.
#[derive(Debug)]
pub(super) struct Neighbours {
    pub(super) stop: Recipient<StopRun>,
    pub(super) close: Recipient<CloseRun>,
    pub(super) resume: Recipient<ResumeWorker>,
    pub(super) publish: Recipient<Publish>,
    pub(super) start_fleet: Recipient<StartFleet>,
    pub(super) stand_down: Recipient<StandDown>,
    pub(super) kill: Recipient<KillFleet>,
    pub(super) conclude: Recipient<RunConclusion>,
    pub(super) dismiss: Recipient<Dismiss>,
    pub(super) history: Option<Recipient<KeepHistory>>,
    pub(super) flush: Vec<Recipient<Flush>>,
    pub(super) retire: Vec<Recipient<Retire>>,
}

/// The message that gives the session its neighbours and begins the run.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(super) struct Begin {
    pub(super) neighbours: Neighbours,
    pub(super) first: Vec<RunEvent>,
}

/// The run as a whole.
#[derive(Debug)]
pub(super) struct SessionActor {
    core: Session,
    limits: Deadlines,
    /// When nothing new is begun any more.
    until: Option<Instant>,
    neighbours: Option<Neighbours>,
    answer: Option<oneshot::Sender<Result<Verdict, RunError>>>,
    asked: bool,
    record_lost: bool,
    fleet_lost: bool,
    keeping: Keeping,
}

/// How far the history is with what it keeps of the run. The verdict waits for it, as what went wrong stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    /// It notes, or there is none.
    Idle,
    /// It writes.
    Busy,
    /// It writes, and all else is done.
    Awaited,
}

impl SessionActor {
    pub(super) fn new(
        core: Session,
        limits: Deadlines,
        answer: oneshot::Sender<Result<Verdict, RunError>>,
    ) -> Self {
        Self {
            core,
            limits,
            until: None,
            neighbours: None,
            answer: Some(answer),
            asked: false,
            record_lost: false,
            fleet_lost: false,
            keeping: Keeping::Idle,
        }
    }

    /// With a time from which on nothing new is begun.
    pub(super) fn until(mut self, until: Option<Instant>) -> Self {
        self.until = until;
        self
    }

    fn carry_out(&mut self, steps: Vec<Step>) {
        for step in steps {
            if self.fleet_lost && matches!(step, Step::Conclude(_) | Step::Done) {
                self.publish_verdict();
                continue;
            }
            let Some(to) = &self.neighbours else { return };
            match step {
                Step::Stop { reason, interrupt } => {
                    to.stop.do_send(StopRun(reason));
                    to.stand_down.do_send(StandDown { interrupt });
                }
                Step::Kill => to.kill.do_send(KillFleet),
                Step::Resume(worker) => to.resume.do_send(ResumeWorker(worker)),
                Step::Notice(text) => to.publish.do_send(Publish(RunEvent::Notice(text))),
                Step::Close(reason) => to.close.do_send(CloseRun(reason)),
                Step::Conclude(requests) => to.conclude.do_send(RunConclusion(requests)),
                Step::Done => to.dismiss.do_send(Dismiss),
            }
        }
    }

    /// Every test has its terminal state: what they took is written while workers and agents end.
    fn keep_history(&mut self, context: &mut Context<Self>) {
        let Some(history) = self.neighbours.as_ref().and_then(|to| to.history.as_ref()) else {
            return;
        };
        self.keeping = Keeping::Busy;
        let kept = timeout(KEEPING, history.send(KeepHistory));
        context.spawn(wrap_future(kept).map(|kept, actor: &mut Self, _: &mut Context<Self>| {
            let not_kept = |why: String| Some(format!("durations are not recorded: {why}"));
            let problem = match kept {
                Ok(kept) => kept.unwrap_or_else(|error| not_kept(error.to_string())),
                Err(_late) => {
                    not_kept(format!("writing them takes more than {} s", KEEPING.as_secs()))
                }
            };
            if let (Some(problem), Some(to)) = (problem, &actor.neighbours) {
                to.publish.do_send(Publish(RunEvent::Notice(problem)));
            }
            let before = std::mem::replace(&mut actor.keeping, Keeping::Idle);
            if before == Keeping::Awaited {
                actor.publish_verdict();
            }
        }));
    }

    fn publish_verdict(&mut self) {
        if self.keeping != Keeping::Idle {
            self.keeping = Keeping::Awaited;
            return;
        }
        if let Some(to) = &self.neighbours {
            to.publish.do_send(Publish(RunEvent::RunFinished(self.core.verdict())));
        }
    }

    /// A rule was broken: nothing can be relied on any more.
    fn broken(&mut self, what: String) {
        error!("{what}");
        let mut steps = self.core.fatal(ExitCode::Internal, what, None);
        steps.extend(self.core.killed("an internal error".to_owned()));
        self.carry_out(steps);
    }

    /// There is no record any more and nobody to hear of workers: the agents end them.
    fn scheduler_failed(&mut self, context: &mut Context<Self>) {
        self.core.fatal(ExitCode::Internal, "the scheduler failed".to_owned(), None);
        self.record_lost = true;
        if self.fleet_lost {
            self.answer(context);
        } else if let Some(to) = &self.neighbours {
            to.dismiss.do_send(Dismiss);
        }
    }

    /// Nobody speaks for the workers any more: the account is closed without them.
    fn supervisor_failed(&mut self, context: &mut Context<Self>) {
        let what = "the supervisor failed";
        self.fleet_lost = true;
        if self.record_lost {
            self.answer(context);
        } else if self.core.phase() >= Phase::Concluding {
            self.core.fatal(ExitCode::Internal, what.to_owned(), None);
            self.publish_verdict();
        } else {
            self.broken(what.to_owned());
            let steps = self.core.fleet_is_empty(what);
            self.carry_out(steps);
        }
    }

    /// A subscriber is served no more; the run goes on for all others, and its verdict tells.
    fn subscriber_failed(&mut self, what: &str) {
        error!("a subscriber panicked: {what}");
        self.core.fatal(ExitCode::Internal, format!("a subscriber panicked: {what}"), None);
        // Nothing comes after the last event; who panics at that one is told of in the answer alone.
        if let Some(to) = self.neighbours.as_ref().filter(|_| self.core.phase() < Phase::Done) {
            let text = format!("a subscriber panicked and gets no further events: {what}");
            to.publish.do_send(Publish(RunEvent::Notice(text)));
        }
    }

    /// Results are missing where somebody wants them; the run goes on.
    fn output_failed(&mut self, what: String) {
        if let Some(to) = self.neighbours.as_ref().filter(|_| self.core.phase() < Phase::Done) {
            to.publish.do_send(Publish(RunEvent::Notice(what.clone())));
        }
        self.core.fatal(ExitCode::Infrastructure, what, None);
    }

    /// Nothing more will happen; answers once every reporter has written its last.
    fn answer(&mut self, context: &mut Context<Self>) {
        let Some(to) = &self.neighbours else { return };
        let written = join_all(to.flush.iter().map(|reporter| reporter.send(Flush)));
        context.spawn(wrap_future(written).map(
            |written, actor: &mut Self, context: &mut Context<Self>| {
                for reporter in written {
                    match reporter {
                        Ok(None) => {}
                        Ok(Some(problem)) => {
                            actor.core.fatal(ExitCode::Infrastructure, problem, None);
                        }
                        Err(_gone) => {
                            let what = "a reporter failed".to_owned();
                            actor.core.fatal(ExitCode::Internal, what, None);
                        }
                    }
                }
                // Taken now and not from the record: a reporter may have failed at the very last event.
                let verdict = actor.core.verdict();
                let answer = if actor.record_lost {
                    Err(RunError::Broken(verdict.explanation.unwrap_or_default()))
                } else {
                    Ok(verdict)
                };
                if let Some(to_caller) = actor.answer.take() {
                    // The host program may no longer wait for it.
                    let _nobody = to_caller.send(answer);
                }
                for neighbour in actor.neighbours.iter().flat_map(|to| &to.retire) {
                    neighbour.do_send(Retire);
                }
                context.stop();
            },
        ));
    }
}

impl Actor for SessionActor {
    type Context = Context<Self>;

    /// The others hold one another and would stay: they are sent away if this one ends before its time.
    fn stopped(&mut self, _context: &mut Context<Self>) {
        if let Some(to) = self.neighbours.as_ref().filter(|_| std::thread::panicking()) {
            to.dismiss.do_send(Dismiss);
            for neighbour in &to.retire {
                neighbour.do_send(Retire);
            }
        }
    }
}

impl Handler<Begin> for SessionActor {
    type Result = ();

    fn handle(&mut self, Begin { neighbours, first }: Begin, context: &mut Context<Self>) {
        for event in first {
            neighbours.publish.do_send(Publish(event));
        }
        neighbours.start_fleet.do_send(StartFleet);
        if let Some(limit) = self.limits.run {
            context.run_later(limit, move |actor, context| {
                let steps = actor.core.overdue(limit);
                actor.carry_out(steps);
                // Tests that run are finished first, but not for ever.
                context.run_later(actor.limits.shutdown, |actor, _| {
                    let steps = actor.core.killed("the deadline of the run".to_owned());
                    actor.carry_out(steps);
                });
            });
        }
        if let Some(until) = self.until {
            let left = until.saturating_duration_since(Instant::now());
            context.run_later(left, |actor, _| {
                let steps = actor.core.requested("the time limit of its allocation".to_owned());
                actor.carry_out(steps);
            });
        }
        self.neighbours = Some(neighbours);
    }
}

impl Handler<Event> for SessionActor {
    type Result = ();

    fn handle(&mut self, Event(event): Event, context: &mut Context<Self>) {
        if let RunEvent::RunFinished(_) = &*event {
            return self.answer(context);
        }
        let steps = self.core.event(&event);
        self.carry_out(steps);
    }
}

impl Handler<SessionNote> for SessionActor {
    type Result = ();

    fn handle(&mut self, note: SessionNote, context: &mut Context<Self>) {
        let steps = match note {
            SessionNote::Halted(worker) => self.core.halted(worker),
            SessionNote::WorkerStops { worker, reason, exit_code, kind } => match kind {
                StopKind::Interrupt | StopKind::Exit | StopKind::Stop => {
                    self.core.worker_stops(worker, reason, exit_code)
                }
                StopKind::Fail => {
                    let code = exit_code.or(Some(i32::from(ExitCode::Failed.number())));
                    self.core.worker_stops(worker, reason, code)
                }
                StopKind::Internal => self.core.fatal(ExitCode::Internal, reason, Some(worker)),
                StopKind::Usage => self.core.fatal(ExitCode::Usage, reason, Some(worker)),
            },
            SessionNote::WorkerFinished { worker, exit_code } => {
                self.core.worker_finished(worker, exit_code);
                Vec::new()
            }
            SessionNote::Conclusion(request) => {
                self.core.leaves(request);
                Vec::new()
            }
            SessionNote::Closed => {
                self.keep_history(context);
                self.core.closed()
            }
            SessionNote::Broken(what) => return self.broken(what),
            SessionNote::SchedulerFailed => return self.scheduler_failed(context),
            SessionNote::OutputFailed(what) => return self.output_failed(what),
            SessionNote::SubscriberFailed(what) => return self.subscriber_failed(&what),
        };
        self.carry_out(steps);
    }
}

impl Handler<FleetNews> for SessionActor {
    type Result = ();

    fn handle(&mut self, news: FleetNews, context: &mut Context<Self>) {
        let steps = match news {
            FleetNews::Empty(reason) => self.core.fleet_is_empty(&reason),
            FleetNews::Refused(refusal) => {
                let code = if refusal.usage { ExitCode::Usage } else { ExitCode::Infrastructure };
                self.core.fatal(code, refusal.message, None)
            }
            FleetNews::Concluded { text, failure } => {
                let event = RunEvent::Conclusion { text, failure };
                // Its failure counts now: the record may reach us after the agents' end.
                self.core.event(&event);
                if let Some(to) = &self.neighbours {
                    to.publish.do_send(Publish(event));
                }
                self.core.concluded()
            }
            FleetNews::Dismissed if self.record_lost => return self.answer(context),
            FleetNews::Dismissed => return self.publish_verdict(),
            FleetNews::SupervisorFailed => return self.supervisor_failed(context),
        };
        self.carry_out(steps);
    }
}

impl Handler<Halt> for SessionActor {
    type Result = ();

    fn handle(&mut self, Halt { by, kill }: Halt, _context: &mut Context<Self>) {
        let again = std::mem::replace(&mut self.asked, true);
        let steps = if kill || again { self.core.killed(by) } else { self.core.requested(by) };
        self.carry_out(steps);
    }
}
