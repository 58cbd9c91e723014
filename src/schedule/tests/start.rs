//! The barrier before the first test, and what workers say out of turn.

use crate::model::{Dist, Lane, TestIndex, WorkerId};

use super::script::policy;
use super::script::{Script, ids_of, options, tests};

fn waiting(workers: u32) -> Script {
    Script::new(policy(&options(Dist::Load)), workers)
}

#[test]
fn nothing_is_distributed_before_all_have_collected() {
    let mut script = waiting(2);
    assert!(script.joins(0, &tests(2)).is_empty());
    assert!(script.ready(1).is_empty());
    assert_eq!(script.scheduler().name(WorkerId(0), 0), None);
    assert_eq!(script.collected(1, &tests(2)), ["scheduling 2 on 2", "run gw0 [0]", "run gw1 [1]"]);
    let (lane, index, name) = script.scheduler().name(WorkerId(1), 1).unwrap();
    assert_eq!((lane, index, &*name.id), (Lane(0), TestIndex(1), "t1"));
}

#[test]
fn different_collections_abort_the_run_with_a_diff_for_each_that_differs_from_the_first() {
    let mut script = waiting(4);
    script.joins(3, &ids_of(&["b", "a"]));
    script.joins(2, &ids_of(&["a", "b"]));
    script.joins(0, &ids_of(&["a", "b"]));
    assert_eq!(
        script.joins(1, &ids_of(&["a"])),
        [
            "gw1 differs from gw0",
            "gw3 differs from gw0",
            "abort CollectionsDiffer",
            "finish gw0",
            "finish gw1",
            "finish gw2",
            "finish gw3",
        ]
    );
    assert!(script.scheduler().is_complete());
    assert!(script.close().is_empty(), "no collection was in force");
    script.expected(4, None);
    assert_eq!(script.ready(4), ["finish gw4"]);
}

#[test]
fn nothing_collected_anywhere_finishes_all() {
    let (script, said) = Script::started(&options(Dist::Load), 2, &tests(0));
    assert_eq!(said, ["scheduling 0 on 2", "finish gw0", "finish gw1"]);
    assert!(script.scheduler().is_complete());
    for dist in Dist::ALL {
        let (_, said) = Script::started(&options(dist), 2, &tests(0));
        assert_eq!(said.len(), 3, "{dist}: {said:?}");
    }
}

#[test]
fn the_start_waits_for_the_replacement_of_a_worker_that_died_collecting() {
    let mut script = waiting(2);
    script.ready(0);
    assert!(script.dies(0, None).is_empty());
    assert!(script.joins(1, &tests(2)).is_empty());
    assert!(script.expected(2, Some(0)).is_empty());
    assert_eq!(script.joins(2, &tests(2))[0], "scheduling 2 on 2");
}

#[test]
fn the_start_goes_on_without_a_worker_that_is_given_up() {
    let mut script = waiting(2);
    script.joins(1, &tests(2));
    assert!(script.dies(0, None).is_empty());
    assert_eq!(script.abandoned(0), ["scheduling 2 on 1", "run gw1 [0, 1]"]);
}

#[test]
fn a_worker_that_died_after_collecting_takes_no_part_and_its_collection_counts_no_more() {
    let mut script = waiting(2);
    script.joins(0, &ids_of(&["other"]));
    script.dies(0, None);
    script.expected(2, Some(0));
    script.joins(1, &tests(2));
    assert_eq!(script.joins(2, &tests(2)), ["scheduling 2 on 2", "run gw1 [0]", "run gw2 [1]"]);
}

#[test]
fn with_no_worker_left_nothing_is_distributed() {
    let mut script = waiting(1);
    script.ready(0);
    script.dies(0, None);
    assert!(script.abandoned(0).is_empty());
    assert!(!script.scheduler().is_complete());
    assert!(script.close().is_empty());
    assert!(script.scheduler().is_complete());
}

#[test]
fn a_worker_that_could_not_be_started_and_is_given_up_is_not_waited_for() {
    let mut script = waiting(2);
    script.joins(0, &tests(1));
    assert_eq!(script.abandoned(1), ["scheduling 1 on 1", "run gw0 [0]"]);
}

#[test]
fn what_does_not_fit_is_named_and_changes_nothing() {
    let (mut script, _) = Script::started(&options(Dist::Load), 2, &tests(3));
    for (said, part) in [
        (script.ready(7), "worker gw7 is not known"),
        (script.begins(7, 0), "worker gw7 is not known"),
        (script.dies(7, None), "worker gw7 is not known"),
        (script.abandoned(7), "worker gw7 is not known"),
        (script.withdrawn(7, &[]), "worker gw7 is not known"),
        (script.expected(1, None), "gw1 was announced before"),
        (script.ready(0), "gw0 reports `ready` out of turn"),
        (script.collected(0, &tests(3)), "`collected` out of turn"),
        (script.begins(0, 3), "gw0 names item 3"),
        (script.begins(0, 1), "item 1 as started"),
        (script.ran(0, 0, 0.0), "item 0 as ran"),
        (script.ended(0, 0), "item 0 as ended"),
        (script.withdrawn(0, &[1]), "item 1 as withdrawn"),
    ] {
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("fault: ") && said[0].contains(part), "{said:?}");
    }
    assert_eq!(script.begins(0, 0), ["started t0 on gw0"]);
    let second = script.begins(0, 2);
    assert!(second[0].contains("item 2 as started"), "one at a time: {second:?}");
    assert_eq!(script.ran(0, 0, 0.0), [""; 0]);
    assert!(script.ran(0, 0, 0.0)[0].contains("item 0 as ran"));
    assert_eq!(script.ended(0, 0), ["passed t0 on gw0"]);
    assert!(script.ended(0, 0)[0].contains("item 0 as ended"));
    assert_eq!(script.scheduler().remaining(), 2);
}

#[test]
fn messages_of_a_dead_worker_are_passed_over() {
    let (mut script, _) = Script::started(&options(Dist::Load), 2, &tests(4));
    script.begins(0, 0);
    assert_eq!(script.dies(0, Some(0)), ["crashed t0 on gw0"]);
    assert!(script.ended(0, 0).is_empty());
    assert!(script.begins(0, 2).is_empty());
    assert!(script.withdrawn(0, &[2]).is_empty());
    assert!(script.dies(0, Some(0)).is_empty());
    assert_eq!(script.scheduler().remaining(), 3);
}
