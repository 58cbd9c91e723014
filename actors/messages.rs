//! Every message of the actor system, with who sends it to whom.

use std::sync::Arc;
use std::time::Duration;

use actix::{Message, Recipient};

use crate::model::{
    Batch, CollectReport, Collection, Death, HostId, Item, PhaseReport, RunEvent, StopReason,
    Stream, SuiteInfo, TestEnd, TestFile, Usage, WarningReport, WorkerId, WorkerInfo, WorkerSpec,
};
use crate::schedule::MadeFile;
use crate::supervise::Life;
use crate::wire::{PrepareRefusal, StopKind, StopMode, ToAgent, WorkerEvent};

/// Scheduler → session and reporters: the next entry of the public record.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Event(pub Arc<RunEvent>);

/// Session → reporters, after the last event: answer when all is written, with what could not be.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Option<String>")]
pub struct Flush;

/// Session → scheduler and supervisor, at the very end: stop, so that the run leaves nothing in the host program's system.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Retire;

/// Anyone → scheduler: put this into the record.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Publish(pub RunEvent);

/// Session → history, once every test has its terminal state: keep what was seen. Answered with what went wrong.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Option<String>")]
pub struct KeepHistory;

/// Session → supervisor: start the hosts and their workers.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StartFleet;

/// Session → supervisor: clone no more; with `interrupt`, cut short what still collects.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct StandDown {
    /// Whether workers that have not collected are interrupted.
    pub interrupt: bool,
}

/// Session → supervisor: kill every worker now.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct KillFleet;

/// Session → supervisor: the run is over, let the agents end. Answered by [`FleetNews::Dismissed`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Dismiss;

/// Session → supervisor: have the adapter's conclusion run. Answered by [`FleetNews::Concluded`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RunConclusion(pub Vec<String>);

/// Session → scheduler: begin nothing new, for this reason.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StopRun(pub StopReason);

/// Session → scheduler: no worker is left. Answered by [`SessionNote::Closed`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CloseRun(pub String);

/// Session → scheduler: let a halted worker go on.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct ResumeWorker(pub WorkerId);

/// Supervisor → scheduler: a worker is on its way.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ExpectWorker {
    /// The worker.
    pub worker: WorkerId,
    /// Its specification.
    pub spec: WorkerSpec,
    /// The name of its host.
    pub host: String,
    /// The dead worker it replaces.
    pub replaces: Option<WorkerId>,
}

/// Supervisor → scheduler: the actor of an expected worker, to send orders to.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Enlist {
    /// The worker.
    pub worker: WorkerId,
    /// Where its orders go.
    pub orders: Recipient<WorkerOrder>,
    /// Whether its host may be lost while it goes on: what a test there reports counts only with its end.
    pub remote: bool,
}

/// Supervisor → scheduler: the hosts of these workers are out of reach for now: nobody waits for them at the start.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DelayWorkers(pub Vec<WorkerId>);

/// Supervisor → scheduler: how long an order to these workers and its answer take on their way.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RoundTrip {
    /// The workers.
    pub workers: Vec<WorkerId>,
    /// There and back.
    pub time: Duration,
}

/// Supervisor → scheduler: this dead worker is not replaced.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct AbandonWorker {
    /// The worker.
    pub worker: WorkerId,
    /// Why.
    pub reason: String,
}

/// Supervisor and worker → host: a message for the agent.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ToHost(pub ToAgent);

/// Supervisor → host: whom to tell what the agent says of this worker.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Attach {
    /// The worker.
    pub worker: WorkerId,
    /// Its actor.
    pub recipient: Recipient<FromHost>,
}

/// Host → worker: something of its process. Supervisor → worker: the host is lost, and so is the process.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct FromHost {
    /// What it is.
    pub event: WorkerEvent,
    /// With the end of a collection or a listing, all that is in it.
    pub told: Told,
}

/// What a worker has told in parts.
#[derive(Debug)]
pub enum Told {
    /// Nothing that ends here.
    Nothing,
    /// Its collection.
    Items(Arc<[Item]>),
    /// Its listing.
    Files(Arc<[TestFile]>),
}

/// Host → supervisor: something of the host itself.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct OfHost {
    /// The host.
    pub host: HostId,
    /// What.
    pub report: HostReport,
}

/// What a host tells the supervisor of itself.
#[derive(Debug)]
pub enum HostReport {
    /// A step that takes time.
    Progress(String),
    /// Something is not as the user may believe.
    Notice(String),
    /// The suite can be run.
    Prepared(SuiteInfo),
    /// The suite can not be run.
    Refused(PrepareRefusal),
    /// The conclusion was run.
    Concluded {
        /// What it printed.
        text: String,
        /// Why it fails the run.
        failure: Option<String>,
    },
    /// A message to its agent and the answer took this long.
    RoundTrip(Duration),
    /// The agent is gone or silent, and all its workers with it. The last of an agent.
    Lost {
        /// Why.
        why: String,
        /// Whether another agent there would be no better.
        for_good: bool,
    },
}

/// Supervisor → worker: end before your time.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct StopWorker(pub StopMode);

