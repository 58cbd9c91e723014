//! The account of one lane: the state of every test, who holds it, and the totals that make each
//! decision cheap. It refuses every step that does not follow; it decides nothing.

mod hosts;
mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::model::WorkerId;

use super::chain::{Chain, Links};
use super::holder::{Holder, Left};

/// Where a test stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody holds it.
    Waiting,
    /// Nobody holds it, and it is not the policy's to give.
    Kept,
    /// With a worker, not begun, and not to be had back: the worker has still to make the test, or is about to begin it.
    Bound,
    /// In a worker's queue, not begun.
    Held,
    /// In a worker's queue with a withdrawal under way; the worker may begin it before that
    /// arrives.
    Recalled,
    /// Begun.
    Running,
    /// Begun, its call is over.
    Ran,
    /// It has its terminal state.
    Over,
}

/// The account of one lane.
#[derive(Debug)]
pub(super) struct Account {
    tests: Vec<(State, WorkerId)>,
    /// What each test weighs; empty where nobody asks.
    weights: Vec<u32>,
    links: Links,
    waiting: Chain,
    holders: BTreeMap<WorkerId, Holder>,
    /// Those that run what they hold and are given nothing any more.
    leaving: BTreeMap<WorkerId, Holder>,
    by_load: BTreeSet<(u32, WorkerId)>,
    by_weight: BTreeSet<(u64, WorkerId)>,
    weighed: bool,
    idle: usize,
    unbegun: usize,
    kept: usize,
    recalled: usize,
    calls: usize,
}

impl Account {
    /// All tests wait, in order.
    pub(super) fn new(tests: usize) -> Self {
        let mut links = Links::new(tests);
        let mut waiting = Chain::default();
        for (test, _) in (0..).zip(0..tests) {
            links.push(&mut waiting, test);
        }
        Self {
            tests: vec![(State::Waiting, WorkerId(0)); tests],
            weights: Vec::new(),
            links,
            waiting,
            holders: BTreeMap::new(),
            leaving: BTreeMap::new(),
            by_load: BTreeSet::new(),
            by_weight: BTreeSet::new(),
            weighed: false,
            idle: 0,
            unbegun: tests,
            kept: 0,
            recalled: 0,
            calls: 0,
        }
    }

    /// No tests yet; those that come have a weight.
    pub(super) fn streamed() -> Self {
        Self { weighed: true, ..Self::new(0) }
    }

    /// More tests wait, as the last ones; their numbers go on from those there are.
    pub(super) fn grow(&mut self, weights: impl IntoIterator<Item = u32>) {
        let before = self.tests.len();
        self.weights.extend(weights);
        let more = self.weights.len() - before;
        self.tests.resize(before + more, (State::Waiting, WorkerId(0)));
        self.links.grow(more);
        self.unbegun += more;
        // Not by skipping those before, which would look at each of them for every file.
        let first = u32::try_from(before).unwrap_or(u32::MAX);
        for (test, _) in (first..).zip(&self.tests[before..]) {
            self.links.push(&mut self.waiting, test);
        }
    }

    /// What a test weighs.
    pub(super) fn weight_of(&self, test: u32) -> u32 {
        self.weights.get(test as usize).copied().unwrap_or(1)
    }

    pub(super) fn len(&self) -> usize {
        self.tests.len()
    }

    pub(super) fn state(&self, test: u32) -> Option<State> {
        self.tests.get(test as usize).map(|(state, _)| *state)
    }

    /// How many tests nobody holds.
    pub(super) fn waiting_len(&self) -> usize {
        self.waiting.len()
    }

