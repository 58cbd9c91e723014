//! A cached virtual environment made from a requirements file.
//!
//! Its directory is named after the interpreter and all that the requirements say, so a change makes a new one. It is built in
//! place under a lock, because environments can not be moved, and counts only once its stamp is written.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use super::interpreter::{Interpreter, Surroundings};

/// How long one step may take; compiling a big wheel takes minutes.
const STEP: Duration = Duration::from_secs(3600);

/// How often a lock that somebody else holds is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// How many of the installer's last lines tell why it failed.
const LAST_LINES: usize = 8;

const STAMP: &str = "callsheet-complete";

/// Why there is no environment.
#[derive(Debug, Error)]
pub enum ProvisionError {
    /// A requirements file can not be read.
    #[error(
        "failed to read the requirements `{path}`: {error}; `provision` names a file relative to the project"
    )]
    Requirements {
        /// Its path.
        path: String,
        /// What the system said.
        error: io::Error,
    },

    /// The cache can not be used.
    #[error(
        "failed to make the environment in `{path}`: {error}; set XDG_CACHE_HOME to a directory that can be written"
    )]
    Cache {
        /// The path.
        path: String,
        /// What the system said.
        error: io::Error,
    },

    /// A step failed.
    #[error("`{command}` failed ({status}); its last words:\n{words}")]
    Step {
        /// The command.
        command: String,
        /// How it ended.
        status: String,
        /// The last lines it wrote.
        words: String,
    },
}

impl ProvisionError {
    /// Whether the user's words are at fault, rather than the host.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Requirements { .. } => true,
            Self::Cache { .. } | Self::Step { .. } => false,
        }
    }
}

/// The environment's interpreter for these requirements, made if it is not in the cache; `progress` gets the installer's lines.
///
/// Paths inside the file are pip's business: `-r` and `-c` are relative to the file, `-e .` and other local projects to `root`. A
/// local project that is not editable is installed as it was when the environment was made.
///
/// # Errors
/// [`ProvisionError`]
pub(super) async fn environment(
    base: &Interpreter,
    requirements: &Path,
    root: &Path,
    cache: &Path,
    surroundings: &Surroundings,
    progress: &impl Fn(String),
) -> Result<PathBuf, ProvisionError> {
    let requirements = root.join(requirements);
    let key = key(base, &requirements, root)?;
    let place = cache.join("venvs").join(format!("{key:016x}"));
    let python = place.join("bin/python");
    let wrong =
        |error: io::Error| ProvisionError::Cache { path: place.display().to_string(), error };
    if is_complete(&place) {
        return Ok(python);
    }
    fs::create_dir_all(place.parent().unwrap_or(cache)).map_err(wrong)?;
    let _lock = lock(&place.with_extension("lock"), progress).await.map_err(wrong)?;
    // Whoever held the lock may have made it.
    if is_complete(&place) {
        return Ok(python);
    }
    if place.exists() {
        fs::remove_dir_all(&place).map_err(wrong)?;
    }
    progress(format!("making an environment from {}", requirements.display()));
    for command in steps(base, &requirements, &place, surroundings) {
        step(command, root, progress).await?;
    }
    fs::write(place.join(STAMP), b"").map_err(wrong)?;
    Ok(python)
}

fn is_complete(place: &Path) -> bool {
    place.join(STAMP).is_file() && place.join("bin/python").exists()
}