/// Scheduler → worker: what to do next, in items of the worker's own collection.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum WorkerOrder {
    /// Add to the queue.
    Run(Batch),
    /// Make the tests of these files, places in the worker's own listing, and run them at once if so told.
    Make(Vec<u32>, bool),
    /// Take back items and files; answered by [`News::Withdrawn`].
    Withdraw(Vec<u32>, Vec<u32>),
    /// Go on after a failure.
    Resume,
    /// Nothing more comes.
    Finish,
}

/// Worker → scheduler: something of a worker.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct WorkerNews {
    /// The worker.
    pub worker: WorkerId,
    /// What.
    pub news: News,
}

/// What a worker tells the scheduler; items count in the worker's own collection.
#[derive(Debug)]
pub enum News {
    /// Its process is there.
    Spawned(u32),
    /// Its framework is up (seed: `slaveready`).
    Ready(WorkerInfo),
    /// A collector did not pass (seed: `collectreport`).
    CollectReport(CollectReport),
    /// It has collected (seed: `collectionfinish`); how many items were deselected, and why it did not list files instead.
    Collected(Collection, u32, Option<String>),
    /// It has listed the files of the suite.
    Listed(Arc<[TestFile]>),
    /// It makes the tests of a file.
    Making(u32),
    /// It has made the tests of a file.
    Made(MadeFile),
    /// An item begins (seed: `logstart`).
    Started(u32),
    /// A phase has something to say (seed: `testreport`).
    Report(u32, PhaseReport),
    /// The call is over; seconds of set-up and call.
    Ran(u32, f64),
    /// It waits after a failure.
    Halted,
    /// What it uses of its host.
    Usage(Usage),
    /// All phases are over.
    Ended(u32, TestEnd),
    /// A warning.
    Warning(WarningReport),
    /// Live output.
    Output(Stream, String),
    /// Taken back: items and files.
    Withdrawn(Vec<u32>, Vec<u32>),
    /// The session ends by itself.
    Stopping {
        /// Why.
        reason: String,
        /// The exit code asked for.
        exit_code: Option<i32>,
        /// What kind of stop.
        kind: StopKind,
    },
    /// The session is over (seed: `slavefinished`): the framework's own exit code, and a request for the conclusion.
    Finished(i32, Option<String>),
    /// The process is gone (seed: `errordown`, or the end after `slavefinished`). Always the last.
    Down(Death),
}

/// Scheduler → supervisor: a worker has collected, so workers do come up.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct WorkerCameUp;

/// Scheduler → supervisor: a worker is dead and its tests are accounted for.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct WorkerGone {
    /// The worker.
    pub worker: WorkerId,
    /// Whether it ended as the run wanted.
    pub expected: bool,
    /// Whether there may be work for a replacement.
    pub wanted: bool,
    /// Whether its host was lost, which it is not to blame for.
    pub lost: bool,
    /// Whether tests wait that nobody who is there will run, which a worker on any host may.
    pub stranded: bool,
    /// Whether every test has its terminal state, so that nobody who is still on the way is waited for.
    pub complete: bool,
    /// Whether it made way for a fresh one.
    pub recycled: bool,
    /// How far it came.
    pub life: Life,
    /// Whether it died while it collected a file: one that comes after it is not to import that file before its turn.
    pub died_in_a_file: bool,
}

/// Scheduler, policy and reporters → session: what concerns the session and not the public.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum SessionNote {
    /// A worker waits after a failure; the failure is in the record already.
    Halted(WorkerId),
    /// A worker's session ends by itself.
    WorkerStops {
        /// The worker.
        worker: WorkerId,
        /// Why.
        reason: String,
        /// The exit code asked for.
        exit_code: Option<i32>,
        /// What kind of stop.
        kind: StopKind,
    },
    /// A worker's session is over.
    WorkerFinished {
        /// The worker.
        worker: WorkerId,
        /// The framework's own exit code.
        exit_code: i32,
    },
    /// A worker leaves this for the conclusion.
    Conclusion(String),
    /// Every test has its terminal state.
    Closed,
    /// A rule was broken, by a worker or a policy, or a policy panicked. The scheduler is there and keeps the account.
    Broken(String),
    /// The scheduler is gone, and with it the record.
    SchedulerFailed,
    /// Reporter → session: an output can not be written any more; nothing more is written to it.
    OutputFailed(String),
    /// Reporter → session: a subscriber of the host program panicked, saying this, and gets nothing more.
    SubscriberFailed(String),
}

/// Supervisor → session: something of the fleet as a whole.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum FleetNews {
    /// No worker is left and none will come; the sentence says why.
    Empty(String),
    /// The suite can not be run on the host.
    Refused(PrepareRefusal),
    /// The conclusion has been run, or can not be.
    Concluded {
        /// What it printed.
        text: String,
        /// Why it fails the run.
        failure: Option<String>,
    },
    /// Every agent is gone.
    Dismissed,
    /// The supervisor is gone; hosts notice and end their agents.
    SupervisorFailed,
}

/// Handle → session: end the run. The first is kind, every further one, or `kill`, is not.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Halt {
    /// Who asks, for people: `SIGINT`, `stop()`.
    pub by: String,
    /// Whether workers are killed.
    pub kill: bool,
}