    /// The tests that nobody holds, the longest waiting first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = u32> {
        self.links.forward(self.waiting)
    }

    /// How many tests have not begun and are not kept back, wherever they are.
    pub(super) fn unbegun(&self) -> usize {
        self.unbegun
    }

    /// How many tests are on their way back.
    pub(super) fn recalled(&self) -> usize {
        self.recalled
    }

    /// Whether no worker has anything to do or to answer.
    pub(super) fn is_still(&self) -> bool {
        self.calls == 0 && self.unbegun == self.waiting.len()
    }

    pub(super) fn has(&self, worker: WorkerId) -> bool {
        self.holders.contains_key(&worker)
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = WorkerId> {
        self.holders.keys().copied()
    }

    pub(super) fn workers_len(&self) -> usize {
        self.holders.len()
    }

    /// How many workers have a load of 0.
    pub(super) fn idle(&self) -> usize {
        self.idle
    }

    pub(super) fn load(&self, worker: WorkerId) -> Option<u32> {
        self.holders.get(&worker).map(Holder::load)
    }

    /// Whether a worker is in a test whose call is not over.
    pub(super) fn is_calling(&self, worker: WorkerId) -> bool {
        self.holders.get(&worker).is_some_and(|holder| holder.running.is_some() && !holder.ran)
    }

    /// The worker with the next greater `(load, id)`, or the least.
    pub(super) fn next_by_load(&self, after: Option<(u32, WorkerId)>) -> Option<(u32, WorkerId)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_load.range((from, Bound::Unbounded)).next().copied()
    }

    pub(super) fn busiest(&self) -> Option<(u32, WorkerId)> {
        self.by_load.last().copied()
    }

    /// The weight of all that a worker has been given and whose call is not over.
    pub(super) fn weight(&self, worker: WorkerId) -> u64 {
        self.holders.get(&worker).map_or(0, |holder| {
            let running = holder.running.filter(|_| !holder.ran);
            holder.weight + running.map_or(0, |test| u64::from(self.weight_of(test)))
        })
    }

    /// The workers with the weight of what they have not begun, the heaviest first.
    pub(super) fn heaviest(&self) -> impl Iterator<Item = (u64, WorkerId)> {
        self.by_weight.iter().rev().copied()
    }

    /// A worker is to make the tests of a file.
    pub(super) fn hold_file(&mut self, worker: WorkerId, weight: u32) {
        self.change(worker, |_, holder| {
            holder.files += 1;
            holder.weight += u64::from(weight);
        });
    }

    /// A worker has no longer to do with a file that it held.
    pub(super) fn release_file(&mut self, worker: WorkerId, weight: u32) {
        self.change(worker, |_, holder| {
            holder.files = holder.files.saturating_sub(1);
            holder.weight = holder.weight.saturating_sub(u64::from(weight));
        });
    }

    /// What could be withdrawn from a worker, the last given first.
    pub(super) fn held_backward(&self, worker: WorkerId) -> impl Iterator<Item = u32> {
        self.holder(worker)
            .into_iter()
            .flat_map(|holder| self.links.backward(holder.queue))
            .filter(|test| self.tests[*test as usize].0 == State::Held)
    }

    /// A worker can be given tests from now on.
    pub(super) fn join(&mut self, worker: WorkerId) {
        self.holders.insert(worker, Holder::default());
        self.by_load.insert((0, worker));
        if self.weighed {
            self.by_weight.insert((0, worker));
        }
        self.idle += 1;
    }

    /// A worker is given nothing any more.
    pub(super) fn exclude(&mut self, worker: WorkerId) {
        if let Some(holder) = self.holders.remove(&worker) {
            self.forget(worker, &holder);
            self.leaving.insert(worker, holder);
        }
    }

    /// A worker is no longer among those that can be given something.
    fn forget(&mut self, worker: WorkerId, holder: &Holder) {
        let load = holder.load();
        self.by_load.remove(&(load, worker));
        self.by_weight.remove(&(holder.weight, worker));
        self.idle -= usize::from(load == 0);
    }

    fn holder(&self, worker: WorkerId) -> Option<&Holder> {
        self.holders.get(&worker).or_else(|| self.leaving.get(&worker))
    }

    /// A worker is gone. `told` is the test that is said to have begun, whatever the account says.
    pub(super) fn leave(&mut self, worker: WorkerId, told: Option<u32>) -> Left {
        let told = told.filter(|test| self.in_queue(worker, *test));
        if let Some(test) = told {
            self.take(worker, test);
            self.unbegun -= 1;
            self.tests[test as usize].0 = State::Over;
        }
        let mut holder = match self.holders.remove(&worker) {
            Some(holder) => {
                self.forget(worker, &holder);
                holder
            }
            None => match self.leaving.remove(&worker) {
                Some(holder) => holder,
                None => return Left::default(),
            },
        };
        self.recalled -= holder.recalled as usize;
        let mut left = Left::default();
        if let Some(test) = holder.running {
            self.calls -= usize::from(!holder.ran);
            self.tests[test as usize].0 = State::Over;
            left.begun.push(test);
        }
        left.begun.extend(told);
        left.returned = self.links.forward(holder.queue).collect();
        for test in &left.returned {
            self.links.remove(&mut holder.queue, *test);
            self.links.push(&mut self.waiting, *test);
            self.tests[*test as usize].0 = State::Waiting;
        }
        left
    }

    /// A waiting test goes to a worker.
    pub(super) fn give(&mut self, worker: WorkerId, test: u32) -> bool {
        self.hand_over(worker, test, State::Held, Links::push)
    }

    /// A waiting test goes to a worker before all that it holds.
    pub(super) fn give_first(&mut self, worker: WorkerId, test: u32) -> bool {
        self.hand_over(worker, test, State::Held, Links::push_front)
    }

    /// A waiting test is meant for a worker that can not run it yet.
    pub(super) fn promise(&mut self, worker: WorkerId, test: u32) -> bool {
        self.hand_over(worker, test, State::Bound, Links::push)
    }

    /// A promised test has been handed over.
    pub(super) fn fulfil(&mut self, worker: WorkerId, test: u32) -> bool {
        let promised = self.tests.get(test as usize) == Some(&(State::Bound, worker));
        if promised {
            self.tests[test as usize].0 = State::Held;
        }
        promised
    }

    fn hand_over(
        &mut self,
        worker: WorkerId,
        test: u32,
        state: State,
        put: impl FnOnce(&mut Links, &mut Chain, u32),
    ) -> bool {
        if !self.has(worker) || self.state(test) != Some(State::Waiting) {
            return false;
        }
        let weight = u64::from(self.weight_of(test));
        self.links.remove(&mut self.waiting, test);
        self.tests[test as usize] = (state, worker);
        self.change(worker, |links, holder| {
            put(links, &mut holder.queue, test);
            holder.weight += weight;
        });
        true
    }

    /// A held test is asked back.
    pub(super) fn recall(&mut self, worker: WorkerId, test: u32) -> bool {
        if self.tests.get(test as usize) != Some(&(State::Held, worker)) {
            return false;
        }
        self.tests[test as usize].0 = State::Recalled;
        self.recalled += 1;
        let weight = u64::from(self.weight_of(test));
        self.change(worker, |_, holder| {
            holder.recalled += 1;
            holder.weight -= weight;
        });
        true
    }

    /// A test asked back did not come: it has begun, or is about to.
    pub(super) fn keep(&mut self, worker: WorkerId, test: u32) {
        if self.tests.get(test as usize) == Some(&(State::Recalled, worker)) {
            self.tests[test as usize].0 = State::Bound;
            self.recalled -= 1;
            let weight = u64::from(self.weight_of(test));
            self.change(worker, |_, holder| {
                holder.recalled -= 1;
                holder.weight += weight;
            });
        }
    }

    /// A worker no longer has a test that has not begun; it waits again.
    pub(super) fn put_back(&mut self, worker: WorkerId, test: u32) -> bool {
        if !self.in_queue(worker, test) {
            return false;
        }
        self.take(worker, test);
        self.links.push(&mut self.waiting, test);
        self.tests[test as usize].0 = State::Waiting;
        true
    }

    /// A worker begins a test; only one at a time.
    pub(super) fn start(&mut self, worker: WorkerId, test: u32) -> bool {
        let free = |holder: &Holder| holder.running.is_none();
        if !self.in_queue(worker, test) || !self.holder(worker).is_some_and(free) {
            return false;
        }
        self.take(worker, test);
        self.unbegun -= 1;
        self.calls += 1;
        self.tests[test as usize].0 = State::Running;
        self.change(worker, |_, holder| holder.running = Some(test));
        true
    }

    /// The call of a running test is over.
    pub(super) fn ran(&mut self, worker: WorkerId, test: u32) -> bool {
        if self.tests.get(test as usize) != Some(&(State::Running, worker)) {
            return false;
        }
        self.tests[test as usize].0 = State::Ran;
        self.calls -= 1;
        self.change(worker, |_, holder| holder.ran = true);
        true
    }

    /// A begun test is over; its call must be over before.
    pub(super) fn end(&mut self, worker: WorkerId, test: u32) -> bool {
        if self.tests.get(test as usize) != Some(&(State::Ran, worker)) {
            return false;
        }
        self.tests[test as usize].0 = State::Over;
        self.change(worker, |_, holder| {
            holder.running = None;
            holder.ran = false;
        });
        true
    }

    fn in_queue(&self, worker: WorkerId, test: u32) -> bool {
        self.tests.get(test as usize).is_some_and(|(state, holder)| {
            *holder == worker && matches!(state, State::Bound | State::Held | State::Recalled)
        })
    }

    /// Out of the queue of its holder, with a recall that is under way.
    fn take(&mut self, worker: WorkerId, test: u32) {
        let recalled = u32::from(self.tests[test as usize].0 == State::Recalled);
        let weight = if recalled == 0 { u64::from(self.weight_of(test)) } else { 0 };
        self.recalled -= recalled as usize;
        self.change(worker, |links, holder| {
            links.remove(&mut holder.queue, test);
            holder.recalled -= recalled;
            holder.weight -= weight;
        });
    }

    fn change(&mut self, worker: WorkerId, act: impl FnOnce(&mut Links, &mut Holder)) {
        let Some(holder) = self.holders.get_mut(&worker) else {
            if let Some(holder) = self.leaving.get_mut(&worker) {
                act(&mut self.links, holder);
            }
            return;
        };
        let (before, weighed) = (holder.load(), holder.weight);
        act(&mut self.links, holder);
        let after = holder.load();
        if self.weighed && weighed != holder.weight {
            self.by_weight.remove(&(weighed, worker));
            self.by_weight.insert((holder.weight, worker));
        }
        if before != after {
            self.by_load.remove(&(before, worker));
            self.by_load.insert((after, worker));
            self.idle -= usize::from(before == 0);
            self.idle += usize::from(after == 0);
        }
    }
}
