//! What controller and agent say to each other.
//!
//! Plain types only: bincode does not carry serde's `flatten`, `untagged` or skipped fields. A
//! change here changes the fingerprint in the preamble, so the two sides never half understand each other.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    Batch, CollectReport, Deadlines, Death, Item, PhaseReport, Stream, Suite, SuiteInfo, TestEnd,
    TestFile, Usage, WarningReport, WorkerId, WorkerInfo, WorkerInput, WorkerSpec,
};
use crate::select::Selection;

/// Controller → agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToAgent {
    /// What is chosen of the suite, in parts; all of them come before [`Prepare`](Self::Prepare). Everything, if none does.
    Select(Selection),

    /// Find what runs the suite (and make its environment). Answered by [`FromAgent::Prepared`] or
    /// [`FromAgent::Refused`], with any number of [`FromAgent::Progress`] before.
    Prepare {
        /// The suite.
        suite: Suite,
        /// The clock's limits for all workers of this host.
        deadlines: Deadlines,
        /// The most memory a worker may use, in bytes.
        worker_memory: Option<u64>,
        /// How long the agent may go on without a sign that its words arrive. After that the controller may have given its
        /// tests to others: it ends its workers and itself. `None` where the end of the link is always seen.
        lease: Option<Duration>,
    },

    /// Start a worker process, once the preparation that is under way is over. Nothing is told of it before that is answered.
    Start {
        /// Its id, never used before on this link.
        worker: WorkerId,
        /// Where and how.
        spec: WorkerSpec,
        /// What it is told of the run.
        input: WorkerInput,
    },

    /// Add items to a worker's queue, by their place in its own collection.
    Run {
        /// The worker.
        worker: WorkerId,
        /// The items, with what holds for them.
        batch: Batch,
    },

    /// Have a worker that listed files make the tests of some, in this order, behind what its queue holds.
    /// Each is answered by [`WorkerEvent::Making`] when it begins and [`WorkerEvent::Made`] when it is done.
    Make {
        /// The worker.
        worker: WorkerId,
        /// The files, by their place in the worker's own listing.
        files: Vec<u32>,
        /// Whether the tests of a file go to the front of the queue as soon as they are made; else they only
        /// become known.
        run: bool,
    },

    /// Take these back as far as they have not begun; the items of a file that is being made are then not queued when they
    /// are made. Answered by [`WorkerEvent::Withdrawn`].
    Withdraw {
        /// The worker.
        worker: WorkerId,
        /// The items.
        items: Vec<u32>,
        /// The files that are still to be made.
        files: Vec<u32>,
    },

    /// Let a worker that halted after a failure go on.
    Resume {
        /// The worker.
        worker: WorkerId,
    },

    /// Nothing more comes for this worker: end the session when the queue is empty.
    Finish {
        /// The worker.
        worker: WorkerId,
    },

    /// End a worker before its time.
    Stop {
        /// The worker.
        worker: WorkerId,
        /// How.
        mode: StopMode,
    },

    /// Run the adapter's conclusion with what the workers left for it. Answered by [`FromAgent::Concluded`].
    Conclude {
        /// One JSON object a worker that asked.
        requests: Vec<String>,
        /// What the conclusion is told of the run.
        input: WorkerInput,
    },

    /// Are you there? Answered by [`FromAgent::Pong`] with the same number.
    Ping(u64),

    /// So many bytes of the agent have arrived, its greeting included. What it wrote before is a sign of the link from when
    /// it was written, however long this message was on its way.
    Arrived(u64),

    /// End all workers and then yourself.
    Shutdown,
}

/// How a worker is ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopMode {
    /// Finish the running test, tear down, report, end. The shutdown deadline applies.
    AfterTest,
    /// Kill its process group now.
    Kill,
}

/// Agent → controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromAgent {
    /// A step that takes time, for people.
    Progress(String),

    /// The suite can be run.
    Prepared(SuiteInfo),

    /// The suite can not be run.
    Refused(PrepareRefusal),

    /// Something of one worker.
    Worker(WorkerId, WorkerEvent),

    /// The conclusion was run.
    Concluded {
        /// What it printed, for people.
        text: String,
        /// Why it fails the run, if it does.
        failure: Option<String>,
    },

    /// I am.
    Pong(u64),

    /// Something is not as the user may believe.
    Notice(String),

    /// The next entries of a worker's collection or listing are those of the [common list](super::Alike) of its host.
    Same {
        /// The worker.
        worker: WorkerId,
        /// Which of the two.
        list: List,
        /// How many.
        count: u32,
    },
}

