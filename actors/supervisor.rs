//! Which workers should exist: starts the host and its workers, clones the dead by the restart policy, tells when none is left.
//!
//! Seed: start of nodes, `_clone_node`, `slave_errordown`'s restart limit. It knows nothing of tests.

use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Recipient};
use log::info;

use super::fleet::Fleet;
use super::host::{HostActor, Patience};
use super::messages::{
    AbandonWorker, Attach, Dismiss, Enlist, ExpectWorker, FleetNews, FromHost, HostNews, KillFleet,
    Publish, Retire, RunConclusion, StandDown, StartFleet, StopWorker, ToHost, WorkerCameUp,
    WorkerGone, WorkerNews,
};
use super::worker::WorkerActor;
use crate::config::Config;
use crate::launch::{AgentCommand, launch};
use crate::model::{Deadlines, Death, Ending, RunEvent, Suite, WorkerId, WorkerInput, WorkerSpec};
use crate::select::Selection;
use crate::supervise::{Restart, RestartPolicy};
use crate::wire::{StopMode, ToAgent, WorkerEvent};

/// How often the agent of a host is started anew. An agent runs no code of the project, so a second loss in a
/// run is a fault of the machine.
const HOST_RESTARTS: u32 = 2;

/// What the supervisor needs to know of the run.
#[derive(Debug, Clone)]
struct Plan {
    suite: Suite,
    specs: Vec<WorkerSpec>,
    input: WorkerInput,
    deadlines: Deadlines,
    worker_memory: Option<u64>,
    agent: AgentCommand,
    selection: Vec<Selection>,
}

/// Where messages go.
#[derive(Debug)]
pub(super) struct Neighbours {
    pub(super) news: Recipient<WorkerNews>,
    pub(super) expect: Recipient<ExpectWorker>,
    pub(super) enlist: Recipient<Enlist>,
    pub(super) abandon: Recipient<AbandonWorker>,
    pub(super) publish: Recipient<Publish>,
    pub(super) session: Recipient<FleetNews>,
}

/// The host's agent.
#[derive(Debug)]
enum Host {
    None,
    Preparing(Addr<HostActor>),
    Ready(Addr<HostActor>),
    /// It can not run the suite, for this reason.
    Refused(Addr<HostActor>, String),
    /// It runs the conclusion.
    Concluding(Addr<HostActor>),
}

/// The supervisor of all workers.
pub(super) struct SupervisorActor {
    plan: Plan,
    policy: RestartPolicy,
    begun: Instant,
    fleet: Fleet,
    host: Host,
    host_starts: u32,
    standing_down: bool,
    dismissed: bool,
    last_words: String,
    neighbours: Neighbours,
}

impl SupervisorActor {
    pub(super) fn new(
        config: &Config,
        stream: bool,
        selection: Selection,
        neighbours: Neighbours,
    ) -> Self {
        let plan = Plan {
            suite: config.suite.clone(),
            specs: config.workers.clone(),
            input: config.worker_input(stream),
            deadlines: config.deadlines,
            worker_memory: config.worker_memory,
            agent: config.agent.clone(),
            selection: selection.into_parts(),
        };
        Self {
            plan,
            policy: RestartPolicy::new(config.restart),
            begun: Instant::now(),
            fleet: Fleet::default(),
            host: Host::None,
            host_starts: 0,
            standing_down: false,
            dismissed: false,
            last_words: "all workers have ended".to_owned(),
            neighbours,
        }
    }

    fn publish(&self, event: RunEvent) {
        self.neighbours.publish.do_send(Publish(event));
    }

    /// Starts a worker if its host is up, else has the host started first.
    fn start_worker(&mut self, worker: WorkerId, context: &mut Context<Self>) {
        match &self.host {
            Host::Ready(host) | Host::Concluding(host) => {
                let host = host.clone();
                self.spawn_worker(worker, &host);
            }
            Host::Preparing(_) => self.fleet.wait(worker),
            Host::Refused(_, reason) => {
                let reason = reason.clone();
                self.abandon(worker, &reason);
                self.tell_if_empty();
            }
            Host::None => {
                self.fleet.wait(worker);
                self.start_host(context);
            }
        }
    }

    fn spawn_worker(&mut self, worker: WorkerId, host: &Addr<HostActor>) {
        let Some(spec) = self.fleet.spec(worker).cloned() else {
            return;
        };
        let actor =
            WorkerActor::new(worker, host.clone().recipient(), self.neighbours.news.clone())
                .start();
        host.do_send(Attach { worker, recipient: actor.clone().recipient() });
        self.neighbours.enlist.do_send(Enlist { worker, orders: actor.clone().recipient() });
        let input = self.plan.input.clone();
        host.do_send(ToHost(ToAgent::Start { worker, spec, input }));
        self.fleet.started(worker, actor);
    }

