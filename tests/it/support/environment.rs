//! Virtual environments with real packages from the registry, made once and kept below `target/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};

/// An interpreter with these requirements installed (`pytest==9.2.0`, `pytest-cov`, …).
///
/// Made at the first call on a machine, found again after that; tests and processes side by side wait for one another.
pub(crate) fn python(requirements: &[&str]) -> PathBuf {
    made_with(Path::new("python3"), "", requirements)
}

/// The same, made by an interpreter of another version than that of [`python`], with that version; `None` where there is none,
/// which is told.
pub(crate) fn other_python(requirements: &[&str]) -> Option<(PathBuf, String)> {
    let own = version(Path::new("python3")).expect("python3 makes environments");
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let roots = [home.join(".pyenv/versions"), home.join(".local/share/uv/python")];
    let kept = roots.iter().flat_map(|root| fs::read_dir(root).into_iter().flatten().flatten());
    let named = (10..=14).map(|minor| PathBuf::from(format!("python3.{minor}")));
    let mut candidates: Vec<PathBuf> = kept.map(|kept| kept.path().join("bin/python3")).collect();
    candidates.sort();
    let found = named.chain(candidates).find_map(|python| {
        let version = version(&python).filter(|version| minor(version) != minor(&own))?;
        Some((made_with(&python, &format!("python{version}+"), requirements), version))
    });
    if found.is_none() {
        let what = format!("skipped: needs a Python from 3.10 beside {own}\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), what.as_bytes());
    }
    found
}

fn minor(version: &str) -> &str {
    version.rsplit_once('.').map_or(version, |(minor, _)| minor)
}

/// The version of an interpreter that pytest supports and that can make environments.
fn version(python: &Path) -> Option<String> {
    let script = "import sys, venv, ensurepip\nassert sys.version_info >= (3, 10)\n\
        print('%d.%d.%d' % sys.version_info[:3])";
    let output = Command::new(python).args(["-c", script]).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| said.trim().to_owned())
}

/// An environment with these packages, made once by this interpreter.
fn made_with(base: &Path, prefix: &str, requirements: &[&str]) -> PathBuf {
    let name = prefix.to_owned() + &requirements.join("+");
    let name: String = name
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
        finish(Command::new(base).args(["-m", "venv"]).arg(&environment));
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
