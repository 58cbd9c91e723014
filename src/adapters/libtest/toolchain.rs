//! Where rustc is and keeps its libraries.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;

use super::LibtestError;
use super::cargo::Cargo;

/// The compiler that the tests were built with.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Toolchain {
    pub(super) sysroot: PathBuf,
    pub(super) target_libdir: PathBuf,
    pub(super) version: String,
    /// The platform that it runs on.
    pub(super) host: String,
}

/// What cargo remembers of rustc beside what it builds.
#[derive(Debug, Deserialize)]
struct Remembered {
    outputs: HashMap<String, Output>,
}

/// One answer of rustc.
#[derive(Debug, Deserialize)]
struct Output {
    success: bool,
    stdout: String,
}

impl Toolchain {
    /// The toolchain. cargo has just asked rustc and remembers its answers, or checked that they still hold: to ask anew takes
    /// longer than many a suite.
    pub(super) async fn find(cargo: &Cargo, target: &Path) -> Result<Self, LibtestError> {
        let is_for_another = cargo.args.iter().any(|arg| arg.starts_with("--target"));
        let remembered = fs::read_to_string(target.join(".rustc_info.json"));
        let known = remembered.ok().filter(|_| !is_for_another).and_then(|text| Self::read(&text));
        match known {
            Some(known) if known.target_libdir.is_dir() => Ok(known),
            Some(_) | None => Self::ask(cargo).await,
        }
    }

    fn read(text: &str) -> Option<Self> {
        let remembered: Remembered = serde_json::from_str(text).ok()?;
        let answers = || remembered.outputs.values().filter(|output| output.success);
        let about = answers().find(|output| output.stdout.starts_with("rustc "))?;
        let mut lines = about.stdout.lines();
        let version = lines.next()?.to_owned();
        let host = lines.find_map(|line| line.strip_prefix("host: "))?;
        let is_sysroot = |line: &&str| Path::new(line).is_absolute();
        let sysroot = answers().find_map(|output| output.stdout.lines().find(is_sysroot))?;
        let sysroot = PathBuf::from(sysroot);
        let target_libdir = sysroot.join("lib/rustlib").join(host).join("lib");
        Some(Self { sysroot, target_libdir, version, host: host.to_owned() })
    }

    async fn ask(cargo: &Cargo) -> Result<Self, LibtestError> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let ask = |args: &'static [&'static str]| {
            let mut command = cargo.command(&rustc);
            command.args(args).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
            async move { command.output().await }
        };
        let (paths, version) =
            tokio::join!(ask(&["--print", "sysroot", "--print", "target-libdir"]), ask(&["-vV"]));
        let wrong = |error| LibtestError::Cargo { program: rustc.display().to_string(), error };
        let (paths, version) = (paths.map_err(wrong)?.stdout, version.map_err(wrong)?.stdout);
        let paths = String::from_utf8_lossy(&paths);
        let mut paths = paths.lines().map(PathBuf::from);
        let version = String::from_utf8_lossy(&version);
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        Ok(Self {
            sysroot: paths.next().unwrap_or_default(),
            target_libdir: paths.next().unwrap_or_default(),
            version: version.lines().next().unwrap_or_default().to_owned(),
            host: host.unwrap_or_default().to_owned(),
        })
    }

    /// The cargo that belongs to it, as tests are told of it.
    pub(super) fn cargo(&self) -> PathBuf {
        let own = self.sysroot.join("bin/cargo");
        if own.is_file() { own } else { Cargo::program().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_remembers_of_rustc_is_read() {
        let text = r#"{"rustc_fingerprint": 1, "successes": {}, "outputs": {
            "1": {"success": true, "status": "", "code": 0, "stdout": "___\nlib___.so\n/opt/rust\noff\nunix\n", "stderr": ""},
            "2": {"success": true, "status": "", "code": 0, "stdout": "rustc 1.95.0 (abc 2026-04-14)\nhost: x86_64-linux\n", "stderr": ""}}}"#;
        let toolchain = Toolchain::read(text).unwrap();
        assert_eq!(toolchain.version, "rustc 1.95.0 (abc 2026-04-14)");
        assert_eq!(toolchain.target_libdir, Path::new("/opt/rust/lib/rustlib/x86_64-linux/lib"));
        assert_eq!(Toolchain::read("{}"), None);
    }
}
