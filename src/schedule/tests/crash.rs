//! Deaths while tests are out; each fault of xdist in this field has a script that shows it is not
//! here.

use super::script::policy;
use crate::model::{Dist, WorkerId};

use super::script::{Script, ids_of, options, tests};

#[test]
fn the_crash_item_is_never_run_again_and_the_rest_goes_to_survivors_at_the_end() {
    let (mut script, _) = Script::started(&options(Dist::Load), 2, &tests(8));
    script.begins(0, 0);
    assert_eq!(script.dies(0, Some(0)), ["crashed t0 on gw0"], "gw1 has two, 5 wait");
    assert_eq!(script.runs(1, 1), ["run gw1 [4]"]);
    assert_eq!(script.runs(1, 3), ["run gw1 [5]"]);
    assert_eq!(script.runs(1, 4), ["run gw1 [6]"]);
    assert_eq!(script.runs(1, 5), ["run gw1 [7]"]);
    assert_eq!(script.runs(1, 6), ["run gw1 [2]"]);
}

#[test]
fn a_death_between_tests_blames_no_test() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(2));
    script.runs(0, 0);
    assert!(script.dies(0, None).is_empty());
    script.expected(1, Some(0));
    assert_eq!(script.joins(1, &tests(2)), ["run gw1 [1]"]);
}

#[test]
fn a_test_past_its_deadline_is_told_apart_from_a_crash() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(1));
    script.begins(0, 0);
    assert_eq!(script.times_out(0, 0), ["timed-out t0 on gw0"]);
}

#[test]
fn a_crash_in_teardown_after_the_call_is_the_test_s_own() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(2));
    script.begins(0, 0);
    script.ran(0, 0, 0.0);
    assert_eq!(script.dies(0, Some(0)), ["crashed t0 on gw0"]);
}

#[test]
fn a_begun_test_whose_agent_can_not_tell_is_a_crash_item_all_the_same() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(2));
    script.begins(0, 0);
    assert_eq!(script.dies(0, None), ["crashed t0 on gw0"]);
}

#[test]
fn a_test_that_is_said_to_have_begun_is_not_run_again_though_its_start_was_not_heard() {
    let (mut script, _) = Script::started(&options(Dist::Load), 2, &tests(4));
    assert_eq!(script.dies(0, Some(0)), ["crashed t0 on gw0"]);
    assert_eq!(script.runs(1, 1), ["run gw1 [2]"]);
    assert_eq!(script.scheduler().remaining(), 2);
}

#[test]
fn a_test_that_was_over_is_not_counted_again_by_its_worker_s_death() {
    let (mut script, _) = Script::started(&options(Dist::Load), 2, &tests(4));
    script.runs(0, 0);
    assert!(script.dies(0, Some(0)).is_empty());
    assert_eq!(script.scheduler().remaining(), 3);
}

#[test]
fn a_crash_of_the_last_test_in_a_file_ends_the_run_instead_of_hanging_it() {
    for dist in [Dist::LoadFile, Dist::LoadScope] {
        let ids = ids_of(&["a.py::1", "a.py::2", "b.py::crash", "b.py::after"]);
        let (mut script, said) = Script::started(&options(dist), 1, &ids);
        assert_eq!(said[1..], ["run gw0 [0, 1]", "run gw0 [2, 3]"]);
        script.runs(0, 0);
        script.runs(0, 1);
        script.begins(0, 2);
        assert_eq!(script.dies(0, Some(2)), ["crashed b.py::crash on gw0"]);
        script.expected(1, Some(0));
        assert_eq!(script.joins(1, &ids), ["run gw1 [3]"]);
        assert_eq!(script.begins(1, 3)[1..], ["finish gw1"]);
        script.ended(1, 3);
        assert!(script.scheduler().is_complete());
    }
}

#[test]
fn a_crash_in_a_file_does_not_run_what_was_over_or_the_crash_item_again() {
    let ids = ids_of(&["a.py::pass", "a.py::crash"]);
    let (mut script, _) = Script::started(&options(Dist::LoadFile), 1, &ids);
    script.runs(0, 0);
    script.begins(0, 1);
    assert_eq!(script.dies(0, Some(1)), ["crashed a.py::crash on gw0"]);
    script.expected(1, Some(0));
    assert_eq!(script.ready(1), ["finish gw1"], "nothing is left for it");
}

