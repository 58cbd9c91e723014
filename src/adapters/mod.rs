//! From a suite to the processes that run it: one folder a framework.
//!
//! An adapter finds (or makes) what runs the tests and says how a worker is started. It starts no worker itself: that, and the
//! worker protocol, is the agent's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use thiserror::Error;

use crate::model::{Deadlines, Suite, SuiteInfo, WorkerId, WorkerInput, WorkerSpec};

pub mod command;
pub mod custom;
mod group;
pub mod libtest;
pub mod pytest;

use command::{CommandError, Commands};
use custom::{Custom, CustomError};
use libtest::{Libtest, LibtestError};
use pytest::{Idle, Imports, Pytest, PytestError};

/// How a worker process is started, apart from the descriptors of the worker protocol, which the agent adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The program.
    pub program: PathBuf,

    /// Whether it is this very program in the role of a worker, whatever `program` says. Such a worker runs each test in a
    /// process and keeps the deadline of a test by itself.
    pub native: bool,

    /// The longest a test may take by the word of the suite itself, where some say so.
    pub longest_test: Option<Duration>,

    /// Its arguments.
    pub args: Vec<OsString>,

    /// Variables on top of the agent's own environment.
    pub env: Vec<(OsString, OsString)>,

    /// The directory it works in; it exists.
    pub cwd: PathBuf,

    /// The setup object of the worker protocol, as JSON.
    pub setup: String,

    /// Why it can not be forked from a template of its program, if it can not.
    pub alone: Option<String>,

    /// The same of a process that has collected the suite for all workers alike, if they are to be forked from one: all but
    /// what makes one worker differ from another.
    pub common: Option<Box<Self>>,
}

impl WorkerCommand {
    /// A worker that is this very program in another role.
    fn native(root: &Path, env: Vec<(OsString, OsString)>, setup: &Value) -> Self {
        Self {
            program: "callsheet".into(),
            native: true,
            longest_test: None,
            args: Vec::new(),
            env,
            cwd: root.to_owned(),
            setup: setup.to_string(),
            alone: None,
            common: None,
        }
    }
}

/// How the processes of an adapter are started.
#[derive(Debug, Clone)]
pub struct Care {
    /// How long an interpreter or another program of the suite may take to say who it is.
    pub patience: Duration,

    /// The clock's limits: for listing tests, and for those workers that keep the deadlines of their tests by themselves.
    pub deadlines: Deadlines,

    /// Variables of all processes below this one that differ from its own; `None` removes one.
    pub env: Vec<(OsString, Option<OsString>)>,
}

/// A suite that is ready to be run on this host.
#[derive(Debug)]
pub enum Adapter {
    /// By pytest.
    Pytest(Box<Pytest>),

    /// By binaries that cargo has built.
    Libtest(Libtest),

    /// Commands.
    Command(Commands),

    /// By a worker of the user's own.
    Custom(Custom),
}

