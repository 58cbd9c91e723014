//! A worker ends itself, where a project's code has it in its hands.

use super::{assert_crash, between_twenty};
use crate::support::Project;

const DIES: &str = "test_it.py::test_dies";

#[test]
fn an_exit_in_the_call_is_a_crash_whatever_its_code() {
    let told = between_twenty("def test_dies(): os._exit(0)").run(&["-n", "2"]);
    assert_crash(&told, DIES, "exited with code 0", "call");
    let told = between_twenty("def test_dies(): os._exit(3)").run(&["-n", "2"]);
    assert_crash(&told, DIES, "exited with code 3", "call");
}

#[test]
fn an_exit_in_a_fixture_is_a_crash_of_its_test() {
    let fixture = "@pytest.fixture\ndef deadly(): os._exit(3)\ndef test_dies(deadly): pass";
    assert_crash(&between_twenty(fixture).run(&["-n", "2"]), DIES, "exited with code 3", "setup");
    let fixture =
        "@pytest.fixture\ndef deadly():\n    yield\n    os._exit(0)\ndef test_dies(deadly): pass";
    assert_crash(
        &between_twenty(fixture).run(&["-n", "2"]),
        DIES,
        "exited with code 0",
        "teardown",
    );
}

#[test]
fn an_exit_in_the_teardown_of_a_module_is_a_crash_of_its_last_test() {
    let deadly = "import os, pytest\n\
        @pytest.fixture(scope='module', autouse=True)\n\
        def deadly():\n    yield\n    os._exit(3)\n\
        def test_first(): pass\n\
        def test_last(): pass\n";
    let project = Project::new(&[
        ("test_a.py", deadly),
        ("test_b.py", "def test_b(): pass\ndef test_c(): pass\n"),
    ]);
    let told = project.run(&["-n", "1"]);
    told.assert(1, "1 failed, 3 passed");
    assert_eq!(told.ids("FAILED"), ["test_a.py::test_last"]);
    told.says("exited with code 3, during teardown");
}

#[test]
fn an_exit_in_the_teardown_of_the_session_is_not_lost() {
    let deadly = "import os, pytest\n\
        @pytest.fixture(scope='session', autouse=True)\n\
        def deadly():\n    yield\n    os._exit(0)\n";
    let project = Project::new(&[
        ("conftest.py", deadly),
        ("test_a.py", "def test_a(): pass\ndef test_b(): pass\n"),
    ]);
    let told = project.run(&["-n", "1"]);
    told.assert(1, "1 failed, 1 passed");
    assert_eq!(told.ids("FAILED"), ["test_a.py::test_b"]);
    told.says("exited with code 0, during teardown");
}

#[test]
fn a_death_after_the_last_test_is_not_exit_code_0() {
    let tests = ("test_a.py", "def test_a(): pass\ndef test_b(): pass\n");
    let endings = [
        ("import os\ndef pytest_sessionfinish(): os._exit(0)\n", "exited with code 0"),
        ("import os\ndef pytest_sessionfinish(): os._exit(3)\n", "exited with code 3"),
        ("import atexit, os\natexit.register(os._exit, 3)\n", "exited with code 3"),
        (
            "import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGSEGV)\n",
            "(SIGSEGV)",
        ),
    ];
    for (conftest, how) in endings {
        let told = Project::new(&[("conftest.py", conftest), tests]).run(&["-n", "2"]);
        told.assert(7, "2 passed").says(how).says("died outside of any test");
    }
}

#[test]
fn a_death_at_import_is_counted_and_ends_the_run() {
    let project = Project::new(&[("test_a.py", "import os\nos._exit(3)\ndef test_a(): pass\n")]);
    let told = project.run(&["-n", "2", "--dist", "load"]);
    told.assert(7, "no tests ran")
        .says("exited with code 3")
        .says("5 workers in a row died before they had collected");
    let told = project.run(&["-n", "2", "--dist", "load", "--max-worker-restart=1"]);
    told.assert(7, "no tests ran").says("maximum crashed workers reached: 1");
    let project = Project::new(&[
        ("conftest.py", "import os\nos._exit(0)\n"),
        ("test_a.py", "def test_a(): pass\n"),
    ]);
    let told = project.run(&["-n", "2", "--max-worker-restart=0"]);
    told.assert(7, "no tests ran").says("exited with code 0").says("worker restarting disabled");
}

#[test]
fn a_death_at_import_of_one_worker_is_made_good_by_its_clone() {
    let conftest = "import os\nif os.environ['PYTEST_XDIST_WORKER'] == 'gw0': os._exit(3)\n";
    let project = Project::new(&[
        ("conftest.py", conftest),
        ("test_a.py", "def test_a(): pass\ndef test_b(): pass\n"),
    ]);
    let told = project.run(&["-n", "1"]);
    told.assert(0, "2 passed").says("replacing crashed worker gw0").says("exited with code 3");
}

#[test]
fn a_test_that_failed_and_then_takes_its_worker_along_is_told_as_both() {
    let test = "@pytest.fixture\ndef deadly():\n    yield\n    os._exit(3)\ndef test_dies(deadly): assert 'the reason' == ''";
    let told = between_twenty(test).run(&["-n", "2"]);
    // As pytest counts a failure and an error in the teardown of one test: each.
    told.assert(1, "2 failed, 20 passed")
        .says("the reason")
        .says("exited with code 3, during teardown");
    assert_eq!(told.ids("FAILED"), [DIES, DIES]);
}
