//! pytest-rerunfailures and pytest-timeout: plugins that take part in how a test is run.

use super::with_plugins;

#[test]
fn reruns_are_counted_as_by_plain_pytest() {
    let project = with_plugins(&[(
        "test_a.py",
        "import pytest\n\
         state = []\n\
         def test_flaky():\n\
         \x20   state.append(1)\n\
         \x20   assert len(state) == 2\n\
         def test_good(): pass\n",
    )]);
    let plain = project.run_python(&["-m", "pytest", "--reruns", "2"]);
    plain.assert(0, "2 passed, 1 rerun");
    let told = project.run(&["-n", "2", "--", "--reruns", "2"]);
    told.assert(0, plain.counts());

    project.write("test_b.py", "def test_bad(): assert 0\n");
    let told = project.run(&["-n", "2", "--", "--reruns", "2", "-rR"]);
    told.assert(1, "1 failed, 2 passed, 3 rerun").says("RERUN test_b.py::test_bad");
    assert_eq!(told.ids("RERUN").len(), 3, "{told}");
}

/// Beside a test that passes, one that fails so many times, by a counter in a file.
fn failing(times: u32) -> crate::support::Project {
    with_plugins(&[(
        "test_a.py",
        &format!(
            "import pathlib\n\
             def test_flaky():\n\
             \x20   count = pathlib.Path('count')\n\
             \x20   seen = len(count.read_text()) if count.exists() else 0\n\
             \x20   count.write_text('x' * (seen + 1))\n\
             \x20   assert seen >= {times}\n\
             def test_good(): pass\n"
        ),
    )])
}

#[test]
fn reruns_of_the_plugin_are_part_of_an_attempt_of_ours() {
    let args = ["-n", "2", "--retries", "1", "--", "--reruns", "1"];
    // Within the first attempt.
    failing(1).run(&args).assert(0, "2 passed, 1 rerun");
    // The first attempt, with its rerun, fails.
    failing(2).run(&args).assert(0, "2 passed, 2 rerun, 1 flaky");
    let project = failing(9);
    project.run(&args).assert(1, "1 failed, 1 passed, 3 rerun");
    assert_eq!(project.read("count"), "xxxx");
}

#[test]
fn a_rerun_is_marked_in_the_progress() {
    let project = with_plugins(&[(
        "test_a.py",
        "import pytest\n\
         state = []\n\
         @pytest.mark.flaky(reruns=1)\n\
         def test_flaky():\n\
         \x20   state.append(1)\n\
         \x20   assert len(state) == 2\n",
    )]);
    project.run(&["-n", "2"]).assert(0, "1 passed, 1 rerun").says("R.");
    project.run(&["-n", "2", "-v"]).says("RERUN test_a.py::test_flaky");
}

/// A test that never ends, beside one that is quick.
const HANGS: &str = "import time\n\
    def test_hangs():\n\
    \x20   while True: time.sleep(0.01)\n\
    def test_quick(): pass\n";

#[test]
fn a_timeout_by_signal_fails_the_test_alone() {
    let project = with_plugins(&[("test_a.py", HANGS)]);
    let told = project.run(&["-n", "1", "--", "--timeout=1", "--timeout-method=signal"]);
    told.assert(1, "1 failed, 1 passed").says("Failed: Timeout (>1.0s) from pytest-timeout");
    told.is_silent_on("crashed");
}

#[test]
fn a_timeout_by_thread_takes_the_worker_along_and_its_stacks_are_shown() {
    let project = with_plugins(&[("test_a.py", HANGS)]);
    let told = project.run(&["-n", "1", "--", "--timeout=1", "--timeout-method=thread"]);
    told.assert(1, "1 failed, 1 passed")
        .says("worker 'gw0' crashed while running 'test_a.py::test_hangs'");
    told.says("+ Timeout +").says("while True: time.sleep(0.01)");
}
