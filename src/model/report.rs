//! What a worker tells of a test, a collection or a warning, beyond the bare outcome.

use serde::{Deserialize, Serialize};

use super::{Outcome, Phase};

/// Text that the framework captured for a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The framework's title, for example `Captured stdout call`.
    pub title: String,

    /// The text; cut in the middle by the worker when it is longer than the cap on captured output.
    pub text: String,
}

/// One phase of one test that has something to say: all but a plain pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseReport {
    /// The phase; the call for reports inside it (subtests, reruns).
    pub phase: Phase,

    /// The framework's category, counted in the summary line: `passed`, `failed`, `error`, `skipped`,
    /// `xfailed`, `xpassed`, `rerun`, `subtests passed`, …. Empty: not counted.
    pub category: String,

    /// The letter that stands for the report in a line of dots.
    pub letter: String,

    /// The word that stands for it in verbose output (`FAILED`, `SKIPPED (why)`).
    pub word: String,

    /// Whether the report counts as a failure for `maxfail`.
    pub failed: bool,

    /// The headline of the failure (pytest: `TestClass.test_name`).
    pub headline: String,

    /// The failure as the framework prints it, escape sequences included when colour was asked for.
    pub text: String,

    /// One line that says why, for the short summary: the crash message or the skip reason.
    pub brief: String,

    /// Where, for the short summary of skips: `file:line`.
    pub location: String,

    /// Captured output to be shown with the failure.
    pub sections: Vec<Section>,

    /// Seconds the phase took.
    pub duration: f64,
}

impl PhaseReport {
    /// How the test failed, if this report says that it did. Workers that run each test in a process report its end as well, which
    /// they put into words as everybody does.
    pub fn failure(&self) -> Outcome {
        match self.word.as_str() {
            "CRASHED" => Outcome::Crashed,
            "TIMED OUT" => Outcome::TimedOut,
            _other => Outcome::Failed,
        }
    }
}

/// Seconds spent in each phase of one test.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Durations {
    /// Seconds of set-up.
    pub setup: f64,
    /// Seconds of the call.
    pub call: f64,
    /// Seconds of teardown, without any wait for the next test.
    pub teardown: f64,
}

impl Durations {
    /// Seconds of all phases.
    pub fn total(&self) -> f64 {
        self.setup + self.call + self.teardown
    }
}

/// The end of one test on a worker that is alive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TestEnd {
    /// Its terminal state.
    pub outcome: Outcome,

    /// Seconds by phase.
    pub durations: Durations,

    /// When set-up began, in seconds since the Unix epoch by the worker's clock.
    pub started: f64,
}

/// A collector that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectReport {
    /// The collector's id, usually a file.
    pub id: String,

    /// Whether it failed; skipped otherwise.
    pub failed: bool,

    /// The error as the framework prints it.
    pub text: String,

    /// One line that says why.
    pub brief: String,

    /// Where, for the short summary of skips: `file:line`.
    pub location: String,
}

/// When a warning was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WarningStage {
    /// While the framework read its configuration; every worker raises it.
    Config,
    /// While collecting; every worker raises it.
    Collect,
    /// While a test ran.
    Run,
}

/// A warning that the framework recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WarningReport {
    /// When it was raised.
    pub stage: WarningStage,

    /// The test or collector it belongs to; empty if none.
    pub id: String,

    /// `file:line` where it was raised; empty if unknown.
    pub location: String,

    /// The text as the framework shows it: location, class, message, source line.
    pub text: String,
}
