//! The public record of a run: what every subscriber gets, in one order for all.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    CollectReport, Collection, CollectionDiff, Death, Dist, Lane, Outcome, PhaseReport, Stream,
    SuiteInfo, TestEnd, TestIndex, TestName, Usage, WarningReport, WorkerId, WorkerInfo,
};

/// Why a run was asked to stop before its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopReason {
    /// `maxfail` was reached; the number of failures.
    MaxFail(u32),

    /// The user or the host program asked; what asked (`SIGINT`, `SIGTERM`, `stop()`).
    Requested(String),

    /// A test or plugin asked its worker's session to stop (`pytest.exit`, `session.shouldstop`,
    /// a `KeyboardInterrupt` in a test).
    Worker {
        /// The worker whose session stopped.
        worker: WorkerId,

        /// What it said.
        reason: String,

        /// The exit code it asked for, if it asked for one.
        exit_code: Option<i32>,
    },

    /// The workers' collections differ, so nothing could be distributed.
    CollectionsDiffer,

    /// Collection failed and the mode does not run tests then.
    CollectionFailed,

    /// The run as a whole took longer than this.
    Deadline(Duration),
}

/// Something of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum HostNews {
    /// A step that takes time: it is being reached, gets its agent or the project, waits in a queue.
    Progress(String),

    /// It can run tests, with this.
    Ready(SuiteInfo),

    /// It is out of reach or gone; this is why. It is tried again, after this many seconds.
    Lost {
        /// Why.
        reason: String,
        /// The wait before the next try.
        again: f64,
    },

    /// It takes no part in the run any more; this is why.
    GivenUp(String),
}

