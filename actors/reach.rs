//! The supervisor's care for hosts: they are reached side by side, tried again when they are lost, and given up in the end.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler};
use log::info;
use tokio::sync::{OnceCell, Semaphore};

use super::host::{HostActor, Kind, Patience};
use super::hosts::Stage;
use super::messages::{
    DelayWorkers, FleetNews, FromHost, HostReport, OfHost, Publish, RoundTrip, ToHost, Told,
};
use super::supervisor::SupervisorActor;
use crate::launch::{AgentCommand, ConnectError, Link, Payload, Ways, connect, launch, sync};
use crate::model::{
    Death, Ending, HostId, HostNews, HostSpec, Reach, RunEvent, Suite, SuiteInfo, WorkerId,
};
use crate::supervise::Restart;
use crate::wire::{PrepareRefusal, ToAgent, WorkerEvent};

/// How many connections are made at a time. From ten on, a `sshd` in its default configuration that all hosts are reached
/// through begins to drop them.
const AT_A_TIME: usize = 8;

/// The part of the time of silence after which an agent that hears nothing ends its workers: what is left of it is for them
/// to be gone before anybody else is given their tests.
fn lease(silence: Duration) -> Duration {
    silence * 3 / 4
}

/// What all ways to hosts share.
#[derive(Debug, Clone)]
pub(super) struct Doors {
    permits: Arc<Semaphore>,
    payload: Arc<OnceCell<Result<Payload, String>>>,
    places: Places,
}

/// Whether the project was brought to a directory of a destination. Several hosts of a run may share one.
type Places = Arc<Mutex<HashMap<(Reach, String), Arc<OnceCell<()>>>>>;

impl Default for Doors {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(AT_A_TIME)),
            payload: Arc::default(),
            places: Arc::default(),
        }
    }
}

impl Doors {
    /// Brings the project to a host that is not this machine, if it is to have it, and has its agent started.
    async fn open(
        self,
        route: Route,
        host: HostSpec,
        progress: impl Fn(String),
    ) -> Result<Link, ConnectError> {
        let never = |message: String| ConnectError { message, for_good: true };
        let place = self.place(&host);
        let syncs = place.as_ref().is_some_and(|place| !place.initialized());
        let permit = self.permits.acquire_many(1 + u32::from(syncs)).await;
        let _permit = permit.map_err(|_| never("nobody is to be reached any more".to_owned()))?;
        progress("connecting".to_owned());
        // Side by side: each takes as long as ssh needs to get there, and the agent looks at no file before it is told to.
        let brought = async {
            let Some(place) = place else { return Ok(()) };
            let bring = || async {
                let Reach::Ssh(destination) = &host.reach else {
                    return Err(never("`sync` needs a host that is reached by ssh".to_owned()));
                };
                let Route { root, ways, .. } = &route;
                let brought = sync(ways, destination, root, directory(&host), &progress);
                brought.await.map_err(|problem| ConnectError {
                    message: problem.to_string(),
                    for_good: problem.is_for_good(),
                })
            };
            // Two that wrote to one place at a time would each remove what the other writes.
            place.get_or_try_init(bring).await.copied()
        };
        let connected = self.agent_of(&route, &host, &progress);
        let ((), link) = tokio::try_join!(brought, connected)?;
        Ok(link)
    }

    /// Whether the project is in the place that this host is to have it in; `None` if it is not to be brought.
    fn place(&self, host: &HostSpec) -> Option<Arc<OnceCell<()>>> {
        host.sync.as_ref()?;
        let directory = directory(host);
        // What is not given from the user's home directory begins there anyway.
        let directory = directory.strip_prefix("~/").unwrap_or(directory);
        let place = (host.reach.clone(), directory.to_owned());
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Some(places.entry(place).or_default().clone())
    }

    async fn agent_of(
        &self,
        route: &Route,
        host: &HostSpec,
        progress: &impl Fn(String),
    ) -> Result<Link, ConnectError> {
        let never = |message: String| ConnectError { message, for_good: true };
        let payload = match (&host.reach, &host.agent) {
            (Reach::Ssh(_) | Reach::Slurm { .. }, None) => {
                Some(self.payload(route.agent.clone()).await.map_err(never)?)
            }
            _ => None,
        };
        connect(host, &route.ways, payload.as_ref(), route.patience, progress).await
    }

