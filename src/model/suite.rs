//! What is to be run, as the controller tells an agent.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CommandSuite, CustomSuite, LibtestSuite};

/// What is to be run, with its adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suite {
    /// A suite that pytest runs.
    Pytest(PytestSuite),

    /// The tests of a Rust project, built by cargo.
    Libtest(LibtestSuite),

    /// Commands.
    Command(CommandSuite),

    /// What a worker of the user's own runs.
    Custom(CustomSuite),
}

impl Suite {
    /// The directory that the tests are run in or from.
    pub fn root(&self) -> &Path {
        match self {
            Self::Pytest(suite) => &suite.root,
            Self::Libtest(suite) => &suite.root,
            Self::Command(suite) => &suite.root,
            Self::Custom(suite) => &suite.root,
        }
    }
}

impl Suite {
    /// The same on another host, where the project stands in another directory, has another interpreter or another
    /// requirements file, if they are given; `named_by` is what gives them.
    #[must_use]
    pub fn on_host(
        &self,
        root: Option<&str>,
        python: Option<&str>,
        provision: Option<&str>,
        named_by: &str,
    ) -> Self {
        let mut suite = self.clone();
        // What is not given from the user's home directory begins there anyway.
        let root = root.map(|root| Path::new(root.strip_prefix("~/").unwrap_or(root)));
        if let Self::Pytest(there) = &mut suite {
            if root.is_some() {
                there.leave_root();
            }
            if let Some(provision) = provision {
                // Meant from the project's directory there.
                there.provision = Some(provision.into());
            }
            if let Some(python) = python {
                there.python =
                    Some(NamedPython { name: python.to_owned(), named_by: named_by.to_owned() });
            }
        }
        if let Some(root) = root {
            root.clone_into(suite.root_mut());
        }
        suite
    }

    fn root_mut(&mut self) -> &mut PathBuf {
        match self {
            Self::Pytest(suite) => &mut suite.root,
            Self::Libtest(suite) => &mut suite.root,
            Self::Command(suite) => &mut suite.root,
            Self::Custom(suite) => &mut suite.root,
        }
    }
}

/// A suite that pytest runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PytestSuite {
    /// The project's directory; workers work in it unless their spec says `chdir`.
    pub root: PathBuf,

    /// The interpreter asked for by name or path; found by the adapter's rules if `None`.
    pub python: Option<NamedPython>,

    /// A requirements file to make (or find in the cache) a virtual environment from.
    pub provision: Option<PathBuf>,

    /// pytest's arguments: options first, then files, directories and ids.
    pub args: Vec<String>,

    /// pytest's `--basetemp` if one was given; each worker gets `popen-gwN` below it.
    pub basetemp: Option<PathBuf>,

    /// What workers are forked from.
    pub template: Template,

    /// Modules that the template imports beside pytest.
    pub preload: Vec<String>,
}

impl PytestSuite {
    /// What of it lies in the project's directory is named from there.
    fn leave_root(&mut self) {
        let from = &self.root;
        if let Some(inside) = self.provision.as_ref().and_then(|path| path.strip_prefix(from).ok())
        {
            self.provision = Some(inside.to_owned());
        }
        for argument in &mut self.args {
            if let Ok(inside) = Path::new(&*argument).strip_prefix(from) {
                *argument = inside.to_string_lossy().into_owned();
            }
        }
    }
}

/// What workers are forked from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Template {
    /// From nothing: each starts an interpreter of its own.
    Off,
    /// From an idle interpreter that has imported pytest.
    #[default]
    Pytest,
    /// From a process that has collected the suite.
    Collected,
}

impl Template {
    /// All of them, in the order they are listed to people.
    pub const ALL: [Self; 3] = [Self::Pytest, Self::Collected, Self::Off];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Pytest => "pytest",
            Self::Collected => "collected",
        }
    }
}

/// An interpreter that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedPython {
    /// Its name or path.
    pub name: String,

    /// What named it, as people are told: `--python`, `callsheet.toml`, ….
    pub named_by: String,
}

/// What an agent found out about a suite before any worker was started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SuiteInfo {
    /// The interpreter or program that will run the tests.
    pub executable: String,

    /// Why this one: `--python`, `VIRTUAL_ENV`, `.venv`, ….
    pub chosen_by: String,

    /// Framework and runtime, for example `pytest 9.2.0, Python 3.11.7`.
    pub framework: String,
}

