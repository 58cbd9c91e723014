//! Tests that do not fit into what is left of the time.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Dist, Durations, Outcome, TestFile, WorkerId, WorkerSpec};
use crate::schedule::{self, Estimates, MadeFile, RetryRules, Rules, Scheduler};

use super::script::{lines, options, tests};

const ONE: WorkerId = WorkerId(0);
const TWO: WorkerId = WorkerId(1);

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

fn known(tests: &[(&str, f64)]) -> Arc<Estimates> {
    let took = |call| Durations { setup: 0.0, call, teardown: 0.0 };
    Arc::new(tests.iter().map(|(id, call)| (*id, took(*call))).collect())
}

/// Two workers that have collected four tests, of which this is known.
fn started(dist: Dist, tests_known: &[(&str, f64)], left: u64) -> (Scheduler, Vec<String>) {
    let expected = [ONE, TWO].map(|worker| (worker, WorkerSpec::default()));
    let known = known(tests_known);
    let policy = schedule::policy(&options(dist), 2, known.clone());
    let rules =
        Rules { retry: RetryRules { retries: 1, ..RetryRules::default() }, ..Rules::default() };
    let mut scheduler = Scheduler::new(policy, &expected).with_rules(rules).with_time_limit(known);
    let mut said = scheduler.time_left(seconds(left));
    for (worker, _) in expected {
        said.extend(scheduler.worker_ready(worker));
        said.extend(scheduler.collected(worker, tests(4)));
    }
    (scheduler, lines(said))
}

fn left_out(said: &[String]) -> Vec<&str> {
    let ids = said.iter().filter_map(|line| line.strip_prefix("left out "));
    ids.filter_map(|line| line.split(':').next()).collect()
}

#[test]
fn what_does_not_fit_from_the_start_is_left_out_with_the_reason() {
    let (scheduler, said) = started(Dist::Load, &[("t1", 11.5), ("t2", 10.0)], 10);
    let line = "left out t1: it takes about 12 s, and the run has 10 s left";
    assert!(said.iter().any(|known| known == line), "{said:?}");
    assert_eq!(left_out(&said), ["t1"]);
    assert_eq!((scheduler.remaining(), scheduler.fits_until()), (3, Some(seconds(10))));
}

#[test]
fn what_fits_no_more_is_withdrawn_and_left_out_unless_it_has_begun() {
    let (mut scheduler, said) = started(Dist::WorkSteal, &[("t1", 5.0), ("t3", 5.0)], 10);
    assert_eq!(left_out(&said), [] as [&str; 0]);
    assert!(said.contains(&"run gw0 [0, 1]".to_owned()), "{said:?}");
    assert_eq!(lines(scheduler.time_left(seconds(5))), [] as [&str; 0]);
    scheduler.test_started(ONE, 0);
    scheduler.test_started(TWO, 2);
    assert_eq!(lines(scheduler.time_left(seconds(4))), ["withdraw gw0 [1]", "withdraw gw1 [3]"]);
    assert_eq!(left_out(&lines(scheduler.withdrawn(ONE, &[1], &[]))), ["t1"]);
    // The other one begins it meanwhile.
    scheduler.test_ended(TWO, 2, Outcome::Passed, 0.1);
    scheduler.test_started(TWO, 3);
    let said = lines(scheduler.withdrawn(TWO, &[], &[]));
    assert_eq!(left_out(&said), [] as [&str; 0]);
    scheduler.test_ended(ONE, 0, Outcome::Passed, 0.1);
    scheduler.test_ended(TWO, 3, Outcome::Passed, 0.1);
    assert!(scheduler.is_complete());
    assert_eq!((scheduler.left_out_for_time(), scheduler.fits_until()), (1, None));
}

#[test]
fn a_lane_whose_worker_was_told_that_no_more_comes_gives_back_what_does_not_fit() {
    let (mut scheduler, said) = started(Dist::Each, &[("t2", 5.0)], 10);
    assert!(said.contains(&"finish gw0".to_owned()), "{said:?}");
    assert_eq!(lines(scheduler.time_left(seconds(1))), ["withdraw gw0 [2]", "withdraw gw1 [2]"]);
    let said = lines(scheduler.withdrawn(ONE, &[2], &[]));
    assert_eq!(left_out(&said), ["t2"]);
    assert_eq!(left_out(&lines(scheduler.withdrawn(TWO, &[2], &[]))), ["lane 1"]);
}

#[test]
fn a_failed_test_that_has_no_time_for_another_attempt_has_failed() {
    let (mut scheduler, _) = started(Dist::Load, &[("t0", 5.0)], 10);
    scheduler.test_started(ONE, 0);
    scheduler.time_left(seconds(1));
    let said = lines(scheduler.test_ended(ONE, 0, Outcome::Failed, 9.0));
    assert!(said.iter().any(|line| line.starts_with("failed t0 on gw0")), "{said:?}");
    assert_eq!(scheduler.remaining(), 3);
}

#[test]
fn a_test_of_a_host_that_is_lost_is_not_run_again_where_it_does_not_fit() {
    let (mut scheduler, _) = started(Dist::Load, &[("t0", 5.0)], 10);
    scheduler.test_started(ONE, 0);
    scheduler.time_left(seconds(1));
    let said = lines(scheduler.worker_lost(ONE, Some(0)));
    assert_eq!(left_out(&said), ["t0"]);
}

#[test]
fn a_file_with_a_test_that_does_not_fit_is_made_before_anything_of_it_is_run() {
    let known = known(&[("a.py::t", 5.0), ("b.py::t", 1.0)]);
    let policy = schedule::policy(&options(Dist::Stream), 1, known.clone());
    let expected = [(ONE, WorkerSpec::default())];
    let mut scheduler = Scheduler::new(policy, &expected).with_time_limit(known);
    scheduler.time_left(seconds(3));
    scheduler.worker_ready(ONE);
    let files = ["a.py", "b.py"].map(|id| TestFile { id: id.into(), size: 0, at_once: false });
    let mut said = lines(scheduler.listed(ONE, files.into()));
    assert!(said.contains(&"make gw0 [0]".to_owned()), "{said:?}");
    scheduler.file_making(ONE, 0);
    let items = ["a.py::t", "a.py::u"].map(crate::model::Item::from_id).into();
    let made =
        MadeFile { file: 0, first: 0, items, deselected: 0, queued: false, kept: Vec::new() };
    said.extend(lines(scheduler.file_made(ONE, &made)));
    assert_eq!(left_out(&said), ["a.py"], "{said:?}");
    assert!(said.contains(&"run gw0 [1]".to_owned()), "{said:?}");
    assert!(said.contains(&"make and run gw0 [1]".to_owned()), "{said:?}");
}
