//! Which workers should exist: starts the host and its workers, clones the dead by the restart policy, tells when none is left.
//!
//! Seed: start of nodes, `_clone_node`, `slave_errordown`'s restart limit. It knows nothing of tests.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Recipient};
use log::info;

use super::host::{HostActor, Patience};
use super::messages::{
    AbandonWorker, Attach, Dismiss, Enlist, ExpectWorker, FleetNews, HostNews, KillFleet, Publish,
    Retire, RunConclusion, StandDown, StartFleet, StopWorker, ToHost, WorkerCameUp, WorkerGone,
    WorkerNews,
};
use super::worker::WorkerActor;
use crate::config::Config;
use crate::launch::{AgentCommand, launch};
use crate::model::{Deadlines, RunEvent, Suite, WorkerId, WorkerInput, WorkerSpec};
use crate::supervise::{Restart, RestartPolicy};
use crate::wire::{StopMode, ToAgent};

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

/// A worker that exists or is about to.
#[derive(Debug)]
struct Member {
    spec: WorkerSpec,
    since: Instant,
    actor: Option<Addr<WorkerActor>>,
}

/// The host's agent.
#[derive(Debug)]
enum Host {
    None,
    Preparing(Addr<HostActor>),
    Ready(Addr<HostActor>),
}

/// The supervisor of all workers.
pub(super) struct SupervisorActor {
    plan: Plan,
    policy: RestartPolicy,
    begun: Instant,
    next_id: u32,
    members: HashMap<WorkerId, Member>,
    waiting: Vec<WorkerId>,
    host: Host,
    host_starts: u32,
    standing_down: bool,
    dismissed: bool,
    last_words: String,
    neighbours: Neighbours,
}