/// Why a suite can not be run.
#[derive(Debug, Error)]
pub enum AdapterError {
    /// By pytest.
    #[error(transparent)]
    Pytest(#[from] PytestError),

    /// By binaries that cargo has built.
    #[error(transparent)]
    Libtest(#[from] LibtestError),

    /// Commands.
    #[error(transparent)]
    Command(#[from] CommandError),

    /// By a worker of the user's own.
    #[error(transparent)]
    Custom(#[from] CustomError),

    /// Something that another framework has no use for.
    #[error("{0} is for suites that pytest runs; this one is run by {1}")]
    PytestOnly(&'static str, &'static str),
}

impl AdapterError {
    /// Whether the user's words are at fault, rather than the host.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Pytest(error) => error.is_usage(),
            Self::Libtest(error) => error.is_usage(),
            Self::Command(_) | Self::Custom(_) | Self::PytestOnly(..) => true,
        }
    }
}

impl Adapter {
    /// Finds what runs the suite, making its environment if the suite asks for one; `progress` gets a line for each step that takes time.
    ///
    /// # Errors
    /// One sentence with the cause and the way out.
    pub async fn prepare(
        suite: &Suite,
        care: Care,
        progress: impl Fn(String),
    ) -> Result<(Self, SuiteInfo), AdapterError> {
        match suite {
            Suite::Pytest(suite) => {
                let (pytest, info) = Pytest::prepare(suite, care, &progress).await?;
                Ok((Self::Pytest(Box::new(pytest)), info))
            }
            Suite::Libtest(suite) => {
                let (libtest, info) = Libtest::prepare(suite, care, &progress).await?;
                Ok((Self::Libtest(libtest), info))
            }
            Suite::Command(suite) => {
                let (commands, info) = Commands::prepare(suite, &care)?;
                Ok((Self::Command(commands), info))
            }
            Suite::Custom(suite) => {
                let (custom, info) = Custom::prepare(suite)?;
                Ok((Self::Custom(custom), info))
            }
        }
    }

    /// How the worker is started.
    ///
    /// # Errors
    /// The specification names an interpreter or a directory that can not be used.
    pub async fn command(
        &self,
        worker: WorkerId,
        spec: &WorkerSpec,
        input: &WorkerInput,
    ) -> Result<WorkerCommand, AdapterError> {
        match self {
            Self::Pytest(pytest) => Ok(pytest.command(worker, spec, input).await?),
            Self::Libtest(libtest) => Ok(libtest.command(worker, spec, input)?),
            Self::Command(commands) => Ok(commands.command(worker, spec, input)?),
            Self::Custom(custom) => Ok(custom.command(worker, spec, input)?),
        }
    }

    /// A template that has been started since this was last asked.
    pub fn take_idle(&self) -> Option<Idle> {
        match self {
            Self::Pytest(pytest) => pytest.take_idle(),
            Self::Libtest(_) | Self::Command(_) | Self::Custom(_) => None,
        }
    }

    /// Collects the suite once and measures what it imports.
    ///
    /// # Errors
    /// The measurement could not be run.
    pub async fn imports(&self) -> Result<Imports, AdapterError> {
        match self {
            Self::Pytest(pytest) => Ok(pytest.imports().await?),
            Self::Libtest(_) => Err(AdapterError::PytestOnly("`callsheet preload`", "cargo")),
            Self::Command(_) => Err(AdapterError::PytestOnly("`callsheet preload`", "commands")),
            Self::Custom(_) => {
                Err(AdapterError::PytestOnly("`callsheet preload`", "a worker of its own"))
            }
        }
    }

    /// Does what is to be done once after all workers; `requests` are their `conclude` objects.
    ///
    /// Gives the text for people and, if this fails the run, the sentence that says why.
    ///
    /// # Errors
    /// The conclusion could not be run.
    pub async fn conclude(
        &self,
        requests: &[String],
        input: &WorkerInput,
    ) -> Result<(String, Option<String>), AdapterError> {
        match self {
            Self::Pytest(pytest) => Ok(pytest.conclude(requests, input).await?),
            // Its workers ask for none.
            Self::Libtest(_) | Self::Command(_) | Self::Custom(_) => Ok((String::new(), None)),
        }
    }
}

/// What of a specification only pytest's workers can heed, if there is such.
fn pytests_own(spec: &WorkerSpec) -> Option<&'static str> {
    let python = spec.python.as_ref().map(|_| "python=");
    python.or_else(|| spec.chdir.as_ref().map(|_| "chdir="))
}

/// The variables of a worker that is not pytest's.
fn variables_of(
    worker: WorkerId,
    spec: &WorkerSpec,
    input: &WorkerInput,
) -> Vec<(OsString, OsString)> {
    let own = [
        ("CALLSHEET_WORKER".into(), worker.to_string().into()),
        ("CALLSHEET_WORKER_COUNT".into(), input.worker_count.to_string().into()),
    ];
    let asked = spec.env.iter().map(|(name, value)| (name.into(), value.into()));
    own.into_iter().chain(asked).collect()
}

/// The setup of the worker protocol for a worker that needs no more than what every worker is told.
fn setup_of(worker: WorkerId, root: &Path, args: &[String], input: &WorkerInput) -> Value {
    let mut setup = setup_of_all(root, args, input);
    setup["worker"] = worker.to_string().into();
    setup
}

/// What the workers of a suite are told alike.
fn setup_of_all(root: &Path, args: &[String], input: &WorkerInput) -> Value {
    json!({
        "protocol": 1,
        "worker_count": input.worker_count,
        "run_id": input.run_id,
        "dist": input.dist,
        "argv": input.argv,
        "args": args,
        "root": root,
        "basetemp": null,
        "color": input.color,
        "columns": input.columns,
        "verbosity": input.verbosity,
        "live_output": input.live_output,
        "stream": input.stream,
        "lazy_import": input.lazy_import,
        "collect_only": input.collect_only,
        "halt_on_failure": input.halt_on_failure,
        "seed": input.seed,
    })
}
