//! The supervisor's book of workers: who exists or is about to, and how far it has come.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use actix::Addr;

use super::worker::WorkerActor;
use crate::model::{HostId, WorkerId, WorkerSpec};

/// How far a worker has come.
#[derive(Debug)]
enum Stage {
    /// Announced; its time to be started has not come.
    Announced,
    /// It waits for its host.
    Waiting,
    /// Its actor is there.
    Started { actor: Addr<WorkerActor>, since: Instant },
}

/// A worker that exists or is about to.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) spec: WorkerSpec,
    stage: Stage,
}

impl Member {
    fn is_started(&self) -> bool {
        matches!(self.stage, Stage::Started { .. })
    }

    fn actor(&self) -> Option<&Addr<WorkerActor>> {
        match &self.stage {
            Stage::Announced | Stage::Waiting => None,
            Stage::Started { actor, .. } => Some(actor),
        }
    }

    /// When it was started; now, if it was not.
    pub(super) fn since(&self) -> Instant {
        match self.stage {
            Stage::Announced | Stage::Waiting => Instant::now(),
            Stage::Started { since, .. } => since,
        }
    }
}

/// All workers that are not dead.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    next_id: u32,
    members: BTreeMap<WorkerId, Member>,
    /// Whose they are: asked for with every step of a host, when there may be very many others.
    by_host: HashMap<HostId, BTreeSet<WorkerId>>,
    /// How many have no actor: asked for after each death, when there may be very many others.
    unstarted: usize,
}

impl Fleet {
    /// A new worker under an id never used before.
    pub(super) fn recruit(&mut self, spec: WorkerSpec) -> WorkerId {
        let worker = WorkerId(self.next_id);
        self.next_id += 1;
        self.by_host.entry(spec.host).or_default().insert(worker);
        self.members.insert(worker, Member { spec, stage: Stage::Announced });
        self.unstarted += 1;
        worker
    }

    pub(super) fn has(&self, worker: WorkerId) -> bool {
        self.members.contains_key(&worker)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The specification of a worker.
    pub(super) fn spec(&self, worker: WorkerId) -> Option<&WorkerSpec> {
        self.members.get(&worker).map(|member| &member.spec)
    }

    /// A worker's time to be started has come, but its host is not ready.
    pub(super) fn wait(&mut self, worker: WorkerId) {
        self.enter(worker, Stage::Waiting);
    }

    /// A worker has its actor.
    pub(super) fn started(&mut self, worker: WorkerId, actor: Addr<WorkerActor>) {
        self.enter(worker, Stage::Started { actor, since: Instant::now() });
    }

    fn enter(&mut self, worker: WorkerId, stage: Stage) {
        if let Some(member) = self.members.get_mut(&worker) {
            self.unstarted -= usize::from(!member.is_started());
            member.stage = stage;
            self.unstarted += usize::from(!member.is_started());
        }
    }

    pub(super) fn remove(&mut self, worker: WorkerId) -> Option<Member> {
        let member = self.members.remove(&worker)?;
        self.unstarted -= usize::from(!member.is_started());
        if let Some(workers) = self.by_host.get_mut(&member.spec.host) {
            workers.remove(&worker);
        }
        Some(member)
    }

    /// The workers that wait for this host, the oldest first.
    pub(super) fn waiting_on(&self, host: HostId) -> Vec<WorkerId> {
        self.at(host, |member| matches!(member.stage, Stage::Waiting))
    }

    /// The workers of this host without an actor, the oldest first.
    pub(super) fn unstarted_on(&self, host: HostId) -> Vec<WorkerId> {
        self.at(host, |member| !member.is_started())
    }

    /// The workers of this host with an actor, the oldest first.
    pub(super) fn started_on(&self, host: HostId) -> Vec<WorkerId> {
        self.at(host, Member::is_started)
    }

    /// Whether anybody runs on this host or is to.
    pub(super) fn has_any_on(&self, host: HostId) -> bool {
        self.on(host).next().is_some()
    }

    /// The workers without an actor, the oldest first.
    pub(super) fn unstarted(&self) -> Vec<WorkerId> {
        if self.unstarted == 0 {
            return Vec::new();
        }
        let unstarted = self.members.iter().filter(|(_, member)| !member.is_started());
        unstarted.map(|(worker, _)| *worker).collect()
    }

    fn on(&self, host: HostId) -> impl Iterator<Item = (WorkerId, &Member)> {
        let workers = self.by_host.get(&host).into_iter().flatten();
        workers.filter_map(|worker| Some((*worker, self.members.get(worker)?)))
    }

    fn at(&self, host: HostId, is_meant: impl Fn(&Member) -> bool) -> Vec<WorkerId> {
        let meant = self.on(host).filter(|(_, member)| is_meant(member));
        meant.map(|(worker, _)| worker).collect()
    }

    /// The actors of all workers that have one.
    pub(super) fn actors(&self) -> impl Iterator<Item = &Addr<WorkerActor>> {
        self.members.values().filter_map(Member::actor)
    }

    /// The actors of the workers of this host.
    pub(super) fn actors_on(&self, host: HostId) -> impl Iterator<Item = &Addr<WorkerActor>> {
        self.on(host).filter_map(|(_, member)| member.actor())
    }
}
