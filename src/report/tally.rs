//! What a run has come to so far: a pure fold over [`RunEvent`]s that every report shares.
//!
//! It counts two things that are not the same: pytest's *categories*, which count reports (a test that passes and then
//! fails in teardown is `1 passed, 1 error`), and the *terminal states*, one a test, whose sum is the number of tests.
//! A test that plainly passes leaves two numbers behind and nothing else.

mod entry;
mod lanes;
mod losses;
mod reading;
mod skips;
mod slowest;
mod warnings;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub use entry::{Entry, Source};
pub use lanes::{Lanes, Part};
pub use losses::{Loss, Losses};
pub use skips::{SkipGroup, Skips};
pub use slowest::{Slow, Slowest};
pub use warnings::{WarningGroup, Warnings};

use crate::model::{
    CollectionDiff, Death, Ending, Outcome, Phase, PhaseReport, RunEvent, StopReason, TestName,
    Verdict, WorkerId, WorkerInfo,
};

/// The fold; see the module's text.
#[derive(Debug, Default)]
pub struct Tally {
    categories: Vec<(String, u32)>,
    outcomes: BTreeMap<Outcome, u32>,
    expected: u32,
    /// Of how many files the tests are known, and how many files there are.
    files: (u32, u32),
    deselected: u32,
    progressed: u32,
    running: HashMap<WorkerId, Running>,
    workers: HashMap<WorkerId, WorkerInfo>,
    entries: Vec<Entry>,
    unexplained: Vec<(WorkerId, TestName, Outcome)>,
    skips: Skips,
    warnings: Warnings,
    slowest: Slowest,
    downs: Vec<Down>,
    not_run: Vec<NotRun>,
    lost: u32,
    diffs: Vec<CollectionDiff>,
    stop: Option<StopReason>,
    conclusions: Vec<Conclusion>,
    verdict: Option<Verdict>,
    first_failures: HashMap<TestName, String>,
    flaky: Vec<Flaky>,
    lanes: Lanes,
    losses: Losses,
}

/// A test that passed after an attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaky {
    /// The test.
    pub test: TestName,

    /// Why its first attempt failed, in one line.
    pub brief: String,

    /// Whether it passed as the first thing that a fresh process ran: then what ran before it may have been the cause.
    pub alone: bool,
}

/// What the fold remembers of a test while a worker runs it.
#[derive(Debug, Default)]
struct Running {
    /// Which.
    test: Option<TestName>,
    /// Whether a report counted for the test proper, rather than for a part, a rerun or its teardown.
    settled: bool,
    /// Whether the test already counts as progress.
    progressed: bool,
    /// The last of its reports that was kept.
    entry: Option<usize>,
    /// What was counted of it, but reruns.
    counted: Vec<String>,
}

/// A worker that ended before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// The worker.
    pub worker: WorkerId,

    /// How it ended.
    pub why: String,

    /// The test it was running, which is now a crash item.
    pub crashed: Option<TestName>,

    /// Its clone.
    pub replacement: Option<WorkerId>,

    /// Why it has none.
    pub denied: Option<String>,
}

/// Tests that nobody ran to their end, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRun {
    /// Why.
    pub reason: Arc<str>,

    /// Whether they were lost to a failure of the infrastructure.
    pub lost: bool,

    /// The tests, in the order they were given up.
    pub tests: Vec<TestName>,

    /// The files that nobody looked into.
    pub files: Vec<Arc<str>>,
}

/// What the framework's own tools printed at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// The text.
    pub text: String,

    /// Why it fails the run, if it does.
    pub failure: Option<String>,
}

impl Tally {
    /// An empty tally that remembers this many of the slowest tests.
    pub fn new(slowest: usize) -> Self {
        Self { slowest: Slowest::new(slowest), ..Self::default() }
    }

