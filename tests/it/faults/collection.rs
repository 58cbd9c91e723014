//! What is collected: duplicates, errors, differences, nothing, less; and what is warned of meanwhile.

use super::{NOTES, began};
use crate::support::{Project, Told};

#[test]
fn duplicate_ids_are_kept() {
    for dist in ["load", "each", "loadscope", "loadfile", "loadgroup", "worksteal"] {
        let project =
            Project::new(&[NOTES, ("test_a.py", "def test_1(): pass\ndef test_2(): assert 0\n")]);
        let plain =
            project.run_python(&["-m", "pytest", "--keep-duplicates", "test_a.py", "test_a.py"]);
        plain.assert(1, "2 failed, 2 passed");
        project.write("ran", "");
        let told = project.run(&[
            "-n",
            "1",
            "--dist",
            dist,
            "test_a.py",
            "test_a.py",
            "--",
            "--keep-duplicates",
        ]);
        told.assert(1, "2 failed, 2 passed");
        assert_eq!(told.ids("FAILED"), ["test_a.py::test_2", "test_a.py::test_2"]);
        assert_eq!(began(&project).len(), 4, "{told}");
    }
}

const BROKEN_MODULE: [(&str, &str); 3] = [
    NOTES,
    ("test_a.py", "import no_such_module_anywhere\n"),
    ("test_b.py", "def test_1(): pass\ndef test_2(): pass\n"),
];

#[test]
fn a_collection_error_is_reported_once_and_nothing_is_run() {
    let project = Project::new(&BROKEN_MODULE);
    let plain = project.run_python(&["-m", "pytest"]);
    for workers in ["1", "2", "4"] {
        let told = project.run(&["-n", workers, "--dist", "load"]);
        told.assert(2, plain.counts());
        assert_eq!(told.stdout.matches("ERROR collecting test_a.py").count(), 1, "{told}");
        assert_eq!(told.ids("ERROR"), plain.ids("ERROR"), "{told}");
        told.says("Interrupted: 1 error during collection");
        assert_eq!(began(&project), <[String; 0]>::default());
    }
}

#[test]
fn tests_beside_a_collection_error_are_run_if_asked_for() {
    let project = Project::new(&BROKEN_MODULE);
    let plain = project.run_python(&["-m", "pytest", "--continue-on-collection-errors"]);
    assert_eq!(plain.code, Some(1), "{plain}");
    for workers in ["1", "2", "4"] {
        project.write("ran", "");
        let told = project.run(&["-n", workers, "--", "--continue-on-collection-errors"]);
        told.assert(1, plain.counts());
        assert_eq!(told.stdout.matches("ERROR collecting test_a.py").count(), 1, "{told}");
        assert_eq!(began(&project), ["test_b.py::test_1", "test_b.py::test_2"]);
    }
}

#[test]
fn different_collections_are_shown_as_a_diff_and_nothing_is_run() {
    let project = Project::new(&[
        NOTES,
        (
            "test_a.py",
            "import os, pytest\n\
             @pytest.mark.parametrize('who', ['both', os.environ['PYTEST_XDIST_WORKER']])\n\
             def test_it(who): pass\n",
        ),
    ]);
    let told = project.run(&["-n", "2", "--dist", "load"]);
    assert_eq!(told.code, Some(2), "{told}");
    told.says("Different tests were collected between gw0 and gw1");
    for line in [
        "--- gw0",
        "+++ gw1",
        " test_a.py::test_it[both]",
        "-test_a.py::test_it[gw0]",
        "+test_a.py::test_it[gw1]",
    ] {
        assert!(told.stdout.lines().any(|it| it.trim_end() == line), "no line {line:?}\n{told}");
    }
    assert_eq!(began(&project), <[String; 0]>::default());
}

#[test]
fn no_tests_are_exit_code_5() {
    let project = Project::new(&[("test_a.py", "x = 1\n")]);
    project.run(&["-n", "2"]).assert(5, "no tests ran");
    let project = Project::new(&[("test_a.py", "def test_1(): pass\n")]);
    project.run(&["-n", "2", "-k", "nothing"]).assert(5, "1 deselected");
}

#[test]
fn what_is_deselected_and_warned_of_is_counted_as_plain_pytest_does() {
    let project = Project::new(&[
        (
            "test_a.py",
            "import warnings, pytest\n\
             warnings.warn('at import')\n\
             @pytest.mark.parametrize('n', range(6))\n\
             def test_warns(n): warnings.warn('the same from all')\n\
             def test_once(): warnings.warn(DeprecationWarning('from one'))\n\
             def test_left_out(): pass\n",
        ),
        ("test_b.py", "import warnings\nwarnings.warn('at another import')\ndef test_1(): pass\n"),
    ]);
    let plain = project.run_python(&["-m", "pytest", "-k", "not left_out"]);
    plain.assert(0, "8 passed, 1 deselected, 9 warnings");
    for workers in ["1", "2", "4"] {
        let told = project.run(&["-n", workers, "-k", "not left_out"]);
        told.assert(0, plain.counts());
        for text in ["at import", "at another import", "from one"] {
            let count = |told: &Told| told.stdout.matches(&format!("Warning: {text}")).count();
            assert_eq!(count(&told), count(&plain), "{text}\n{plain}\n{told}");
        }
    }
}
