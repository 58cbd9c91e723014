//! The seam for ways to share out tests: what a policy is asked, what it sees, what it may answer.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Dist, Item, Lane, TestFile, TestIndex, WorkerId};

use super::account::{Account, State};
use super::files::Files;
use super::policies::{Each, Load, Scope, ScopeKey, Stream, WorkSteal};
use super::{Estimates, PolicyOptions};

/// What a test is taken to last where nobody has seen any: the short unit test that most are.
const USUAL: Duration = Duration::from_millis(10);

/// No test is taken to last less, so that the tests ahead of a far worker have a limit: what it takes a worker to begin and to
/// tell of one.
const SHORTEST: Duration = Duration::from_millis(1);

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

    /// Whether it hands out files whose tests become known as they are looked into. Asked once. Where a worker can not
    /// do that, another policy takes its place.
    fn streams(&self) -> bool {
        false
    }

    /// The policy that takes its place where a worker can not hand over files one by one.
    fn fallback(&mut self) -> Box<dyn Policy> {
        Box::new(Load::new(None))
    }

    /// What the tests of a file are likely to weigh, for [`View::weight`] and [`View::heaviest`]. Only asked of a policy
    /// that [streams](Self::streams).
    fn weigh_file(&mut self, _file: &TestFile) -> u32 {
        1
    }

    /// What a test is likely to weigh. Only asked of a policy that [streams](Self::streams).
    fn weigh_test(&mut self, _item: &Item) -> u32 {
        1
    }

    /// Whether a test is left to [`made`](Self::made) although the worker that made its file runs the others at once. Only
    /// asked of a policy that [streams](Self::streams).
    fn leaves_apart(&mut self, _item: &Item) -> bool {
        false
    }

    /// The tests of a file are known since a worker made them: `tests` are places in [`View::items`]. They wait, unless
    /// the worker runs them at once. Refill is asked next, for the worker that made them.
    fn made(&mut self, _file: u32, _tests: Range<u32>, _view: &View<'_>) {}

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

    /// Nobody was told to look into these files any more.
    fn files_returned(&mut self, _files: &[u32], _view: &View<'_>) {}

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

    /// Have a worker look into a file that waits. Only where the policy [streams](Policy::streams).
    GiveFile {
        /// The worker.
        worker: WorkerId,
        /// The file, a place in [`View::files`].
        file: u32,
        /// Whether it runs the file's tests at once; else they wait when they are known.
        run: bool,
    },

    /// Ask a worker for a file that it holds and has not begun to look into.
    TakeBackFile {
        /// The worker.
        worker: WorkerId,
        /// The file.
        file: u32,
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
    pub(super) files: Option<&'a Files>,
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

    /// Whether a worker can be given tests.
    pub fn has_worker(&self, worker: WorkerId) -> bool {
        self.account.has(worker)
    }

    /// How many workers have a load of 0.
    pub fn idle_len(&self) -> usize {
        self.account.idle()
    }

    /// How many tests a worker has been given whose call is not over, without those on their way
    /// back, and how many files that it has still to look into.
    pub fn load(&self, worker: WorkerId) -> usize {
        self.account.load(worker).map_or(0, |load| load as usize)
    }

    /// Whether a worker is in the set-up or call of a test.
    pub fn is_in_test(&self, worker: WorkerId) -> bool {
        self.account.is_calling(worker)
    }

    /// How long an order to a worker and its answer are on their way; nothing on this machine.
    pub fn away(&self, worker: WorkerId) -> Duration {
        self.account.away(worker)
    }

    /// How many tests a worker runs while an order to it is on its way, if they take as long as its last one did.
    pub fn tests_on_the_way(&self, worker: WorkerId, last: Option<f64>) -> usize {
        let each = last.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let each = each.unwrap_or(USUAL).max(SHORTEST);
        usize::try_from(self.away(worker).as_micros().div_ceil(each.as_micros()))
            .unwrap_or(usize::MAX)
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

    /// How many tests and files have been asked back and are not there yet.
    pub fn coming_back_len(&self) -> usize {
        self.account.recalled() + self.files.map_or(0, Files::recalled)
    }

    /// The files of a streamed collection, in the order of the listing.
    pub fn files(&self) -> &'a [TestFile] {
        self.files.map_or(&[], Files::listing)
    }

    /// The files that nobody was told to look into, in the order of the listing.
    pub fn files_waiting(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.files.into_iter().flat_map(Files::waiting)
    }

    /// How many files nobody was told to look into.
    pub fn files_waiting_len(&self) -> usize {
        self.files.map_or(0, Files::waiting_len)
    }

    /// Whether nobody was told to look into a file.
    pub fn is_file_waiting(&self, file: u32) -> bool {
        self.files.is_some_and(|files| files.is_waiting(file))
    }

    /// Whether a worker was told to look into a file and has not done so yet.
    pub fn is_maker(&self, worker: WorkerId, file: u32) -> bool {
        self.files.is_some_and(|files| files.is_maker(worker, file))
    }

    /// Whether a worker has neither tests nor files to look into.
    pub fn is_free(&self, worker: WorkerId) -> bool {
        self.load(worker) == 0
    }

    /// Whether the tests of a file will never be known.
    pub fn is_file_lost(&self, file: u32) -> bool {
        self.files.is_none_or(|files| files.is_over(file))
    }

    /// The files that could be taken back from a worker, the last given first.
    pub fn files_backward(&self, worker: WorkerId) -> impl Iterator<Item = u32> + use<'a> {
        self.files.into_iter().flat_map(move |files| files.held_backward(worker))
    }

    /// The file of a test.
    pub fn file_of(&self, test: TestIndex) -> Option<u32> {
        self.files?.file_of(test.0)
    }

    /// The tests of a file, if they are known.
    pub fn tests_of(&self, file: u32) -> Option<Range<u32>> {
        self.files?.tests_of(file)
    }

    /// What a file weighs, as [`Policy::weigh_file`] said.
    pub fn file_weight(&self, file: u32) -> u32 {
        self.files.map_or(1, |files| files.weight_of(file))
    }

    /// What a test weighs, as [`Policy::weigh_test`] said.
    pub fn test_weight(&self, test: TestIndex) -> u32 {
        self.account.weight_of(test.0)
    }

    /// The weight of the tests whose call is not over and the files that a worker holds, without those on their way
    /// back; 0 unless the policy [streams](Policy::streams).
    pub fn weight(&self, worker: WorkerId) -> u64 {
        self.account.weight(worker)
    }

    /// The workers by the weight of what they have not begun, the heaviest first; none unless the policy
    /// [streams](Policy::streams).
    pub fn heaviest(&self) -> impl Iterator<Item = (u64, WorkerId)> + use<'a> {
        self.account.heaviest()
    }
}

/// The policy that the options name, for a run that was asked to have this many workers; `estimates` is what past runs
/// tell of the tests.
pub fn policy(
    options: &PolicyOptions,
    workers: usize,
    estimates: Arc<Estimates>,
) -> Box<dyn Policy> {
    let scope = |key| Scope::new(options.dist.class(), key, !options.keep_scope_order);
    match options.dist {
        Dist::Each => Box::new(Each),
        Dist::Load => Box::new(Load::new(options.max_sched_chunk)),
        Dist::Stream => Box::new(Stream::new(estimates, workers, options.max_sched_chunk)),
        Dist::LoadScope => Box::new(scope(ScopeKey::Scope)),
        Dist::LoadFile => Box::new(scope(ScopeKey::File)),
        Dist::LoadGroup => Box::new(scope(ScopeKey::Group)),
        Dist::WorkSteal => Box::new(WorkSteal),
    }
}
