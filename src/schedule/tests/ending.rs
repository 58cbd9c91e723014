//! Stops, late arrivals and the closing account.

use super::script::policy;
use crate::model::Dist;

use super::script::{Script, options, tests};

#[test]
fn a_stop_withdraws_what_has_not_begun_and_running_tests_end() {
    let (mut script, _) = Script::started(&options(Dist::Load), 2, &tests(6));
    script.begins(0, 0);
    assert_eq!(
        script.stop(),
        [
            "withdraw gw0 [2]",
            "withdraw gw1 [1, 3]",
            "finish gw0",
            "finish gw1",
            "left out t4: stopped",
            "left out t5: stopped",
        ]
    );
    assert_eq!(script.withdrawn(0, &[2]), ["left out t2: stopped"]);
    assert_eq!(script.begins(1, 1), ["started t1 on gw1"], "it was under way");
    assert_eq!(script.withdrawn(1, &[3]), ["left out t3: stopped"]);
    assert_eq!(script.ended(0, 0), ["passed t0 on gw0"]);
    assert_eq!(script.ended(1, 1), ["passed t1 on gw1"]);
    assert!(script.scheduler().is_complete());
    assert!(script.stop().is_empty());
    assert!(script.close().is_empty());
}

#[test]
fn a_worker_that_dies_after_a_stop_gives_up_its_tests_as_left_out() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(3));
    script.begins(0, 0);
    assert_eq!(script.stop(), ["withdraw gw0 [1]", "finish gw0", "left out t2: stopped"]);
    assert_eq!(script.dies(0, Some(0)), ["crashed t0 on gw0", "left out t1: stopped"]);
}

#[test]
fn a_stop_under_each_withdraws_from_workers_that_were_told_to_finish() {
    let (mut script, _) = Script::started(&options(Dist::Each), 2, &tests(2));
    script.begins(0, 0);
    script.dies(1, None);
    assert_eq!(
        script.stop(),
        ["withdraw gw0 [1]", "left out lane 1: t0: stopped", "left out lane 1: t1: stopped",]
    );
    assert_eq!(script.withdrawn(0, &[1]), ["left out t1: stopped"]);
}

#[test]
fn a_stop_before_distribution_finishes_all_and_nothing_is_in_force() {
    let mut script = Script::new(policy(&options(Dist::Load)), 3);
    script.joins(0, &tests(3));
    script.ready(1);
    assert_eq!(script.stop(), ["finish gw0", "finish gw1"]);
    assert!(script.collected(1, &tests(3)).is_empty());
    assert_eq!(script.ready(2), ["finish gw2"], "it arrives during shutdown");
    assert!(script.scheduler().is_complete());
}

#[test]
fn a_stop_while_a_steal_is_under_way_asks_for_the_others_only() {
    let (mut script, _) = Script::started(&options(Dist::WorkSteal), 2, &tests(8));
    script.begins(0, 0);
    for item in 4..8 {
        script.runs(1, item);
    }
    assert_eq!(script.stop(), ["withdraw gw0 [1]", "finish gw0", "finish gw1"]);
    let steal = script.withdrawn(0, &[2, 3]);
    assert_eq!(steal, ["left out t2: stopped", "left out t3: stopped"]);
    assert_eq!(script.withdrawn(0, &[1]), ["left out t1: stopped"]);
}

#[test]
fn a_worker_that_arrives_when_all_has_begun_is_told_to_finish() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(1));
    script.begins(0, 0);
    script.expected(1, None);
    assert_eq!(script.ready(1), ["finish gw1"]);
    assert!(script.collected(1, &tests(1)).is_empty());
}

#[test]
fn a_worker_that_collects_while_the_last_test_begins_is_told_to_finish() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(1));
    script.expected(1, None);
    script.ready(1);
    assert_eq!(script.begins(0, 0), ["started t0 on gw0", "finish gw0", "finish gw1"]);
    assert!(script.collected(1, &tests(1)).is_empty());
}

#[test]
fn the_close_accounts_for_what_runs_and_for_what_a_stop_left_out() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(3));
    script.begins(0, 0);
    script.stop();
    assert_eq!(script.close(), ["lost t0: nobody left", "left out t1: stopped"]);
    assert!(script.ended(0, 0).is_empty(), "after the close all is too late");
    assert!(script.close().is_empty());
}
