//! Calls of cargo and rustc, and what they answer.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Stdio;

use cargo_metadata::{Artifact, BuildScript, Message, Metadata};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::{LibtestError, arguments};
use crate::adapters::group::Group;
use crate::launch::tie_to_parent;

/// What stays of what cargo prints, in bytes: errors stand at the end.
const KEPT: usize = 1024 * 1024;

/// Options that choose packages, each with a value of its own.
const WITH_VALUE: [&str; 3] = ["-p", "--package", "--exclude"];

/// Options that `cargo metadata` understands as well, and whether a value follows.
const SHARED: [(&str, bool); 7] = [
    ("--manifest-path", true),
    ("--config", true),
    ("--offline", false),
    ("--locked", false),
    ("--frozen", false),
    ("--lockfile-path", true),
    ("-Z", true),
];

/// Options of `cargo test` that choose targets, so that doctests are left out.
const TARGETS: [&str; 12] = [
    "--lib",
    "--bins",
    "--bin",
    "--tests",
    "--test",
    "--examples",
    "--example",
    "--benches",
    "--bench",
    "--all-targets",
    "--no-run",
    "--doc",
];

/// How cargo is called.
#[derive(Debug, Clone)]
pub(super) struct Cargo {
    pub(super) root: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(OsString, Option<OsString>)>,
}

/// What a build has made.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) artifacts: Vec<Artifact>,
    pub(super) scripts: Vec<BuildScript>,
}

impl Cargo {
    /// The program: that of the environment, as cargo itself and rustup set it, or that of the path.
    pub(super) fn program() -> OsString {
        env::var_os("CARGO").filter(|cargo| !cargo.is_empty()).unwrap_or_else(|| "cargo".into())
    }

    /// Whether the user's arguments leave tests outside of documentation out.
    pub(super) fn is_only_doc(&self) -> bool {
        self.args.iter().any(|arg| arg == "--doc")
    }

    /// Whether the user's arguments leave doctests in.
    pub(super) fn has_doc(&self) -> bool {
        let is_target = |arg: &String| {
            let name = arg.split_once('=').map_or(arg.as_str(), |(name, _)| name);
            name != "--doc" && TARGETS.contains(&name)
        };
        self.is_only_doc() || !self.args.iter().any(is_target)
    }

    /// The user's arguments without those that choose packages or `--doc`, and with every doctest told of.
    pub(super) fn args_of_one_package(&self) -> Vec<String> {
        let mut kept = Vec::new();
        let mut args = arguments::aloud(&self.args);
        while let Some(arg) = args.next() {
            let name = arg.split_once('=').map_or(arg.as_str(), |(name, _)| name);
            if WITH_VALUE.contains(&arg.as_str()) {
                args.next();
            } else if !(WITH_VALUE.contains(&name)
                || ["--workspace", "--all", "--doc"].contains(&name)
                || (arg.starts_with("-p") && !arg.starts_with("--")))
            {
                kept.push(arg);
            }
        }
        kept
    }

    /// Builds all test binaries; `progress` gets cargo's lines on its steps.
    pub(super) async fn build(&self, progress: &impl Fn(String)) -> Result<Built, LibtestError> {
        let mut args = words(&["test", "--no-run", "--message-format", "json-render-diagnostics"]);
        args.extend_from_slice(&self.args);
        let (stdout, _) = self.call(&args, progress).await?;
        let mut built = Built::default();
        for line in stdout.lines().filter(|line| line.starts_with('{')) {
            let message = serde_json::from_str(line).map_err(|error| LibtestError::Answer {
                command: shown(&args),
                error: error.to_string(),
            })?;
            match message {
                Message::CompilerArtifact(artifact) => built.artifacts.push(artifact),
                Message::BuildScriptExecuted(script) => built.scripts.push(script),
                _other => {}
            }
        }
        Ok(built)
    }

    /// What the manifests of the workspace say.
    pub(super) async fn metadata(&self) -> Result<Metadata, LibtestError> {
        let mut args = words(&["metadata", "--no-deps", "--format-version", "1"]);
        args.extend(self.shared());
        let (stdout, _) = self.call(&args, &|_step| {}).await?;
        serde_json::from_str(&stdout).map_err(|error| LibtestError::Answer {
            command: shown(&args),
            error: error.to_string(),
        })
    }

