//! A configuration made by a program.

use std::path::{Path, PathBuf};

use super::resolve::Resolved;
use super::{Config, ConfigError, Environment, Key, Origin, Overrides};
use crate::launch::AgentCommand;
use crate::model::{Deadlines, Dist, SuiteKind};
use crate::report::TerminalOptions;
use crate::supervise::RestartLimits;

/// Makes a [`Config`] value by value; what is not said is the default.
///
/// Neither the environment nor any file is read, except for a file that [`config_file`](Self::config_file) names. The output is
/// taken for no terminal.
///
/// ```
/// use callsheet::config::Config;
/// use callsheet::model::Dist;
///
/// let config = Config::builder()
///     .root(".")
///     .workers(4)
///     .dist(Dist::LoadFile)
///     .pytest_args(["-k", "not slow"])
///     .build()?;
/// assert_eq!(config.workers.len(), 4);
/// # Ok::<(), callsheet::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ConfigBuilder {
    overrides: Overrides,
    root: PathBuf,
    tx: Vec<String>,
    paths: Vec<String>,
    deadlines: Option<Deadlines>,
    restart: Option<RestartLimits>,
    worker_memory: Option<u64>,
    seed: Option<u32>,
    history: Option<PathBuf>,
    terminal: Option<TerminalOptions>,
    agent: AgentCommand,
}

impl ConfigBuilder {
    /// The directory to run in; the process's own if never said.
    #[must_use]
    pub fn root(mut self, directory: impl AsRef<Path>) -> Self {
        directory.as_ref().clone_into(&mut self.root);
        self
    }

    /// How many local workers; as many as there are CPUs to use if neither this nor [`tx`](Self::tx) is said.
    #[must_use]
    pub fn workers(mut self, count: u16) -> Self {
        self.set(Key::Workers, count.to_string());
        self
    }

    /// Adds workers by a specification such as `2*popen//python=python3.12`. Not heeded beside [`workers`](Self::workers).
    #[must_use]
    pub fn tx(mut self, specification: impl Into<String>) -> Self {
        self.tx.push(specification.into());
        self
    }

    /// How tests are distributed.
    #[must_use]
    pub fn dist(mut self, dist: Dist) -> Self {
        self.set(Key::Dist, dist.name());
        self
    }