#[test]
fn with_no_restarts_survivors_finish_the_rest() {
    let (mut script, _) = Script::started(&options(Dist::Load), 2, &tests(4));
    script.begins(0, 0);
    script.dies(0, Some(0));
    assert!(script.abandoned(0).is_empty());
    assert_eq!(script.runs(1, 1), ["run gw1 [2]"]);
    assert!(script.runs(1, 3).is_empty());
    script.begins(1, 2);
    script.ended(1, 2);
    assert!(script.scheduler().is_complete());
}

#[test]
fn what_nobody_is_left_to_run_is_named_one_by_one() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &tests(3));
    script.begins(0, 0);
    script.dies(0, Some(0));
    assert!(script.abandoned(0).is_empty());
    assert!(!script.scheduler().is_complete());
    assert_eq!(script.close(), ["lost t1: nobody left", "lost t2: nobody left"]);
    assert!(script.scheduler().is_complete());
}

#[test]
fn a_replacement_that_collects_in_another_order_runs_the_right_tests() {
    let (mut script, _) = Script::started(&options(Dist::Load), 1, &ids_of(&["a", "b", "a", "c"]));
    script.runs(0, 0);
    script.begins(0, 1);
    script.dies(0, Some(1));
    script.expected(1, Some(0));
    // Left are `c` and, given back, the second `a`; the replacement has `c` first and its second
    // `a` last.
    let order = ids_of(&["c", "a", "b", "a"]);
    assert_eq!(script.joins(1, &order), ["run gw1 [0, 3]"]);
    assert_eq!(script.runs(1, 0), ["finish gw1"; 0]);
    assert_eq!(script.begins(1, 3)[0], "started a on gw1");
    assert_eq!(script.dies(1, Some(3)), ["crashed a on gw1"]);
}

#[test]
fn a_replacement_with_other_tests_is_turned_away_and_survivors_go_on() {
    for dist in [Dist::Load, Dist::LoadFile, Dist::WorkSteal] {
        let (mut script, _) = Script::started(&options(dist), 2, &tests(4));
        script.begins(0, 0);
        script.dies(0, Some(0));
        script.expected(2, Some(0));
        assert_eq!(
            script.joins(2, &tests(3)),
            ["gw2 differs from gw0", "rejected gw2", "finish gw2"],
            "{dist}"
        );
        assert!(script.dies(2, None).is_empty());
        assert!(!script.scheduler().is_complete());
    }
}

#[test]
fn survivors_take_over_before_the_replacement_is_up() {
    let (mut script, _) = Script::started(&options(Dist::WorkSteal), 2, &tests(6));
    for item in 3..6 {
        script.runs(1, item);
    }
    script.begins(0, 0);
    assert_eq!(script.dies(0, Some(0)), ["crashed t0 on gw0", "run gw1 [1, 2]"]);
}

#[test]
fn a_replacement_is_of_use_as_long_as_a_test_has_not_begun() {
    let gw = WorkerId;
    for (dist, then) in [(Dist::Load, true), (Dist::Each, false)] {
        let mut script = Script::new(policy(&options(dist)), 2);
        assert!(script.scheduler().has_use_for_replacement_of(gw(0)), "collecting");
        script.start(2, &tests(2));
        script.begins(0, 0);
        if dist == Dist::Each {
            script.ended(0, 0);
            script.begins(0, 1);
            script.dies(0, Some(1));
        } else {
            script.dies(0, Some(0));
        }
        let useful = script.scheduler().has_use_for_replacement_of(gw(0));
        assert_eq!(useful, then, "{dist}: gw1 has tests that have not begun");
        script.stop();
        assert!(!script.scheduler().has_use_for_replacement_of(gw(0)));
    }
}

#[test]
fn a_worker_that_ends_its_session_early_gives_back_what_it_held() {
    let (mut script, _) = Script::started(&options(Dist::Load), 2, &tests(4));
    script.runs(1, 1);
    script.runs(0, 0);
    assert_eq!(script.dies(0, None), ["run gw1 [2]"]);
}
