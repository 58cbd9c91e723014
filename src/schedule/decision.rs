//! What the scheduler decides: commands for workers, and the account of tests for everybody else.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::model::{
    Batch, CollectionDiff, Lane, Outcome, StopReason, TestIndex, TestName, WorkerId,
};

/// One thing to be done or published. A call's decisions are carried out in the order given.
///
/// For each test of a collection in force there is exactly one terminal decision in a run:
/// [`Finished`](Self::Finished), [`Crashed`](Self::Crashed) or [`NotRun`](Self::NotRun).
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Command: add these to the worker's queue.
    Run {
        /// The worker.
        worker: WorkerId,
        /// Places in the worker's own collection, with what holds for them.
        batch: Batch,
    },

    /// Command: make the tests of these files, behind what is in the worker's queue.
    Make {
        /// The worker.
        worker: WorkerId,
        /// Places in the worker's own listing.
        files: Vec<u32>,
        /// Whether it runs the tests of each as soon as they are made.
        run: bool,
    },

    /// Command: take back what of these has not begun; answer with
    /// [`withdrawn`](super::Scheduler::withdrawn), once a command. The tests of a file that is being made are then not
    /// run at once.
    Withdraw {
        /// The worker.
        worker: WorkerId,
        /// Places in the worker's own collection.
        items: Vec<u32>,
        /// Places in the worker's own listing.
        files: Vec<u32>,
    },

    /// Command: nothing more will come; end the session when the queue is empty. At most once a
    /// worker.
    Finish {
        /// The worker.
        worker: WorkerId,
    },

    /// All collections are in and equal; the first tests go out next (seed: "scheduling tests via
    /// …").
    Scheduling {
        /// How many terminal states there will be (`each`: the sum over all lanes).
        tests: u32,
        /// How many workers take part from the start.
        workers: u32,
        /// How many files there are whose tests are still to be known, if the collection is streamed.
        files: Option<u32>,
    },

    /// The tests of a file are known.
    FileCollected {
        /// The worker that has made them.
        worker: WorkerId,
        /// The file.
        file: Arc<str>,
        /// How many tests it has.
        tests: u32,
        /// How many were deselected.
        deselected: u32,
        /// How many files are still to come.
        files_left: u32,
    },

    /// The worker died while it made the tests of this file, which nobody will run.
    FileCrashed {
        /// The worker.
        worker: WorkerId,
        /// The file.
        file: Arc<str>,
    },

    /// Nobody will look into this file.
    FileNotRun {
        /// The file.
        file: Arc<str>,
        /// Why, for people.
        reason: Arc<str>,
        /// Whether it was lost to a failure of the infrastructure, not left out on purpose.
        lost: bool,
    },

    /// A test began.
    Started {
        /// Where.
        worker: WorkerId,
        /// Which run through the suite.
        lane: Lane,
        /// Its place in the lane's collection.
        index: TestIndex,
        /// Its name.
        test: TestName,
    },

    /// Terminal: a test ran to its end.
    Finished {
        /// Where.
        worker: WorkerId,
        /// Which run through the suite.
        lane: Lane,
        /// Its place in the lane's collection.
        index: TestIndex,
        /// Its name.
        test: TestName,
        /// How it ended, as reported.
        outcome: Outcome,
        /// Which attempt it was.
        attempt: u32,
        /// Whether the attempt was the first thing that its worker ran.
        alone: bool,
    },

    /// Not terminal: an attempt at a test failed and another will follow. After `delay`, if that is not zero, the caller
    /// is to say [`retry_due`](super::Scheduler::retry_due).
    Retried {
        /// Where.
        worker: WorkerId,
        /// Which run through the suite.
        lane: Lane,
        /// Its place in the lane's collection.
        index: TestIndex,
        /// Its name.
        test: TestName,
        /// How the attempt ended.
        outcome: Outcome,
        /// Which attempt it was.
        attempt: u32,
        /// How long the next one has to wait.
        delay: Duration,
    },

    /// Failures are final from now on, since the run has made this many further attempts. Once a run.
    BudgetSpent {
        /// How many.
        retries: u32,
    },

    /// A worker makes way for a fresh one: its `Finish` is among the same decisions.
    Recycled {
        /// The worker.
        worker: WorkerId,
        /// Why, for people.
        reason: Arc<str>,
    },

    /// Terminal: the crash item, the test that was running when its worker died.
    Crashed {
        /// Where.
        worker: WorkerId,
        /// Which run through the suite.
        lane: Lane,
        /// Its place in the lane's collection.
        index: TestIndex,
        /// Its name.
        test: TestName,
        /// [`Outcome::Crashed`] or [`Outcome::TimedOut`], as the caller of `worker_down` said.
        outcome: Outcome,
        /// Which attempt it was.
        attempt: u32,
        /// Whether the attempt was the first thing that its worker ran.
        alone: bool,
    },

    /// A begun test whose host was lost waits again.
    Lost {
        /// Where it ran.
        worker: WorkerId,
        /// Which run through the suite.
        lane: Lane,
        /// Its place in the lane's collection.
        index: TestIndex,
        /// Its name.
        test: TestName,
        /// How many hosts were lost with it.
        times: u32,
    },

    /// Terminal: nobody will run this test.
    NotRun {
        /// Which run through the suite.
        lane: Lane,
        /// Its place in the lane's collection.
        index: TestIndex,
        /// Its name.
        test: TestName,
        /// Why, for people.
        reason: Arc<str>,
        /// Whether it was lost to a failure of the infrastructure, not left out on purpose.
        lost: bool,
    },

    /// A worker collected other tests than the first. At the start the run is aborted, see
    /// [`Abort`](Self::Abort); later the worker alone is turned away.
    Differs(CollectionDiff),

    /// A late worker with other tests is turned away; its `Finish` follows.
    Rejected {
        /// The worker.
        worker: WorkerId,
    },

    /// Nothing is distributed (seed: "Different tests collected, aborting run"); a `Finish` for
    /// every worker follows.
    Abort(StopReason),

    /// A caller or a policy broke the rules. Nothing was changed by the part that is named.
    Fault(ScheduleError),
}

