//! From arguments, environment, project file and defaults to one validated [`Config`].
//!
//! Nothing below this module sees arguments or files: the actors get a `Config` and the plain types in it. A value
//! comes from the strongest place that has it: [`Overrides`] (the command line), the [`Environment`], the profile asked
//! for, the profile `default`, the top of the project's file, and last `config/default.toml`, which is built in.

mod builder;
mod command;
mod environment;
mod error;
mod hosts;
mod key;
mod origin;
mod output;
mod overrides;
mod profile;
mod project;
mod resolve;
mod rust;
mod settings;
mod show;
mod stated;
mod suite;
mod terminal;
#[cfg(test)]
mod tests;
mod value;
mod workers;

mod input;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use uuid::Uuid;

pub use builder::ConfigBuilder;
pub use environment::{Environment, Output};
pub use error::ConfigError;
pub use key::Key;
pub use origin::Origin;
pub use output::OutputFiles;
pub use overrides::Overrides;
pub use value::WorkerCount;

use resolve::Resolved;
use value::{Automatic, Budget, FlakyCounts, HistoryPlace, ImportWhen};
use workers::Fleet;

use crate::history::{self, History};
use crate::launch::{AgentCommand, Allocation, SlurmError, Ways};
use crate::model::{Deadlines, HostSpec, Suite, SuiteKind, WorkerSpec};
use crate::report::TerminalOptions;
use crate::schedule::{PolicyOptions, RecycleRules, RetryRules};
use crate::select::{self, Filter, Partition, Past};
use crate::supervise::RestartLimits;

/// Replacements for each worker where nobody says how many: the seed's and xdist's.
const RESTARTS_A_WORKER: u32 = 4;

/// All that a run needs to know, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The directory of the project's file, beside which `.callsheet/` stands; the working directory if there is none.
    pub project: PathBuf,

    /// What is to be run. Its root is the user's working directory.
    pub suite: Suite,

    /// What people should know of how the configuration came about; told at the beginning of the run.
    pub notes: Vec<String>,

    /// One specification a worker, in the order of their ids; never empty.
    pub workers: Vec<WorkerSpec>,

    /// Where workers run: what [`WorkerSpec::host`] counts in; never empty.
    pub hosts: Vec<HostSpec>,

    /// How other hosts are reached.
    pub ways: Ways,

    /// Options for an allocation of Slurm to run in, and how long before its end nothing new is begun; `None`: no allocation.
    pub slurm: Option<(String, Duration)>,

    /// When nothing new is begun any more, since the run's time is over soon after; `None`: there is no such time.
    /// [`allocate`](Self::allocate) sets it.
    pub until: Option<Instant>,

    /// How many workers must have collected before the first test goes out, while others are on their way; `None`: all of
    /// the hosts that are up, or the first one where files are streamed.
    pub min_workers: Option<u32>,

    /// How tests are distributed.
    pub policy: PolicyOptions,

    /// Under [`Dist::Stream`](crate::model::Dist::Stream): a test module is imported when its file's turn comes, not before the first test.
    pub lazy_import: bool,

    /// Stop after this many failures; `None`: as the project's own framework configuration says.
    pub max_fail: Option<NonZeroU32>,

    /// How often dead workers are replaced.
    pub restart: RestartLimits,

    /// Whether nobody says how often in the whole run, so that it follows how many workers there are.
    restarts_by_workers: bool,

    /// How long each step may take.
    pub deadlines: Deadlines,

    /// The most memory a worker and all that it has started may use, in bytes; a worker above it is killed.
    pub worker_memory: Option<u64>,

    /// How often failed tests are run again.
    pub retry: RetryRules,

    /// Whether a test that passed after a failure fails the run.
    pub flaky_fails: bool,

    /// Counted resources by name, with how many units there are.
    pub resources: Vec<(String, u32)>,

    /// After what a worker makes way for a fresh one.
    pub recycle: RecycleRules,

    /// The memory in bytes above which it does.
    pub recycle_memory: Option<u64>,

    /// The run's id (`testrun_uid`).
    pub run_id: String,

    /// The command line as typed, for programs that look at it.
    pub argv: Vec<String>,

    /// One number that all workers share, for plugins that shuffle.
    pub seed: u32,

    /// Collect on one worker, run nothing.
    pub collect_only: bool,

    /// The file that durations of past runs are kept in; `None`: nowhere.
    pub history: Option<PathBuf>,

    /// Which of the tests are run; `None`: all that the framework collects.
    pub filter: Option<Filter>,

    /// Which part of those this machine runs.
    pub partition: Option<Partition>,

    /// What holds for some tests only.
    pub overrides: select::Overrides,

    /// Files that the results are written to.
    pub outputs: OutputFiles,

    /// How people are shown the run.
    pub terminal: TerminalOptions,

    /// How the agent of this machine is started.
    pub agent: AgentCommand,
}