    fn start_host(&mut self, context: &mut Context<Self>) {
        if self.host_starts > HOST_RESTARTS {
            let reason =
                format!("the agent was lost {} times and is not started again", self.host_starts);
            return self.give_up(&reason);
        }
        self.host_starts += 1;
        let child = match launch(&self.plan.agent) {
            Ok(child) => child,
            Err(problem) => return self.give_up(&problem.to_string()),
        };
        info!("agent started, process {:?}", child.id());
        let patience =
            Patience { greeting: self.plan.deadlines.agent, silence: self.plan.deadlines.silence };
        let own_program = matches!(self.plan.agent, AgentCommand::ThisProgram);
        let supervisor = context.address().recipient();
        let host = HostActor::new(child, own_program, patience, supervisor).start();
        for part in &self.plan.selection {
            host.do_send(ToHost(ToAgent::Select(part.clone())));
        }
        host.do_send(ToHost(ToAgent::Prepare {
            suite: self.plan.suite.clone(),
            deadlines: self.plan.deadlines,
            worker_memory: self.plan.worker_memory,
        }));
        self.host = Host::Preparing(host);
    }

    /// No worker that waits for a host will come.
    fn give_up(&mut self, reason: &str) {
        for worker in self.fleet.waiting() {
            self.abandon(worker, reason);
        }
        self.tell_if_empty();
    }

    /// A worker is lost to the run, for this reason, which is also told for tests that nobody else can run.
    fn abandon(&mut self, worker: WorkerId, reason: &str) {
        reason.clone_into(&mut self.last_words);
        self.dismiss(worker, reason);
    }

    /// No replacement comes for a worker.
    fn dismiss(&mut self, worker: WorkerId, reason: &str) {
        self.fleet.remove(worker);
        self.neighbours.abandon.do_send(AbandonWorker { worker, reason: reason.to_owned() });
    }

    fn tell_if_empty(&self) {
        if self.fleet.is_empty() && !self.dismissed {
            self.neighbours.session.do_send(FleetNews::Empty(self.last_words.clone()));
        }
    }

    fn stop_all(&self, mode: StopMode) {
        for actor in self.fleet.actors() {
            actor.do_send(StopWorker(mode));
        }
    }

    /// Workers whose process was not started yet never will be.
    fn drop_unstarted(&mut self) {
        for worker in self.fleet.unstarted() {
            self.abandon(worker, "the run was stopped before it was started");
        }
        self.tell_if_empty();
    }

    /// The agent is gone, and with it all workers that were started on it, also those that it had not heard of yet.
    fn host_lost(&mut self, why: &str) {
        let before = std::mem::replace(&mut self.host, Host::None);
        for actor in self.fleet.actors() {
            let death = Death::early(Ending::AgentLost(why.to_owned()));
            actor.do_send(FromHost(WorkerEvent::Exited(death)));
        }
        if self.dismissed {
            return self.neighbours.session.do_send(FleetNews::Dismissed);
        }
        match before {
            Host::Preparing(_) => self.give_up(why),
            Host::Concluding(_) => self.not_concluded(why),
            Host::None | Host::Ready(_) | Host::Refused(..) => {}
        }
    }

    fn not_concluded(&self, why: &str) {
        let failure = Some(format!("the conclusion was not run: {why}"));
        let concluded = FleetNews::Concluded { text: String::new(), failure };
        self.neighbours.session.do_send(concluded);
    }

    fn replace(
        &mut self,
        old: WorkerId,
        spec: WorkerSpec,
        delay: Duration,
        context: &mut Context<Self>,
    ) {
        let new = self.fleet.recruit(spec.clone());
        self.publish(RunEvent::WorkerReplaced { old, new });
        self.succeed(old, new, spec, delay, context);
    }

    /// Starts a worker in place of one that is gone.
    fn succeed(
        &mut self,
        old: WorkerId,
        new: WorkerId,
        spec: WorkerSpec,
        delay: Duration,
        context: &mut Context<Self>,
    ) {
        self.neighbours.expect.do_send(ExpectWorker { worker: new, spec, replaces: Some(old) });
        if delay.is_zero() {
            self.start_worker(new, context);
        } else {
            context.run_later(delay, move |actor, context| {
                // A run that was stopped in the meantime has dropped it.
                if actor.fleet.has(new) {
                    actor.start_worker(new, context);
                }
            });
        }
    }
}

impl Actor for SupervisorActor {
    type Context = Context<Self>;

