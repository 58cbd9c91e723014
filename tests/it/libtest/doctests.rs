//! Doctests, which rustdoc runs all at once.

use super::manifest;
use crate::support::Project;

/// A library whose doctests leave a line in a file when they are run.
fn library(tests: &[&str]) -> String {
    let one = |name: &&str| {
        format!(
            "/// ```\n\
             /// use std::io::Write;\n\
             /// let file = std::fs::File::options().append(true).create(true).open(\"ran\");\n\
             /// file.unwrap().write_all(b\"{name}\\n\").unwrap();\n\
             /// ```\npub fn {name}() {{}}\n"
        )
    };
    tests.iter().map(one).collect()
}

#[test]
fn doctests_are_run_once_however_tests_are_shared_out() {
    let tests = ["a", "b", "c", "d", "e", "f"];
    let unit = "#[test] fn unit() {}\n";
    let project = Project::cargo(&[
        ("Cargo.toml", &manifest("once")),
        ("src/lib.rs", &(library(&tests) + unit)),
    ]);
    for dist in ["stream", "load", "worksteal", "loadscope", "loadfile", "loadgroup"] {
        project.write("ran", "");
        project.run(&["-n", "2", "--dist", dist]).assert(0, "7 passed");
        let ran = project.read("ran");
        let mut ran: Vec<&str> = ran.lines().collect();
        ran.sort_unstable();
        assert_eq!(ran, tests, "{dist}");
    }
    project.write("ran", "");
    project.run(&["-n", "2", "--dist", "each"]).assert(0, "14 passed");
    assert_eq!(project.read("ran").lines().count(), 12);
}
