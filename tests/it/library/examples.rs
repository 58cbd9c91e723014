//! The programs in `examples/`.

use std::path::Path;
use std::process::Command;

use crate::support::{Running, python};

/// Runs an example on the suite in `tests/suites/hello` to its end and gives what it printed.
fn example(name: &str, more: &[&str]) -> String {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(
        program.exists(),
        "{} is not built; `cargo build --examples` does it",
        program.display()
    );
    let mut command = Command::new(program);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suites/hello"));
    command.arg(python(&["pytest==9.2.0"])).args(more);
    let told = Running::start(command).end();
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""), "{told}");
    told.stdout
}

#[test]
fn example_embed() {
    assert!(example("embed", &[]).contains("15 of 17 tests passed"));
}

#[test]
fn example_own_policy() {
    let told = example("own_policy", &["guestbook"]);
    assert!(
        told.starts_with("OneLane with 3 workers\n") && told.ends_with("17 tests, exit code 0\n"),
        "{told}"
    );
    let lanes: Vec<&str> = told
        .lines()
        .filter(|line| line.contains("test_guestbook.py"))
        .filter_map(|line| line.split_once(' ').map(|(worker, _)| worker))
        .collect();
    assert_eq!(lanes, ["gw0"; 7], "{told}");
}

#[test]
fn example_inside_actix() {
    let told = example("inside_actix", &["3"]);
    assert!(told.ends_with("interrupted by the counter\n"), "{told}");
}

#[test]
fn example_inside_tokio() {
    let told = example("inside_tokio", &[]);
    assert!(told.contains("the whole run: 15 passed, 0 not run, exit code 0"), "{told}");
    assert!(told.contains("the stopped run: ") && told.contains("exit code 2"), "{told}");
}