    /// The doctests of all packages that the user's arguments choose: what cargo and rustdoc print, both streams as they come.
    pub(super) async fn list_doctests(
        &self,
        progress: &impl Fn(String),
    ) -> Result<(String, String), LibtestError> {
        let mut args = words(&["test", "--doc"]);
        args.extend(arguments::aloud(&self.args).filter(|arg| arg != "--doc"));
        args.extend(words(&["--", "--list", "--format", "terse"]));
        self.call(&args, progress).await
    }

    fn shared(&self) -> Vec<String> {
        let mut kept = Vec::new();
        let mut args = self.args.iter();
        while let Some(arg) = args.next() {
            let name = arg.split_once('=').map_or(arg.as_str(), |(name, _)| name);
            let Some((_, has_value)) = SHARED.iter().find(|(known, _)| *known == name) else {
                continue;
            };
            kept.push(arg.clone());
            if *has_value && name == arg {
                kept.extend(args.next().cloned());
            }
        }
        kept
    }

    /// The values of an option that may be given more than once.
    pub(super) fn values_of(&self, option: &'static str) -> impl Iterator<Item = &str> {
        let next = self.args.iter().skip(1).map(Some).chain([None]);
        self.args.iter().zip(next).filter_map(move |(arg, next)| {
            match arg.strip_prefix(option)? {
                "" => next.map(String::as_str),
                rest => rest.strip_prefix('='),
            }
        })
    }

    /// Whether a process of this adapter's has this variable.
    pub(super) fn is_set(&self, name: &str) -> bool {
        let own = self.env.iter().rev().find(|(own, _)| own == name);
        own.map_or_else(|| env::var_os(name).is_some(), |(_, value)| value.is_some())
    }

    pub(super) fn command(&self, program: &OsStr) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Calls cargo: what it prints on standard output and error, the latter told line by line meanwhile.
    async fn call(
        &self,
        args: &[String],
        progress: &impl Fn(String),
    ) -> Result<(String, String), LibtestError> {
        let program = Self::program();
        let wrong = |error| LibtestError::Cargo { program: program.display().to_string(), error };
        let mut command = self.command(&program);
        command
            .args(args)
            .env("CARGO_TERM_PROGRESS_WHEN", "never")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        tie_to_parent(&mut command, []);
        let mut child = command.spawn().map_err(wrong)?;
        // With it go the compilers that it has started, should nobody wait for it any longer.
        let group = Group::of(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (answer, said, status) =
            tokio::join!(whole(stdout), follow(stderr, progress), child.wait());
        group.is_over();
        let status = status.map_err(wrong)?;
        let (answer, said) = (answer.map_err(wrong)?, said.map_err(wrong)?);
        if status.success() {
            return Ok((answer, said));
        }
        Err(LibtestError::Build {
            command: shown(args),
            status: status.to_string(),
            text: said.trim_end().to_owned(),
        })
    }
}

/// The command as a user would type it.
fn shown(args: &[String]) -> String {
    let words = args.iter().map(String::as_str);
    let line = shlex::try_join(std::iter::once("cargo").chain(words));
    line.unwrap_or_else(|_nul| format!("cargo {}", args.join(" ")))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

async fn whole(stream: Option<impl AsyncRead + Unpin>) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// All that cargo prints, its last lines if it is too much; each step is told as it comes.
async fn follow(
    stream: Option<impl AsyncRead + Unpin>,
    progress: &impl Fn(String),
) -> std::io::Result<String> {
    let Some(stream) = stream else { return Ok(String::new()) };
    let mut lines = BufReader::new(stream);
    let (mut all, mut line) = (String::new(), Vec::new());
    while lines.read_until(b'\n', &mut line).await? > 0 {
        let text = String::from_utf8_lossy(&line);
        if is_step(&text) {
            progress(text.trim().to_owned());
        }
        all.push_str(&text);
        line.clear();
        if all.len() > 2 * KEPT {
            let mut cut = all.len() - KEPT;
            while !all.is_char_boundary(cut) {
                cut += 1;
            }
            all.drain(..cut);
        }
    }
    Ok(all)
}

/// Whether it is a line such as `   Compiling regex v1.0.0`: cargo sets the verb at the right of twelve columns.
fn is_step(line: &str) -> bool {
    let bytes = line.as_bytes();
    let verb = line.trim_start().split(' ').next().unwrap_or_default();
    bytes.len() > 13
        && bytes[0] == b' '
        && bytes[12] == b' '
        && line.get(..12).is_some_and(|head| head.trim_start() == verb)
        && verb.starts_with(|c: char| c.is_ascii_uppercase())
        && !["Finished", "Executable", "Running", "Doc-tests"].contains(&verb)
}
