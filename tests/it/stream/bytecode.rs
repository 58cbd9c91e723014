//! Workers share what they compile, also where Python keeps no byte code beside the files.

use std::fs;

use crate::support::Project;

const NO_BYTE_CODE: (&str, &str) = ("PYTHONDONTWRITEBYTECODE", "1");

#[test]
fn what_one_worker_has_compiled_the_others_need_not() {
    let project = Project::new(&[
        (
            "test_a.py",
            "def test_a():\n    left, right = [1, 2], [1, 3]\n    assert left == right\n",
        ),
        ("test_b.py", "def test_b(): assert (1, 'is always true')\n"),
        ("test_c.py", "def test_c(: pass\n"),
        ("test_d.py", "def test_d(): pass\n"),
        ("sub/test_e.py", "def test_e(): pass\n"),
    ]);
    let told = project.run_with(&[NO_BYTE_CODE], &["-n", "2", "--", "--basetemp=temp"]);
    assert_eq!((told.code, told.counts()), (Some(1), "1 failed, 3 passed, 1 warning, 1 error"));
    told.says("assert [1, 2] == [1, 3]").says("At index 1 diff: 2 != 3");
    told.says("assertion is always true").says("SyntaxError");
    // What is wrong with a file, and what there is to be said of it, is left to its import.
    let shared = fs::read_dir(project.path().join("temp/callsheet-code")).unwrap();
    assert_eq!(shared.count(), 3, "{told}");
    for folder in ["__pycache__", "sub/__pycache__"] {
        assert!(!project.path().join(folder).exists(), "{folder}");
    }
}

#[test]
fn a_file_that_is_kept_as_byte_code_is_not_shared() {
    let project = Project::new(&[("test_a.py", "def test_a(): pass\n")]);
    let told = project.run(&["-n", "2", "--", "--basetemp=temp"]);
    told.assert(0, "1 passed");
    let may_write = std::env::var_os(NO_BYTE_CODE.0).is_none();
    assert_eq!(project.path().join("temp/callsheet-code").exists(), !may_write, "{told}");
}

#[test]
fn byte_code_that_an_earlier_run_left_is_used() {
    let source = "def test_a(): pass\n";
    let project = Project::new(&[("test_a.py", source), ("test_b.py", source)]);
    let shared = |temporary: &str, may_write: &str| {
        let basetemp = format!("--basetemp={temporary}");
        let told = project.run_with(&[(NO_BYTE_CODE.0, may_write)], &["-n", "2", "--", &basetemp]);
        told.assert(0, "2 passed");
        fs::read_dir(project.path().join(temporary).join("callsheet-code"))
            .map_or(0, Iterator::count)
    };
    assert_eq!(shared("first", ""), 0);
    assert_eq!(shared("second", "1"), 0);
    project.write("test_b.py", "def test_b(): pass\n");
    assert_eq!(shared("third", "1"), 1, "the file that has changed is compiled once for both");
}

#[test]
fn in_a_fresh_checkout_files_are_compiled_before_the_imports_and_kept() {
    let source = "import os, pathlib\n\
        kept = [path.name for path in pathlib.Path(__file__).parent.glob('__pycache__/test_*')]\n\
        def test_it(): assert len(kept) == 3, kept\n";
    let project = Project::new(&[
        ("pytest.ini", "[pytest]\naddopts = --import-mode=importlib\n"),
        ("test_a.py", source),
        ("test_b.py", source),
        ("test_c.py", source),
    ]);
    project.run_with(&[(NO_BYTE_CODE.0, "")], &["-n", "2"]).assert(0, "3 passed");
}

#[test]
fn where_byte_code_can_not_be_kept_the_run_is_as_ever() {
    let source = "def test_it(): pass\n";
    let project =
        Project::new(&[("test_a.py", source), ("test_b.py", source), ("__pycache__", "no folder")]);
    project.run_with(&[(NO_BYTE_CODE.0, "")], &["-n", "2"]).assert(0, "2 passed");
}
