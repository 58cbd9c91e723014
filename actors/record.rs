//! From what the scheduler says of tests to entries of the public record.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::model::{Durations, Lane, Outcome, PhaseReport, RunEvent, TestEnd, TestIndex, WorkerId};
use crate::schedule::Decision;

/// How the latest attempt ended of each test that was run again, and which attempt it was.
pub(super) type LastEnds = HashMap<(Lane, TestIndex), (u32, TestEnd)>;

/// The entry for a decision about a test. `end` is the report of the test it is about, if it came to its end;
/// `killed` are the workers that we killed on purpose: what they took with them is no crash.
///
/// `None` for decisions that are commands, faults or turns of the run: they are the caller's.
pub(super) fn entry(
    decision: Decision,
    end: Option<TestEnd>,
    killed: &HashSet<WorkerId>,
    last_ends: &LastEnds,
) -> Option<RunEvent> {
    let not_run = |reason: &str| -> Arc<str> { reason.into() };
    Some(match decision {
        Decision::Started { worker, lane, index, test } => {
            RunEvent::TestStarted { worker, lane, index, test }
        }
        Decision::Finished { lane, index, test, outcome: Outcome::NotRun, .. } => {
            let reason = not_run("the worker's session ended in the middle");
            RunEvent::TestNotRun { lane, index, test, reason, lost: false }
        }
        Decision::Finished { worker, lane, index, test, outcome, attempt, alone } => {
            // A test that was to be run again and is not ends as it did before.
            let last = last_ends.get(&(lane, index)).filter(|(known, _)| *known == attempt);
            let end = last.map(|(_, end)| *end).or(end).unwrap_or_else(|| without_times(outcome));
            RunEvent::TestFinished { worker, lane, index, test, end, attempt, alone }
        }
        Decision::Retried { worker, lane, index, test, outcome, attempt, delay } => {
            let end = end.unwrap_or_else(|| without_times(outcome));
            let delay = delay.as_secs_f64();
            RunEvent::TestRetried { worker, lane, index, test, attempt, end, delay }
        }
        Decision::Recycled { worker, reason } => RunEvent::WorkerRecycled { worker, reason },
        Decision::BudgetSpent { retries } => RunEvent::Notice(format!(
            "failures are final from now on: {retries} further attempts were made, as many as `retry_budget` allows"
        )),
        Decision::Crashed { worker, lane, index, test, .. }
            if killed.contains(&worker) && last_ends.contains_key(&(lane, index)) =>
        {
            let (attempt, end) = last_ends[&(lane, index)];
            RunEvent::TestFinished { worker, lane, index, test, end, attempt, alone: false }
        }
        Decision::Crashed { worker, lane, index, test, .. } if killed.contains(&worker) => {
            let reason = not_run("running when the run was killed");
            RunEvent::TestNotRun { lane, index, test, reason, lost: false }
        }
        Decision::Crashed { worker, lane, index, test, outcome, attempt, alone } => {
            let end = without_times(outcome);
            RunEvent::TestFinished { worker, lane, index, test, end, attempt, alone }
        }
        Decision::Lost { worker, lane, index, test, times } => {
            RunEvent::TestLost { worker, lane, index, test, times }
        }
        Decision::NotRun { lane, index, test, reason, lost } => {
            RunEvent::TestNotRun { lane, index, test, reason, lost }
        }
        Decision::FileCollected { worker, file, tests, deselected, files_left } => {
            RunEvent::FileCollected { worker, file, tests, deselected, files_left }
        }
        Decision::FileNotRun { file, reason, lost } => RunEvent::FileNotRun { file, reason, lost },
        Decision::Differs(diff) => RunEvent::CollectionDiffers(diff),
        Decision::Rejected { worker } => RunEvent::Notice(format!(
            "worker '{worker}' is sent away, because it collected other tests"
        )),
        Decision::Run { .. }
        | Decision::Make { .. }
        | Decision::FileCrashed { .. }
        | Decision::Withdraw { .. }
        | Decision::Finish { .. }
        | Decision::Scheduling { .. }
        | Decision::Abort(_)
        | Decision::Fault(_) => return None,
    })
}

/// The end of a test whose times nobody can tell any more.
pub(super) fn without_times(outcome: Outcome) -> TestEnd {
    TestEnd { outcome, durations: Durations::default(), started: 0.0 }
}

/// What the running test of a worker has reported, on a host that may be lost: it counts only once the test is over, since
/// else it is run again elsewhere and reports once more.
#[derive(Debug, Default)]
pub(super) struct Held {
    is_on: bool,
    reports: Vec<(u32, PhaseReport)>,
    failed: Option<u32>,
}

impl Held {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, ..Self::default() }
    }

    /// Keeps a report, or gives it back if it is to be published at once.
    pub(super) fn keep(&mut self, item: u32, report: PhaseReport) -> Option<PhaseReport> {
        if !self.is_on {
            return Some(report);
        }
        self.reports.push((item, report));
        None
    }

    /// All that was kept, to be published.
    pub(super) fn take(&mut self) -> Vec<(u32, PhaseReport)> {
        let failed = self.reports.iter().find(|(_, report)| report.failed);
        self.failed = self.failed.or(failed.map(|(item, _)| *item));
        std::mem::take(&mut self.reports)
    }

    /// The running test, if its failure was published.
    pub(super) fn failed(&self) -> Option<u32> {
        self.failed
    }

    /// The test is over.
    pub(super) fn forget(&mut self) {
        self.failed = None;
    }
}