    /// Takes in the next event of the run.
    ///
    /// Returns the state in which a test was counted by this event although no report told it: a plain pass at its
    /// end, or the pass of a call that a report of its teardown implies.
    pub fn event(&mut self, event: &RunEvent) -> Option<Outcome> {
        self.lanes.event(event);
        self.losses.event(event);
        match event {
            RunEvent::WorkerReady { worker, info } => {
                self.workers.insert(*worker, info.clone());
            }
            RunEvent::CollectReported { report, .. } if report.failed => {
                self.count("error");
                self.entries.push(Entry::collect(report));
            }
            RunEvent::CollectReported { report, .. } => {
                self.count("skipped");
                self.skips.add(&report.location, &report.brief);
            }
            RunEvent::WorkerCollected { deselected, .. } => {
                self.deselected = self.deselected.max(*deselected);
            }
            RunEvent::CollectionDiffers(diff) => self.diffs.push(diff.clone()),
            RunEvent::SchedulingStarted { tests, deselected, files, .. } => {
                self.expected = *tests;
                self.deselected = *deselected;
                self.files = (0, files.unwrap_or_default());
            }
            RunEvent::FileCollected { tests, deselected, files_left, .. } => {
                self.expected += tests;
                self.deselected += deselected;
                self.files.0 = self.files.1.saturating_sub(*files_left);
            }
            RunEvent::FileNotRun { file, reason, lost } => self.file_given_up(file, reason, *lost),
            RunEvent::TestStarted { worker, test, .. } => {
                let running = Running { test: Some(test.clone()), ..Running::default() };
                self.running.insert(*worker, running);
            }
            RunEvent::TestReported { worker, test, report } => {
                return self.reported(*worker, test, report);
            }
            RunEvent::TestRetried { worker, test, end, .. } => {
                self.retried(*worker, test, end.outcome);
            }
            RunEvent::TestFinished { worker, test, end, attempt, alone, .. } => {
                // The worker may have gone on to another while this one waited to be run again.
                let waited = self.first_failures.contains_key(test) && !self.runs(*worker, test);
                if *attempt > 1 || waited {
                    self.tried_again(test, end.outcome, *alone);
                }
                self.slowest.add(test, &end.durations);
                *self.outcomes.entry(end.outcome).or_default() += 1;
                if waited {
                    self.progressed += 1;
                    self.count(end.outcome.word());
                    return Some(end.outcome);
                }
                return self.finished(*worker, test, end.outcome);
            }
            RunEvent::TestNotRun { test, reason, lost, .. } => self.given_up(test, reason, *lost),
            RunEvent::Warned { worker, warning } => self.warnings.add(*worker, warning),
            RunEvent::WorkerDown { worker, death, crashed, expected, .. } => {
                self.down(*worker, death, crashed.as_ref(), *expected);
            }
            RunEvent::WorkerReplaced { old, new } => {
                if let Some(down) = self.down_of(*old) {
                    down.replacement = Some(*new);
                }
            }
            RunEvent::ReplacementDenied { worker, reason } => {
                if let Some(down) = self.down_of(*worker) {
                    down.denied = Some(reason.clone());
                }
            }
            RunEvent::Stopping(reason) => self.stopping(reason),
            RunEvent::Conclusion { text, failure } => {
                self.conclusions.push(Conclusion { text: text.clone(), failure: failure.clone() });
            }
            RunEvent::RunFinished(verdict) => {
                self.verdict = Some(verdict.clone());
                for (worker, test, outcome) in std::mem::take(&mut self.unexplained) {
                    self.entries.push(Entry::crash(worker, &test, outcome, None));
                }
            }
            RunEvent::TestLost { worker, .. } => {
                self.running.remove(worker);
            }
            RunEvent::RunStarted { .. }
            | RunEvent::Host { .. }
            | RunEvent::WorkerListed { .. }
            | RunEvent::Progress(_)
            | RunEvent::Notice(_)
            | RunEvent::SuiteReady(_)
            | RunEvent::WorkerStarting { .. }
            | RunEvent::WorkerSpawned { .. }
            | RunEvent::Collected { .. }
            | RunEvent::TestSlow { .. }
            | RunEvent::WorkerRecycled { .. }
            | RunEvent::WorkerUsage { .. }
            | RunEvent::Output { .. } => {}
        }
        None
    }

    /// The tests that passed after a failure, in the order they did.
    pub fn flaky(&self) -> &[Flaky] {
        &self.flaky
    }

    fn count(&mut self, category: &str) {
        match self.categories.iter_mut().find(|(name, _)| name == category) {
            Some((_, count)) => *count += 1,
            None => self.categories.push((category.to_owned(), 1)),
        }
    }

    fn take_off(&mut self, category: &str) {
        for (_, count) in self.categories.iter_mut().filter(|(name, _)| name == category) {
            *count -= 1;
        }
        self.categories.retain(|(_, count)| *count > 0);
    }

    fn runs(&self, worker: WorkerId, test: &TestName) -> bool {
        self.running.get(&worker).is_some_and(|running| running.test.as_ref() == Some(test))
    }

    fn progress(&mut self, worker: WorkerId) {
        let running = self.running.entry(worker).or_default();
        if !running.progressed {
            running.progressed = true;
            self.progressed += 1;
        }
    }

    fn reported(
        &mut self,
        worker: WorkerId,
        test: &TestName,
        report: &PhaseReport,
    ) -> Option<Outcome> {
        if report.category.is_empty() {
            // pytest shows what a silent teardown printed with the failure before it.
            let entry = self.running.get(&worker).and_then(|running| running.entry);
            if let (Some(entry), Phase::Teardown) = (entry, report.phase) {
                self.entries[entry].sections.extend(report.sections.clone());
            }
            return None;
        }
        self.progress(worker);
        let category = report.category.as_str();
        let part = category == "rerun"
            || category.starts_with("subtests ")
            || report.word.starts_with("SUB");
        let running = self.running.entry(worker).or_default();
        let implied = report.phase == Phase::Teardown && !part && !running.settled;
        running.settled |= !part;
        running.counted.extend((category != "rerun").then(|| category.to_owned()));
        if category == "skipped" {
            self.skips.add(&report.location, &report.brief);
        } else if !category.ends_with("passed")
            || category == "xpassed"
            || !report.sections.is_empty()
        {
            running.entry = Some(self.entries.len());
            self.entries.push(Entry::report(worker, test, report));
        }
        if implied {
            self.count("passed");
        }
        self.count(&report.category);
        implied.then_some(Outcome::Passed)
    }

