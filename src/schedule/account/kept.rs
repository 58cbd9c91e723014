//! Tests that are not the policy's to give, and those that come back from their end.

use crate::model::WorkerId;

use super::{Account, State};

impl Account {
    /// How many tests are kept back from the policy.
    pub(in crate::schedule) fn kept(&self) -> usize {
        self.kept
    }

    /// How many tests are in their set-up or call.
    pub(in crate::schedule) fn calls(&self) -> usize {
        self.calls
    }

    /// The workers that are in a test, whose call may be over.
    pub(in crate::schedule) fn begun(&self) -> impl Iterator<Item = (WorkerId, u32)> {
        let holders = self.holders.iter().chain(&self.leaving);
        holders.filter_map(|(worker, holder)| Some((*worker, holder.running?)))
    }

    /// Whose queue a test that is in one stands in.
    pub(in crate::schedule) fn holder_of(&self, test: u32) -> WorkerId {
        self.tests[test as usize].1
    }

    /// A waiting test is kept back from the policy.
    pub(in crate::schedule) fn keep_back(&mut self, test: u32) -> bool {
        if self.state(test) != Some(State::Waiting) {
            return false;
        }
        self.links.remove(&mut self.waiting, test);
        self.tests[test as usize].0 = State::Kept;
        self.unbegun -= 1;
        self.kept += 1;
        true
    }

    /// A test whose end was not its last is kept back to be run again.
    pub(in crate::schedule) fn reopen(&mut self, test: u32) -> bool {
        if self.state(test) != Some(State::Over) {
            return false;
        }
        self.tests[test as usize].0 = State::Kept;
        self.kept += 1;
        true
    }

    /// A test that was kept back waits.
    pub(in crate::schedule) fn let_go(&mut self, test: u32) -> bool {
        if self.state(test) != Some(State::Kept) {
            return false;
        }
        self.kept -= 1;
        self.unbegun += 1;
        self.tests[test as usize].0 = State::Waiting;
        self.links.push(&mut self.waiting, test);
        true
    }

    /// A test that waits gets its terminal state.
    pub(in crate::schedule) fn give_up(&mut self, test: u32) -> bool {
        let given_up = self.keep_back(test);
        if given_up {
            self.kept -= 1;
            self.tests[test as usize].0 = State::Over;
        }
        given_up
    }

    /// A waiting test stands at the head of a worker's queue, whether or not that is given anything any more.
    pub(in crate::schedule) fn found_with(&mut self, worker: WorkerId, test: u32) -> bool {
        let Some(holder) = self.leaving.remove(&worker) else {
            return self.give_first(worker, test);
        };
        // For this once it is among those that can be given something.
        self.holders.insert(worker, holder);
        self.idle += usize::from(self.load(worker) == Some(0));
        let given = self.give_first(worker, test);
        self.exclude(worker);
        given
    }

    /// Every test that waits or is kept back gets its terminal state.
    pub(in crate::schedule) fn write_off(&mut self) -> Vec<u32> {
        if self.kept > 0 {
            let kept = (0..).zip(&self.tests).filter(|(_, (state, _))| *state == State::Kept);
            for test in kept.map(|(test, _)| test).collect::<Vec<u32>>() {
                self.let_go(test);
            }
        }
        let tests: Vec<u32> = self.waiting().collect();
        for test in &tests {
            self.links.remove(&mut self.waiting, *test);
            self.tests[*test as usize].0 = State::Over;
        }
        self.unbegun -= tests.len();
        tests
    }
}
