//! Drills: a worker that hangs, at every stage of its life, is ended when its time is over, and the run goes on.

use crate::support::Project;

/// A project with these lines in its `conftest.py` and 20 tests, the last of them with this body.
fn project(conftest: &str, body: &str) -> Project {
    Project::new(&[
        ("conftest.py", &format!("import os, signal, sys, time, pytest\n{conftest}\n")),
        (
            "test_it.py",
            &format!(
                "import os, signal, time, pytest\n\
                 @pytest.mark.parametrize('n', range(19))\n\
                 def test_quick(n): pass\n\
                 def test_slow(): {body}\n"
            ),
        ),
    ])
}

const FOR_EVER: &str = "signal.pause()";

#[test]
fn a_test_that_hangs_times_out_with_its_stack() {
    let project = project("", FOR_EVER);
    project.write("test_more.py", "def test_more(): pass\n");
    let told = project.run(&["-n", "1", "--timeout", "2s"]);
    told.assert(1, "1 failed, 20 passed");
    assert_eq!(told.ids("FAILED"), ["test_it.py::test_slow"]);
    told.says("worker 'gw0' timed out while running 'test_it.py::test_slow'");
    told.says("the test ran past its deadline of 2 s")
        .says("during call")
        .says("replacing crashed worker gw0");
    told.says("Fatal Python error: Aborted").says("in test_slow");
}

#[test]
fn a_test_that_hangs_where_python_does_not_hear_times_out_too() {
    let deaf =
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32)); signal.sigwait([signal.SIGUSR2])";
    let told = project("", deaf).run(&["-n", "2", "--timeout", "2s"]);
    told.assert(1, "1 failed, 19 passed").says("the test ran past its deadline of 2 s");
}

#[test]
fn fixtures_run_on_the_tests_time() {
    let set_up = "@pytest.fixture(autouse=True)\ndef hangs(request):\n    if request.node.name == 'test_slow': signal.pause()";
    let told = project(set_up, "pass").run(&["-n", "2", "--timeout", "2s"]);
    told.assert(1, "1 failed, 19 passed")
        .says("the test ran past its deadline of 2 s")
        .says("during setup");
    let tear_down = "@pytest.fixture(autouse=True)\ndef hangs(request):\n    yield\n    if request.node.name == 'test_slow': signal.pause()";
    let told = project(tear_down, "pass").run(&["-n", "2", "--timeout", "2s"]);
    told.assert(1, "1 failed, 19 passed")
        .says("the test ran past its deadline of 2 s")
        .says("during teardown");
}

#[test]
fn a_worker_that_is_suspended_has_stopped_answering() {
    let stops = "os.kill(os.getpid(), signal.SIGSTOP)";
    let told = project("", stops).run_with(&[("CALLSHEET_DEADLINES_SILENCE", "2s")], &["-n", "2"]);
    told.assert(1, "1 failed, 19 passed");
    assert_eq!(told.ids("FAILED"), ["test_it.py::test_slow"]);
    told.says("it stopped answering: it was suspended for 2 s").says("during call");
}

#[test]
fn a_hang_while_configuring_meets_the_start_up_deadline() {
    let hangs = "def pytest_configure(config):\n    if config.workerinput['workerid'] == 'gw0': signal.pause()";
    let told = project(hangs, "pass")
        .run_with(&[("CALLSHEET_DEADLINES_STARTUP", "3s")], &["-n", "2", "--dist", "load"]);
    told.assert(0, "20 passed")
        .says("it did not introduce itself within 3 s")
        .says("replacing crashed worker gw0");
    let hangs = "def pytest_configure(config): signal.pause()";
    let limit = ("CALLSHEET_DEADLINES_STARTUP", "3s");
    let told = project(hangs, "pass").run_with(&[limit], &["-n", "2", "--max-worker-restart=0"]);
    told.assert(7, "no tests ran")
        .says("it did not introduce itself within 3 s")
        .says("worker restarting disabled");
}

#[test]
fn a_hang_at_import_meets_the_collection_deadline() {
    let hangs = "def pytest_collection():\n    if os.environ['PYTEST_XDIST_WORKER'] == 'gw0': signal.pause()";
    let limit = ("CALLSHEET_DEADLINES_COLLECT", "2s");
    let told = project(hangs, "pass").run_with(&[limit], &["-n", "2", "--dist", "load"]);
    told.assert(0, "20 passed")
        .says("it did not finish collecting within 2 s")
        .says("replacing crashed worker gw0");
    let project =
        Project::new(&[("test_it.py", "import signal\nsignal.pause()\ndef test_a(): pass\n")]);
    let told = project.run_with(&[limit], &["-n", "2", "--dist", "load", "--max-worker-restart=0"]);
    told.assert(7, "no tests ran")
        .says("it did not finish collecting within 2 s")
        .says("in <module>");
}

#[test]
fn a_hang_at_the_end_of_the_session_meets_the_shutdown_deadline() {
    let limit = ("CALLSHEET_DEADLINES_SHUTDOWN", "2s");
    let hangs = "def pytest_sessionfinish(): signal.pause()";
    let told = project(hangs, "pass").run_with(&[limit], &["-n", "2"]);
    told.assert(7, "20 passed").says("it did not end its session within 2 s");
    let hangs = "import atexit\natexit.register(signal.pause)";
    let told = project(hangs, "pass").run_with(&[limit], &["-n", "2"]);
    told.assert(7, "20 passed").says("its process did not end within 2 s");
    let thread = "import threading\nthreading.Thread(target=threading.Event().wait).start()";
    let told = project(thread, "pass").run_with(&[limit], &["-n", "2"]);
    told.assert(7, "20 passed").says("its process did not end within 2 s");
}
