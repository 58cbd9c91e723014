//! The supervisor's book of hosts: how far each has come.

use std::time::Duration;

use actix::{Addr, SpawnHandle};

use super::host::HostActor;
use crate::model::{HostId, HostSpec, WorkerId};
use crate::supervise::HostPolicy;

/// How far a host has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// Nobody has asked for it, or it is down.
    None,
    /// It is being reached, or waits to be tried again.
    OnItsWay(SpawnHandle),
    /// Its agent prepares the suite.
    Preparing(Addr<HostActor>),
    /// It runs workers.
    Ready(Addr<HostActor>),
    /// It runs the conclusion.
    Concluding(Addr<HostActor>),
    /// It can not run the suite, for this reason.
    Refused(Addr<HostActor>, String),
    /// It takes no part any more, for this reason.
    GivenUp(String),
}

/// One host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) spec: HostSpec,
    pub(super) stage: Stage,
    pub(super) policy: HostPolicy,
    /// The workers that its agent was told to start along with the preparation.
    pub(super) ordered: Vec<WorkerId>,
    /// The least time that an order to it and the answer have taken: what is above it is the work of both sides.
    pub(super) round_trip: Option<Duration>,
}

impl Host {
    /// Its agent, if it has one.
    pub(super) fn agent(&self) -> Option<&Addr<HostActor>> {
        match &self.stage {
            Stage::Preparing(agent)
            | Stage::Ready(agent)
            | Stage::Concluding(agent)
            | Stage::Refused(agent, _) => Some(agent),
            Stage::None | Stage::OnItsWay(_) | Stage::GivenUp(_) => None,
        }
    }
}

/// All hosts of a run.
#[derive(Debug)]
pub(super) struct Hosts(Vec<Host>);

impl Hosts {
    pub(super) fn new(specs: &[HostSpec], patience: Duration) -> Self {
        let host = |spec: &HostSpec| Host {
            spec: spec.clone(),
            stage: Stage::None,
            policy: HostPolicy::new(spec.is_local(), patience),
            ordered: Vec::new(),
            round_trip: None,
        };
        Self(specs.iter().map(host).collect())
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = HostId> + use<> {
        (0..u32::try_from(self.0.len()).unwrap_or(u32::MAX)).map(HostId)
    }

    pub(super) fn get(&self, host: HostId) -> Option<&Host> {
        self.0.get(host.0 as usize)
    }

    pub(super) fn get_mut(&mut self, host: HostId) -> Option<&mut Host> {
        self.0.get_mut(host.0 as usize)
    }

    /// Puts a host at another stage; gives the one before.
    pub(super) fn enter(&mut self, host: HostId, stage: Stage) -> Stage {
        match self.get_mut(host) {
            Some(host) => std::mem::replace(&mut host.stage, stage),
            None => Stage::None,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Host> {
        self.0.iter()
    }

    /// Whether there is no other than this machine.
    pub(super) fn is_plain(&self) -> bool {
        matches!(&self.0[..], [only] if only.spec.is_local())
    }

    /// A host that can run the conclusion, this machine before others.
    pub(super) fn for_conclusion(&self) -> Option<(HostId, Addr<HostActor>)> {
        let ready = self.ids().zip(&self.0).filter_map(|(id, host)| match &host.stage {
            Stage::Ready(agent) => Some((!host.spec.is_local(), id, agent.clone())),
            _ => None,
        });
        ready.min_by_key(|(remote, id, _)| (*remote, *id)).map(|(_, id, agent)| (id, agent))
    }
}
