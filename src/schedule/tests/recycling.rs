//! When workers make way for fresh ones.

use crate::model::{Dist, Outcome, WorkerId, WorkerSpec};
use crate::schedule::{RecycleRules, Rules, Scheduler};

use super::script::{lines, options, policy, tests};

/// One worker that has collected six tests and makes way by this.
fn started(recycle: RecycleRules) -> Scheduler {
    let expected = [(WorkerId(0), WorkerSpec::default())];
    let rules = Rules { recycle, ..Rules::default() };
    let mut scheduler = Scheduler::new(policy(&options(Dist::Load)), &expected).with_rules(rules);
    scheduler.worker_ready(WorkerId(0));
    scheduler.collected(WorkerId(0), tests(6));
    scheduler
}

/// Whether what was decided tells the worker to make way.
fn makes_way(said: &[String]) -> bool {
    said.iter().any(|line| line.starts_with("recycled gw0"))
}

#[test]
fn a_worker_is_told_when_it_begins_the_last_test_that_it_is_to_run() {
    let mut run = started(RecycleRules { after: Some(2), failed: false });
    assert!(!makes_way(&lines(run.test_started(WorkerId(0), 0))));
    let said = lines(run.test_ended(WorkerId(0), 0, Outcome::Failed, 0.1));
    assert!(!makes_way(&said), "{said:?}");
    let said = lines(run.test_started(WorkerId(0), 1));
    assert!(said[1].starts_with("withdraw gw0 [2"), "{said:?}");
    assert_eq!(said[2..], ["finish gw0", "recycled gw0: it has run 2 tests"]);
    let said = lines(run.test_ended(WorkerId(0), 1, Outcome::Passed, 0.1));
    assert_eq!(said, ["passed t1 on gw0"]);
}

#[test]
fn a_worker_makes_way_at_the_end_of_a_test_that_failed() {
    let mut run = started(RecycleRules { after: None, failed: true });
    for (item, outcome) in [(0, Outcome::Passed), (1, Outcome::Failed)] {
        run.test_started(WorkerId(0), item);
        let said = lines(run.test_ended(WorkerId(0), item, outcome, 0.1));
        assert_eq!(makes_way(&said), outcome == Outcome::Failed, "{said:?}");
    }
}