    async fn payload(&self, agent: AgentCommand) -> Result<Payload, String> {
        let read = || async {
            let read = tokio::task::spawn_blocking(move || Payload::read(&agent));
            match read.await {
                Ok(payload) => payload.map_err(|problem| problem.to_string()),
                Err(problem) => Err(problem.to_string()),
            }
        };
        self.payload.get_or_init(read).await.clone()
    }
}

/// Where a host is to have the project, as it was named.
fn directory(host: &HostSpec) -> &str {
    host.chdir.as_deref().unwrap_or(".")
}

/// What leads to the hosts of a run. Each has its own while it is reached, so that there is nothing in it that grows with them.
#[derive(Debug)]
pub(super) struct Route {
    root: PathBuf,
    ways: Ways,
    agent: AgentCommand,
    /// How long a step may take.
    patience: Duration,
}

impl SupervisorActor {
    fn route(&self) -> Route {
        Route {
            root: self.plan.suite.root().to_owned(),
            ways: self.plan.ways.clone(),
            agent: self.plan.agent.clone(),
            patience: self.plan.deadlines.agent,
        }
    }

    /// What people know a host by.
    pub(super) fn host_name(&self, host: HostId) -> String {
        self.hosts.get(host).map(|host| host.spec.name.clone()).unwrap_or_default()
    }

    fn host_news(&self, host: HostId, news: HostNews) {
        if !self.hosts.is_plain()
            && let Some(host) = self.hosts.get(host)
        {
            self.publish(RunEvent::Host { host: host.spec.name.clone(), news });
        }
    }

    /// Starts the agent of a host.
    pub(super) fn start_host(&mut self, id: HostId, context: &mut Context<Self>) {
        let Some(host) = self.hosts.get(id) else { return };
        if host.spec.is_local() {
            return match launch(&self.plan.agent) {
                Ok(link) => self.welcome(id, link, context),
                Err(problem) => self.give_up(id, &problem.to_string()),
            };
        }
        let spec = host.spec.clone();
        let (name, publish) = (spec.name.clone(), self.neighbours.publish.clone());
        let progress = move |step: String| {
            let news = HostNews::Progress(step);
            publish.do_send(Publish(RunEvent::Host { host: name.clone(), news }));
        };
        let opened = self.doors.clone().open(self.route(), spec, progress);
        let handle = context.spawn(wrap_future(opened).map(
            move |opened, actor: &mut Self, context: &mut Context<Self>| match opened {
                Ok(link) => actor.welcome(id, link, context),
                Err(problem) => {
                    actor.hosts.enter(id, Stage::None);
                    actor.host_lost(id, &problem.message, problem.for_good, context);
                }
            },
        ));
        self.hosts.enter(id, Stage::OnItsWay(handle));
    }

    /// There is an agent, or will be in a moment.
    fn welcome(&mut self, id: HostId, link: Link, context: &mut Context<Self>) {
        let Some(host) = self.hosts.get(id) else { return };
        info!("agent of {} started, process {:?}", host.spec.name, link.child.id());
        let deadlines = self.plan.deadlines;
        let patience = Patience { greeting: deadlines.agent, silence: deadlines.silence };
        let kind = match self.plan.agent {
            _ if !host.spec.is_local() => Kind::Remote,
            AgentCommand::ThisProgram => Kind::OwnProgram,
            AgentCommand::Program(..) => Kind::Local,
        };
        let supervisor = context.address().recipient();
        let agent = HostActor::new(id, kind, link, patience, supervisor).start();
        for part in &self.plan.selection {
            agent.do_send(ToHost(ToAgent::Select(part.clone())));
        }
        agent.do_send(ToHost(ToAgent::Prepare {
            suite: suite_on(&self.plan.suite, &host.spec),
            deadlines,
            worker_memory: self.plan.worker_memory,
            lease: (kind == Kind::Remote).then(|| lease(deadlines.silence)),
        }));
        let mut ordered = Vec::new();
        if kind == Kind::Remote {
            // Along with it, since an answer that is waited for takes as long as the way there and back.
            ordered = self.fleet.waiting_on(id);
            for worker in &ordered {
                self.order_worker(*worker, &agent);
            }
        }
        if let Some(host) = self.hosts.get_mut(id) {
            host.ordered = ordered;
        }
        self.hosts.enter(id, Stage::Preparing(agent));
    }

