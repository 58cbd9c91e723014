//! Drills: a worker that hangs, at every stage of its life, is ended when its time is over, and the run goes on.

use crate::support::{Project, Running};

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

/// Waits until the events of the run, which are written to a file of the project, hold so many of something.
const AWAIT: &str = "import os, signal, time, pytest\n\
    def until(count, what):\n\
    \x20   while open('events.jsonl').read().count(what) < count: time.sleep(0.01)\n";

/// Runs it with its events in the project.
fn run_told(project: &Project, args: &[&str]) -> crate::support::Told {
    let mut command = project.command(args);
    command.env("CALLSHEET_EVENTS", project.path().join("events.jsonl"));
    Running::start(command).end()
}

#[test]
fn a_run_that_takes_too_long_finishes_what_runs_and_begins_nothing_more() {
    let body = "def test_long(): until(1, '\"event\":\"stopping\"')\n\
                @pytest.mark.parametrize('n', range(5))\n\
                def test_more(n): pass\n";
    let project = Project::new(&[("test_it.py", &format!("{AWAIT}{body}"))]);
    project.write("callsheet.toml", "[deadlines]\nrun = '6s'\n");
    let told = run_told(&project, &["-n", "1"]);
    told.assert(2, "1 passed, 5 not run").says("the run took longer than its deadline of 6s");
}

#[test]
fn a_test_has_a_deadline_of_its_own() {
    let own = "[[override]]\nfilter = 'test_slow'\ntimeout = '2s'\n";
    let project = project("", FOR_EVER);
    project.write("callsheet.toml", own);
    let told = project.run(&["-n", "2"]);
    told.assert(1, "1 failed, 19 passed").says("the test ran past its deadline of 2 s");
    assert_eq!(told.ids("FAILED"), ["test_it.py::test_slow"]);
}

#[test]
fn a_test_may_be_without_a_deadline() {
    // Two tests time out one after the other while the one without a deadline runs.
    let body = "def test_hangs_a(): signal.pause()\n\
                def test_hangs_b(): signal.pause()\n\
                def test_long(): until(2, '\"outcome\":\"timed-out\"')\n";
    let project = Project::new(&[("test_it.py", &format!("{AWAIT}{body}"))]);
    project.write("callsheet.toml", "[[override]]\nfilter = 'test_long'\ntimeout = 'none'\n");
    let told = run_told(&project, &["-n", "3", "--dist", "load", "--timeout", "2s"]);
    told.assert(1, "2 failed, 1 passed");
}

#[test]
fn what_a_test_has_started_is_told_to_end_before_it_is_killed() {
    let server = "import signal, sys\n\
        def end(*_):\n\
        \x20   open('tidied', 'w').close()\n\
        \x20   sys.exit()\n\
        signal.signal(signal.SIGTERM, end)\n\
        open('up', 'w').close()\n\
        while True: signal.pause()\n";
    let body = "import os, signal, subprocess, sys, time\n\
        def test_hangs():\n\
        \x20   subprocess.Popen([sys.executable, 'server.py'])\n\
        \x20   while True: signal.pause()\n";
    let project = Project::new(&[("test_it.py", body), ("server.py", server)]);
    let told = project.run(&["-n", "1", "--timeout", "5s"]);
    told.assert(1, "1 failed").says("the test ran past its deadline of 5 s");
    assert!(project.path().join("tidied").exists(), "{told}");
}
