//! The phases of a run, its stops and its verdict: a pure state machine. Events go in, [`Step`]s come out.
//!
//! It counts what the seed's `DSession` counts (`maxfail` over failed reports, collection errors among them), and it alone
//! decides what the exit code says.

mod verdict;

use std::num::NonZeroU32;
use std::time::Duration;

use crate::exit::ExitCode;
use crate::model::{RunEvent, StopReason, WorkerId};

use verdict::Account;

/// One thing to be done for the session, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Begin nothing new: the scheduler stops, the supervisor clones no more. `interrupt`: workers that
    /// still collect are interrupted too.
    Stop {
        /// Why.
        reason: StopReason,
        /// Whether collection is cut short as well.
        interrupt: bool,
    },

    /// Kill every worker now.
    Kill,

    /// Let this worker go on after its failure.
    Resume(WorkerId),

    /// Tell people.
    Notice(String),

    /// No worker is left: give every test without one its terminal state.
    Close(String),

    /// Have the adapter's conclusion run with these requests.
    Conclude(Vec<String>),

    /// The run is over; the verdict can be made.
    Done,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Hosts and workers are being started.
    Starting,
    /// Workers collect.
    Collecting,
    /// Tests run.
    Running,
    /// Nothing new begins.
    Stopping,
    /// All workers are gone; the account is being closed.
    Closing,
    /// The conclusion runs.
    Concluding,
    /// Over.
    Done,
}

/// The state of a run as a whole.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    max_fail: Option<NonZeroU32>,
    failures: u32,
    account: Account,
    conclusions: Vec<String>,
    introduced: bool,
}

impl Session {
    /// `max_fail`: `None` takes what the project's own framework configuration asks for.
    pub fn new(max_fail: Option<NonZeroU32>) -> Self {
        Self {
            phase: Phase::Starting,
            max_fail,
            failures: 0,
            account: Account::default(),
            conclusions: Vec::new(),
            introduced: false,
        }
    }

    /// Whether a test that passed after a failure fails the run.
    #[must_use]
    pub fn counting_flaky(mut self, fails: bool) -> Self {
        self.account.flaky_fails(fails);
        self
    }

    /// The run as a whole takes longer than this.
    pub fn overdue(&mut self, limit: Duration) -> Vec<Step> {
        self.stop(StopReason::Deadline(limit), true)
    }

    /// Where the run is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Takes note of what happened.
    pub fn event(&mut self, event: &RunEvent) -> Vec<Step> {
        self.account.event(event);
        match event {
            RunEvent::WorkerReady { info, .. } => {
                self.phase = self.phase.max(Phase::Collecting);
                if std::mem::replace(&mut self.introduced, true) {
                    return Vec::new();
                }
                self.max_fail = self.max_fail.or(NonZeroU32::new(info.maxfail));
                if info.unserved.is_empty() {
                    return Vec::new();
                }
                let names = info.unserved.join(", ");
                vec![Step::Notice(format!(
                    "not served here, because they need a pytest controller: {names}"
                ))]
            }
            RunEvent::SchedulingStarted { .. } | RunEvent::Collected { .. } => {
                self.phase = self.phase.max(Phase::Running);
                Vec::new()
            }
            RunEvent::TestReported { report, .. } => self.count(report.failed),
            RunEvent::CollectReported { report, .. } => self.count(report.failed),
            RunEvent::WorkerDown { crashed, retried, .. } => {
                self.count(crashed.is_some() && !retried)
            }
            RunEvent::Stopping(_) => {
                self.phase = self.phase.max(Phase::Stopping);
                Vec::new()
            }
            RunEvent::RunStarted { .. }
            | RunEvent::Progress(_)
            | RunEvent::Notice(_)
            | RunEvent::SuiteReady(_)
            | RunEvent::WorkerStarting { .. }
            | RunEvent::WorkerSpawned { .. }
            | RunEvent::WorkerCollected { .. }
            | RunEvent::CollectionDiffers(_)
            | RunEvent::FileCollected { .. }
            | RunEvent::FileNotRun { .. }
            | RunEvent::WorkerListed { .. }
            | RunEvent::TestStarted { .. }
            | RunEvent::TestFinished { .. }
            | RunEvent::TestNotRun { .. }
            | RunEvent::Warned { .. }
            | RunEvent::Output { .. }
            | RunEvent::TestSlow { .. }
            | RunEvent::TestRetried { .. }
            | RunEvent::WorkerRecycled { .. }
            | RunEvent::WorkerUsage { .. }
            | RunEvent::WorkerReplaced { .. }
            | RunEvent::ReplacementDenied { .. }
            | RunEvent::Host { .. }
            | RunEvent::TestLost { .. }
            | RunEvent::Conclusion { .. }
            | RunEvent::RunFinished(_) => Vec::new(),
        }
    }

