//! What pytest refuses, and what hooks of the project do to the end of a run.

use crate::support::{Project, Told};

/// A refusal: exit code 4, and pytest's words for it exactly once however many workers there are.
fn is_refused_once(told: &Told, words: &str) {
    assert_eq!(told.code, Some(4), "{told}");
    let all = format!("{}{}", told.stdout, told.stderr);
    assert_eq!(all.matches(words).count(), 1, "{words:?}\n{told}");
}

#[test]
fn what_pytest_does_not_find_is_exit_code_4_with_its_words() {
    let project = Project::new(&[("test_a.py", "def test_1(): pass\n")]);
    is_refused_once(
        &project.run(&["-n", "2", "nowhere.py"]),
        "file or directory not found: nowhere.py",
    );
    is_refused_once(&project.run(&["-n", "2", "test_a.py::test_9"]), "not found: ");
}

#[test]
fn an_option_unknown_to_pytest_is_exit_code_4_with_its_words() {
    let project = Project::new(&[("test_a.py", "def test_1(): pass\n")]);
    is_refused_once(
        &project.run(&["-n", "2", "--", "--no-such-option"]),
        "unrecognized arguments: --no-such-option",
    );
    is_refused_once(
        &project.run(&["-n", "2", "-k", "a b"]),
        "Wrong expression passed to '-k': a b",
    );
}

#[test]
fn a_conftest_that_raises_is_exit_code_4_with_its_traceback() {
    let project = Project::new(&[
        ("conftest.py", "raise OSError('no disk today')\n"),
        ("test_a.py", "def test_1(): pass\n"),
    ]);
    let told = project.run(&["-n", "2"]);
    is_refused_once(&told, "E   OSError: no disk today");
    told.says("ImportError while loading conftest");
}

#[test]
fn a_broken_hook_is_an_internal_error_and_no_hang() {
    for hook in [
        "def pytest_collection_modifyitems(items): raise OSError('of the hook')\n",
        "def pytest_runtest_logreport(report): raise OSError('of the hook')\n",
        "def pytest_sessionstart(session): raise OSError('of the hook')\n",
        "def pytest_sessionfinish(session): raise OSError('of the hook')\n",
    ] {
        let project = Project::new(&[
            ("conftest.py", hook),
            (
                "test_a.py",
                "import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_1(n): pass\n",
            ),
        ]);
        let plain = project.run_python(&["-m", "pytest"]);
        let told = project.run(&["-n", "2"]);
        assert_eq!(
            (plain.code.is_some_and(|code| code != 0), told.code),
            (true, Some(3)),
            "{hook}\n{plain}\n{told}"
        );
        told.says("OSError: of the hook");
    }
}

#[test]
fn an_exit_code_that_a_plugin_sets_is_the_runs() {
    let project = Project::new(&[
        ("test_it.py", "def test_it(): pass\n"),
        ("conftest.py", "def pytest_sessionfinish(session):\n    session.exitstatus = 17\n"),
    ]);
    project.run(&["-n", "2"]).assert(17, "1 passed").says("ended with exit code 17");
}
