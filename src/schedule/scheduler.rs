//! The state machine of a run's tests: every message of a worker goes in, decisions come out.

use std::sync::Arc;

use crate::model::{Collection, Lane, Outcome, TestIndex, TestName, WorkerId, WorkerSpec};

use super::{Decision, Policy};

/// Who runs what.
pub struct Scheduler {
    policy: Box<dyn Policy>,
}

impl Scheduler {
    /// A scheduler that waits for the collections of these workers.
    pub fn new(policy: Box<dyn Policy>, expected: &[(WorkerId, WorkerSpec)]) -> Self {
        let _ = expected;
        Self { policy }
    }

    /// The policy's name (seed: `LoadScheduling`).
    pub fn policy_name(&self) -> &str {
        self.policy.name()
    }

    /// A worker is on its way: a replacement, or one more.
    pub fn worker_expected(
        &mut self,
        _worker: WorkerId,
        _spec: &WorkerSpec,
        _replaces: Option<WorkerId>,
    ) -> Vec<Decision> {
        Vec::new()
    }

    /// A worker's framework is up (seed: `addnode`).
    pub fn worker_ready(&mut self, _worker: WorkerId) -> Vec<Decision> {
        Vec::new()
    }

    /// A worker has collected (seed: `addnode_collection`, `init_distribute`).
    pub fn collected(&mut self, _worker: WorkerId, _collection: Collection) -> Vec<Decision> {
        Vec::new()
    }

    /// A worker began an item, named by its place in the worker's own collection.
    pub fn test_started(&mut self, _worker: WorkerId, _item: u32) -> Vec<Decision> {
        Vec::new()
    }

    /// The call of an item is over (seed: `remove_item`), after `duration` seconds.
    pub fn test_ran(&mut self, _worker: WorkerId, _item: u32, _duration: f64) -> Vec<Decision> {
        Vec::new()
    }

    /// All phases of an item are over.
    pub fn test_ended(
        &mut self,
        _worker: WorkerId,
        _item: u32,
        _outcome: Outcome,
        _duration: f64,
    ) -> Vec<Decision> {
        Vec::new()
    }

    /// The answer to [`Decision::Withdraw`].
    pub fn withdrawn(&mut self, _worker: WorkerId, _items: &[u32]) -> Vec<Decision> {
        Vec::new()
    }

    /// A worker's process is gone.
    pub fn worker_down(
        &mut self,
        _worker: WorkerId,
        _running: Option<u32>,
        _verdict: Outcome,
    ) -> Vec<Decision> {
        Vec::new()
    }

    /// No replacement will come for a worker.
    pub fn worker_abandoned(&mut self, _worker: WorkerId, _reason: &str) -> Vec<Decision> {
        Vec::new()
    }

    /// Dispatch ends.
    pub fn stop(&mut self, _reason: Arc<str>) -> Vec<Decision> {
        Vec::new()
    }

    /// No worker is left.
    pub fn close(&mut self, _reason: Arc<str>) -> Vec<Decision> {
        Vec::new()
    }

    /// Which test a worker's item is.
    pub fn name(&self, _worker: WorkerId, _item: u32) -> Option<(Lane, TestIndex, TestName)> {
        None
    }

    /// Whether every test has its terminal state and no more can come.
    pub fn is_complete(&self) -> bool {
        false
    }

    /// Tests without a terminal state yet.
    pub fn remaining(&self) -> usize {
        0
    }
}