/// What one worker is told of the run it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInput {
    /// The run's id: `testrun_uid`, the same in all workers.
    pub run_id: String,

    /// How many workers the run was asked to have.
    pub worker_count: u32,

    /// The way tests are distributed, by its command-line name.
    pub dist: String,

    /// The command line that started the run, for programs that look at it.
    pub argv: Vec<String>,

    /// Whether text for people may hold escape sequences.
    pub color: bool,

    /// The width of text for people, in columns.
    pub columns: u32,

    /// pytest's verbosity: `-v` counts up, `-q` down.
    pub verbosity: i32,

    /// Whether output is shown as it comes (`-s`), hence not captured by the framework.
    pub live_output: bool,

    /// List files and make the tests of those that are handed out, where the project allows it, instead of collecting
    /// everything first.
    pub stream: bool,

    /// When streaming, import a test file only when its tests are made, instead of all files before the first test.
    pub lazy_import: bool,

    /// Collect only; no test will be run.
    pub collect_only: bool,

    /// After a failed report, wait for the word to go on: the run may have reached its `maxfail`.
    pub halt_on_failure: bool,

    /// Workers run on several hosts, which need not see one another's files: what is concluded from all of them travels.
    pub several_hosts: bool,

    /// A seed for the plugins that need one number that all workers share.
    pub seed: u32,
}

/// How long each step may take before its worker is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// From the start of an agent to its readiness, without the time for provisioning; also from the start of an
    /// interpreter to its answer who it is.
    pub agent: Duration,

    /// From the start of a worker process to its introduction.
    pub startup: Duration,

    /// From its introduction to the end of its collection.
    pub collect: Duration,

    /// From handing an idle worker a test to the report that the test began.
    pub begin: Duration,

    /// One test, all phases; `None`: without limit.
    pub test: Option<Duration>,

    /// From when on a test that still runs is told to be slow; `None`: never.
    pub slow: Option<Duration>,

    /// The run as a whole; `None`: without limit.
    pub run: Option<Duration>,

    /// From the word to finish to the end of the process, session teardown included.
    pub shutdown: Duration,

    /// Silence on the link to an agent before it is taken for lost. Also how long a worker may be
    /// stopped (`SIGSTOP`) before it is taken for lost.
    pub silence: Duration,

    /// How long a host may be out of reach, at the start or after it was lost, before it is given up.
    pub host: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            agent: Duration::from_secs(60),
            startup: Duration::from_secs(120),
            collect: Duration::from_secs(900),
            begin: Duration::from_secs(60),
            test: None,
            slow: None,
            run: None,
            shutdown: Duration::from_secs(60),
            silence: Duration::from_secs(15),
            host: Duration::from_secs(120),
        }
    }
}

/// How tests are distributed over workers; the names are xdist's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Dist {
    /// Every worker runs every test.
    Each,
    /// Tests go to whoever has the fewest left.
    #[default]
    Load,
    /// Files go out and are collected by whoever runs them; idle workers take tests of others.
    Stream,
    /// As `load`, by module or class.
    LoadScope,
    /// As `load`, by file.
    LoadFile,
    /// As `load`, by the `xdist_group` mark.
    LoadGroup,
    /// An even split; idle workers take from the longest queue.
    WorkSteal,
}

impl Dist {
    /// All modes, in the order they are listed to people.
    pub const ALL: [Self; 7] = [
        Self::Stream,
        Self::Load,
        Self::Each,
        Self::LoadScope,
        Self::LoadFile,
        Self::LoadGroup,
        Self::WorkSteal,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Load => "load",
            Self::Stream => "stream",
            Self::LoadScope => "loadscope",
            Self::LoadFile => "loadfile",
            Self::LoadGroup => "loadgroup",
            Self::WorkSteal => "worksteal",
        }
    }

    /// The seed's and xdist's name of the class that does it.
    pub fn class(self) -> &'static str {
        match self {
            Self::Each => "EachScheduling",
            Self::Load => "LoadScheduling",
            Self::Stream => "StreamScheduling",
            Self::LoadScope => "LoadScopeScheduling",
            Self::LoadFile => "LoadFileScheduling",
            Self::LoadGroup => "LoadGroupScheduling",
            Self::WorkSteal => "WorkStealingScheduling",
        }
    }
}

impl fmt::Display for Dist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dist {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|dist| dist.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is no way to distribute tests; there are {names}")
        })
    }
}

/// Whether tests share a process, where the framework leaves that open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Isolation {
    /// As many as it pays.
    #[default]
    Adaptive,
    /// Each has one of its own.
    Process,
}

impl Isolation {
    /// All of them, in the order they are listed to people.
    pub const ALL: [Self; 2] = [Self::Adaptive, Self::Process];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Process => "process",
        }
    }
}
