//! The seam for ways to share out tests: what a policy is asked, what it sees, what it may answer.

use crate::model::{Dist, Item, Lane, TestIndex, WorkerId};

use super::PolicyOptions;
use super::account::{Account, State};
use super::policies::{Each, Load, Scope, ScopeKey, WorkSteal};

/// A way to share out tests over workers.
///
/// The scheduler keeps the accounts: who holds what, what waits, what is over. A policy only says
/// which waiting tests a worker gets next; it can not lose a test or have one run twice, since a
/// [`Move`] that does not fit the account is refused with a [`Fault`](super::Decision::Fault). Nor
/// can it hang a run: when tests wait and no worker has anything to do, the scheduler itself hands
/// out the test that waits longest.
///
/// A policy that gives each worker one test at a time:
///
/// ```
/// use callsheet::model::WorkerId;
/// use callsheet::schedule::{Move, Policy, View};
///
/// struct OneAtATime;
///
/// impl Policy for OneAtATime {
///     fn name(&self) -> &str {
///         "OneAtATime"
///     }
///
///     fn refill(&mut self, worker: WorkerId, _last: Option<f64>, view: &View<'_>) -> Vec<Move> {
///         let free = usize::from(view.load(worker) == 0);
///         vec![Move::give(worker, view.waiting().take(free))]
///     }
/// }
/// ```
pub trait Policy: Send {
    /// The name shown to people (seed: `LoadScheduling`).
    fn name(&self) -> &str;

    /// Whether the workers share the tests or run all of them each. Asked once.
    fn lanes(&self) -> Lanes {
        Lanes::Shared
    }

    /// All tests wait and distribution begins: prepare, and hand out a first batch if it is to
    /// follow another rule than [`refill`](Self::refill), which is asked afterwards for each worker
    /// that got none.
    ///
    /// Called once a lane; a policy with lanes tells them apart by [`View::lane`].
    fn begin(&mut self, _view: &View<'_>) -> Vec<Move> {
        Vec::new()
    }

    /// These tests wait again, as the last ones: their worker died before it began them, or they
    /// were withdrawn. Only a policy with a queue of its own needs to know. `refill` is asked next,
    /// for the worker with the least load first.
    fn returned(&mut self, _tests: &[TestIndex], _view: &View<'_>) {}

    /// What a worker gets next, if anything. Asked whenever a worker has joined (`last` is `None`),
    /// when the call of a test is over (`last`: its seconds) and when tests came back (`None`).
    /// Moves may concern other workers too.
    fn refill(&mut self, worker: WorkerId, last: Option<f64>, view: &View<'_>) -> Vec<Move>;
}

/// How many runs through the suite there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lanes {
    /// One, shared by all workers: every test runs once.
    Shared,

    /// One a worker: every worker, together with its replacements, runs every test.
    Own,
}

/// What a policy may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Append waiting tests to a worker's queue, in this order.
    Give {
        /// The worker.
        worker: WorkerId,
        /// The tests.
        tests: Vec<TestIndex>,
    },

    /// Ask a worker for tests that it holds and has not begun. What comes back waits again; what
    /// has begun meanwhile stays.
    TakeBack {
        /// The worker.
        worker: WorkerId,
        /// The tests.
        tests: Vec<TestIndex>,
    },
}

impl Move {
    /// [`Move::Give`]; nothing happens if there are no tests.
    pub fn give(worker: WorkerId, tests: impl IntoIterator<Item = TestIndex>) -> Self {
        let tests = tests.into_iter().collect();
        Self::Give { worker, tests }
    }

    /// [`Move::TakeBack`]; nothing happens if there are no tests.
    pub fn take_back(worker: WorkerId, tests: impl IntoIterator<Item = TestIndex>) -> Self {
        let tests = tests.into_iter().collect();
        Self::TakeBack { worker, tests }
    }
}

/// What a policy sees of one lane at one moment. All but the iterators answer in constant or
/// logarithmic time.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub(super) lane: Lane,
    pub(super) items: &'a [Item],
    pub(super) account: &'a Account,
}

impl<'a> View<'a> {
    /// The lane it is about; 0 when the workers share the tests.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// The items in collection order; a [`TestIndex`] is a place in it.
    pub fn items(&self) -> &'a [Item] {
        self.items
    }

    /// How many tests nobody holds.
    pub fn waiting_len(&self) -> usize {
        self.account.waiting_len()
    }

    /// The tests that nobody holds, the longest waiting first: collection order, then what came
    /// back.
    pub fn waiting(&self) -> impl Iterator<Item = TestIndex> + use<'a> {
        self.account.waiting().map(TestIndex)
    }

    /// Whether nobody holds this test.
    pub fn is_waiting(&self, test: TestIndex) -> bool {
        self.account.state(test.0) == Some(State::Waiting)
    }

    /// How many workers can be given tests.
    pub fn workers_len(&self) -> usize {
        self.account.workers_len()
    }

    /// The workers that can be given tests, by their ids.
    pub fn workers(&self) -> impl Iterator<Item = WorkerId> + use<'a> {
        self.account.workers()
    }

    /// How many workers have a load of 0.
    pub fn idle_len(&self) -> usize {
        self.account.idle()
    }

    /// How many tests a worker has been given whose call is not over, without those on their way
    /// back.
    pub fn load(&self, worker: WorkerId) -> usize {
        self.account.load(worker).map_or(0, |load| load as usize)
    }

    /// The worker with the greatest load, and its load.
    pub fn busiest(&self) -> Option<(WorkerId, usize)> {
        let (load, worker) = self.account.busiest()?;
        Some((worker, load as usize))
    }

    /// The tests that could be taken back from a worker, the last in its queue first.
    pub fn queue_backward(&self, worker: WorkerId) -> impl Iterator<Item = TestIndex> + use<'a> {
        self.account.held_backward(worker).map(TestIndex)
    }

    /// How many tests have been asked back and are not there yet.
    pub fn coming_back_len(&self) -> usize {
        self.account.recalled()
    }
}

/// The policy that the options name.
pub fn policy(options: &PolicyOptions) -> Box<dyn Policy> {
    let scope = |key| Scope::new(options.dist.class(), key, !options.keep_scope_order);
    match options.dist {
        Dist::Each => Box::new(Each),
        Dist::Load | Dist::Stream => Box::new(Load::new(options.max_sched_chunk)),
        Dist::LoadScope => Box::new(scope(ScopeKey::Scope)),
        Dist::LoadFile => Box::new(scope(ScopeKey::File)),
        Dist::LoadGroup => Box::new(scope(ScopeKey::Group)),
        Dist::WorkSteal => Box::new(WorkSteal),
    }
}
