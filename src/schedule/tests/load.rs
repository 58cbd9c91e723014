//! `load`, as in the seed's `LoadScheduling`, with xdist's `--maxschedchunk`.

use crate::model::Dist;
use crate::schedule::PolicyOptions;

use super::script::{Script, options, tests};

#[test]
fn the_first_batch_is_a_quarter_dealt_round_robin() {
    let (_, said) = Script::started(&options(Dist::Load), 2, &tests(24));
    assert_eq!(said, ["scheduling 24 on 2", "run gw0 [0, 2, 4]", "run gw1 [1, 3, 5]"]);
}

#[test]
fn the_first_batch_is_at_least_two_tests_a_worker() {
    let (_, said) = Script::started(&options(Dist::Load), 2, &tests(10));
    assert_eq!(said, ["scheduling 10 on 2", "run gw0 [0, 2]", "run gw1 [1, 3]"]);
}

#[test]
fn fewer_tests_than_workers_leave_the_others_waiting_for_what_a_crash_brings() {
    let (mut script, said) = Script::started(&options(Dist::Load), 3, &tests(2));
    assert_eq!(said, ["scheduling 2 on 3", "run gw0 [0]", "run gw1 [1]"]);
    script.begins(0, 0);
    assert_eq!(script.dies(1, None), ["run gw2 [1]"]);
    assert_eq!(script.begins(2, 1), ["started t1 on gw2", "finish gw0", "finish gw2"]);
}

#[test]
fn a_worker_below_the_low_mark_is_filled_to_the_high_mark() {
    // 100 tests: 25 are dealt, 13 and 12. 75 wait: the marks are 75/2/4 = 9 and 75/2/2 = 18.
    let (mut script, _) = Script::started(&options(Dist::Load), 2, &tests(100));
    for turn in 0..3 {
        assert!(script.runs(1, 1 + 2 * turn).is_empty(), "9 left are enough");
    }
    let filled: Vec<u32> = (25..35).collect();
    assert_eq!(script.runs(1, 7), [format!("run gw1 {filled:?}")]);
}

#[test]
fn a_worker_with_long_tests_and_two_left_waits_but_not_with_one() {
    // 100 tests: 25 are dealt, 75 wait, the marks are 18 and 37.
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(100));
    for item in 0..7 {
        assert!(script.runs(0, item).is_empty(), "18 left are enough");
    }
    for item in 7..23 {
        script.begins(0, item);
        assert_eq!(script.ended_after(0, item, 0.1).len(), 1, "two are enough");
    }
    script.begins(0, 23);
    let filled: Vec<u32> = (25..61).collect();
    assert_eq!(script.ended_after(0, 23, 0.1)[1..], [format!("run gw0 {filled:?}")]);
}

#[test]
fn the_call_s_end_asks_for_more_and_the_test_s_end_not_again() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(5));
    script.begins(0, 0);
    assert_eq!(script.ran(0, 0, 0.0), ["run gw0 [2]"]);
    assert_eq!(script.ended(0, 0), ["passed t0 on gw0"]);
}

#[test]
fn one_test_is_run_at_once_without_a_second() {
    let (mut script, said) = Script::started(&options(Dist::Load), 1, &tests(1));
    assert_eq!(said, ["scheduling 1 on 1", "run gw0 [0]"]);
    assert_eq!(script.begins(0, 0), ["started t0 on gw0", "finish gw0"]);
    assert_eq!(script.ended(0, 0), ["passed t0 on gw0"]);
    assert!(script.scheduler().is_complete());
}

#[test]
fn a_cap_limits_every_step_but_not_below_two_tests() {
    let capped = |cap| PolicyOptions { max_sched_chunk: Some(cap), ..options(Dist::Load) };
    let (mut script, said) = Script::started(&capped(3), 2, &tests(100));
    assert_eq!(said[1..], ["run gw0 [0, 2, 4]", "run gw1 [1, 3, 5]"]);
    assert_eq!(script.runs(0, 0), ["run gw0 [6, 7, 8]"]);

    let (mut script, said) = Script::started(&capped(1), 2, &tests(100));
    assert_eq!(said[1..], ["run gw0 [0, 2]", "run gw1 [1, 3]"]);
    assert_eq!(script.runs(0, 0), ["run gw0 [4]"]);
}

#[test]
fn a_worker_that_is_added_later_gets_tests() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(9));
    assert!(script.expected(1, None).is_empty());
    assert_eq!(script.joins(1, &tests(9)), ["run gw1 [2, 3]"]);
}

#[test]
fn all_are_told_to_finish_when_the_last_test_has_begun_and_not_before() {
    let (mut script, _) = Script::started(&options(Dist::Load), 2, &tests(4));
    assert!(script.runs(0, 0).is_empty());
    assert!(script.runs(0, 2).is_empty(), "gw1 may still die with work for gw0");
    script.begins(1, 1);
    script.ended(1, 1);
    assert_eq!(script.begins(1, 3), ["started t3 on gw1", "finish gw0", "finish gw1"]);
}