    fn finished(&mut self, worker: WorkerId, test: &TestName, outcome: Outcome) -> Option<Outcome> {
        self.progress(worker);
        let running = self.running.remove(&worker).unwrap_or_default();
        let is_crash = matches!(outcome, Outcome::Crashed | Outcome::TimedOut);
        // A worker that lives on has told of it by a report.
        let is_told = running.settled && !self.has_crash(worker, test);
        if is_crash && !is_told {
            // The seed counts a crash item as one more failure, whatever the test had reported before.
            self.count("failed");
            if !self.has_crash(worker, test) {
                self.unexplained.push((worker, test.clone(), outcome));
            }
            return Some(outcome);
        }
        if running.settled {
            return None;
        }
        self.count(outcome.word());
        Some(outcome)
    }

    /// An attempt failed; the test has not come to its end.
    fn retried(&mut self, worker: WorkerId, test: &TestName, outcome: Outcome) {
        let running = self.running.remove(&worker).unwrap_or_default();
        self.progressed -= u32::from(running.progressed);
        // Its call passed, say, and its teardown failed: what counts is the attempt that follows.
        for category in &running.counted {
            self.take_off(category);
        }
        // A worker that lives on has told of it by a report.
        let is_told = running.entry.is_some_and(|entry| self.entries[entry].category == "rerun");
        if matches!(outcome, Outcome::Crashed | Outcome::TimedOut) && !is_told {
            self.count("rerun");
        }
        let entries = self.entries.iter().rev();
        let mut failed = entries.filter(|entry| entry.id == test.id && !entry.brief.is_empty());
        let brief = failed.next().map_or_else(|| outcome.to_string(), |entry| entry.brief.clone());
        self.first_failures.entry(test.clone()).or_insert(brief);
    }

    /// A test came to its end at a later attempt.
    fn tried_again(&mut self, test: &TestName, outcome: Outcome, alone: bool) {
        if outcome == Outcome::Passed {
            let brief = self.first_failures.get(test).cloned().unwrap_or_default();
            self.flaky.push(Flaky { test: test.clone(), brief, alone });
        } else if outcome.is_bad() {
            // What was no failure yet is one where no attempt has said more.
            let own = |entry: &&mut Entry| entry.id == test.id;
            let last = self.entries.iter_mut().rev().find(own);
            if let Some(last) = last.filter(|last| last.category == "rerun") {
                outcome.word().clone_into(&mut last.category);
                last.word = outcome.word().to_uppercase();
            }
        }
    }

    fn given_up(&mut self, test: &TestName, reason: &Arc<str>, lost: bool) {
        *self.outcomes.entry(Outcome::NotRun).or_default() += 1;
        self.lost += u32::from(lost);
        self.group(reason, lost).tests.push(test.clone());
    }

    fn file_given_up(&mut self, file: &Arc<str>, reason: &Arc<str>, lost: bool) {
        self.files.0 += 1;
        self.group(reason, lost).files.push(file.clone());
    }

    fn group(&mut self, reason: &Arc<str>, lost: bool) -> &mut NotRun {
        let same = |group: &NotRun| group.lost == lost && group.reason == *reason;
        let place = self.not_run.iter().position(same).unwrap_or_else(|| {
            let (tests, files) = (Vec::new(), Vec::new());
            self.not_run.push(NotRun { reason: reason.clone(), lost, tests, files });
            self.not_run.len() - 1
        });
        &mut self.not_run[place]
    }

    fn down(
        &mut self,
        worker: WorkerId,
        death: &Death,
        crashed: Option<&TestName>,
        expected: bool,
    ) {
        if let Some(test) = crashed {
            let outcome = if death.timed_out { Outcome::TimedOut } else { Outcome::Crashed };
            self.unexplained.retain(|(of, name, _)| (*of, name) != (worker, test));
            self.entries.push(Entry::crash(worker, test, outcome, Some(death)));
        }
        // What is told of its host says it all.
        let lost = matches!(death.ending, Ending::HostLost(_));
        if crashed.is_some() || !(expected || lost || death.is_clean()) {
            self.downs.push(Down {
                worker,
                why: death.to_string(),
                crashed: crashed.cloned(),
                replacement: None,
                denied: None,
            });
        }
    }

    fn has_crash(&self, worker: WorkerId, test: &TestName) -> bool {
        self.entries.iter().rev().any(|entry| {
            matches!(entry.source, Source::Crash(_))
                && entry.worker == Some(worker)
                && entry.id == test.id
        })
    }

    fn down_of(&mut self, worker: WorkerId) -> Option<&mut Down> {
        self.downs.iter_mut().rfind(|down| down.worker == worker)
    }

    fn stopping(&mut self, reason: &StopReason) {
        if *reason == StopReason::CollectionsDiffer {
            for diff in std::mem::take(&mut self.diffs) {
                self.count("error");
                self.entries.push(Entry::differs(&diff));
            }
        }
        // The first reason is the cause; what comes after is the user losing patience.
        self.stop.get_or_insert_with(|| reason.clone());
    }
}