    /// Adds options for pytest.
    #[must_use]
    pub fn pytest_args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        self.overrides.add_pytest_args(Origin::Program, args);
        self
    }

    /// What runs the tests; what stands in the root says so if this is never said.
    #[must_use]
    pub fn suite(mut self, kind: SuiteKind) -> Self {
        self.set(Key::Suite, kind.name());
        self
    }

    /// The manifest of a suite of commands: a TOML file, a file of one command a line, or a pattern of executables.
    #[must_use]
    pub fn manifest(mut self, manifest: impl Into<String>) -> Self {
        self.set(Key::CommandManifest, manifest);
        self
    }

    /// A worker for another framework, which speaks the worker protocol, as a shell takes its command apart.
    #[must_use]
    pub fn worker_command(mut self, command: impl Into<String>) -> Self {
        self.set(Key::CustomWorkerCommand, command);
        self
    }

    /// Arguments for `cargo test`, for the tests of a Rust project.
    #[must_use]
    pub fn cargo_args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        self.overrides.set_list(Key::LibtestArgs, Origin::Program, args);
        self
    }

    /// Adds files, directories and test ids to run, relative to the root.
    #[must_use]
    pub fn paths<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.paths.extend(paths.into_iter().map(Into::into));
        self
    }

    /// The interpreter, by name or path; found by the adapter's rules if never said.
    #[must_use]
    pub fn python(mut self, python: impl Into<String>) -> Self {
        self.set(Key::PytestPython, python);
        self
    }

    /// A requirements file, relative to the root, to make (or find in the cache) a virtual environment from.
    #[must_use]
    pub fn provision(mut self, requirements: impl Into<String>) -> Self {
        self.set(Key::PytestProvision, requirements);
        self
    }

    /// Stop after this many failures; 0 for never. As pytest's own configuration has it if never said.
    #[must_use]
    pub fn max_fail(mut self, failures: u32) -> Self {
        self.set(Key::Maxfail, failures.to_string());
        self
    }

    /// How often dead workers are replaced; up to four times the number of workers if never said.
    #[must_use]
    pub fn restart(mut self, limits: RestartLimits) -> Self {
        self.restart = Some(limits);
        self
    }

    /// How long each step may take.
    #[must_use]
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = Some(deadlines);
        self
    }

    /// The most memory a worker and all that it has started may use, in bytes.
    #[must_use]
    pub fn worker_memory(mut self, bytes: u64) -> Self {
        self.worker_memory = Some(bytes);
        self
    }

    /// A file to read, `callsheet.toml` or `pyproject.toml` in form; what the builder says wins over it, except that
    /// options for pytest are added to its own.
    #[must_use]
    pub fn config_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.overrides.config_file = Some(file.into());
        self
    }

    /// The profile in force: `ci`, `campaign`, or one of the file.
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.overrides.profile = Some((name.into(), Origin::Program));
        self
    }

    /// The run's id; a new one if never said.
    #[must_use]
    pub fn run_id(mut self, id: impl Into<String>) -> Self {
        self.overrides.run_id = Some(id.into());
        self
    }

    /// The command line that tests and plugins are told of.
    #[must_use]
    pub fn argv<S: Into<String>>(mut self, argv: impl IntoIterator<Item = S>) -> Self {
        self.overrides.argv = argv.into_iter().map(Into::into).collect();
        self
    }

    /// The number that all workers share for plugins that shuffle; a random one if never said.
    #[must_use]
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Collect on one worker and run nothing.
    #[must_use]
    pub fn collect_only(mut self) -> Self {
        self.overrides.collect_only = true;
        self
    }

    /// The file, relative to the root, to keep durations in and to have them from. The command's own is
    /// `.callsheet/history.db`; a program that does not say this keeps none, unless the key `history` of its
    /// [`config_file`](Self::config_file) does.
    #[must_use]
    pub fn history(mut self, file: impl Into<PathBuf>) -> Self {
        self.history = Some(file.into());
        self
    }

    /// How people are shown the run, for a program that shows it with callsheet's own reporter.
    #[must_use]
    pub fn terminal(mut self, options: TerminalOptions) -> Self {
        self.terminal = Some(options);
        self
    }

    /// How the agent of this machine is started; this very program if never said.
    #[must_use]
    pub fn agent(mut self, command: AgentCommand) -> Self {
        self.agent = command;
        self
    }

    /// The configuration, checked.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the first value that is wrong: the root or a path that does not exist, no workers,
    /// a wrong specification, a profile or file that cannot be used.
    pub fn build(mut self) -> Result<Config, ConfigError> {
        let root = super::directory(&self.root)?;
        if !self.tx.is_empty() {
            self.overrides.set_list(Key::Tx, Origin::Program, self.tx);
        }
        if !self.paths.is_empty() {
            self.overrides.set_list(Key::PytestPaths, Origin::Program, self.paths);
        }
        let mut environment = Environment::default();
        environment.cpus = Environment::capture().cpus;
        let resolved = Resolved::read(&self.overrides, &environment, &root, false)?;
        let mut config = Config::from_resolved(&resolved, &self.overrides, &environment)?;
        config.deadlines = self.deadlines.unwrap_or(config.deadlines);
        config.restarts_by_workers &= self.restart.is_none();
        config.restart = self.restart.unwrap_or(config.restart);
        config.worker_memory = self.worker_memory.or(config.worker_memory);
        config.seed = self.seed.unwrap_or(config.seed);
        // Nobody expects a library to write into the project unasked.
        config.history = match self.history {
            Some(file) => Some(root.join(file)),
            None => config.history.filter(|_| resolved.settings.history.strength > 0),
        };
        config.outputs.last_failed = false;
        config.terminal = self.terminal.unwrap_or(config.terminal);
        config.agent = self.agent;
        Ok(config)
    }

    fn set(&mut self, key: Key, text: impl Into<String>) {
        self.overrides.set(key, Origin::Program, text);
    }
}
