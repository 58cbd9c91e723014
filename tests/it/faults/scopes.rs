//! The scope modes: groups on today's pytest, crashes among scopes.

use super::{NOTES, began};
use crate::support::Project;

const SCOPE_MODES: [&str; 3] = ["loadscope", "loadfile", "loadgroup"];

#[test]
fn groups_work_on_pytest_9_2_and_node_ids_are_not_rewritten() {
    let project = Project::new(&[(
        "test_it.py",
        "import pytest\n\
         @pytest.mark.parametrize('n', range(8))\n\
         @pytest.mark.xdist_group('db')\n\
         def test_db(n, request, worker_id):\n\
        \x20   assert '@' not in request.node.nodeid\n\
        \x20   open('db', 'a').write(worker_id + '\\n')\n\
        \x20   assert n != 7\n\
         @pytest.mark.parametrize('n', range(8))\n\
         def test_free(n): pass\n",
    )]);
    let told = project.run(&["-n", "2", "--dist", "loadgroup", "-v"]);
    told.assert(1, "1 failed, 15 passed").says("FAILED test_it.py::test_db[7]").is_silent_on("@db");
    let notes = project.read("db");
    let first = notes.lines().next().unwrap();
    assert!(notes.lines().all(|worker| worker == first), "{notes}");
}

#[test]
fn a_crash_in_the_last_scope_neither_hangs_nor_loses_what_comes_after_it() {
    for dist in SCOPE_MODES {
        let project = Project::new(&[
            NOTES,
            ("test_a.py", "def test_1(): pass\ndef test_2(): pass\n"),
            ("test_b.py", "import os\ndef test_crash(): os._exit(3)\ndef test_after(): pass\n"),
        ]);
        let told = project.run(&["-n", "1", "--dist", dist]);
        told.assert(1, "1 failed, 3 passed");
        told.says("worker 'gw0' crashed while running 'test_b.py::test_crash'")
            .says("exited with code 3");
        assert_eq!(
            began(&project),
            [
                "test_a.py::test_1",
                "test_a.py::test_2",
                "test_b.py::test_after",
                "test_b.py::test_crash"
            ]
        );
    }
}

#[test]
fn a_test_that_crashes_is_not_run_again_and_again() {
    for dist in SCOPE_MODES {
        let project = Project::new(&[
            NOTES,
            ("test_a.py", "import os\ndef test_1(): pass\ndef test_crash(): os._exit(3)\n"),
        ]);
        project.run(&["-n", "1", "--dist", dist]).assert(1, "1 failed, 1 passed");
        assert_eq!(began(&project), ["test_a.py::test_1", "test_a.py::test_crash"]);
    }
}
