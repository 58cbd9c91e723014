//! Tests that need something of the machine never run at once beyond what there is, whatever the mode.

use crate::support::Project;

/// A lock file that a test holds while it runs; it fails if another one has it.
pub(super) const CONFTEST: (&str, &str) = (
    "conftest.py",
    "import os, pytest\n\
    @pytest.fixture\n\
    def lock():\n\
    \x20   fd = os.open('lock', os.O_CREAT | os.O_EXCL)\n\
    \x20   yield\n\
    \x20   os.close(fd)\n\
    \x20   os.unlink('lock')\n",
);

/// Tests that each hold a lock file while they run, and fail if another one has it.
const LOCKED: &str = "import pytest, time\n\
    @pytest.mark.resources('db')\n\
    @pytest.mark.parametrize('n', range(12))\n\
    def test_db(n, lock): time.sleep(0.01)\n\
    @pytest.mark.exclusive\n\
    @pytest.mark.parametrize('n', range(3))\n\
    def test_alone(n, lock): time.sleep(0.01)\n\
    @pytest.mark.parametrize('n', range(20))\n\
    def test_free(n): pass\n";

#[test]
fn no_more_run_at_once_than_there_is_of_a_resource() {
    for dist in ["stream", "load", "worksteal", "loadfile"] {
        let project = Project::new(&[CONFTEST, ("test_a.py", LOCKED), ("test_b.py", LOCKED)]);
        project.write("callsheet.toml", "resources = { db = 1 }\n");
        project.run(&["-n", "3", "--dist", dist]).assert(0, "70 passed");
    }
}

#[test]
fn a_resource_that_nobody_defined_is_told_and_fails_the_run() {
    let project = Project::new(&[CONFTEST, ("test_a.py", LOCKED)]);
    let told = project.run(&["-n", "2"]);
    told.assert(7, "23 passed, 12 not run").says("the resource `db`, which nobody defined");
}

#[test]
fn what_a_test_can_never_have_is_told_with_the_test_and_the_way_out() {
    let project = Project::new(&[(
        "test_a.py",
        "import pytest\n\
         @pytest.mark.resources('databse')\ndef test_unknown(): pass\n\
         @pytest.mark.resources('gpu=3')\ndef test_too_much(): pass\n\
         @pytest.mark.resources('gpu=many')\ndef test_no_number(): pass\n\
         def test_free(): pass\n",
    )]);
    project.write("callsheet.toml", "resources = { gpu = 2 }\n");
    for dist in ["stream", "load"] {
        let told = project.run(&["-n", "2", "--dist", dist]);
        told.assert(7, "1 passed, 3 not run")
            .says("3 tests were not run; the results are incomplete");
        for (why, test) in [
            (
                "it needs the resource `databse`, which nobody defined; `resources` in the configuration has gpu",
                "test_unknown",
            ),
            (
                "it needs 3 units of the resource `gpu`, of which there are 2; see `resources` in the configuration",
                "test_too_much",
            ),
            (
                "its mark `gpu=many` names no number of units; write for example `gpu=2`",
                "test_no_number",
            ),
        ] {
            told.says(&format!("1 lost: {why}\n    test_a.py::{test}\n"));
        }
    }
    // The same of a command, by its manifest.
    let project = Project::new(&[(
        "callsheet-commands.toml",
        "[[test]]\nname = 'a'\ncommand = 'true'\nresources = ['db']\n[[test]]\nname = 'b'\ncommand = 'true'\n",
    )]);
    let told = project.run(&["-n", "2"]);
    told.assert(7, "1 passed, 1 not run").says(
        "1 lost: it needs the resource `db`, which nobody defined; add it to the configuration: resources = { db = 1 }\n    a\n",
    );
}

#[test]
fn an_override_that_names_a_resource_nobody_defined_is_told_before_anything_runs() {
    let project = Project::new(&[("test_a.py", "def test_it(): open('ran', 'w')\n")]);
    for (config, problem) in [
        (
            "resources = { database = 1, gpu = 2 }\n[[override]]\nfilter = 'test_it'\nresources = ['databse']\n",
            "override 1 in callsheet.toml: the resource `databse` is not defined in `resources`; the nearest known one is `database`",
        ),
        (
            "resources = { gpu = 2 }\n[[override]]\nfilter = 'test_it'\nresources = ['license']\n",
            "the resource `license` is not defined in `resources`; there are gpu",
        ),
        (
            "[[override]]\nfilter = 'test_it'\nresources = ['db=2']\n",
            "the resource `db` is not defined in `resources`; add it: resources = { db = 1 }",
        ),
        (
            "resources = { gpu = 2 }\n[[override]]\nfilter = 'test_it'\nresources = ['gpu=3']\n",
            "its tests need 3 units of the resource `gpu`, of which `resources` has 2",
        ),
    ] {
        project.write("callsheet.toml", config);
        let told = project.run(&["-n", "1"]);
        assert_eq!(told.code, Some(4), "{told}");
        told.says(problem);
        assert!(!project.path().join("ran").exists(), "{told}");
    }
    // The profile that brings the override may bring the resource too.
    project.write(
        "callsheet.toml",
        "[profile.ci]\nresources = { db = 1 }\n[[profile.ci.override]]\nfilter = 'test_it'\nresources = ['db']\n",
    );
    project.run(&["-n", "1", "-P", "ci"]).assert(0, "1 passed");
    project.run(&["-n", "1"]).assert(0, "1 passed");
}
