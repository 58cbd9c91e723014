//! Tests that fail are run again: with real pytest, on real workers.

use crate::support::Project;

/// A test that fails so many times, by a counter that all workers share, beside 20 that pass.
fn flaky(failures: u32) -> Project {
    Project::new(&[(
        "test_it.py",
        &format!(
            "import os, pathlib, pytest\n\
             @pytest.mark.parametrize('n', range(20))\n\
             def test_quick(n): pass\n\
             def test_flaky():\n\
            \x20   count = pathlib.Path('count')\n\
            \x20   seen = len(count.read_text()) if count.exists() else 0\n\
            \x20   count.write_text('x' * (seen + 1))\n\
            \x20   assert seen >= {failures}, 'not yet'\n"
        ),
    )])
}

#[test]
fn a_test_that_passes_at_a_later_attempt_is_flaky_and_passes() {
    for dist in ["stream", "load", "worksteal", "loadfile"] {
        for workers in ["1", "2"] {
            let told = flaky(1).run(&["-n", workers, "--dist", dist, "--retries", "2"]);
            told.assert(0, "21 passed, 1 rerun, 1 flaky");
            told.says("flaky tests").says("test_it.py::test_flaky: AssertionError: not yet");
        }
    }
}

#[test]
fn the_last_attempt_is_alone_in_a_fresh_process() {
    for workers in ["1", "2"] {
        let told = flaky(1).run(&["-n", workers, "--retries", "1"]);
        told.assert(0, "21 passed, 1 rerun, 1 flaky").says("(passed alone in a fresh process)");
    }
}

#[test]
fn a_test_that_fails_every_time_fails_once() {
    let told = flaky(9).run(&["-n", "2", "--retries", "2", "-x"]);
    told.assert(1, "1 failed, 20 passed, 2 rerun");
    assert_eq!(told.ids("FAILED"), ["test_it.py::test_flaky"]);
}

#[test]
fn flaky_tests_fail_the_run_where_the_project_says_so() {
    let project = flaky(1);
    project.write("callsheet.toml", "flaky = 'fail'\nretries = 1\n");
    let told = project.run(&["-n", "2"]);
    told.assert(1, "21 passed, 1 rerun, 1 flaky").says("1 test is flaky");
}

#[test]
fn a_run_makes_no_more_attempts_than_its_budget() {
    let project = Project::new(&[(
        "test_it.py",
        "import pytest\n@pytest.mark.parametrize('n', range(10))\ndef test_bad(n): assert 0\n",
    )]);
    project.write("callsheet.toml", "retry_budget = 3\nretries = 1\n");
    let told = project.run(&["-n", "2"]);
    told.assert(1, "10 failed, 3 rerun").says("3 further attempts were made");
}

#[test]
fn a_crash_is_run_again_only_where_the_project_says_so() {
    let body = "import os, pathlib\n\
                def test_crash():\n\
                \x20   once = pathlib.Path('once')\n\
                \x20   if not once.exists():\n\
                \x20       once.write_text('')\n\
                \x20       os.abort()\n\
                def test_other(): pass\n";
    let project = Project::new(&[("test_it.py", body)]);
    project.run(&["-n", "2", "--retries", "2"]).assert(1, "1 failed, 1 passed");
    let project = Project::new(&[("test_it.py", body)]);
    project.write("callsheet.toml", "retry_crashed = true\n");
    let told = project.run(&["-n", "2", "--retries", "2"]);
    told.assert(0, "2 passed, 1 rerun, 1 flaky");
}

#[test]
fn a_test_that_fails_because_of_another_passes_alone() {
    let body = "state = []\n\
                def test_leaves_something(): state.append(1)\n\
                def test_wants_none(): assert not state, 'something was left'\n\
                def test_other(): pass\n";
    for dist in ["stream", "load"] {
        let project = Project::new(&[("test_it.py", body)]);
        let told = project.run(&["-n", "1", "--dist", dist, "--retries", "1"]);
        told.assert(0, "3 passed, 1 rerun, 1 flaky")
            .says("test_it.py::test_wants_none: AssertionError: something was left")
            .says("(passed alone in a fresh process)");
        let project = Project::new(&[("test_it.py", body)]);
        project.run(&["-n", "1", "--dist", dist]).assert(1, "1 failed, 2 passed");
    }
}

#[test]
fn what_past_runs_have_seen_decides_who_is_run_again() {
    for filter in ["last(failed)", "last(bad) and duration(>= 0s)"] {
        let project = flaky(2);
        let config = format!("[[override]]\nfilter = '{filter}'\nretries = 1\n");
        project.write("callsheet.toml", &config);
        project.run(&["-n", "2"]).assert(1, "1 failed, 20 passed");
        project.run(&["-n", "2"]).assert(0, "21 passed, 1 rerun, 1 flaky");
    }
}
