//! `worksteal`, as in xdist 3.8, with any number of steals under way.

use crate::model::Dist;

use super::script::{Script, options, tests};

fn started(workers: u32, count: usize) -> (Script, Vec<String>) {
    Script::started(&options(Dist::WorkSteal), workers, &tests(count))
}

#[test]
fn everything_is_dealt_at_the_start_in_even_consecutive_parts() {
    let (_, said) = started(3, 8);
    assert_eq!(
        said,
        ["scheduling 8 on 3", "run gw0 [0, 1]", "run gw1 [2, 3, 4]", "run gw2 [5, 6, 7]"]
    );
}

#[test]
fn an_idle_worker_takes_the_second_half_of_the_longest_queue() {
    let (mut script, _) = started(2, 8);
    script.begins(0, 0);
    for item in 4..7 {
        assert!(script.runs(1, item).is_empty());
    }
    assert_eq!(script.runs(1, 7), ["withdraw gw0 [2, 3]"]);
    assert_eq!(script.withdrawn(0, &[2, 3]), ["run gw1 [2, 3]"]);
}

#[test]
fn what_began_before_the_withdrawal_arrived_stays_and_the_rest_moves() {
    let (mut script, _) = started(2, 8);
    for item in 4..8 {
        script.runs(1, item);
    }
    for item in 0..2 {
        script.runs(0, item);
    }
    script.begins(0, 2);
    assert_eq!(script.withdrawn(0, &[3]), ["run gw1 [3]"]);
    script.ended(0, 2);
    script.runs(1, 3);
    assert!(script.scheduler().is_complete());
}

#[test]
fn a_steal_that_came_too_late_for_all_leads_to_another_one() {
    let (mut script, _) = started(3, 12);
    for item in 8..11 {
        script.runs(2, item);
    }
    assert_eq!(script.runs(2, 11), ["withdraw gw1 [6, 7]"]);
    for item in 4..6 {
        assert!(script.runs(1, item).is_empty(), "two tests come for two idle");
    }
    assert_eq!(script.runs(1, 6), ["withdraw gw0 [2, 3]"], "one will not come");
    script.begins(1, 7);
    assert!(script.withdrawn(1, &[]).is_empty());
    assert_eq!(script.withdrawn(0, &[2, 3]), ["run gw2 [2, 3]"]);
}

#[test]
fn a_test_that_was_kept_is_about_to_begin_and_not_asked_for_again() {
    let (mut script, _) = started(2, 4);
    script.runs(1, 2);
    assert_eq!(script.runs(1, 3), ["withdraw gw0 [1]"]);
    assert_eq!(script.withdrawn(0, &[]), ["withdraw gw0 [0]"]);
    assert_eq!(script.withdrawn(0, &[0]), ["run gw1 [0]"]);
}

#[test]
fn several_steals_may_be_under_way() {
    let (mut script, _) = started(4, 16);
    for item in 8..11 {
        assert!(script.runs(2, item).is_empty());
    }
    assert_eq!(script.runs(2, 11), ["withdraw gw3 [14, 15]"]);
    for item in 4..8 {
        let said = script.runs(1, item);
        assert!(said.is_empty(), "two tests come for two idle workers: {said:?}");
    }
    assert!(script.runs(3, 12).is_empty());
    assert_eq!(script.runs(3, 13), ["withdraw gw0 [2, 3]"]);
    assert_eq!(script.withdrawn(3, &[14, 15]), ["run gw1 [14]", "run gw2 [15]"]);
    assert_eq!(script.withdrawn(0, &[2, 3]), ["run gw3 [2, 3]"]);
}

#[test]
fn the_only_other_test_of_a_busy_worker_is_taken() {
    let (mut script, _) = started(2, 4);
    script.begins(0, 0);
    script.runs(1, 2);
    assert_eq!(script.runs(1, 3), ["withdraw gw0 [1]"]);
}

#[test]
fn the_death_of_a_robbed_worker_loses_and_doubles_nothing() {
    let (mut script, _) = started(2, 6);
    script.begins(0, 0);
    script.runs(1, 3);
    script.runs(1, 4);
    assert_eq!(script.runs(1, 5), ["withdraw gw0 [2]"]);
    assert_eq!(script.dies(0, Some(0)), ["crashed t0 on gw0", "run gw1 [1, 2]"]);
    assert!(script.withdrawn(0, &[2]).is_empty(), "too late");
    script.runs(1, 1);
    assert_eq!(script.runs(1, 2), ["finish gw1"]);
    assert!(script.scheduler().is_complete());
}

#[test]
fn the_death_of_the_robber_leaves_what_comes_back_to_the_others() {
    let (mut script, _) = started(2, 6);
    script.begins(0, 0);
    for item in 3..6 {
        script.runs(1, item);
    }
    assert!(script.dies(1, None).is_empty());
    assert!(script.withdrawn(0, &[2]).is_empty());
    assert!(script.ended(0, 0).len() == 1);
    assert_eq!(script.runs(0, 1), ["run gw0 [2]"]);
}

#[test]
fn fewer_tests_than_workers_are_run_one_each() {
    let (_, said) = started(3, 2);
    assert_eq!(said, ["scheduling 2 on 3", "run gw0 [0]", "run gw1 [1]"]);
}
