//! A real third-party suite, under every mode: what `tests/parity.py` does on demand for all of them.

use std::path::Path;
use std::process::Command;

use crate::support::Running;

/// That so many cells are equal to plain pytest.
fn assert_equal(args: &[&str], cells: usize) {
    let mut command = Command::new("python3");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity.py"))
        .args(["--suite", "toolz", "--callsheet", env!("CARGO_BIN_EXE_callsheet")])
        .args(args)
        .arg("--cache")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("parity"));
    let told = Running::start(command).end();
    assert_eq!(told.code, Some(0), "{told}");
    assert_eq!(told.stdout.matches("| yes |").count(), cells, "{told}");
}

#[test]
fn toolz_gives_the_results_of_plain_pytest_in_every_mode() {
    assert_equal(&["--workers", "2"], 7);
}

#[test]
fn files_that_are_handed_out_give_the_results_of_plain_pytest_on_any_number_of_workers() {
    assert_equal(&["--dist", "stream"], 3);
}
