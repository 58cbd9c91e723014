//! Hosts that are lost, and hosts that come late.

use std::time::Duration;

use crate::model::Dist;

use super::script::{Script, options, policy, tests};

#[test]
fn what_ran_on_a_lost_host_waits_again_and_nobody_is_to_blame() {
    let (mut script, _) = Script::started(&options(Dist::Load), 2, &tests(4));
    script.begins(0, 0);
    assert_eq!(script.is_lost(0, Some(0)), ["lost t0 with gw0"]);
    assert_eq!(script.runs(1, 1), ["run gw1 [2]"]);
    assert_eq!(script.runs(1, 3), ["run gw1 [0]"]);
    assert!(script.runs(1, 2).is_empty());
    assert_eq!(script.runs(1, 0), ["finish gw1"]);
    assert!(script.scheduler().is_complete());
}

#[test]
fn a_test_that_two_hosts_were_lost_with_is_not_run_any_more() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(1));
    script.begins(0, 0);
    script.is_lost(0, None);
    script.expected(1, Some(0));
    script.joins(1, &tests(1));
    script.begins(1, 0);
    assert_eq!(script.is_lost(1, None), ["lost t0: 2 hosts were lost while they ran it"]);
    assert!(script.scheduler().is_complete());
}

#[test]
fn what_ran_on_a_host_that_is_lost_while_the_run_ends_is_lost() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(2));
    script.begins(0, 0);
    script.stop();
    let said = script.is_lost(0, Some(0));
    let why = "its host was lost while it ran, and the run was ending";
    assert!(said.contains(&format!("lost t0: {why}")), "{said:?}");
    assert!(script.scheduler().is_complete());
}

#[test]
fn the_last_test_of_a_lost_host_is_run_by_one_who_comes_after_all_were_told_to_finish() {
    let (mut script, _) = Script::started(&options(Dist::Load), 2, &tests(2));
    script.runs(0, 0);
    let said = script.begins(1, 1);
    assert_eq!(said, ["started t1 on gw1", "finish gw0", "finish gw1"]);
    assert_eq!(script.is_lost(1, Some(1)), ["lost t1 with gw1"]);
    assert!(script.scheduler().is_stranded());
    assert!(script.expected(2, Some(1)).is_empty());
    assert_eq!(script.joins(2, &tests(2)), ["run gw2 [1]"]);
    assert!(!script.scheduler().is_stranded());
    assert_eq!(script.runs(2, 1), ["finish gw2"]);
    assert!(script.scheduler().is_complete());
}

#[test]
fn a_late_worker_is_not_waited_for_and_joins() {
    let mut script = Script::new(policy(&options(Dist::Load)), 2);
    assert!(script.joins(0, &tests(8)).is_empty());
    let said = script.is_late(1);
    assert_eq!(said[0], "scheduling 8 on 1");
    assert_eq!(script.joins(1, &tests(8)), ["run gw1 [2, 3]"]);
}

#[test]
fn so_many_are_enough_to_begin_whoever_else_is_on_the_way() {
    let mut script = Script::new(policy(&options(Dist::Load)), 3);
    script.begin_with(2);
    assert!(script.joins(0, &tests(8)).is_empty());
    assert!(script.is_late(2).is_empty(), "one is not enough, and one more may come");
    assert_eq!(script.joins(1, &tests(8))[0], "scheduling 8 on 2");
}

#[test]
fn where_fewer_than_enough_can_come_those_begin_that_are_there() {
    let mut script = Script::new(policy(&options(Dist::Load)), 2);
    script.begin_with(2);
    assert!(script.joins(0, &tests(8)).is_empty());
    assert!(script.is_late(1).is_empty());
    assert_eq!(script.abandoned(1)[0], "scheduling 8 on 1");
}

#[test]
fn a_far_worker_has_ahead_what_it_runs_while_an_order_is_on_its_way() {
    for (away, ahead) in [(0, 8), (200, 11)] {
        let mut script = Script::new(policy(&options(Dist::Load)), 2);
        script.is_away(1, Duration::from_millis(away));
        script.start(2, &tests(100));
        // Of 100 the worker has every second one of the first 25, and gets no more before it runs low.
        let mut held = vec![1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23];
        for item in held.clone() {
            held.remove(0);
            let said = script.begins(1, item).into_iter().chain(script.ended_after(1, item, 0.01));
            if said.into_iter().any(|line| line.starts_with("run gw1")) {
                break;
            }
        }
        assert_eq!(held.len(), ahead, "{away} ms");
    }
}