    fn stopped(&mut self, _context: &mut Context<Self>) {
        if std::thread::panicking() {
            self.neighbours.session.do_send(FleetNews::SupervisorFailed);
        }
    }
}

impl Handler<StartFleet> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: StartFleet, context: &mut Context<Self>) {
        self.begun = Instant::now();
        for spec in self.plan.specs.clone() {
            let worker = self.fleet.recruit(spec);
            self.publish(RunEvent::WorkerStarting { worker, replaces: None });
            self.fleet.wait(worker);
        }
        self.start_host(context);
    }
}

impl Handler<WorkerGone> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, gone: WorkerGone, context: &mut Context<Self>) {
        let WorkerGone { worker, expected, wanted, recycled, life, died_in_a_file } = gone;
        self.plan.input.lazy_import |= died_in_a_file;
        let Some(member) = self.fleet.remove(worker) else {
            return;
        };
        if recycled && wanted && !self.standing_down {
            // No death that counts: it ended well, so that a fresh one takes its place.
            let new = self.fleet.recruit(member.spec.clone());
            self.succeed(worker, new, member.spec, Duration::ZERO, context);
        } else if expected || self.standing_down {
            self.dismiss(worker, "it was told to end");
        } else {
            let now = self.begun.elapsed();
            match self.policy.died(now, member.since().elapsed(), life) {
                Restart::After(delay) if wanted => {
                    self.replace(worker, member.spec, delay, context);
                }
                Restart::After(_) => {
                    self.dismiss(worker, "nothing is left for a replacement to do");
                }
                Restart::Denied(reason) => {
                    self.publish(RunEvent::ReplacementDenied { worker, reason: reason.clone() });
                    self.abandon(worker, &reason);
                }
            }
        }
        self.tell_if_empty();
    }
}

impl Handler<WorkerCameUp> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: WorkerCameUp, _context: &mut Context<Self>) {
        self.policy.came_up();
    }
}

impl Handler<HostNews> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, news: HostNews, _context: &mut Context<Self>) {
        match news {
            HostNews::Progress(step) => self.publish(RunEvent::Progress(step)),
            HostNews::Notice(text) => self.publish(RunEvent::Notice(text)),
            HostNews::Prepared(info) => {
                let Host::Preparing(host) = &self.host else {
                    return;
                };
                let host = host.clone();
                self.host = Host::Ready(host.clone());
                if self.host_starts == 1 {
                    self.publish(RunEvent::SuiteReady(info));
                }
                for worker in self.fleet.waiting() {
                    self.spawn_worker(worker, &host);
                }
            }
            HostNews::Refused(refusal) => {
                let reason = refusal.message.clone();
                if let Host::Preparing(host) = &self.host {
                    self.host = Host::Refused(host.clone(), reason.clone());
                }
                self.neighbours.session.do_send(FleetNews::Refused(refusal));
                self.give_up(&reason);
            }
            HostNews::Concluded { text, failure } => {
                if let Host::Concluding(host) = &self.host {
                    self.host = Host::Ready(host.clone());
                    self.neighbours.session.do_send(FleetNews::Concluded { text, failure });
                }
            }
            HostNews::Lost(why) => self.host_lost(&why),
        }
    }
}

impl Handler<StandDown> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, StandDown { interrupt }: StandDown, _context: &mut Context<Self>) {
        self.standing_down = true;
        if interrupt {
            self.stop_all(StopMode::AfterTest);
        }
        self.drop_unstarted();
    }
}

impl Handler<KillFleet> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: KillFleet, _context: &mut Context<Self>) {
        self.standing_down = true;
        self.stop_all(StopMode::Kill);
        self.drop_unstarted();
    }
}

impl Handler<RunConclusion> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, RunConclusion(requests): RunConclusion, _context: &mut Context<Self>) {
        if let Host::Ready(host) = &self.host {
            let input = self.plan.input.clone();
            host.do_send(ToHost(ToAgent::Conclude { requests, input }));
            self.host = Host::Concluding(host.clone());
        } else {
            self.not_concluded("its agent is gone");
        }
    }
}

impl Handler<Dismiss> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: Dismiss, _context: &mut Context<Self>) {
        self.dismissed = true;
        match &self.host {
            Host::Preparing(host)
            | Host::Ready(host)
            | Host::Refused(host, _)
            | Host::Concluding(host) => host.do_send(ToHost(ToAgent::Shutdown)),
            Host::None => self.neighbours.session.do_send(FleetNews::Dismissed),
        }
    }
}

impl Handler<Retire> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: Retire, context: &mut Context<Self>) {
        context.stop();
    }
}
