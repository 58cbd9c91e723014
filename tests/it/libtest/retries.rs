//! Rust tests that are run again, and those that are to have a process of their own.

use super::{manifest, package};
use crate::support::Project;

/// Says how often it was begun, this time included.
const TURN: &str = "fn turn() -> usize {\n\
    \x20   use std::io::Write;\n\
    \x20   let file = std::fs::File::options().append(true).create(true).open(\"turns\");\n\
    \x20   file.unwrap().write_all(b\"x\").unwrap();\n\
    \x20   std::fs::read(\"turns\").unwrap().len()\n}\n";

/// Says how many tests were given to its process.
const MATES: &str = "fn mates() -> usize {\n\
    \x20   std::env::args().filter(|name| name.starts_with(\"tests::\")).count()\n}\n";

/// A package of seven quick tests with one in front of them that does this.
fn before_seven(name: &str, body: &str) -> Project {
    let quick = ["a", "b", "c", "d", "e", "f", "g"];
    let quick = quick.map(|name| format!("#[test] fn quick_{name}() {{}}\n")).concat();
    package(name, &format!("{TURN}{MATES}#[test] fn odd() {{ {body} }}\n{quick}"))
}

#[test]
fn a_test_that_passes_at_a_later_attempt_is_flaky() {
    let project = before_seven("flaky", "assert!(turn() > 1, \"not yet {}\", mates());");
    for dist in ["stream", "load"] {
        for workers in ["1", "2"] {
            let _none = std::fs::remove_file(project.path().join("turns"));
            let told = project.run(&["-n", workers, "--dist", dist, "--retries", "2"]);
            told.assert(0, "8 passed, 1 rerun, 1 flaky");
            told.says("flaky tests").says("flaky/lib::tests::odd: not yet");
        }
    }
    let _none = std::fs::remove_file(project.path().join("turns"));
    project.run(&["-n", "2"]).assert(1, "1 failed, 7 passed");
}

#[test]
fn the_last_attempt_is_alone_in_a_fresh_process() {
    let project = before_seven("sociable", "turn(); assert_eq!(mates(), 1);");
    for workers in ["1", "2"] {
        let told = project.run(&["-n", workers, "--no-history", "--retries", "1"]);
        told.assert(0, "8 passed, 1 rerun, 1 flaky").says("(passed alone in a fresh process)");
    }
}

#[test]
fn a_test_that_aborts_once_is_run_again_only_where_the_project_says_so() {
    let project = before_seven("abrupt", "if turn() == 1 { std::process::abort() } mates();");
    let told = project.run(&["-n", "2", "--no-history", "--retries", "2"]);
    told.assert(1, "1 failed, 7 passed").says("SIGABRT");
    std::fs::remove_file(project.path().join("turns")).unwrap();
    project.write("callsheet.toml", "retry_crashed = true\n");
    let told = project.run(&["-n", "2", "--no-history", "--retries", "2"]);
    told.assert(0, "8 passed, 1 rerun, 1 flaky").says("SIGABRT");
}

#[test]
fn a_test_has_a_process_of_its_own_where_an_override_says_so() {
    let project = before_seven("private", "turn(); assert_eq!(mates(), 1);");
    project.run(&["-n", "1", "--no-history"]).assert(1, "1 failed, 7 passed");
    project
        .write("callsheet.toml", "[[override]]\nfilter = \"name(odd)\"\nisolation = \"process\"\n");
    for dist in ["stream", "load", "worksteal"] {
        project.run(&["-n", "1", "--no-history", "--dist", dist]).assert(0, "8 passed");
    }
}

#[test]
fn a_doctest_that_failed_is_run_again_by_itself() {
    let count = |file: &str| {
        format!(
            "/// use std::io::Write;\n\
             /// let file = std::fs::File::options().append(true).create(true).open(\"{file}\");\n\
             /// file.unwrap().write_all(b\"x\").unwrap();\n"
        )
    };
    let library = format!(
        "/// ```\n{}/// ```\npub fn steady() {{}}\n\
         /// ```\n{}/// assert!(std::fs::read(\"odd\").unwrap().len() > 1, \"not yet\");\n/// ```\npub fn odd() {{}}\n",
        count("steady"),
        count("odd")
    );
    let project = Project::cargo(&[("Cargo.toml", &manifest("told")), ("src/lib.rs", &library)]);
    let told = project.run(&["-n", "2", "--retries", "1"]);
    told.assert(0, "2 passed, 1 rerun, 1 flaky").says("not yet");
    assert_eq!((project.read("steady").len(), project.read("odd").len()), (1, 2));
}
