//! pytest-cov: the data of all workers is combined, and reported by coverage itself after the run.

use super::super::support::{Project, Told};
use super::with_plugins;

/// A package of which two tests cover a part each, and a conftest covers a part before any test.
pub(crate) fn covered() -> Project {
    with_plugins(&[
        ("package/__init__.py", "from .early import early\n"),
        ("package/early.py", "def early():\n    return 1\ntop = 1\n"),
        (
            "package/work.py",
            "def one():\n    return 1\ndef two(x=0):\n    if x:\n        return 0\n    return 2\n\
             def never():\n    a = 1\n    return a\n",
        ),
        ("conftest.py", "import package\n"),
        ("test_one.py", "from package.work import one\ndef test_one(): assert one() == 1\n"),
        ("test_two.py", "from package.work import two\ndef test_two(): assert two() == 2\n"),
    ])
}

/// The lines of coverage's table, without the width of its columns.
fn table(told: &Told) -> Vec<String> {
    let is_row = |line: &&str| line.starts_with("package") || line.starts_with("TOTAL");
    let row = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    told.stdout.lines().filter(is_row).map(row).collect()
}

/// Files of coverage in the project.
fn left(project: &Project) -> Vec<String> {
    let names = std::fs::read_dir(project.path()).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("coverage"))
        .collect();
    names.sort();
    names
}

const MISSING: [&str; 3] = ["--cov=package", "--cov-branch", "--cov-report=term-missing"];

#[test]
fn data_of_all_workers_are_one_report() {
    let project = covered();
    let plain = project.run_python(&[&["-m", "pytest"], &MISSING[..]].concat());
    let expected = table(&plain);
    assert_eq!(expected.len(), 4, "{plain}");
    assert!(expected[2].starts_with("package/work.py 9 3"), "{plain}");
    for workers in ["1", "2"] {
        let told = project.run(&[&["-n", workers, "--"], &MISSING[..]].concat());
        told.assert(0, "2 passed").says("tests coverage");
        assert_eq!(table(&told), expected, "{plain}\n{told}");
        assert_eq!(left(&project), [".coverage"]);
    }
}

#[test]
fn data_of_an_earlier_run_do_not_count_unless_asked_for() {
    let project = covered();
    let total = |args: &[&str]| {
        let told = project.run(&[args, &["--cov=package"]].concat());
        assert_eq!(told.code, Some(0), "{told}");
        table(&told).pop().unwrap()
    };
    let whole = total(&["-n", "2", "--"]);
    let half = total(&["-n", "2", "test_one.py", "--"]);
    assert_ne!(whole, half);
    assert_eq!(total(&["-n", "2", "test_two.py", "--", "--cov-append"]), whole);
}

#[test]
fn too_little_fails_the_run_with_the_sentence_of_the_plugin() {
    let project = covered();
    let args = ["--cov=package", "--cov-fail-under=90"];
    let plain = project.run_python(&[&["-m", "pytest"], &args[..]].concat());
    let sentence = plain.stdout.lines().find(|line| line.starts_with("FAIL Required")).unwrap();
    let told = project.run(&[&["-n", "2", "--"], &args[..]].concat());
    told.assert(1, "2 passed").says(sentence);
    assert_eq!(plain.code, told.code);
    let told = project.run(&["-n", "2", "--", "--cov=package", "--cov-fail-under=50"]);
    told.assert(0, "2 passed").says("Required test coverage of 50% reached");
}

#[test]
fn the_report_can_be_a_file() {
    let project = covered();
    let told = project.run(&["-n", "2", "--", "--cov=package", "--cov-report=xml"]);
    told.assert(0, "2 passed").says("coverage.xml");
    let xml = project.read("coverage.xml");
    assert!(xml.contains("filename=\"work.py\"") && xml.contains("filename=\"early.py\""), "{xml}");
    assert_eq!(left(&project), [".coverage", "coverage.xml"]);
}

#[test]
fn what_a_crashed_worker_measured_does_not_hinder_the_report() {
    let project = covered();
    project.write("test_zero.py", "import os\ndef test_zero(): os._exit(3)\n");
    let told = project.run(&["-n", "2", "--", "--cov=package"]);
    told.assert(1, "1 failed, 2 passed").says("TOTAL");
    assert!(table(&told).iter().any(|row| row.starts_with("package/work.py")), "{told}");
}
