//! From all that happened to the exit code and the sentence that explains it.

use std::collections::{BTreeMap, HashSet};

use super::Phase;
use crate::exit::ExitCode;
use crate::model::{Dist, Ending, Outcome, RunEvent, StopReason, Verdict, WorkerId};

/// What the verdict is made of.
#[derive(Debug, Default)]
pub(super) struct Account {
    outcomes: BTreeMap<Outcome, u32>,
    lost: u32,
    flaky: u32,
    flaky_fails: bool,
    collect_failures: u32,
    stop: Option<StopReason>,
    fatal: Option<(ExitCode, String)>,
    abnormal: Option<String>,
    unserved: Option<String>,
    conclusion: Option<String>,
    files_not_run: u32,
    files_lost: u32,
    /// Under `each`, the workers of whose tests nothing is known, with their specifications: who replaces one takes its place.
    unlisted: BTreeMap<WorkerId, String>,
    worked: HashSet<WorkerId>,
    retried_on: HashSet<WorkerId>,
    last_denial: Option<String>,
    asked: Option<(WorkerId, i32)>,
}

impl Account {
    pub(super) fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunStarted { dist: Dist::Each, workers, .. } => {
                self.unlisted = workers.iter().cloned().collect();
            }
            RunEvent::WorkerStarting { worker, replaces: Some(replaced), .. } => {
                let spec = self.unlisted.remove(replaced);
                self.unlisted.extend(spec.map(|spec| (*worker, spec)));
            }
            RunEvent::WorkerCollected { worker, .. } => {
                self.unlisted.remove(worker);
            }
            RunEvent::TestStarted { worker, .. } => {
                self.worked.insert(*worker);
            }
            RunEvent::TestFinished { end, attempt, .. } => {
                self.flaky += u32::from(*attempt > 1 && end.outcome == Outcome::Passed);
                *self.outcomes.entry(end.outcome).or_default() += 1;
            }
            RunEvent::TestRetried { worker, .. } => {
                self.retried_on.insert(*worker);
            }
            RunEvent::TestNotRun { lost, .. } => {
                *self.outcomes.entry(Outcome::NotRun).or_default() += 1;
                self.lost += u32::from(*lost);
            }
            RunEvent::FileNotRun { lost, .. } => {
                self.files_not_run += 1;
                self.files_lost += u32::from(*lost);
            }
            RunEvent::CollectReported { report, .. } => {
                self.collect_failures += u32::from(report.failed);
            }
            RunEvent::WorkerDown { worker, death, crashed, expected, .. } => {
                // A worker that ran tests and then died outside of any took its session's teardown with it.
                let lost = matches!(death.ending, Ending::HostLost(_));
                if !expected && !lost && crashed.is_none() && self.worked.contains(worker) {
                    self.abnormal.get_or_insert_with(|| {
                        format!("worker '{worker}' died outside of any test: {death}")
                    });
                }
                if !expected {
                    self.last_denial.get_or_insert_with(|| format!("worker '{worker}': {death}"));
                }
            }
            RunEvent::Stopping(reason) => {
                self.stop.get_or_insert_with(|| reason.clone());
            }
            RunEvent::Conclusion { failure, .. } => self.conclusion.clone_from(failure),
            RunEvent::RunStarted { .. }
            | RunEvent::Progress(_)
            | RunEvent::Notice(_)
            | RunEvent::SuiteReady(_)
            | RunEvent::WorkerStarting { .. }
            | RunEvent::WorkerSpawned { .. }
            | RunEvent::WorkerReady { .. }
            | RunEvent::Collected { .. }
            | RunEvent::CollectionDiffers(_)
            | RunEvent::SchedulingStarted { .. }
            | RunEvent::FileCollected { .. }
            | RunEvent::WorkerListed { .. }
            | RunEvent::TestReported { .. }
            | RunEvent::Warned { .. }
            | RunEvent::Output { .. }
            | RunEvent::TestSlow { .. }
            | RunEvent::WorkerRecycled { .. }
            | RunEvent::WorkerUsage { .. }
            | RunEvent::WorkerReplaced { .. }
            | RunEvent::ReplacementDenied { .. }
            | RunEvent::Host { .. }
            | RunEvent::TestLost { .. }
            | RunEvent::RunFinished(_) => {}
        }
    }

    /// What a worker said is quoted in the reason of the stop; here its gist is enough.
    pub(super) fn fatal(&mut self, code: ExitCode, worker: Option<WorkerId>, message: &str) {
        let explanation = match worker {
            Some(worker) => format!("{worker}: {}", sentence(message)),
            None => message.to_owned(),
        };
        self.fatal.get_or_insert((code, explanation));
    }

    /// What pytest says of the tests of one worker is for the account of all to say (0, 1, 2, 5); another code, or 1 where
    /// nothing has failed, is a plugin's will.
    pub(super) fn worker_finished(&mut self, worker: WorkerId, exit_code: i32) {
        let told = [ExitCode::Passed, ExitCode::Interrupted, ExitCode::NothingCollected];
        // Its own session knows nothing of the attempts of others.
        let failed_once =
            exit_code == i32::from(ExitCode::Failed.number()) && self.retried_on.contains(&worker);
        let asked = !failed_once && !told.iter().any(|code| i32::from(code.number()) == exit_code);
        if asked && self.asked.is_none_or(|(_, known)| known < exit_code) {
            self.asked = Some((worker, exit_code));
        }
    }

    pub(super) fn flaky_fails(&mut self, fails: bool) {
        self.flaky_fails = fails;
    }

    pub(super) fn fleet_is_empty(&mut self, reason: &str, phase: Phase) {
        if phase < Phase::Running && self.fatal.is_none() {
            let why = self.last_denial.as_deref().unwrap_or(reason);
            self.unserved = Some(format!("no worker came as far as running tests; {why}"));
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let (exit_code, explanation) = self.exit();
        Verdict {
            exit_code,
            explanation,
            tests: self.outcomes.values().sum(),
            outcomes: self.outcomes.iter().map(|(outcome, count)| (*outcome, *count)).collect(),
            lost: self.lost(),
            flaky: self.flaky,
        }
    }

    /// Where nobody stopped the run, nothing was left out on purpose, whatever the one who says so believes.
    fn lost(&self) -> u32 {
        match self.stop {
            Some(_) => self.lost,
            None => self.outcomes.get(&Outcome::NotRun).copied().unwrap_or_default(),
        }
    }

    fn what_was_lost(&self) -> Option<String> {
        let files = if self.stop.is_some() { self.files_lost } else { self.files_not_run };
        let of =
            |count: u32, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        match (self.lost(), files) {
            (0, 0) => None,
            (1, 0) => Some("1 test was".to_owned()),
            (tests, 0) => Some(format!("{} were", of(tests, "test"))),
            (0, files) => Some(format!("the tests of {} were", of(files, "file"))),
            (tests, files) => {
                let (tests, files) = (of(tests, "test"), of(files, "more file"));
                Some(format!("{tests} and those of {files} were"))
            }
        }
    }

    /// The worst that happened decides: what makes the result doubtful before what makes it bad.
    fn exit(&self) -> (i32, Option<String>) {
        let with = |code: ExitCode, text: Option<String>| (i32::from(code.number()), text);
        if let Some((code, message)) = &self.fatal {
            return with(*code, Some(message.clone()));
        }
        match &self.stop {
            Some(StopReason::Requested(by)) => {
                return with(ExitCode::Interrupted, Some(format!("interrupted by {by}")));
            }
            Some(StopReason::Worker { worker, reason, exit_code }) => {
                let asked = exit_code.filter(|code| *code != 0);
                let code = asked.unwrap_or_else(|| i32::from(ExitCode::Interrupted.number()));
                return (code, Some(format!("{worker}: {}", sentence(reason))));
            }
            Some(StopReason::CollectionsDiffer) => {
                return with(
                    ExitCode::Interrupted,
                    Some("workers collected different tests".to_owned()),
                );
            }
            Some(StopReason::CollectionFailed) => {
                let count = self.collect_failures;
                let plural = if count == 1 { "" } else { "s" };
                return with(
                    ExitCode::Interrupted,
                    Some(format!("{count} error{plural} during collection")),
                );
            }
            Some(StopReason::Deadline(limit)) => {
                let limit = humantime::format_duration(*limit);
                let text = format!("the run took longer than its deadline of {limit}");
                return with(ExitCode::Interrupted, Some(text));
            }
            Some(StopReason::MaxFail(_)) | None => {}
        }
        if let Some(why) = &self.unserved
            && self.stop.is_none()
        {
            return with(ExitCode::Infrastructure, Some(why.clone()));
        }
        if let Some((_, spec)) = self.unlisted.first_key_value()
            && self.stop.is_none()
        {
            let more = match self.unlisted.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let text = format!(
                "the worker of `{spec}`{more} did not come as far as running tests; the results are incomplete"
            );
            return with(ExitCode::Infrastructure, Some(text));
        }
        if let Some(what) = self.what_was_lost() {
            // Where none died, each test says why.
            let why = if self.last_denial.is_some() { " because workers failed" } else { "" };
            let text = format!("{what} not run{why}; the results are incomplete");
            return with(ExitCode::Infrastructure, Some(text));
        }
        let failed = i32::from(ExitCode::Failed.number());
        let asked = self.asked.map(|(worker, code)| {
            (code, Some(format!("the session of worker '{worker}' ended with exit code {code}")))
        });
        if let Some(asked) = asked.clone().filter(|(code, _)| *code > failed) {
            return asked;
        }
        let bad = self
            .outcomes
            .iter()
            .any(|(outcome, _)| outcome.is_bad() && *outcome != Outcome::NotRun);
        if bad || self.collect_failures > 0 || self.stop.is_some() {
            return with(ExitCode::Failed, None);
        }
        if self.flaky_fails && self.flaky > 0 {
            let plural = if self.flaky == 1 { " is" } else { "s are" };
            return with(ExitCode::Failed, Some(format!("{} test{plural} flaky", self.flaky)));
        }
        if let Some(failure) = &self.conclusion {
            return with(ExitCode::Failed, Some(sentence(failure).to_owned()));
        }
        if let Some(why) = &self.abnormal {
            return with(ExitCode::Infrastructure, Some(why.clone()));
        }
        if let Some(asked) = asked {
            return asked;
        }
        if self.outcomes.is_empty() {
            return with(ExitCode::NothingCollected, None);
        }
        with(ExitCode::Passed, None)
    }
}

/// The line that says it: of a refused command line the one with the error, of a traceback the last.
fn sentence(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let refusal = lines.clone().find(|line| line.contains(": error: "));
    refusal.or_else(|| lines.next_back()).unwrap_or_default()
}