/// One thing that happened in a run.
///
/// The scheduler actor fixes the order; every subscriber sees the same one. For each test that is
/// in a collection in force there is exactly one [`TestFinished`](Self::TestFinished) or
/// [`TestNotRun`](Self::TestNotRun) before [`RunFinished`](Self::RunFinished); any number of [`TestRetried`](Self::TestRetried)
/// may come before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RunEvent {
    /// The run begins.
    RunStarted {
        /// The run's id (`testrun_uid`).
        run_id: String,
        /// How tests are distributed.
        dist: Dist,
        /// The workers asked for, with their specification as shown to people.
        workers: Vec<(WorkerId, String)>,
    },

    /// Something a person waiting should know, for example a step of provisioning.
    Progress(String),

    /// Something is not as the user may believe; shown once.
    Notice(String),

    /// The agent found what will run the tests.
    SuiteReady(SuiteInfo),

    /// Something of a host that is not the only one, or not this machine.
    Host {
        /// Its name.
        host: String,
        /// What.
        news: HostNews,
    },

    /// A worker process is being started (seed: `I`).
    WorkerStarting {
        /// The worker.
        worker: WorkerId,
        /// The name of its host.
        host: String,
        /// The worker it replaces, if it does.
        replaces: Option<WorkerId>,
    },

    /// Its process is there (seed: `newgateway`, `C`).
    WorkerSpawned {
        /// The worker.
        worker: WorkerId,
        /// Its process id on its host.
        pid: u32,
    },

    /// Its framework is up (seed: `slaveready`, `ok`).
    WorkerReady {
        /// The worker.
        worker: WorkerId,
        /// How it introduced itself.
        info: WorkerInfo,
    },

    /// A collector did not pass; told once however many workers report it.
    CollectReported {
        /// The first worker that reported it.
        worker: WorkerId,
        /// The report.
        report: CollectReport,
    },

    /// A worker has collected (seed: `collectionfinish`, `[120]`).
    WorkerCollected {
        /// The worker.
        worker: WorkerId,
        /// How many tests it has.
        tests: u32,
        /// How many were deselected.
        deselected: u32,
    },

    /// Under `stream`, a worker has listed the files of the suite.
    WorkerListed {
        /// The worker.
        worker: WorkerId,
        /// How many files there are.
        files: u32,
    },

    /// What was collected, in a run that collects only.
    Collected {
        /// The worker.
        worker: WorkerId,
        /// Its collection.
        collection: Collection,
    },

    /// A worker's collection differs from the one in force.
    CollectionDiffers(CollectionDiff),

    /// The collections are in; tests begin to go out.
    SchedulingStarted {
        /// How many terminal states this run is going to have (`each`: tests × lanes).
        tests: u32,
        /// How many workers take part.
        workers: u32,
        /// The policy's name (`LoadScheduling`).
        policy: String,
        /// How many tests were deselected.
        deselected: u32,
        /// Under `stream`, how many files are handed out; their tests are told by
        /// [`FileCollected`](Self::FileCollected) as they are found, and `tests` counts those known before.
        files: Option<u32>,
    },

    /// Under `stream`, the tests of one more file are known.
    FileCollected {
        /// The worker that looked into it first.
        worker: WorkerId,
        /// The file.
        file: Arc<str>,
        /// How many tests it adds to those that get a terminal state.
        tests: u32,
        /// How many of its tests were deselected.
        deselected: u32,
        /// How many files are still to come.
        files_left: u32,
    },

    /// Under `stream`, nobody looks into this file any more: its tests, if it has any, are not in the account.
    FileNotRun {
        /// The file.
        file: Arc<str>,
        /// Why, for people.
        reason: Arc<str>,
        /// Whether it was lost to a failure of the infrastructure, rather than left out on purpose.
        lost: bool,
    },

    /// A test began (seed: `logstart`).
    TestStarted {
        /// Where.
        worker: WorkerId,
        /// Which run through the suite.
        lane: Lane,
        /// Its place in the lane's collection.
        index: TestIndex,
        /// Its name.
        test: TestName,
    },

    /// A phase of a test has something to say (seed: `testreport`).
    TestReported {
        /// Where.
        worker: WorkerId,
        /// Its name.
        test: TestName,
        /// The report.
        report: PhaseReport,
    },

    /// A test still runs, and has been running for longer than a test should.
    TestSlow {
        /// Where.
        worker: WorkerId,
        /// Its name.
        test: TestName,
        /// For how many seconds it has been running.
        seconds: f64,
    },

    /// An attempt at a test failed and will be followed by another: no terminal state yet, and no failure that `maxfail`
    /// counts. The first of its failed reports came with the category `rerun`, the others with none.
    TestRetried {
        /// Where.
        worker: WorkerId,
        /// Which run through the suite.
        lane: Lane,
        /// Its place in the lane's collection.
        index: TestIndex,
        /// Its name.
        test: TestName,
        /// Which attempt it was, from 1 up.
        attempt: u32,
        /// How the attempt ended and what it took.
        end: TestEnd,
        /// Seconds that the next attempt waits at least.
        delay: f64,
    },

    /// A test came to its terminal state on a worker.
    TestFinished {
        /// Where.
        worker: WorkerId,
        /// Which run through the suite.
        lane: Lane,
        /// Its place in the lane's collection.
        index: TestIndex,
        /// Its name.
        test: TestName,
        /// Its terminal state and times.
        end: TestEnd,
        /// Which attempt came to it: 1 is the only one. A test that passed at a later one is flaky.
        attempt: u32,
        /// Whether that attempt was the first thing that a fresh worker process ran, so that nothing run before it can have
        /// had a part in how it ended.
        alone: bool,
    },

    /// A test had begun on a host that was lost. It waits again, and what it had reported counts for nothing.
    TestLost {
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

    /// A test came to its terminal state without having been run to its end by anybody.
    TestNotRun {
        /// Which run through the suite.
        lane: Lane,
        /// Its place in the lane's collection.
        index: TestIndex,
        /// Its name.
        test: TestName,
        /// Why, for people.
        reason: Arc<str>,
        /// Whether it was lost to a failure of the infrastructure, rather than left out on purpose
        /// (`maxfail`, a stop).
        lost: bool,
    },

    /// The framework recorded a warning.
    Warned {
        /// The worker.
        worker: WorkerId,
        /// The warning.
        warning: WarningReport,
    },

    /// Output of a worker, whole lines, when it is shown as it comes.
    Output {
        /// The worker.
        worker: WorkerId,
        /// Which stream.
        stream: Stream,
        /// One or more lines, each with its newline except perhaps the last of the stream.
        text: String,
    },

    /// A worker's process ended (seed: `slavefinished`, `errordown`).
    WorkerDown {
        /// The worker.
        worker: WorkerId,
        /// How it ended.
        death: Death,
        /// The test that was running, which is now a crash item.
        crashed: Option<TestName>,
        /// Whether it ended because the run stops it, or had it make way for a fresh one.
        expected: bool,
        /// Whether the crash item will be run again, so that it is no failure yet.
        retried: bool,
    },

    /// A worker is told to end its session between two tests and make way for a fresh one.
    WorkerRecycled {
        /// The worker.
        worker: WorkerId,
        /// Why, for people.
        reason: Arc<str>,
    },

    /// What a worker uses of its host, about once a second.
    WorkerUsage {
        /// The worker.
        worker: WorkerId,
        /// Its memory and processor time.
        usage: Usage,
    },

    /// The supervisor clones a dead worker: same specification, new id.
    WorkerReplaced {
        /// The dead one.
        old: WorkerId,
        /// Its clone.
        new: WorkerId,
    },

    /// The supervisor does not replace a dead worker; the sentence says why (seed: `Maximum crashed
    /// slaves reached: N`).
    ReplacementDenied {
        /// The dead one.
        worker: WorkerId,
        /// Why.
        reason: String,
    },

    /// The run was asked to stop; nothing new is begun.
    Stopping(StopReason),

    /// Text that the framework's own tools print at the end (coverage's report).
    Conclusion {
        /// The text.
        text: String,
        /// Why it fails the run, if it does.
        failure: Option<String>,
    },

    /// The run is over. The last event.
    RunFinished(Verdict),
}

/// The result of a run in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// The process's exit code; see the table in the README.
    pub exit_code: i32,

    /// One sentence for an exit code that tests alone do not explain.
    pub explanation: Option<String>,

    /// How many tests ended in each terminal state.
    pub outcomes: Vec<(Outcome, u32)>,

    /// Tests in the collections in force; the sum of `outcomes`.
    pub tests: u32,

    /// Tests not run because workers, hosts or agents failed.
    pub lost: u32,

    /// Tests that passed after an attempt that failed; they are among the passed.
    pub flaky: u32,
}

impl Verdict {
    /// How many tests ended in this state.
    pub fn count(&self, outcome: Outcome) -> u32 {
        self.outcomes.iter().filter(|(known, _)| *known == outcome).map(|(_, count)| count).sum()
    }
}
