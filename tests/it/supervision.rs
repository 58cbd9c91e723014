//! Drills: how many dead workers are replaced, and what becomes of the tests when none is.

use crate::support::{Project, Told};

/// 20 tests in two modules, `deaths` of which kill their worker.
fn project(deaths: usize) -> Project {
    let test = |number: usize| {
        let body = if number < deaths { "os._exit(3)" } else { "pass" };
        format!("def test_{number}(): {body}\n")
    };
    let module = |range: std::ops::Range<usize>| {
        range.map(test).fold("import os\n".to_owned(), |text, test| text + &test)
    };
    Project::new(&[("test_a.py", &module(0..10)), ("test_b.py", &module(10..20))])
}

fn not_run(told: &Told) -> Vec<&str> {
    told.stdout.lines().filter(|line| line.starts_with("    test_")).map(str::trim).collect()
}

#[test]
fn without_restarts_the_survivors_do_the_rest() {
    let told = project(1).run(&["-n", "2", "--max-worker-restart=0"]);
    told.assert(1, "1 failed, 19 passed")
        .says("worker restarting disabled")
        .is_silent_on("replacing");
}

#[test]
fn beyond_the_limit_the_survivors_do_the_rest() {
    let told = project(2).run(&["-n", "3", "--max-worker-restart=1"]);
    assert_eq!((told.code, told.counts()), (Some(1), "2 failed, 18 passed"), "{told}");
}

#[test]
fn what_nobody_can_run_is_named_with_the_reason() {
    for mode in ["load", "worksteal", "loadscope", "loadfile", "loadgroup"] {
        let told = project(20).run(&["-n", "1", "--max-worker-restart=1", "--dist", mode]);
        told.assert(7, "2 failed, 18 not run").says("maximum crashed workers reached: 1");
        assert_eq!(not_run(&told).len(), 18, "{told}");
        assert!(not_run(&told).contains(&"test_b.py::test_18"), "{told}");
        told.says("18 tests were not run because workers failed; the results are incomplete");
    }
}

#[test]
fn under_each_a_lane_whose_worker_is_not_replaced_is_lost_alone() {
    let conftest = "import os\n\
        def pytest_runtest_call(item):\n\
        \x20   if item.name == 'test_0' and os.environ['PYTEST_XDIST_WORKER'] == 'gw0': os._exit(3)\n";
    let project = project(0);
    project.write("conftest.py", conftest);
    let told = project.run(&["-n", "2", "--dist", "each", "--max-worker-restart=0"]);
    told.assert(7, "1 failed, 20 passed, 19 not run").says("worker restarting disabled");
    let told = project.run(&["-n", "2", "--dist", "each"]);
    told.assert(1, "1 failed, 39 passed").says("replacing crashed worker gw0");
}

#[test]
fn a_test_that_kills_every_worker_is_run_once_under_every_mode() {
    for mode in ["load", "worksteal", "loadscope", "loadfile", "loadgroup"] {
        let told = project(3).run(&["-n", "2", "--dist", mode]);
        told.assert(1, "3 failed, 17 passed");
    }
}

#[test]
fn the_default_limit_is_four_for_each_worker() {
    let told = project(20).run(&["-n", "1"]);
    told.assert(7, "5 failed, 15 not run").says("maximum crashed workers reached: 4");
}

#[test]
fn restarts_in_a_window_have_their_own_limit() {
    let told = project(20).run(&["-n", "1", "--max-restarts", "1", "--restart-window", "1h"]);
    told.assert(7, "2 failed, 18 not run").says("maximum restarts reached: 1 within");
    let told = project(3).run(&["-n", "1", "--max-restarts", "1", "--restart-window", "1ms"]);
    told.assert(1, "3 failed, 17 passed");
}

#[test]
fn crashes_count_as_failures_for_maxfail() {
    let told = project(3).run(&["-n", "1", "-x", "--dist", "load"]);
    told.assert(1, "1 failed, 19 not run");
}
