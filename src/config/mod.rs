//! From arguments, environment, project file and defaults to one validated [`Config`].
//!
//! Nothing below this module sees arguments or files: the actors get a `Config` and the plain types in it.

mod input;

use std::num::NonZeroU32;

use crate::launch::AgentCommand;
use crate::model::{Deadlines, Suite, WorkerSpec};
use crate::report::TerminalOptions;
use crate::schedule::PolicyOptions;
use crate::supervise::RestartLimits;

/// All that a run needs to know, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// What is to be run.
    pub suite: Suite,

    /// One specification a worker, in the order of their ids; never empty.
    pub workers: Vec<WorkerSpec>,

    /// How tests are distributed.
    pub policy: PolicyOptions,

    /// Stop after this many failures; `None`: as the project's own framework configuration says.
    pub max_fail: Option<NonZeroU32>,

    /// How often dead workers are replaced.
    pub restart: RestartLimits,

    /// How long each step may take.
    pub deadlines: Deadlines,

    /// The most memory a worker may use, in bytes; a worker above it is killed.
    pub worker_memory: Option<u64>,

    /// The run's id (`testrun_uid`).
    pub run_id: String,

    /// The command line as typed, for programs that look at it.
    pub argv: Vec<String>,

    /// One number that all workers share, for plugins that shuffle.
    pub seed: u32,

    /// Collect on one worker, run nothing.
    pub collect_only: bool,

    /// How people are shown the run.
    pub terminal: TerminalOptions,

    /// How the agent of this machine is started.
    pub agent: AgentCommand,
}