    /// A worker that may have been ordered in advance is not wanted any more: it need not begin.
    pub(super) fn cancel_order(&mut self, worker: WorkerId) {
        for id in self.hosts.ids().collect::<Vec<_>>() {
            let Some(host) = self.hosts.get_mut(id) else { continue };
            let place = host.ordered.iter().position(|ordered| *ordered == worker);
            if let (Some(place), Stage::Preparing(agent)) = (place, &host.stage) {
                agent.do_send(ToHost(ToAgent::Finish { worker }));
                host.ordered.swap_remove(place);
            }
        }
    }

    /// It can run tests.
    fn host_ready(&mut self, id: HostId, info: SuiteInfo) {
        let now = self.begun.elapsed();
        let Some(host) = self.hosts.get_mut(id) else { return };
        let Stage::Preparing(agent) = &host.stage else { return };
        let agent = agent.clone();
        host.stage = Stage::Ready(agent.clone());
        host.policy.came_up(now);
        let ordered = std::mem::take(&mut host.ordered);
        self.host_news(id, HostNews::Ready(info.clone()));
        if !std::mem::replace(&mut self.suite_told, true) {
            self.publish(RunEvent::SuiteReady(info));
        }
        let waiting = self.fleet.waiting_on(id);
        for worker in ordered.iter().filter(|worker| !waiting.contains(worker)) {
            agent.do_send(ToHost(ToAgent::Finish { worker: *worker }));
        }
        for worker in waiting {
            self.adopt_worker(worker, &agent);
            if !ordered.contains(&worker) {
                self.order_worker(worker, &agent);
            }
        }
    }

    fn round_trip(&mut self, id: HostId, time: Duration) {
        let Some(host) = self.hosts.get_mut(id).filter(|host| !host.spec.is_local()) else {
            return;
        };
        if host.round_trip.is_none_or(|least| time < least) {
            host.round_trip = Some(time);
            let workers = self.fleet.started_on(id);
            self.neighbours.round_trip.do_send(RoundTrip { workers, time });
        }
    }

    /// It can not run the suite. The others may.
    fn host_refused(&mut self, id: HostId, refusal: PrepareRefusal) {
        let reason = refusal.message.clone();
        let others = self.hosts.ids().any(|other| other != id && self.is_in_the_run(other));
        match self.hosts.enter(id, Stage::None) {
            Stage::Preparing(agent) => {
                self.hosts.enter(id, Stage::Refused(agent, reason.clone()));
            }
            other => {
                self.hosts.enter(id, other);
            }
        }
        if others {
            self.host_news(id, HostNews::GivenUp(reason.clone()));
        } else {
            self.neighbours.session.do_send(FleetNews::Refused(refusal));
        }
        self.abandon_waiting(id, &reason);
    }

    fn is_in_the_run(&self, id: HostId) -> bool {
        self.hosts.get(id).is_some_and(|host| match host.stage {
            Stage::Refused(..) | Stage::GivenUp(_) => false,
            Stage::None | Stage::OnItsWay(_) => self.fleet.has_any_on(id),
            Stage::Preparing(_) | Stage::Ready(_) | Stage::Concluding(_) => true,
        })
    }