impl Config {
    /// A configuration made by a program, which starts from the defaults alone.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// The configuration of a run that was started in the directory `cwd`.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the first thing that is wrong, where it stands and what would be right.
    pub fn resolve(
        overrides: &Overrides,
        environment: &Environment,
        cwd: &Path,
    ) -> Result<Self, ConfigError> {
        let resolved = Resolved::read(overrides, environment, &directory(cwd)?, true)?;
        Self::from_resolved(&resolved, overrides, environment)
    }

    /// Has the run take place on the nodes of its allocation of Slurm, if it is to: it is obtained, which may take long, and
    /// becomes the hosts and workers of the run. It is given back when what this gives is dropped.
    ///
    /// # Errors
    /// [`SlurmError`]
    pub fn allocate(
        &mut self,
        progress: impl Fn(String),
    ) -> Result<Option<Allocation>, SlurmError> {
        let Some((options, margin)) = &self.slurm else { return Ok(None) };
        let allocation = Allocation::obtain(options, progress)?;
        let margin = allocation.warning.map_or(*margin, |warning| warning.max(*margin));
        let left = allocation.left.map(|left| left.saturating_sub(margin));
        self.until = left.and_then(|left| Instant::now().checked_add(left));
        (self.workers, self.hosts) = workers::on_nodes(&allocation);
        if self.restarts_by_workers {
            self.restart.max_worker_restart = restarts(&self.workers);
        }
        Ok(Some(allocation))
    }

    /// The value of every key with where it came from, as valid TOML.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), but paths are not looked for and workers not counted.
    pub fn show(
        overrides: &Overrides,
        environment: &Environment,
        cwd: &Path,
    ) -> Result<String, ConfigError> {
        let resolved = Resolved::read(overrides, environment, &directory(cwd)?, true)?;
        Ok(show::show(resolved))
    }

    /// How tests ended in past runs and what they took, as far as that is kept and can be read.
    pub fn past(&self) -> Past {
        let Some(file) = &self.history else {
            return Past::default();
        };
        History::new(file.clone(), &self.suite, &self.project).past()
    }

