//! Workers that die: the restart limit, deaths outside of tests, replacements that collect something else.

use super::{NOTES, began};
use crate::support::Project;

#[test]
fn the_restart_limit_leaves_the_survivors_working() {
    for dist in ["load", "loadscope", "loadfile", "loadgroup", "worksteal"] {
        // The worker dies when the other one has run what it was given at first, and has nothing to do in the scope modes.
        let project = Project::new(&[
            (
                "conftest.py",
                "def pytest_runtest_makereport(item, call):\n\
                \x20   if call.when == 'call': open('ran', 'a').write(item.nodeid + '\\n')\n",
            ),
            (
                "test_a.py",
                "import os, time\n\
                 def test_crash():\n\
                \x20   limit = time.monotonic() + 60\n\
                \x20   while not os.path.exists('ran') or len(open('ran').readlines()) < 3:\n\
                \x20       assert time.monotonic() < limit\n\
                \x20       time.sleep(0.005)\n\
                \x20   os._exit(3)\n\
                 def test_1(): pass\ndef test_2(): pass\ndef test_3(): pass\n",
            ),
            ("test_b.py", "def test_4(): pass\ndef test_5(): pass\ndef test_6(): pass\n"),
        ]);
        let told = project.run(&["-n", "2", "--dist", dist, "--max-worker-restart", "0"]);
        told.assert(1, "1 failed, 6 passed").says("worker restarting disabled");
        assert_eq!(began(&project).len(), 6, "{told}");
    }
}

#[test]
fn the_restart_limit_names_what_was_not_run_and_is_no_success() {
    let project = Project::new(&[(
        "test_a.py",
        "import os, pytest\n\
         @pytest.mark.parametrize('n', range(5))\n\
         def test_crash(n):\n    if n in (1, 3): os._exit(3)\n",
    )]);
    let told = project.run(&["-n", "1", "--dist", "load", "--max-worker-restart", "1"]);
    told.assert(7, "2 failed, 1 passed, 2 not run");
    told.says("maximum crashed workers reached: 1");
    told.says("    test_a.py::test_crash[2]\n    test_a.py::test_crash[4]\n");
    told.says("2 tests were not run because workers failed; the results are incomplete");
}

#[test]
fn a_worker_that_dies_at_session_finish_is_not_exit_code_0() {
    let conftest = "import os\ndef pytest_sessionfinish(): os._exit(0)\n";
    let project = Project::new(&[("conftest.py", conftest), ("test_a.py", "def test_1(): pass\n")]);
    let told = project.run(&["-n", "1"]);
    told.assert(7, "1 passed").says("worker 'gw0' died outside of any test: exited with code 0");
}

#[test]
fn a_worker_that_dies_in_atexit_is_not_exit_code_0() {
    for (act, told_as) in
        [("os._exit(9)", "exited with code 9"), ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV")]
    {
        let conftest = format!("import atexit, os, signal\natexit.register(lambda: {act})\n");
        let project =
            Project::new(&[("conftest.py", &conftest), ("test_a.py", "def test_1(): pass\n")]);
        let told = project.run(&["-n", "1"]);
        told.assert(7, "1 passed").says("worker 'gw0' died outside of any test").says(told_as);
    }
}

/// Collects in reverse where a file of this name is there.
const TURNING: (&str, &str) = (
    "conftest.py",
    "import os\n\
     def pytest_collection_modifyitems(items):\n    if os.path.exists('turn'): items.reverse()\n\
     def pytest_runtest_logstart(nodeid):\n    open('ran', 'a').write(nodeid + '\\n')\n",
);

#[test]
fn a_replacement_that_collects_in_another_order_runs_the_right_tests() {
    for dist in ["load", "each", "loadscope", "loadfile", "loadgroup", "worksteal"] {
        let project = Project::new(&[
            TURNING,
            (
                "test_a.py",
                "import os, pytest\n\
                 @pytest.mark.parametrize('n', range(8))\n\
                 def test_it(n):\n    if n == 2:\n        open('turn', 'w').close()\n        os._exit(3)\n",
            ),
        ]);
        let told = project.run(&["-n", "1", "--dist", dist]);
        told.assert(1, "1 failed, 7 passed");
        assert_eq!(told.ids("FAILED"), ["test_a.py::test_it[2]"]);
        let expected: Vec<String> = (0..8).map(|n| format!("test_a.py::test_it[{n}]")).collect();
        assert_eq!(began(&project), expected, "{told}");
    }
}

#[test]
fn a_replacement_that_collects_other_tests_is_turned_away() {
    let project = Project::new(&[
        NOTES,
        (
            "test_a.py",
            "import os, pytest\n\
             @pytest.mark.parametrize('n', range(3 if os.path.exists('less') else 6))\n\
             def test_it(n):\n    if n == 2:\n        open('less', 'w').close()\n        os._exit(3)\n",
        ),
    ]);
    let told = project.run(&["-n", "1"]);
    told.assert(7, "1 failed, 2 passed, 3 not run");
    told.says("worker 'gw1' is sent away, because it collected other tests");
    told.says("-test_a.py::test_it[5]");
    assert_eq!(
        began(&project),
        ["test_a.py::test_it[0]", "test_a.py::test_it[1]", "test_a.py::test_it[2]"]
    );
}
