//! What is collected: by arguments, settings and options, and what comes of files that can not be.

use super::{assert_same, plain, streamed, summary};
use crate::support::Project;

/// The suite of all scopes with these arguments: the same as plain pytest with 1, 2 and 8 workers.
#[track_caller]
fn same(args: &[&str]) {
    let project = Project::suite("scopes");
    let expected = plain(&project, args);
    for workers in ["1", "2", "8"] {
        assert_same(&streamed(&project, workers, &[], args), &expected);
    }
}

#[test]
fn a_file_may_be_given_twice() {
    same(&["pkg/test_a.py", "pkg/test_a.py"]);
    same(&["--keep-duplicates", "pkg/test_a.py", "pkg/test_a.py", "nopkg"]);
}

#[test]
fn tests_and_classes_may_be_given_beside_directories() {
    same(&["pkg/test_a.py::TestScoped", "nopkg", "pkg/sub/test_b.py::test_value"]);
    same(&["pkg/test_a.py::TestOther::test_many[3]", "pkg/test_a.py::TestScoped::TestInner"]);
    same(&["pkg", "pkg/test_a.py::test_value", "nopkg/test_c.py::test_xfails"]);
    same(&[
        "pkg/sub/test_b.py::test_names[a::b]",
        "pkg/sub/test_b.py::test_names[[x]]",
        "lists.yaml",
    ]);
    same(&[
        "other/test_generated.py::test_number[7]",
        "other/test_generated.py",
        "pkg/test_unit.py::Case",
    ]);
}

#[test]
fn a_test_that_is_not_there_is_an_error_as_ever() {
    let project = Project::suite("scopes");
    let args = ["pkg/test_a.py::test_not_there", "nopkg"];
    let expected = plain(&project, &args);
    assert_eq!(expected.code, Some(4), "{expected}");
    let told = project.run(&["-n", "2", args[0], args[1]]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("test_not_there");
}

#[test]
fn settings_say_where_tests_are() {
    same(&["-o", "testpaths=nopkg pkg/sub"]);
    same(&["-o", "python_files=check_*.py"]);
    same(&["-o", "norecursedirs=sub nopkg", "."]);
    same(&["-o", "python_functions=test_v* check", "-o", "python_classes=Other"]);
}

#[test]
fn options_leave_out_files_and_tests() {
    same(&["--ignore=pkg/sub", "--ignore-glob=*generated*"]);
    same(&["--deselect=pkg/test_a.py::TestScoped", "--deselect=nopkg"]);
    same(&["-k", "test_value or TestOther"]);
    same(&["-k", "not test_number", "-m", "not chosen"]);
    same(&["-m", "chosen"]);
    same(&["-p", "no:doctest", "-o", "addopts=", "pkg", "nopkg"]);
}

#[test]
fn nothing_to_run_is_exit_code_5() {
    let project = Project::suite("scopes");
    project.write("nothing/readme.txt", "");
    for args in [&["nothing"][..], &["-k", "no_test_is_called_so"], &["nothing", "-m", "chosen"]] {
        let expected = plain(&project, args);
        assert_eq!(expected.code, Some(5), "{expected}");
        for workers in ["1", "8"] {
            assert_same(&streamed(&project, workers, &[], args), &expected);
        }
    }
}

#[test]
fn a_worker_that_gets_no_file_has_no_empty_session() {
    let project = Project::new(&[("test_a.py", "def test_a(): pass\n")]);
    for empty in ["session.testscollected == 0", "exitstatus == 5"] {
        let hook = format!(
            "def pytest_sessionfinish(session, exitstatus):\n    if {empty}: session.exitstatus = 11\n"
        );
        project.write("conftest.py", &hook);
        for workers in ["1", "2", "4"] {
            streamed(&project, workers, &[], &[]).assert(0, "1 passed");
        }
        let told = streamed(&project, "1", &[], &["-k", "nothing"]);
        assert_same(&told, &plain(&project, &["-k", "nothing"]));
        assert_eq!(told.code, Some(11), "{told}");
    }
}

#[test]
fn files_without_tests_come_between() {
    let empty = "import pytest\n";
    let project = Project::new(&[
        ("test_a.py", "def test_a(): pass\n"),
        ("test_b.py", empty),
        ("test_c.py", "import pytest\npytest.skip('not here', allow_module_level=True)\n"),
        ("test_d.py", "class TestNothing: pass\n"),
        ("test_e.py", "import pytest\n@pytest.mark.parametrize('n', [])\ndef test_e(n): pass\n"),
        ("test_f.py", "def test_f(): assert 0\n"),
    ]);
    let expected = plain(&project, &[]);
    expected.assert(1, "1 failed, 1 passed, 2 skipped");
    for workers in ["1", "2", "8"] {
        assert_same(&streamed(&project, workers, &[], &[]), &expected);
    }
}

/// A module that can not be imported, one with a syntax error, one that can not be parametrized, and two good ones.
fn broken() -> Project {
    let many = "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_it(n): pass\n";
    Project::new(&[
        ("test_a.py", many),
        ("test_b.py", "print('about to fail')\nimport no_such_module_anywhere\n"),
        ("test_c.py", "def test_it(:\n"),
        ("test_d.py", "import pytest\n@pytest.mark.parametrize('m', [1])\ndef test_it(n): pass\n"),
        ("test_e.py", many),
    ])
}

#[test]
fn what_can_not_be_imported_is_an_error_and_the_other_tests_run() {
    let project = broken();
    // Plain pytest runs nothing unless it is told to go on; others have begun already where files are handed out.
    let expected = plain(&project, &["--continue-on-collection-errors"]);
    expected.assert(1, "40 passed, 3 errors");
    for workers in ["1", "2", "8"] {
        for own in [&[][..], &["--lazy-import"]] {
            let told = streamed(&project, workers, own, &[]);
            told.assert(1, expected.counts());
            assert_eq!(told.ids("ERROR"), expected.ids("ERROR"), "{told}");
            assert_eq!(told.stdout.matches("ERROR collecting ").count(), 3, "{told}");
            told.says("about to fail");
        }
    }
}

#[test]
fn it_ends_the_run_where_the_first_failure_does() {
    let project = broken();
    for workers in ["1", "2", "8"] {
        let told = streamed(&project, workers, &["-x"], &[]);
        // As ever, what other workers were in the middle of still counts.
        assert!(matches!(told.code, Some(1 | 2)), "{told}");
        assert!(!summary(&told).is_empty() && told.ids("ERROR").len() <= 3, "{told}");
        told.says("not run").says("stopping after 1 failures");
    }
}