/// Holds the lock until it is dropped, also when this process dies.
async fn lock(path: &Path, progress: &impl Fn(String)) -> io::Result<Flock<File>> {
    let mut file = File::options().create(true).truncate(false).write(true).open(path)?;
    let mut told = false;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((back, nix::errno::Errno::EWOULDBLOCK)) => file = back,
            Err((_, error)) => return Err(error.into()),
        }
        if !std::mem::replace(&mut told, true) {
            progress("waiting for another run that makes the same environment".to_owned());
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// A number that stands for the interpreter, the project that local requirements belong to, and the requirements.
fn key(base: &Interpreter, requirements: &Path, root: &Path) -> Result<u64, ProvisionError> {
    let mut hasher = DefaultHasher::new();
    let real = fs::canonicalize(&base.path).unwrap_or_else(|_| base.path.clone());
    (real, &base.python).hash(&mut hasher);
    let mut is_local = false;
    let mut seen = BTreeSet::new();
    let mut files = VecDeque::from([requirements.to_owned()]);
    while let Some(path) = files.pop_front() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| ProvisionError::Requirements {
            path: path.display().to_string(),
            error,
        })?;
        text.hash(&mut hasher);
        let directory = path.parent().unwrap_or(root);
        for line in text.lines().map(str::trim) {
            match included(line) {
                // pip fetches these itself.
                Some(name) if name.contains("://") => {}
                Some(name) => files.push_back(directory.join(name)),
                None => is_local = is_local || names_a_project(line),
            }
        }
    }
    if is_local {
        root.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// The file that a line of requirements includes.
fn included(line: &str) -> Option<&str> {
    ["--requirement", "--constraint", "-r", "-c"]
        .into_iter()
        .find_map(|flag| line.strip_prefix(flag))
        .map(|rest| rest.trim_start_matches(['=', ' ', '\t']).trim())
        .map(|name| name.split_once(" #").map_or(name, |(name, _)| name.trim_end()))
        .filter(|name| !name.is_empty())
}

/// Whether a line of requirements names a project in a directory.
fn names_a_project(line: &str) -> bool {
    line.starts_with("-e") || line.starts_with("--editable") || line.starts_with(['.', '/'])
}

/// The commands that make the environment: by `uv` where it is installed, else by `venv` and `pip`.
fn steps(
    base: &Interpreter,
    requirements: &Path,
    place: &Path,
    surroundings: &Surroundings,
) -> [Command; 2] {
    let python = place.join("bin/python");
    if let Some(uv) = surroundings.on_path("uv") {
        let (mut make, mut install) = (Command::new(&uv), Command::new(&uv));
        make.args(["venv", "--quiet", "--python"]).arg(&base.path).arg(place);
        install.args(["pip", "install", "--python"]).arg(python).arg("-r").arg(requirements);
        [make, install]
    } else {
        let (mut make, mut install) = (Command::new(&base.path), Command::new(python));
        make.args(["-m", "venv"]).arg(place);
        install
            .args([
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--no-input",
                "--progress-bar",
                "off",
                "-r",
            ])
            .arg(requirements);
        [make, install]
    }
}

async fn step(
    mut command: Command,
    root: &Path,
    progress: &impl Fn(String),
) -> Result<(), ProvisionError> {
    let shown = show(&command);
    let failed = |status: String, words: String| ProvisionError::Step {
        command: shown.clone(),
        status,
        words,
    };
    let spawned = command
        .current_dir(root)
        .env_remove("VIRTUAL_ENV")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child =
        spawned.map_err(|error| failed("it could not be started".to_owned(), error.to_string()))?;
    let words = std::cell::RefCell::new(VecDeque::new());
    let note = |line: String| {
        let mut words = words.borrow_mut();
        if words.len() == LAST_LINES {
            words.pop_front();
        }
        words.push_back(line.clone());
        progress(line);
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let work = async {
        let ((), (), status) =
            tokio::join!(follow(stdout, &note), follow(stderr, &note), child.wait());
        status
    };
    let status = match tokio::time::timeout(STEP, work).await {
        Ok(Ok(status)) if status.success() => return Ok(()),
        Ok(Ok(status)) => status.to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("it did not end within {} s", STEP.as_secs()),
    };
    let words: Vec<String> = words.take().into();
    Err(failed(status, words.join("\n")))
}

async fn follow(stream: Option<impl AsyncRead + Unpin>, note: &impl Fn(String)) {
    let Some(stream) = stream else { return };
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let line = line.trim_end();
        if !line.is_empty() {
            note(line.to_owned());
        }
    }
}

fn show(command: &Command) -> String {
    let command = command.as_std();
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests;
