//! `loadscope`, `loadfile`, `loadgroup`, as in xdist 3.8.

use crate::model::{Collection, Dist, Item};
use crate::schedule::PolicyOptions;

use super::script::{Script, ids_of, options};

#[test]
fn units_go_out_whole_the_biggest_first() {
    let ids =
        ids_of(&["a.py::1", "b.py::1", "b.py::2", "b.py::3", "c.py::1", "c.py::2", "c.py::3"]);
    let (mut script, said) = Script::started(&options(Dist::LoadFile), 2, &ids);
    assert_eq!(said, ["scheduling 7 on 2", "run gw0 [1, 2, 3]", "run gw1 [4, 5, 6]"]);
    assert_eq!(script.runs(1, 4), ["run gw1 [0]"]);
}

#[test]
fn units_go_out_in_collection_order_when_asked_for() {
    let ids = ids_of(&["a.py::1", "b.py::1", "b.py::2", "b.py::3"]);
    let keep = PolicyOptions { keep_scope_order: true, ..options(Dist::LoadFile) };
    let (_, said) = Script::started(&keep, 2, &ids);
    assert_eq!(said[1..], ["run gw0 [0]", "run gw1 [1, 2, 3]"]);
}

#[test]
fn a_worker_with_two_tests_or_fewer_gets_a_second_unit_at_the_start() {
    let ids =
        ids_of(&["a.py::1", "a.py::2", "b.py::1", "c.py::1", "d.py::1", "e.py::1", "f.py::1"]);
    let (mut script, said) = Script::started(&options(Dist::LoadFile), 2, &ids);
    assert_eq!(said[1..], ["run gw0 [0, 1]", "run gw1 [2]", "run gw0 [3]", "run gw1 [4]"]);
    assert_eq!(script.runs(0, 0), ["run gw0 [5]"]);
}

#[test]
fn the_scope_is_told_by_the_worker_so_parameters_may_hold_colons() {
    let item = |id: &str, scope: &str| Item {
        id: id.into(),
        scope_len: u32::try_from(scope.len()).unwrap(),
        group: None,
        tags: std::sync::Arc::default(),
    };
    let collection = Collection::new(vec![
        item("a.py::A::x[b::c]", "a.py::A"),
        item("a.py::B::x", "a.py::B"),
        item("a.py::A::y[::]", "a.py::A"),
    ]);
    let (_, said) = Script::started(&options(Dist::LoadScope), 2, &collection);
    assert_eq!(said[1..], ["run gw0 [0, 2]", "run gw1 [1]"]);
}

#[test]
fn groups_stay_together_and_a_test_without_one_is_on_its_own() {
    let item =
        |id: &str, group: Option<&str>| Item { group: group.map(Into::into), ..Item::from_id(id) };
    let collection = Collection::new(vec![
        item("a.py::1", None),
        item("a.py::2", Some("db")),
        item("a.py::3", None),
        item("b.py::1", Some("db")),
        item("b.py::2", Some("db")),
    ]);
    let (_, said) = Script::started(&options(Dist::LoadGroup), 2, &collection);
    assert_eq!(said[1..], ["run gw0 [1, 3, 4]", "run gw1 [0]", "run gw1 [2]"]);
}

#[test]
fn duplicate_ids_are_all_run() {
    for dist in [Dist::LoadScope, Dist::LoadFile, Dist::LoadGroup] {
        let ids = ids_of(&["a.py::1", "a.py::1"]);
        let (mut script, _) = Script::started(&options(dist), 1, &ids);
        script.runs(0, 0);
        assert!(!script.scheduler().is_complete(), "{dist}");
        script.runs(0, 1);
        assert!(script.scheduler().is_complete(), "{dist}");
    }
}

#[test]
fn workers_beyond_the_units_stay_for_what_a_crash_brings() {
    let ids = ids_of(&["a.py::1", "a.py::2", "a.py::3"]);
    let (mut script, said) = Script::started(&options(Dist::LoadFile), 2, &ids);
    assert_eq!(said[1..], ["run gw0 [0, 1, 2]"]);
    script.begins(0, 0);
    assert_eq!(script.dies(0, Some(0)), ["crashed a.py::1 on gw0", "run gw1 [1, 2]"]);
}

#[test]
fn what_is_left_of_several_units_comes_back_as_units_at_the_end() {
    let ids =
        ids_of(&["a.py::1", "a.py::2", "b.py::1", "b.py::2", "c.py::1", "c.py::2", "c.py::3"]);
    let keep = PolicyOptions { keep_scope_order: true, ..options(Dist::LoadFile) };
    let (mut script, said) = Script::started(&keep, 1, &ids);
    assert_eq!(said[1..], ["run gw0 [0, 1]", "run gw0 [2, 3]"]);
    script.begins(0, 0);
    script.dies(0, Some(0));
    script.expected(1, Some(0));
    assert_eq!(script.joins(1, &ids), ["run gw1 [4, 5, 6]"]);
    assert_eq!(script.runs(1, 4), ["run gw1 [1]"]);
    assert_eq!(script.runs(1, 5), ["run gw1 [2, 3]"]);
}
