//! Virtual environments with real packages from the registry, made once and kept below `target/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};

/// An interpreter with these requirements installed (`pytest==9.2.0`, `pytest-cov`, …).
///
/// Made at the first call on a machine, found again after that; tests and processes side by side wait for one another.
pub(crate) fn python(requirements: &[&str]) -> PathBuf {
    let name: String = requirements
        .join("+")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "+=.-".contains(c) { c } else { '_' })
        .collect();
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("environments");
    fs::create_dir_all(&home).unwrap();
    let lock = File::create(home.join(format!("{name}.lock"))).unwrap();
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error).unwrap();
    let environment = home.join(&name);
    let python = environment.join("bin/python");
    let stamp = environment.join("complete");
    if !stamp.exists() {
        let _none = fs::remove_dir_all(&environment);
        finish(Command::new("python3").args(["-m", "venv"]).arg(&environment));
        finish(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(requirements),
        );
        File::create(stamp).unwrap();
    }
    python
}

fn finish(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stderr}", output.status);
}
