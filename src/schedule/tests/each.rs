//! `each`, as in the seed's `EachScheduling`.

use crate::model::{Collection, Dist, Item};

use super::script::{Script, ids_of, options, spec, tests};

#[test]
fn every_worker_runs_all_tests_and_is_told_at_once_that_there_are_no_more() {
    let (mut script, said) = Script::started(&options(Dist::Each), 2, &tests(2));
    assert_eq!(
        said,
        ["scheduling 4 on 2", "run gw0 [0, 1]", "finish gw0", "run gw1 [0, 1]", "finish gw1",]
    );
    assert_eq!(script.begins(1, 0), ["started lane 1: t0 on gw1"]);
    assert_eq!(script.ended(1, 0), ["passed lane 1: t0 on gw1"]);
    for (worker, item) in [(1, 1), (0, 0), (0, 1)] {
        assert!(!script.scheduler().is_complete());
        assert!(script.runs(worker, item).is_empty());
    }
    assert!(script.scheduler().is_complete());
}

#[test]
fn lanes_may_hold_different_collections() {
    let mut script = Script::with_specs(Dist::Each, &["a", "b"]);
    script.joins(0, &tests(1));
    assert_eq!(
        script.joins(1, &ids_of(&["x", "y"])),
        ["scheduling 3 on 2", "run gw0 [0]", "finish gw0", "run gw1 [0, 1]", "finish gw1"]
    );
    assert_eq!(script.begins(1, 0), ["started lane 1: x on gw1"]);
}

#[test]
fn a_replacement_of_equal_spec_runs_exactly_what_was_left() {
    let mut script = Script::with_specs(Dist::Each, &["a", "b"]);
    script.start(2, &tests(4));
    script.runs(1, 0);
    script.begins(1, 1);
    assert_eq!(script.dies(1, Some(1)), ["crashed lane 1: t1 on gw1"]);
    assert!(script.expected_as(2, &spec("b"), Some(1)).is_empty());
    assert_eq!(script.joins(2, &tests(4)), ["run gw2 [2, 3]", "finish gw2"]);
    assert_eq!(script.begins(2, 2), ["started lane 1: t2 on gw2"]);
}

#[test]
fn a_later_worker_takes_over_the_lane_of_a_dead_one_with_an_equal_spec_only() {
    let mut script = Script::with_specs(Dist::Each, &["a", "b"]);
    script.start(2, &tests(2));
    script.dies(1, None);
    script.expected_as(2, &spec("a"), None);
    assert_eq!(script.ready(2), ["finish gw2"]);
    script.expected_as(3, &spec("b"), None);
    assert_eq!(script.joins(3, &tests(2)), ["run gw3 [0, 1]", "finish gw3"]);
}

#[test]
fn a_replacement_of_a_replacement_carries_on_in_the_lane() {
    let (mut script, _) = Script::started(&options(Dist::Each), 1, &tests(4));
    script.begins(0, 0);
    script.dies(0, Some(0));
    script.expected(1, Some(0));
    script.joins(1, &tests(4));
    script.begins(1, 1);
    assert_eq!(script.dies(1, Some(1)), ["crashed t1 on gw1"]);
    script.expected(2, Some(1));
    assert_eq!(script.joins(2, &tests(4)), ["run gw2 [2, 3]", "finish gw2"]);
}

#[test]
fn a_replacement_that_collects_in_another_order_runs_the_right_tests() {
    let (mut script, _) = Script::started(&options(Dist::Each), 1, &ids_of(&["a", "b", "c"]));
    script.runs(0, 0);
    script.dies(0, None);
    script.expected(1, Some(0));
    assert_eq!(script.joins(1, &ids_of(&["c", "b", "a"])), ["run gw1 [1, 0]", "finish gw1"]);
    assert_eq!(script.begins(1, 1), ["started b on gw1"]);
}

#[test]
fn a_replacement_with_other_tests_is_turned_away_and_the_lane_s_rest_is_lost_when_none_follows() {
    let (mut script, _) = Script::started(&options(Dist::Each), 1, &tests(2));
    script.dies(0, None);
    script.expected(1, Some(0));
    assert_eq!(script.joins(1, &tests(3)), ["gw1 differs from gw0", "rejected gw1", "finish gw1"]);
    script.dies(1, None);
    assert_eq!(script.abandoned(1), ["lost t0: given up", "lost t1: given up"]);
    assert!(script.scheduler().is_complete());
}

#[test]
fn what_is_left_in_an_abandoned_lane_is_lost_at_once() {
    let (mut script, _) = Script::started(&options(Dist::Each), 2, &tests(2));
    script.begins(1, 0);
    assert_eq!(script.dies(1, Some(0)), ["crashed lane 1: t0 on gw1"]);
    assert_eq!(script.abandoned(1), ["lost lane 1: t1: given up"]);
    assert!(!script.scheduler().is_complete(), "lane 0 still runs");
}

#[test]
fn a_lane_whose_worker_died_after_collecting_is_counted_and_lost() {
    let mut script = Script::with_specs(Dist::Each, &["a", "b"]);
    script.joins(0, &tests(1));
    script.dies(0, None);
    assert!(script.joins(1, &tests(1)).is_empty(), "gw0 may be replaced");
    assert_eq!(
        script.abandoned(0),
        ["scheduling 2 on 1", "lost t0: given up", "run gw1 [0]", "finish gw1"]
    );
}

#[test]
fn a_replacement_for_a_finished_lane_is_told_to_finish() {
    let (mut script, _) = Script::started(&options(Dist::Each), 1, &tests(1));
    script.begins(0, 0);
    script.dies(0, Some(0));
    script.expected(1, Some(0));
    assert_eq!(script.ready(1), ["finish gw1"]);
}

#[test]
fn a_test_that_is_to_be_alone_waits_for_the_end_of_a_worker_without_a_lane_too() {
    let mut items = ["t0", "t1"].map(Item::from_id);
    items[1].tags = [Item::EXCLUSIVE.into()].into();
    let collection = Collection::new(items.into());
    let (mut script, _) = Script::started(&options(Dist::Each), 2, &collection);
    script.expected(2, None);
    assert_eq!(script.ready(2), ["finish gw2"]);
    script.collected(2, &collection);
    for worker in [0, 1] {
        script.begins(worker, 0);
        assert!(script.ran(worker, 0, 0.1).is_empty(), "gw2 puts away what it has");
    }
    let said = ["finish gw1", "recycled gw1: other tests wait for what it holds"];
    assert_eq!(script.dies(2, None), said);
}
