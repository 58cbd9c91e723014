//! The terminal state of a test, and the phases on the way to it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The one terminal state that every collected test ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// All phases passed.
    Passed,
    /// The call failed.
    Failed,
    /// Set-up or teardown failed.
    Error,
    /// The framework skipped it.
    Skipped,
    /// It failed as its mark foretold.
    XFailed,
    /// It passed although its mark foretold a failure.
    XPassed,
    /// Its worker died while it ran.
    Crashed,
    /// It ran past its deadline and its worker was killed.
    TimedOut,
    /// Nobody ran it; the event that says so holds the reason.
    NotRun,
}

impl Outcome {
    /// Whether a run with such a test must not exit 0.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::Error | Self::Crashed | Self::TimedOut | Self::NotRun)
    }

    /// The outcome as one lower-case word, stable in machine-readable output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::XFailed => "xfailed",
            Self::XPassed => "xpassed",
            Self::Crashed => "crashed",
            Self::TimedOut => "timed-out",
            Self::NotRun => "not-run",
        }
    }
}

impl Outcome {
    /// All of them, in the order they are listed to people.
    pub const ALL: [Self; 9] = [
        Self::Passed,
        Self::Failed,
        Self::Error,
        Self::Skipped,
        Self::XFailed,
        Self::XPassed,
        Self::Crashed,
        Self::TimedOut,
        Self::NotRun,
    ];

    /// The outcome of this [`word`](Self::word).
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A phase of one test; frameworks without phases have the call alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Making what the test needs.
    Setup,
    /// The test itself.
    Call,
    /// Putting away what set-up made.
    Teardown,
}

impl Phase {
    /// pytest's word for the phase (`when`).
    pub fn word(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Call => "call",
            Self::Teardown => "teardown",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
