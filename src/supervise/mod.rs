//! Whether a dead worker is replaced and a lost host tried again: pure rules. Deaths go in with the time they happened, a verdict comes out.

mod hosts;
mod policy;

pub use hosts::HostPolicy;
pub use policy::{Life, Restart, RestartPolicy};

use std::time::Duration;

/// How often dead workers are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartLimits {
    /// Replacements in the whole run; `None`: without limit. The seed's and xdist's `--max-worker-restart`.
    pub max_worker_restart: Option<u32>,

    /// Replacements within any [`window`](Self::window); `None`: without limit.
    pub max_restarts: Option<u32>,

    /// The length of the window for `max_restarts`.
    pub window: Duration,

    /// The wait before the second replacement in a row of workers that died young; doubles with each further one.
    pub backoff: Duration,

    /// The longest wait before a replacement.
    pub backoff_max: Duration,
}
