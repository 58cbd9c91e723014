//! Runs that stop before their end: `pytest.exit`, `-x`, `--maxfail`.

use super::{NOTES, began};
use crate::support::Project;

#[test]
fn pytest_exit_in_a_test_is_a_clean_interrupt() {
    for (call, code) in
        [("pytest.exit('enough of it')", 2), ("pytest.exit('enough of it', 42)", 42)]
    {
        let project = Project::new(&[(
            "test_a.py",
            &*format!(
                "import pytest\ndef test_1(): assert 0\ndef test_2(): {call}\n\
                 @pytest.mark.parametrize('n', range(20))\ndef test_3(n): pass\n"
            ),
        )]);
        let told = project.run(&["-n", "1"]);
        told.assert(code, "1 failed, 21 not run").says("enough of it").is_silent_on("INTERNAL");
        told.says("assert 0");
    }
}

#[test]
fn pytest_exit_in_a_teardown_leaves_the_result_of_the_call() {
    for (body, counts) in [("pass", "1 passed, 1 not run"), ("assert 0", "1 failed, 1 not run")] {
        let project = Project::new(&[(
            "test_a.py",
            &*format!(
                "import pytest\n\
                 @pytest.fixture\ndef thing():\n    yield\n    pytest.exit('enough of it')\n\
                 def test_1(thing): {body}\ndef test_2(): pass\n"
            ),
        )]);
        let told = project.run(&["-n", "1", "-v"]);
        told.assert(2, counts)
            .says("    test_a.py::test_2\n")
            .is_silent_on("    test_a.py::test_1\n");
    }
}

#[test]
fn exitfirst_does_not_run_more_than_what_was_running() {
    let failing =
        "import pytest\n@pytest.mark.parametrize('n', range(40))\ndef test_it(n): assert 0\n";
    for (flags, most) in [
        (&["-x"][..], 4),
        (&["--maxfail", "2"], 5),
        (&["--", "-x"], 4),
        (&["--", "--maxfail=2"], 5),
    ] {
        let project = Project::new(&[NOTES, ("test_a.py", failing)]);
        let args: Vec<&str> = ["-n", "4"].iter().chain(flags).copied().collect();
        let told = project.run(&args);
        assert_eq!(told.code, Some(1), "{told}");
        let ran = began(&project).len();
        assert!((1..=most).contains(&ran), "{flags:?}: {ran} began\n{told}");
        told.assert(1, &format!("{ran} failed, {} not run", 40 - ran)).says("!! stopping after ");
    }
}

#[test]
fn exitfirst_on_one_worker_runs_what_plain_pytest_runs() {
    let project = Project::new(&[
        NOTES,
        (
            "test_a.py",
            "import pytest\n\
             @pytest.fixture(scope='module')\ndef thing():\n    yield\n    open('torn', 'a').write('x')\n\
             def test_1(thing): pass\ndef test_2(thing): assert 0\ndef test_3(thing): pass\n",
        ),
    ]);
    let told = project.run(&["-n", "1", "-x"]);
    told.assert(1, "1 failed, 1 passed, 1 not run");
    assert_eq!(began(&project), ["test_a.py::test_1", "test_a.py::test_2"]);
    assert_eq!(project.read("torn"), "x");
}

#[test]
fn exitfirst_counts_errors_and_crashes() {
    let tests = |first: &str| {
        format!(
            "import os, pytest\n@pytest.fixture\ndef broken(): raise OSError\n{first}\n\
             @pytest.mark.parametrize('n', range(20))\ndef test_after(n): pass\n"
        )
    };
    for (first, counts) in [
        ("def test_error(broken): pass", "20 not run, 1 error"),
        ("def test_crash(): os._exit(3)", "1 failed, 20 not run"),
    ] {
        let project = Project::new(&[NOTES, ("test_a.py", &*tests(first))]);
        let told = project.run(&["-n", "1", "-x"]);
        assert_eq!(told.code, Some(1), "{told}");
        let mut parts: Vec<&str> = told.counts().split(", ").collect();
        parts.sort_unstable();
        let mut expected: Vec<&str> = counts.split(", ").collect();
        expected.sort_unstable();
        assert_eq!(parts, expected, "{told}");
        assert_eq!(began(&project).len(), 1);
    }
}
