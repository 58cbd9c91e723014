//! Which workers should exist: starts them on their hosts, clones the dead by the restart policy, tells when none is left. `reach` is
//! the part of it that cares for hosts.
//!
//! Seed: start of nodes, `_clone_node`, `slave_errordown`'s restart limit. It knows nothing of tests.

use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Recipient};

use super::fleet::Fleet;
use super::host::HostActor;
use super::hosts::{Host, Hosts, Stage};
use super::messages::{
    AbandonWorker, Attach, DelayWorkers, Dismiss, Enlist, ExpectWorker, FleetNews, KillFleet,
    Publish, Retire, RoundTrip, RunConclusion, StandDown, StartFleet, StopWorker, ToHost,
    WorkerCameUp, WorkerGone, WorkerNews,
};
use super::reach::Doors;
use super::worker::WorkerActor;
use crate::config::Config;
use crate::launch::{AgentCommand, Ways};
use crate::model::{Deadlines, Dist, RunEvent, Suite, WorkerId, WorkerInput, WorkerSpec};
use crate::select::Selection;
use crate::supervise::{Restart, RestartPolicy};
use crate::wire::{StopMode, ToAgent};

/// What the supervisor needs to know of the run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) suite: Suite,
    specs: Vec<WorkerSpec>,
    own_lanes: bool,
    input: WorkerInput,
    pub(super) deadlines: Deadlines,
    pub(super) worker_memory: Option<u64>,
    pub(super) agent: AgentCommand,
    pub(super) ways: Ways,
    pub(super) selection: Vec<Selection>,
}

/// Where messages go.
#[derive(Debug)]
pub(super) struct Neighbours {
    pub(super) news: Recipient<WorkerNews>,
    pub(super) expect: Recipient<ExpectWorker>,
    pub(super) enlist: Recipient<Enlist>,
    pub(super) delay: Recipient<DelayWorkers>,
    pub(super) round_trip: Recipient<RoundTrip>,
    pub(super) abandon: Recipient<AbandonWorker>,
    pub(super) publish: Recipient<Publish>,
    pub(super) session: Recipient<FleetNews>,
}