/// What a caller or a policy did that can not be. The account stays right whatever comes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// A message of a worker that nobody announced.
    #[error("worker {0} is not known; announce it with `worker_expected` first")]
    UnknownWorker(WorkerId),

    /// An id that was used before.
    #[error("worker {0} was announced before; give a replacement an id of its own")]
    KnownWorker(WorkerId),

    /// A step that a worker can not take where it stands.
    #[error("worker {worker} reports `{step}` out of turn; end it and report it down")]
    OutOfTurn {
        /// The worker.
        worker: WorkerId,
        /// The step: `ready`, `collected`, ….
        step: &'static str,
    },

    /// A place outside of the worker's collection, or before there is one.
    #[error(
        "worker {worker} names item {item}, which it did not collect; end it and report it down"
    )]
    UnknownItem {
        /// The worker.
        worker: WorkerId,
        /// The item.
        item: u32,
    },

    /// A file outside of the worker's listing, or before there is one.
    #[error(
        "worker {worker} names file {file} as {step}, which does not follow; end it and report it down"
    )]
    File {
        /// The worker.
        worker: WorkerId,
        /// The file.
        file: u32,
        /// The step: `making`, `made`, `withdrawn`.
        step: &'static str,
    },

    /// A test that is not the worker's, or not in the state that the message speaks of.
    #[error(
        "worker {worker} reports item {item} as {step}, which does not follow; end it and report it down"
    )]
    NotFollowing {
        /// The worker.
        worker: WorkerId,
        /// The item.
        item: u32,
        /// The step: `started`, `ran`, `ended`, `withdrawn`.
        step: &'static str,
    },

    /// A policy gave away or took back what was not there for it.
    #[error("policy {policy} moved test {} of worker {worker}, which it can not; see `Policy`", test.0)]
    Move {
        /// The policy's name.
        policy: String,
        /// The worker it named.
        worker: WorkerId,
        /// The test it named.
        test: TestIndex,
    },

    /// A policy gave away or took back a file that was not there for it.
    #[error("policy {policy} moved file {file} of worker {worker}, which it can not; see `Policy`")]
    MoveFile {
        /// The policy's name.
        policy: String,
        /// The worker it named.
        worker: WorkerId,
        /// The file it named.
        file: u32,
    },
}
