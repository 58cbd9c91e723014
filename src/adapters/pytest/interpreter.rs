//! Which Python runs the suite, and whether it can.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use thiserror::Error;
use tokio::process::Command;

use super::idle::{self, Idle, Warmth};

/// The oldest Python and pytest that the worker runs on.
const OLDEST_PYTHON: (u32, u32) = (3, 8);
const OLDEST_PYTEST: u32 = 7;

/// How the line begins in which an interpreter says who it is.
pub(super) const ANSWER: &str = "callsheet-probe\t";

/// Says who it is in one line that no start-up file of the user's can be mistaken for. Not in the working directory's name:
/// a project may have modules of any name.
const QUESTION: &str = r#"import sys
if sys.path and not sys.path[0]:
    del sys.path[0]
try:
    import _pytest
    found = _pytest.__version__
except ImportError:
    found = ""
print("callsheet-probe", "%d.%d.%d" % sys.version_info[:3], found, sep="\t")
"#;

/// An interpreter that was asked who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// Its path.
    pub path: PathBuf,

    /// Why this one.
    pub chosen_by: String,

    /// Python's version, for example `3.11.7`.
    pub python: String,

    /// pytest's version; `None` if it has no pytest.
    pub pytest: Option<String>,
}

/// Why there is no interpreter that can run the suite.
#[derive(Debug, Error)]
pub enum InterpreterError {
    /// Nothing to choose from.
    #[error(
        "no Python was found: VIRTUAL_ENV is not set, the project has no .venv, and there is no python3 on PATH; install Python 3.8 or newer, or name one with `--python`"
    )]
    None,

    /// What was named is not there.
    #[error("there is no interpreter `{name}` ({chosen_by}); name another with `--python`")]
    NotFound {
        /// As it was named.
        name: String,
        /// What named it.
        chosen_by: String,
    },

    /// It can not be run or ends with an error.
    #[error(
        "the interpreter `{path}` ({chosen_by}) does not start: {why}; name another with `--python`"
    )]
    DoesNotStart {
        /// Its path.
        path: String,
        /// What named it.
        chosen_by: String,
        /// What it or the system said last.
        why: String,
    },

    /// It does not answer.
    #[error(
        "the interpreter `{path}` ({chosen_by}) did not answer within {seconds} s; name another with `--python`, or give it more time with `[deadlines] agent`"
    )]
    Hangs {
        /// Its path.
        path: String,
        /// What named it.
        chosen_by: String,
        /// The limit.
        seconds: u64,
    },

    /// Python itself is too old.
    #[error(
        "the interpreter `{path}` ({chosen_by}) is Python {version}; Python 3.8 or newer is needed, name one with `--python`"
    )]
    TooOld {
        /// Its path.
        path: String,
        /// What named it.
        chosen_by: String,
        /// Its version.
        version: String,
    },

    /// It has no pytest.
    #[error(
        "the interpreter `{path}` ({chosen_by}) has no pytest; install it with `{path} -m pip install pytest`"
    )]
    NoPytest {
        /// Its path.
        path: String,
        /// What named it.
        chosen_by: String,
    },

    /// Its pytest is too old.
    #[error(
        "the interpreter `{path}` ({chosen_by}) has pytest {version}; pytest 7.0 or newer is needed, get it with `{path} -m pip install -U pytest`"
    )]
    PytestTooOld {
        /// Its path.
        path: String,
        /// What named it.
        chosen_by: String,
        /// Its version.
        version: String,
    },
}

impl InterpreterError {
    /// Whether the user's words or project are at fault, rather than the host.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::None | Self::DoesNotStart { .. } | Self::Hangs { .. } => false,
            Self::NotFound { .. }
            | Self::TooOld { .. }
            | Self::NoPytest { .. }
            | Self::PytestTooOld { .. } => true,
        }
    }
}

/// Where interpreters are looked for beside the project, and how long one may take to answer.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// `VIRTUAL_ENV`.
    pub(super) virtual_env: Option<PathBuf>,

    /// `PATH`.
    pub(super) path: OsString,

    /// From an interpreter's start to its answer; a cold one on a network file system takes seconds.
    pub(super) patience: Duration,
}

impl Surroundings {
    /// Those of this process.
    pub(super) fn of_process(patience: Duration) -> Self {
        Self {
            virtual_env: std::env::var_os("VIRTUAL_ENV")
                .filter(|value| !value.is_empty())
                .map(PathBuf::from),
            path: std::env::var_os("PATH").unwrap_or_default(),
            patience,
        }
    }