/// What a worker tells in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum List {
    /// Its collection: [`WorkerEvent::Items`].
    Items,
    /// Its listing: [`WorkerEvent::Files`].
    Files,
}

/// Why a suite can not be run on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareRefusal {
    /// One sentence with the cause and the way out.
    pub message: String,

    /// Whether the user's words are at fault (exit code 4), rather than the host (exit code 7).
    pub usage: bool,
}

/// Something of one worker, in the order it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum WorkerEvent {
    /// Its process is there.
    Spawned {
        /// The process id, which is also its process group.
        pid: u32,
    },

    /// Its framework is up and collects.
    Ready(WorkerInfo),

    /// A collector did not pass.
    CollectReport(CollectReport),

    /// The next part of its collection.
    Items(Vec<Item>),

    /// Its collection is complete.
    Collected {
        /// Items in all parts.
        count: u32,
        /// Items left out by the project's own selection.
        deselected: u32,
        /// Why the worker has collected everything although it was asked for a listing of files.
        whole: Option<String>,
    },

    /// The next part of its listing of files.
    Files(Vec<TestFile>),

    /// Its listing is complete: it can be told to make the tests of files.
    Listed {
        /// Files in all parts.
        count: u32,
    },

    /// It begins to make the tests of a file.
    Making {
        /// The file's place in the worker's listing.
        file: u32,
    },

    /// It has made the tests of a file. They are items of the worker's collection from `first` on, which are the next
    /// numbers of that worker; a file that could not be collected has none, and a [`CollectReport`](Self::CollectReport)
    /// came before.
    Made {
        /// The file's place in the worker's listing.
        file: u32,
        /// The number of the first of the items.
        first: u32,
        /// The items in collection order.
        items: Vec<Item>,
        /// Items left out by the project's own selection.
        deselected: u32,
        /// Whether the items stand in the worker's queue now.
        queued: bool,
        /// The places among the items of those that do not, although the others do: they need something of the machine.
        kept: Vec<u32>,
    },

    /// An item begins.
    Started {
        /// Its place in the worker's collection.
        item: u32,
    },

    /// A phase of the running item has something to say.
    Report {
        /// Its place in the worker's collection.
        item: u32,
        /// The report.
        report: PhaseReport,
    },

    /// The call of the running item is over; its teardown waits to know what comes next.
    Ran {
        /// Its place in the worker's collection.
        item: u32,
        /// Seconds of set-up and call.
        duration: f64,
    },

    /// After a failure, and because the run has a `maxfail`, the worker begins nothing before it is told to go on.
    Halted {
        /// The item that failed.
        item: u32,
    },

    /// What it uses of its host, about once a second while that changes.
    Usage(Usage),

    /// The running item is over.
    Ended {
        /// Its place in the worker's collection.
        item: u32,
        /// How it ended.
        end: TestEnd,
    },

    /// The framework recorded a warning.
    Warning(WarningReport),

    /// Whole lines of output, when output is shown live.
    Output {
        /// Which stream.
        stream: Stream,
        /// The lines.
        text: String,
    },

    /// These items were taken back; what was asked for and is not named here has begun.
    Withdrawn {
        /// The items.
        items: Vec<u32>,
        /// The files.
        files: Vec<u32>,
    },

    /// The session ends by itself.
    Stopping {
        /// Why, in the framework's words.
        reason: String,
        /// The exit code asked for, if one was.
        exit_code: Option<i32>,
        /// What kind of stop it is.
        kind: StopKind,
    },

    /// The session is over; the process ends next.
    Finished {
        /// The framework's own exit code.
        exit_code: i32,
        /// A request for the conclusion, as JSON.
        conclude: Option<String>,
    },

    /// The process is gone. The last event of a worker.
    Exited(Death),
}

/// Why a worker's session ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopKind {
    /// A `KeyboardInterrupt` in a test or hook.
    Interrupt,
    /// `pytest.exit`.
    Exit,
    /// `session.shouldstop`.
    Stop,
    /// `session.shouldfail`.
    Fail,
    /// An error of the framework or of a plugin outside of any test.
    Internal,
    /// The framework refused its arguments or configuration.
    Usage,
}
