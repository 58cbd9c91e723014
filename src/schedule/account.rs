//! The account of one lane: the state of every test, who holds it, and the totals that make each
//! decision cheap. It refuses every step that does not follow; it decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::model::WorkerId;

use super::chain::{Chain, Links};

/// Where a test stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody holds it.
    Waiting,
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

/// What one worker holds.
#[derive(Debug, Default)]
struct Holder {
    queue: Chain,
    recalled: u32,
    running: Option<u32>,
    ran: bool,
}

impl Holder {
    /// Tests given whose call is not over and that are not on their way back.
    fn load(&self) -> u32 {
        let calling = u32::from(self.running.is_some() && !self.ran);
        u32::try_from(self.queue.len()).unwrap_or(u32::MAX) - self.recalled + calling
    }
}

/// What a worker left behind.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Begun and not over; they have got their terminal state.
    pub(super) begun: Vec<u32>,
    /// Not begun; they wait again, at the end, in this order.
    pub(super) returned: Vec<u32>,
}

/// The account of one lane.
#[derive(Debug)]
pub(super) struct Account {
    tests: Vec<(State, WorkerId)>,
    links: Links,
    waiting: Chain,
    holders: BTreeMap<WorkerId, Holder>,
    by_load: BTreeSet<(u32, WorkerId)>,
    idle: usize,
    unbegun: usize,
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
            links,
            waiting,
            holders: BTreeMap::new(),
            by_load: BTreeSet::new(),
            idle: 0,
            unbegun: tests,
            recalled: 0,
            calls: 0,
        }
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

    /// How many tests have not begun, wherever they are.
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

    /// The worker with the next greater `(load, id)`, or the least.
    pub(super) fn next_by_load(&self, after: Option<(u32, WorkerId)>) -> Option<(u32, WorkerId)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_load.range((from, Bound::Unbounded)).next().copied()
    }

    pub(super) fn busiest(&self) -> Option<(u32, WorkerId)> {
        self.by_load.last().copied()
    }

    /// What could be withdrawn from a worker, the last given first.
    pub(super) fn held_backward(&self, worker: WorkerId) -> impl Iterator<Item = u32> {
        self.holders
            .get(&worker)
            .into_iter()
            .flat_map(|holder| self.links.backward(holder.queue))
            .filter(|test| self.tests[*test as usize].0 == State::Held)
    }

    /// A worker can be given tests from now on.
    pub(super) fn join(&mut self, worker: WorkerId) {
        self.holders.insert(worker, Holder::default());
        self.by_load.insert((0, worker));
        self.idle += 1;
    }

    /// A worker is gone. `told` is the test that is said to have begun, whatever the account says.
    pub(super) fn leave(&mut self, worker: WorkerId, told: Option<u32>) -> Left {
        let told = told.filter(|test| self.in_queue(worker, *test));
        if let Some(test) = told {
            self.take(worker, test);
            self.unbegun -= 1;
            self.tests[test as usize].0 = State::Over;
        }
        let Some(mut holder) = self.holders.remove(&worker) else {
            return Left::default();
        };
        let load = holder.load();
        self.by_load.remove(&(load, worker));
        self.idle -= usize::from(load == 0);
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
        if !self.has(worker) || self.state(test) != Some(State::Waiting) {
            return false;
        }
        self.links.remove(&mut self.waiting, test);
        self.tests[test as usize] = (State::Held, worker);
        self.change(worker, |links, holder| links.push(&mut holder.queue, test));
        true
    }

    /// A held test is asked back.
    pub(super) fn recall(&mut self, worker: WorkerId, test: u32) -> bool {
        if self.tests.get(test as usize) != Some(&(State::Held, worker)) {
            return false;
        }
        self.tests[test as usize].0 = State::Recalled;
        self.recalled += 1;
        self.change(worker, |_, holder| holder.recalled += 1);
        true
    }

    /// A test asked back did not come: it has begun, or is about to.
    pub(super) fn keep(&mut self, worker: WorkerId, test: u32) {
        if self.tests.get(test as usize) == Some(&(State::Recalled, worker)) {
            self.tests[test as usize].0 = State::Held;
            self.recalled -= 1;
            self.change(worker, |_, holder| holder.recalled -= 1);
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
        if !self.in_queue(worker, test) || !self.holders.get(&worker).is_some_and(free) {
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

    /// Every test that waits gets its terminal state.
    pub(super) fn write_off(&mut self) -> Vec<u32> {
        let tests: Vec<u32> = self.waiting().collect();
        for test in &tests {
            self.links.remove(&mut self.waiting, *test);
            self.tests[*test as usize].0 = State::Over;
        }
        self.unbegun -= tests.len();
        tests
    }

    fn in_queue(&self, worker: WorkerId, test: u32) -> bool {
        self.tests.get(test as usize).is_some_and(|(state, holder)| {
            *holder == worker && matches!(state, State::Held | State::Recalled)
        })
    }

    /// Out of the queue of its holder, with a recall that is under way.
    fn take(&mut self, worker: WorkerId, test: u32) {
        let recalled = u32::from(self.tests[test as usize].0 == State::Recalled);
        self.recalled -= recalled as usize;
        self.change(worker, |links, holder| {
            links.remove(&mut holder.queue, test);
            holder.recalled -= recalled;
        });
    }

    fn change(&mut self, worker: WorkerId, act: impl FnOnce(&mut Links, &mut Holder)) {
        let Some(holder) = self.holders.get_mut(&worker) else {
            return;
        };
        let before = holder.load();
        act(&mut self.links, holder);
        let after = holder.load();
        if before != after {
            self.by_load.remove(&(before, worker));
            self.by_load.insert((after, worker));
            self.idle -= usize::from(before == 0);
            self.idle += usize::from(after == 0);
        }
    }
}
