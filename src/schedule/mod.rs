//! Who runs what: a pure state machine. Calls go in, [`Decision`]s come out; no clock, no I/O, no
//! log.
//!
//! [`Scheduler`] keeps the roster (workers, lanes, collections, who holds what) and the account of
//! every test; a [`Policy`] alone knows how tests are shared out. The caller reports what happened
//! and carries out, in order, what is decided.

mod account;
mod attempts;
mod chain;
mod decision;
mod dispatch;
mod ending;
mod estimates;
mod files;
mod holder;
mod keeper;
mod lane;
mod late;
mod limit;
mod loss;
mod needs;
mod offers;
mod places;
mod placing;
mod policies;
mod policy;
mod progress;
mod recycling;
mod roster;
mod rules;
mod scheduler;
mod slow;
mod stream;
#[cfg(test)]
mod tests;

pub use decision::{Decision, ScheduleError};
pub use estimates::{Estimates, FileEstimate};
pub use policy::{Lanes, Move, Policy, View, policy};
pub use rules::{
    FileIsWanted, LEAST_BUDGET, RecycleRules, RetryRules, Rules, RulesOfTest, TestRules,
};
pub use scheduler::Scheduler;
pub(crate) use slow::SlowWatch;
pub use stream::MadeFile;

use crate::model::Dist;

/// How tests are distributed, and the numbers that go with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PolicyOptions {
    /// The mode.
    pub dist: Dist,

    /// xdist's `--maxschedchunk`: the most tests sent in one step under `load`; `None`: without
    /// limit.
    pub max_sched_chunk: Option<u32>,

    /// xdist's `--no-loadscope-reorder`: keep collection order instead of biggest scope first.
    pub keep_scope_order: bool,
}
