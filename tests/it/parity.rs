//! A real third-party suite, under every mode: what `tests/parity.py` does on demand for all of them.

use std::path::Path;
use std::process::Command;

use crate::support::Running;

#[test]
fn toolz_gives_the_results_of_plain_pytest_in_every_mode() {
    let mut command = Command::new("python3");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity.py"))
        .args([
            "--suite",
            "toolz",
            "--workers",
            "2",
            "--callsheet",
            env!("CARGO_BIN_EXE_callsheet"),
        ])
        .arg("--cache")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("parity"));
    let told = Running::start(command).end();
    assert_eq!(told.code, Some(0), "{told}");
    assert_eq!(told.stdout.matches("| yes |").count(), 7, "{told}");
}
