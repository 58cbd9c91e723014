//! How much longer than a test may take the agent waits for a worker that ends its tests by itself.

use std::time::Duration;

use crate::adapters::WorkerCommand;
use crate::model::Deadlines;

/// How much later than a worker that keeps the deadlines of its tests by itself the agent ends it.
const SELF_KEPT: Duration = Duration::from_secs(30);

/// How much longer than it may take a test of this worker is waited for.
pub(super) fn slack(command: &WorkerCommand) -> Duration {
    if command.native { SELF_KEPT } else { Duration::ZERO }
}

/// The deadlines that the agent holds a worker to.
pub(super) fn deadlines(command: &WorkerCommand, deadlines: Deadlines) -> Deadlines {
    let longest = command.longest_test.unwrap_or_default();
    let test = deadlines.test.map(|limit| limit.max(longest).saturating_add(slack(command)));
    Deadlines { test, ..deadlines }
}