    /// Its agent is gone or could not be reached, and all workers that were started on it are gone with it, also those that it had not
    /// heard of yet.
    fn host_lost(&mut self, id: HostId, why: &str, for_good: bool, context: &mut Context<Self>) {
        let before = self.hosts.enter(id, Stage::None);
        let now = self.begun.elapsed();
        let Some(host) = self.hosts.get_mut(id) else { return };
        let local = host.spec.is_local();
        let verdict =
            if for_good && !local { Restart::Denied(String::new()) } else { host.policy.lost(now) };
        let ending = if local { Ending::AgentLost } else { Ending::HostLost };
        for actor in self.fleet.actors_on(id) {
            let death = Death::early(ending(why.to_owned()));
            actor.do_send(FromHost { event: WorkerEvent::Exited(death), told: Told::Nothing });
        }
        let left_out = match before {
            Stage::Refused(_, reason) => {
                self.hosts.enter(id, Stage::GivenUp(reason));
                true
            }
            Stage::Concluding(_) if !self.dismissed => {
                self.not_concluded(why);
                false
            }
            _ => false,
        };
        if self.dismissed {
            return self.tell_if_dismissed();
        }
        // What it was left out for holds for any other agent there.
        if left_out {
            return;
        }
        match verdict {
            Restart::Denied(reason) if local && !reason.is_empty() => self.give_up(id, &reason),
            Restart::Denied(reason) => {
                let why =
                    if reason.is_empty() { why.to_owned() } else { format!("{why}; {reason}") };
                self.host_news(id, HostNews::GivenUp(why.clone()));
                self.give_up(id, &self.of_host(id, &why));
            }
            // It is started when somebody is to run there.
            Restart::After(_) if local => {}
            Restart::After(_) if self.standing_down => self.drop_unstarted(),
            Restart::After(delay) => {
                let news = HostNews::Lost { reason: why.to_owned(), again: delay.as_secs_f64() };
                self.host_news(id, news);
                self.neighbours.delay.do_send(DelayWorkers(self.fleet.unstarted_on(id)));
                let again = context.run_later(delay, move |actor, context| {
                    actor.hosts.enter(id, Stage::None);
                    actor.start_host(id, context);
                });
                self.hosts.enter(id, Stage::OnItsWay(again));
            }
        }
    }

    /// A reason with the name of the host, where there are several.
    fn of_host(&self, id: HostId, why: &str) -> String {
        match self.hosts.get(id) {
            Some(host) if !self.hosts.is_plain() => format!("host {}: {why}", host.spec.name),
            Some(_) | None => why.to_owned(),
        }
    }

    /// It takes no part any more.
    fn give_up(&mut self, id: HostId, reason: &str) {
        self.hosts.enter(id, Stage::GivenUp(reason.to_owned()));
        self.abandon_waiting(id, reason);
    }

    fn abandon_waiting(&mut self, id: HostId, reason: &str) {
        for worker in self.fleet.waiting_on(id) {
            self.abandon(worker, reason);
        }
        self.tell_if_empty();
    }

    /// Nobody is waited for any more: hosts that are still on their way need not come.
    pub(super) fn call_off(&mut self, context: &mut Context<Self>) {
        for id in self.hosts.ids() {
            if let Some(Stage::OnItsWay(_)) = self.hosts.get(id).map(|host| &host.stage)
                && let Stage::OnItsWay(handle) = self.hosts.enter(id, Stage::None)
            {
                context.cancel_future(handle);
            }
        }
    }

    /// Whether the last agent is gone after all were sent away.
    pub(super) fn tell_if_dismissed(&self) {
        if self.hosts.iter().all(|host| host.agent().is_none()) {
            self.neighbours.session.do_send(FleetNews::Dismissed);
        }
    }
}

impl Handler<OfHost> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, OfHost { host, report }: OfHost, context: &mut Context<Self>) {
        match report {
            HostReport::Progress(step) if self.hosts.is_plain() => {
                self.publish(RunEvent::Progress(step));
            }
            HostReport::Progress(step) => self.host_news(host, HostNews::Progress(step)),
            HostReport::Notice(text) => {
                self.publish(RunEvent::Notice(self.of_host(host, &text)));
            }
            HostReport::RoundTrip(time) => self.round_trip(host, time),
            HostReport::Prepared(info) => self.host_ready(host, info),
            HostReport::Refused(refusal) => self.host_refused(host, refusal),
            HostReport::Concluded { text, failure } => match self.hosts.enter(host, Stage::None) {
                Stage::Concluding(agent) => {
                    self.hosts.enter(host, Stage::Ready(agent));
                    self.neighbours.session.do_send(FleetNews::Concluded { text, failure });
                }
                other => {
                    self.hosts.enter(host, other);
                }
            },
            HostReport::Lost { why, for_good } => self.host_lost(host, &why, for_good, context),
        }
    }
}

/// The suite as it is on a host: in the directory and by the interpreter that are meant there.
fn suite_on(suite: &Suite, host: &HostSpec) -> Suite {
    let named_by = if host.is_local() { "python= of --tx".to_owned() } else { host.to_string() };
    suite.on_host(
        host.chdir.as_deref(),
        host.python.as_deref(),
        host.provision.as_deref(),
        &named_by,
    )
}