    /// A worker waits after a failure to be told to go on; the failure itself has been counted.
    pub fn halted(&self, worker: WorkerId) -> Vec<Step> {
        if self.phase >= Phase::Stopping { Vec::new() } else { vec![Step::Resume(worker)] }
    }

    /// A worker's session ends by itself, with an exit code of its own if it asked for one.
    pub fn worker_stops(
        &mut self,
        worker: WorkerId,
        reason: String,
        exit_code: Option<i32>,
    ) -> Vec<Step> {
        self.stop(StopReason::Worker { worker, reason, exit_code }, true)
    }

    /// The user or the host program asks for the end.
    pub fn requested(&mut self, by: String) -> Vec<Step> {
        self.stop(StopReason::Requested(by), true)
    }

    /// The user or the host program asks for the end at once.
    pub fn killed(&mut self, by: String) -> Vec<Step> {
        if self.phase == Phase::Concluding {
            // Its process ends with its agent.
            let what = format!("interrupted by {by} before the conclusion was run to its end");
            self.account.fatal(ExitCode::Interrupted, None, &what);
            return self.concluded();
        }
        let mut steps = self.stop(StopReason::Requested(by), true);
        if self.phase < Phase::Closing {
            steps.push(Step::Kill);
        }
        steps
    }

    /// The run can not go on: what and why. The first such cause decides the exit code.
    pub fn fatal(
        &mut self,
        code: ExitCode,
        message: String,
        worker: Option<WorkerId>,
    ) -> Vec<Step> {
        self.account.fatal(code, worker, &message);
        match worker {
            Some(worker) => {
                let exit_code = Some(i32::from(code.number()));
                self.stop(StopReason::Worker { worker, reason: message, exit_code }, true)
            }
            None => Vec::new(),
        }
    }

    /// A worker's session is over with the framework's own exit code, which a plugin may have set.
    pub fn worker_finished(&mut self, worker: WorkerId, exit_code: i32) {
        self.account.worker_finished(worker, exit_code);
    }

    /// What a worker leaves for the conclusion.
    pub fn leaves(&mut self, conclusion: String) {
        self.conclusions.push(conclusion);
    }

    /// No worker is left and none will come.
    pub fn fleet_is_empty(&mut self, reason: &str) -> Vec<Step> {
        if self.phase >= Phase::Closing {
            return Vec::new();
        }
        self.account.fleet_is_empty(reason, self.phase);
        self.phase = Phase::Closing;
        vec![Step::Close(reason.to_owned())]
    }

    /// Every test has its terminal state.
    pub fn closed(&mut self) -> Vec<Step> {
        if self.conclusions.is_empty() {
            self.phase = Phase::Done;
            return vec![Step::Done];
        }
        self.phase = Phase::Concluding;
        vec![Step::Conclude(std::mem::take(&mut self.conclusions))]
    }

    /// The conclusion has been run, or can not be.
    pub fn concluded(&mut self) -> Vec<Step> {
        if self.phase != Phase::Concluding {
            return Vec::new();
        }
        self.phase = Phase::Done;
        vec![Step::Done]
    }

    /// The result of the run.
    pub fn verdict(&self) -> crate::model::Verdict {
        self.account.verdict()
    }

    /// Counts what happened if it is a failure.
    fn count(&mut self, failed: bool) -> Vec<Step> {
        self.failures += u32::from(failed);
        match self.max_fail {
            Some(limit) if failed && self.failures >= limit.get() => {
                self.stop(StopReason::MaxFail(self.failures), false)
            }
            Some(_) | None => Vec::new(),
        }
    }

    fn stop(&mut self, reason: StopReason, interrupt: bool) -> Vec<Step> {
        if self.phase >= Phase::Stopping {
            return Vec::new();
        }
        self.phase = Phase::Stopping;
        vec![Step::Stop { reason, interrupt }]
    }
}

#[cfg(test)]
mod tests;