    /// The program of this name on `PATH`.
    pub(super) fn on_path(&self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.path)
            .map(|directory| directory.join(name))
            .find(|path| is_program(path))
    }

    /// The path of the interpreter and why this one: the one asked for, else `VIRTUAL_ENV`, `.venv`, `venv`, `python3`, `python`.
    fn choose(
        &self,
        asked: Option<(&str, &str)>,
        root: &Path,
    ) -> Result<(PathBuf, String), InterpreterError> {
        if let Some((name, chosen_by)) = asked {
            let found = if name.contains('/') { Some(root.join(name)) } else { self.on_path(name) };
            return match found.filter(|path| is_program(path)) {
                Some(path) => Ok((path, chosen_by.to_owned())),
                None => Err(InterpreterError::NotFound {
                    name: name.to_owned(),
                    chosen_by: chosen_by.to_owned(),
                }),
            };
        }
        if let Some(environment) = &self.virtual_env {
            let path = environment.join("bin/python");
            if is_program(&path) {
                return Ok((path, "VIRTUAL_ENV".to_owned()));
            }
            let name = path.display().to_string();
            return Err(InterpreterError::NotFound { name, chosen_by: "VIRTUAL_ENV".to_owned() });
        }
        for name in [".venv", "venv"] {
            let path = root.join(name).join("bin/python");
            if is_program(&path) {
                return Ok((path, name.to_owned()));
            }
        }
        ["python3", "python"]
            .into_iter()
            .find_map(|name| Some((self.on_path(name)?, format!("{name} on PATH"))))
            .ok_or(InterpreterError::None)
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Finds an interpreter and asks it who it is. `asked` is a name or path and what named it. With `warmth` it goes on to be a
/// template.
///
/// # Errors
/// There is none, or it can not run the worker; pytest is not looked at.
pub(super) async fn find(
    asked: Option<(&str, &str)>,
    root: &Path,
    surroundings: &Surroundings,
    warmth: Option<&Warmth>,
) -> Result<(Interpreter, Option<Idle>), InterpreterError> {
    let (path, chosen_by) = surroundings.choose(asked, root)?;
    ask(path, chosen_by, root, surroundings.patience, warmth).await
}

/// The same interpreter, if it has a pytest that the worker can run in.
///
/// # Errors
/// [`InterpreterError::NoPytest`], [`InterpreterError::PytestTooOld`]
pub(super) fn with_pytest(interpreter: Interpreter) -> Result<Interpreter, InterpreterError> {
    let (path, chosen_by) = (interpreter.path.display().to_string(), interpreter.chosen_by.clone());
    match &interpreter.pytest {
        None => Err(InterpreterError::NoPytest { path, chosen_by }),
        Some(version) if numbers(version).0 < OLDEST_PYTEST => {
            Err(InterpreterError::PytestTooOld { path, chosen_by, version: version.clone() })
        }
        Some(_) => Ok(interpreter),
    }
}

/// Asks an interpreter who it is.
pub(super) async fn ask(
    path: PathBuf,
    chosen_by: String,
    root: &Path,
    patience: Duration,
    warmth: Option<&Warmth>,
) -> Result<(Interpreter, Option<Idle>), InterpreterError> {
    let shown = path.display().to_string();
    let fails = |why: String| InterpreterError::DoesNotStart {
        path: shown.clone(),
        chosen_by: chosen_by.clone(),
        why,
    };
    let answered = async {
        match warmth.filter(|_| idle::can_begin(&path)) {
            Some(warmth) => Ok(Idle::start(&path, root, warmth)
                .await?
                .map(|(idle, answer)| (Some(idle), answer))),
            None => Ok(probe(&path, root).await?.map(|answer| (None, answer))),
        }
    };
    let answered = match tokio::time::timeout(patience, answered).await {
        Ok(answered) => answered.map_err(|error: io::Error| fails(error.to_string()))?,
        Err(_) => {
            return Err(InterpreterError::Hangs {
                path: shown,
                chosen_by,
                seconds: patience.as_secs(),
            });
        }
    };
    let (idle, answer) = match answered {
        Ok(answered) => answered,
        Err((said, status)) => {
            let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
            return Err(fails(last.map_or_else(|| status.to_string(), str::to_owned)));
        }
    };
    let (python, pytest) = answer.split_once('\t').unwrap_or((&answer, ""));
    if numbers(python) < OLDEST_PYTHON {
        return Err(InterpreterError::TooOld {
            path: shown,
            chosen_by,
            version: python.to_owned(),
        });
    }
    let interpreter = Interpreter {
        path,
        chosen_by,
        python: python.to_owned(),
        pytest: Some(pytest.to_owned()).filter(|version| !version.is_empty()),
    };
    Ok((interpreter, idle))
}

/// The answer of an interpreter that has nothing else to do, or its last words and status.
async fn probe(path: &Path, root: &Path) -> io::Result<Result<String, (String, ExitStatus)>> {
    let mut command = Command::new(path);
    command
        .args([OsStr::new("-c"), OsStr::new(QUESTION)])
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let output = command.output().await?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let answer = stdout.lines().rev().find_map(|line| line.strip_prefix(ANSWER));
    Ok(answer
        .map(str::to_owned)
        .ok_or_else(|| (String::from_utf8_lossy(&output.stderr).into_owned(), output.status)))
}

/// The first two numbers of a version.
fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests;