    fn from_resolved(
        resolved: &Resolved,
        overrides: &Overrides,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let settings = &resolved.settings;
        let is_slurms = workers::are_slurms(resolved)?;
        let mut fleet = workers::fleet(resolved, environment, is_slurms)?;
        if overrides.collect_only {
            fleet = fleet.first();
        }
        let Fleet { workers, hosts } = fleet;
        let budget = match settings.max_worker_restart.value {
            Automatic::Set(Budget(budget)) => budget,
            Automatic::Auto => restarts(&workers),
        };
        let (kind, note) = command::kind(resolved, overrides, rust::kind(resolved, overrides));
        let suite = match kind {
            SuiteKind::Libtest => Suite::Libtest(rust::suite(resolved, overrides)?),
            SuiteKind::Command => Suite::Command(command::commands(resolved, overrides)?),
            SuiteKind::Custom => Suite::Custom(command::custom(resolved, overrides)?),
            SuiteKind::Auto | SuiteKind::Pytest => Suite::Pytest(suite::pytest(resolved)?),
        };
        let notes = note.into_iter().collect();
        let run = Uuid::new_v4();
        Ok(Self {
            project: resolved.project.directory.clone(),
            suite,
            notes,
            workers,
            hosts,
            ways: hosts::ways(settings)?,
            slurm: is_slurms
                .then(|| (settings.slurm_options.value.clone(), settings.slurm_margin.value.0)),
            until: None,
            min_workers: match settings.min_workers.value {
                Automatic::Auto => None,
                Automatic::Set(count) => Some(count),
            },
            policy: PolicyOptions {
                dist: settings.dist.value,
                max_sched_chunk: settings.max_sched_chunk.value.0.map(NonZeroU32::get),
                keep_scope_order: !settings.loadscope_reorder.value,
            },
            lazy_import: settings.import.value == ImportWhen::Lazy,
            max_fail: match settings.maxfail.value {
                Automatic::Auto => None,
                Automatic::Set(failures) => NonZeroU32::new(failures),
            },
            restart: RestartLimits {
                max_worker_restart: budget,
                max_restarts: settings.max_restarts.value.0,
                window: settings.restart_window.value.0,
                backoff: settings.restart_backoff.value,
                backoff_max: settings.restart_backoff_max.value,
            },
            restarts_by_workers: settings.max_worker_restart.value == Automatic::Auto,
            deadlines: settings.deadlines(),
            worker_memory: settings.worker_memory.value.0,
            retry: RetryRules {
                retries: settings.retries.value,
                delay: settings.retry_delay.value,
                delay_max: settings.retry_backoff_max.value,
                budget: match settings.retry_budget.value {
                    Automatic::Auto => None,
                    Automatic::Set(Budget(budget)) => Some(budget.unwrap_or(u32::MAX)),
                },
                crashed: settings.retry_crashed.value,
                seed: run.as_fields().0,
            },
            flaky_fails: settings.flaky.value == FlakyCounts::Fail,
            resources: settings.resources.value.0.clone(),
            recycle: RecycleRules {
                after: settings.recycle_after.value.0.map(NonZeroU32::get),
                failed: settings.recycle_failed.value,
            },
            recycle_memory: settings.recycle_memory.value.0,
            run_id: overrides.run_id.clone().unwrap_or_else(|| run.simple().to_string()),
            argv: overrides.argv.clone(),
            // The first field of a version 4 UUID is random throughout.
            seed: Uuid::new_v4().as_fields().0,
            collect_only: overrides.collect_only,
            history: history_file(resolved),
            filter: filter(resolved)?,
            partition: settings.partition.value.0,
            overrides: select::Overrides::new(
                resolved.overrides.iter().map(|stated| stated.means.clone()).collect(),
            ),
            outputs: if overrides.collect_only {
                OutputFiles::default()
            } else {
                output::files(resolved, environment)
            },
            terminal: terminal::options(settings, environment),
            agent: AgentCommand::ThisProgram,
        })
    }
}

/// Replacements in the whole run where nobody says how many.
fn restarts(workers: &[WorkerSpec]) -> Option<u32> {
    let count = u32::try_from(workers.len()).ok();
    count.map(|count| count.saturating_mul(RESTARTS_A_WORKER))
}

fn filter(resolved: &Resolved) -> Result<Option<Filter>, ConfigError> {
    let setting = &resolved.settings.filter;
    if setting.value.is_empty() {
        return Ok(None);
    }
    Filter::parse(&setting.value)
        .map(Some)
        .map_err(|error| ConfigError::Filter { origin: setting.origin(), error })
}

/// Where durations are kept.
fn history_file(resolved: &Resolved) -> Option<PathBuf> {
    let setting = &resolved.settings.history;
    match &setting.value {
        HistoryPlace::Auto => {
            Some(resolved.project.directory.join(history::FOLDER).join(history::FILE))
        }
        HistoryPlace::Off => None,
        HistoryPlace::At(path) => Some(resolved.base(&setting.origin()).join(path)),
    }
}

/// A directory as an absolute path.
fn directory(path: &Path) -> Result<PathBuf, ConfigError> {
    let absolute = if path.as_os_str().is_empty() {
        std::env::current_dir()
    } else {
        std::path::absolute(path)
    };
    let directory = absolute
        .and_then(|path| {
            if std::fs::metadata(&path)?.is_dir() {
                Ok(path)
            } else {
                Err(std::io::ErrorKind::NotADirectory.into())
            }
        })
        .map_err(|source| ConfigError::Directory { path: path.to_owned(), source })?;
    if directory.to_str().is_none() {
        return Err(ConfigError::DirectoryNotText(directory));
    }
    Ok(directory)
}