/// The supervisor of all workers.
pub(super) struct SupervisorActor {
    pub(super) plan: Plan,
    policy: RestartPolicy,
    pub(super) begun: Instant,
    pub(super) fleet: Fleet,
    pub(super) hosts: Hosts,
    pub(super) doors: Doors,
    pub(super) suite_told: bool,
    pub(super) standing_down: bool,
    pub(super) dismissed: bool,
    last_words: String,
    pub(super) neighbours: Neighbours,
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
            own_lanes: config.policy.dist == Dist::Each,
            input: config.worker_input(stream),
            deadlines: config.deadlines,
            worker_memory: config.worker_memory,
            agent: config.agent.clone(),
            ways: config.ways.clone(),
            selection: selection.into_parts(),
        };
        Self {
            plan,
            policy: RestartPolicy::new(config.restart),
            begun: Instant::now(),
            fleet: Fleet::default(),
            hosts: Hosts::new(&config.hosts, config.deadlines.host),
            doors: Doors::default(),
            suite_told: false,
            standing_down: false,
            dismissed: false,
            last_words: "all workers have ended".to_owned(),
            neighbours,
        }
    }

    pub(super) fn publish(&self, event: RunEvent) {
        self.neighbours.publish.do_send(Publish(event));
    }

    /// Starts a worker if its host is up, else has the host started first.
    fn start_worker(&mut self, worker: WorkerId, context: &mut Context<Self>) {
        let Some(id) = self.fleet.spec(worker).map(|spec| spec.host) else { return };
        match self.hosts.get(id).map(|host| &host.stage) {
            Some(Stage::Ready(agent) | Stage::Concluding(agent)) => {
                let agent = agent.clone();
                self.spawn_worker(worker, &agent);
            }
            Some(Stage::Preparing(_) | Stage::OnItsWay(_)) => self.fleet.wait(worker),
            Some(Stage::Refused(_, reason) | Stage::GivenUp(reason)) => {
                let reason = reason.clone();
                self.abandon(worker, &reason);
                self.tell_if_empty();
            }
            Some(Stage::None) | None => {
                self.fleet.wait(worker);
                self.start_host(id, context);
            }
        }
    }

    pub(super) fn spawn_worker(&mut self, worker: WorkerId, host: &Addr<HostActor>) {
        self.adopt_worker(worker, host);
        self.order_worker(worker, host);
    }

    /// Tells a host that is up, or is being prepared, to start a worker.
    pub(super) fn order_worker(&self, worker: WorkerId, host: &Addr<HostActor>) {
        if let Some(spec) = self.fleet.spec(worker).cloned() {
            let input = self.plan.input.clone();
            host.do_send(ToHost(ToAgent::Start { worker, spec, input }));
        }
    }

    /// A worker has somebody to speak for it from now on.
    pub(super) fn adopt_worker(&mut self, worker: WorkerId, host: &Addr<HostActor>) {
        let Some(spec) = self.fleet.spec(worker).cloned() else {
            return;
        };
        let actor =
            WorkerActor::new(worker, host.clone().recipient(), self.neighbours.news.clone())
                .start();
        host.do_send(Attach { worker, recipient: actor.clone().recipient() });
        let (remote, round_trip) = self
            .hosts
            .get(spec.host)
            .map_or((false, None), |host| (!host.spec.is_local(), host.round_trip));
        self.neighbours.enlist.do_send(Enlist {
            worker,
            orders: actor.clone().recipient(),
            remote,
        });
        if let Some(time) = round_trip {
            self.neighbours.round_trip.do_send(RoundTrip { workers: vec![worker], time });
        }
        self.fleet.started(worker, actor);
    }

    /// A worker is lost to the run, for this reason, which is also told for tests that nobody else can run.
    pub(super) fn abandon(&mut self, worker: WorkerId, reason: &str) {
        reason.clone_into(&mut self.last_words);
        self.dismiss(worker, reason);
    }

    /// How a worker of a host that is up is to run. Where every worker runs everything on a host of its own, none is as good
    /// as another.
    fn spec_on_ready_host(&self) -> Option<WorkerSpec> {
        let shared = !self.plan.own_lanes;
        let is_up = |spec: &&WorkerSpec| {
            let stage = self.hosts.get(spec.host).map(|host| &host.stage);
            matches!(stage, Some(Stage::Ready(_)))
        };
        self.plan.specs.iter().filter(|_| shared).find(is_up).cloned()
    }

    /// No replacement comes for a worker.
    fn dismiss(&mut self, worker: WorkerId, reason: &str) {
        self.fleet.remove(worker);
        self.cancel_order(worker);
        self.neighbours.abandon.do_send(AbandonWorker { worker, reason: reason.to_owned() });
    }

    pub(super) fn tell_if_empty(&self) {
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
    pub(super) fn drop_unstarted(&mut self) {
        for worker in self.fleet.unstarted() {
            self.abandon(worker, "the run was stopped before it was started");
        }
        self.tell_if_empty();
    }

    pub(super) fn not_concluded(&self, why: &str) {
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
        let host = self.host_name(spec.host);
        let replaces = Some(old);
        self.neighbours.expect.do_send(ExpectWorker { worker: new, spec, host, replaces });
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
            let host = self.host_name(spec.host);
            let worker = self.fleet.recruit(spec);
            self.publish(RunEvent::WorkerStarting { worker, host, replaces: None });
            self.fleet.wait(worker);
        }
        for host in self.hosts.ids() {
            self.start_host(host, context);
        }
    }
}

impl Handler<WorkerGone> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, gone: WorkerGone, context: &mut Context<Self>) {
        let WorkerGone {
            worker,
            expected,
            wanted,
            lost,
            stranded,
            complete,
            recycled,
            life,
            died_in_a_file,
        } = gone;
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
        } else if lost && wanted {
            // No budget is spent: whether the host is good is another rule's to say.
            let elsewhere = || self.spec_on_ready_host().filter(|_| stranded);
            let spec = elsewhere().unwrap_or(member.spec);
            self.replace(worker, spec, Duration::ZERO, context);
        } else if lost {
            self.dismiss(worker, "nothing is left for a replacement to do");
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
        if complete {
            for worker in self.fleet.unstarted() {
                self.dismiss(worker, "nothing is left to do for it");
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
        if let Some((id, agent)) = self.hosts.for_conclusion() {
            let input = self.plan.input.clone();
            agent.do_send(ToHost(ToAgent::Conclude { requests, input }));
            self.hosts.enter(id, Stage::Concluding(agent));
        } else {
            self.not_concluded("its agent is gone");
        }
    }
}

impl Handler<Dismiss> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: Dismiss, context: &mut Context<Self>) {
        self.dismissed = true;
        self.call_off(context);
        for agent in self.hosts.iter().filter_map(Host::agent) {
            agent.do_send(ToHost(ToAgent::Shutdown));
        }
        self.tell_if_dismissed();
    }
}

impl Handler<Retire> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: Retire, context: &mut Context<Self>) {
        context.stop();
    }
}