impl SupervisorActor {
    pub(super) fn new(config: &Config, neighbours: Neighbours) -> Self {
        let plan = Plan {
            suite: config.suite.clone(),
            specs: config.workers.clone(),
            input: config.worker_input(),
            deadlines: config.deadlines,
            worker_memory: config.worker_memory,
            agent: config.agent.clone(),
        };
        Self {
            plan,
            policy: RestartPolicy::new(config.restart),
            begun: Instant::now(),
            next_id: 0,
            members: HashMap::new(),
            waiting: Vec::new(),
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

    /// The next worker: an id never used before, and a member that waits for its host.
    fn recruit(&mut self, spec: WorkerSpec) -> WorkerId {
        let worker = WorkerId(self.next_id);
        self.next_id += 1;
        self.members.insert(worker, Member { spec, since: Instant::now(), actor: None });
        worker
    }

    /// Starts a worker if its host is up, else has the host started first.
    fn start_worker(&mut self, worker: WorkerId, context: &mut Context<Self>) {
        match &self.host {
            Host::Ready(host) => {
                let host = host.clone();
                self.spawn_worker(worker, &host);
            }
            Host::Preparing(_) => self.waiting.push(worker),
            Host::None => {
                self.waiting.push(worker);
                self.start_host(context);
            }
        }
    }

    fn spawn_worker(&mut self, worker: WorkerId, host: &Addr<HostActor>) {
        let Some(member) = self.members.get_mut(&worker) else {
            return;
        };
        let actor =
            WorkerActor::new(worker, host.clone().recipient(), self.neighbours.news.clone())
                .start();
        host.do_send(Attach { worker, recipient: actor.clone().recipient() });
        self.neighbours.enlist.do_send(Enlist { worker, orders: actor.clone().recipient() });
        host.do_send(ToHost(ToAgent::Start {
            worker,
            spec: member.spec.clone(),
            input: self.plan.input.clone(),
        }));
        member.since = Instant::now();
        member.actor = Some(actor);
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
        let run_id = self.plan.input.run_id.clone();
        let own_program = matches!(self.plan.agent, AgentCommand::ThisProgram);
        let supervisor = context.address().recipient();
        let host = HostActor::new(child, own_program, run_id, patience, supervisor).start();
        host.do_send(ToHost(ToAgent::Prepare {
            suite: self.plan.suite.clone(),
            deadlines: self.plan.deadlines,
            worker_memory: self.plan.worker_memory,
        }));
        self.host = Host::Preparing(host);
    }

    /// No worker that waits for a host will come.
    fn give_up(&mut self, reason: &str) {
        for worker in std::mem::take(&mut self.waiting) {
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
        self.members.remove(&worker);
        self.neighbours.abandon.do_send(AbandonWorker { worker, reason: reason.to_owned() });
    }

    fn tell_if_empty(&self) {
        if self.members.is_empty() && !self.dismissed {
            self.neighbours.session.do_send(FleetNews::Empty(self.last_words.clone()));
        }
    }

    fn kill_all(&self) {
        for actor in self.members.values().filter_map(|member| member.actor.as_ref()) {
            actor.do_send(StopWorker(StopMode::Kill));
        }
    }

    /// Workers whose process was not started yet never will be.
    fn drop_waiting(&mut self, reason: &str) {
        let waiting: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| member.actor.is_none())
            .map(|(id, _)| *id)
            .collect();
        self.waiting.clear();
        for worker in waiting {
            self.abandon(worker, reason);
        }
        self.tell_if_empty();
    }

    fn replace(
        &mut self,
        old: WorkerId,
        spec: WorkerSpec,
        delay: Duration,
        context: &mut Context<Self>,
    ) {
        let new = self.recruit(spec.clone());
        self.publish(RunEvent::WorkerReplaced { old, new });
        self.neighbours.expect.do_send(ExpectWorker { worker: new, spec, replaces: Some(old) });
        if delay.is_zero() {
            self.start_worker(new, context);
        } else {
            context.run_later(delay, move |actor, context| {
                // A run that was stopped in the meantime has dropped it.
                if actor.members.contains_key(&new) {
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
            let worker = self.recruit(spec);
            self.publish(RunEvent::WorkerStarting { worker, replaces: None });
            self.waiting.push(worker);
        }
        self.start_host(context);
    }
}

impl Handler<WorkerGone> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, gone: WorkerGone, context: &mut Context<Self>) {
        let WorkerGone { worker, expected, wanted, collecting } = gone;
        let Some(member) = self.members.remove(&worker) else {
            return;
        };
        if expected || self.standing_down {
            self.dismiss(worker, "it was told to end");
        } else {
            let now = self.begun.elapsed();
            match self.policy.died(now, member.since.elapsed(), collecting) {
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
            HostNews::Prepared(info) => {
                let Host::Preparing(host) = &self.host else {
                    return;
                };
                let host = host.clone();
                self.host = Host::Ready(host.clone());
                if self.host_starts == 1 {
                    self.publish(RunEvent::SuiteReady(info));
                }
                let mut waiting = std::mem::take(&mut self.waiting);
                waiting.sort_unstable();
                for worker in waiting {
                    self.spawn_worker(worker, &host);
                }
            }
            HostNews::Refused(refusal) => {
                let reason = refusal.message.clone();
                self.neighbours.session.do_send(FleetNews::Refused(refusal));
                self.give_up(&reason);
            }
            HostNews::Concluded { text, failure } => {
                self.neighbours.session.do_send(FleetNews::Concluded { text, failure });
            }
            HostNews::Lost(why) => {
                let before = std::mem::replace(&mut self.host, Host::None);
                if self.dismissed {
                    self.neighbours.session.do_send(FleetNews::Dismissed);
                    return;
                }
                if let Host::Preparing(_) = before {
                    self.give_up(&why);
                } else if self.members.is_empty() {
                    // It was lost while it ran the conclusion.
                    let failure = Some(format!("the conclusion was not run: {why}"));
                    let concluded = FleetNews::Concluded { text: String::new(), failure };
                    self.neighbours.session.do_send(concluded);
                }
            }
        }
    }
}

impl Handler<StandDown> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, StandDown { interrupt }: StandDown, _context: &mut Context<Self>) {
        self.standing_down = true;
        if interrupt {
            for actor in self.members.values().filter_map(|member| member.actor.as_ref()) {
                actor.do_send(StopWorker(StopMode::AfterTest));
            }
        }
        self.drop_waiting("the run was stopped before it was started");
    }
}

impl Handler<KillFleet> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: KillFleet, _context: &mut Context<Self>) {
        self.standing_down = true;
        self.kill_all();
        self.drop_waiting("the run was stopped before it was started");
    }
}

impl Handler<RunConclusion> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, RunConclusion(requests): RunConclusion, _context: &mut Context<Self>) {
        match &self.host {
            Host::Ready(host) => {
                host.do_send(ToHost(ToAgent::Conclude {
                    requests,
                    input: self.plan.input.clone(),
                }));
            }
            Host::None | Host::Preparing(_) => {
                self.neighbours.session.do_send(FleetNews::Concluded {
                    text: String::new(),
                    failure: Some("the conclusion was not run: its agent is gone".to_owned()),
                });
            }
        }
    }
}

impl Handler<Dismiss> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: Dismiss, _context: &mut Context<Self>) {
        self.dismissed = true;
        match &self.host {
            Host::Ready(host) | Host::Preparing(host) => host.do_send(ToHost(ToAgent::Shutdown)),
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
