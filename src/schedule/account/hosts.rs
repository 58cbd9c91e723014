//! What the account keeps because workers run on other hosts: how far away they are, and tests that were lost with one.

use std::time::Duration;

use super::{Account, State};
use crate::model::WorkerId;

impl Account {
    /// How far away a worker is, there and back.
    pub(in crate::schedule) fn away(&self, worker: WorkerId) -> Duration {
        self.holders.get(&worker).map_or(Duration::ZERO, |holder| holder.away)
    }

    /// A worker is so far away, there and back.
    pub(in crate::schedule) fn set_away(&mut self, worker: WorkerId, time: Duration) {
        if let Some(holder) = self.holders.get_mut(&worker) {
            holder.away = time;
        }
    }

    /// A begun test whose worker has [left](Self::leave) waits again, as the last one.
    pub(in crate::schedule) fn revive(&mut self, test: u32) {
        self.links.push(&mut self.waiting, test);
        self.tests[test as usize].0 = State::Waiting;
        self.unbegun += 1;
    }
}
