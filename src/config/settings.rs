//! The value of every key, with where it was set.

use std::time::Duration;

use super::overrides::{Given, GivenValue};
use super::value::{
    Automatic, Budget, ColorWhen, FlakyCounts, HistoryPlace, ImportWhen, Limit, OptionalSpan, Part,
    Resources, Size, Span, Value,
};
use super::{ConfigError, Key, Origin, WorkerCount};
use crate::model::{Deadlines, Dist, HostSpec, Isolation, RunIgnored, SuiteKind, Template};

/// One value and where it was set.
#[derive(Debug, Clone, Default)]
pub(super) struct Setting<T> {
    pub(super) value: T,

    /// Who set it, and who added to it; empty if nobody has.
    pub(super) origins: Vec<Origin>,

    /// How strong the place is where it was set; the defaults have 0.
    pub(super) strength: usize,
}

impl<T> Setting<T> {
    /// Who had the last word.
    pub(super) fn origin(&self) -> Origin {
        self.origins.last().cloned().unwrap_or(Origin::Default)
    }

    fn put(&mut self, value: T, origin: &Origin, strength: usize) {
        self.value = value;
        self.origins = vec![origin.clone()];
        self.strength = strength;
    }
}

/// The value of every key.
///
/// Places are applied from the weakest to the strongest; the last one wins.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    strength: usize,
    pub(super) suite: Setting<SuiteKind>,
    pub(super) workers: Setting<WorkerCount>,
    pub(super) max_processes: Setting<Limit>,
    pub(super) dist: Setting<Dist>,
    pub(super) tx: Setting<Vec<String>>,
    pub(super) ssh: Setting<String>,
    pub(super) rsync: Setting<String>,
    pub(super) sync_exclude: Setting<Vec<String>>,
    pub(super) min_workers: Setting<Automatic<u32>>,
    pub(super) max_sched_chunk: Setting<Limit>,
    pub(super) loadscope_reorder: Setting<bool>,
    pub(super) import: Setting<ImportWhen>,
    pub(super) maxfail: Setting<Automatic<u32>>,
    pub(super) max_worker_restart: Setting<Automatic<Budget>>,
    pub(super) max_restarts: Setting<Budget>,
    pub(super) restart_window: Setting<Span>,
    pub(super) restart_backoff: Setting<Duration>,
    pub(super) restart_backoff_max: Setting<Duration>,
    pub(super) worker_memory: Setting<Size>,
    pub(super) retries: Setting<u32>,
    pub(super) retry_delay: Setting<Duration>,
    pub(super) retry_backoff_max: Setting<Duration>,
    pub(super) retry_budget: Setting<Automatic<Budget>>,
    pub(super) retry_crashed: Setting<bool>,
    pub(super) flaky: Setting<FlakyCounts>,
    pub(super) resources: Setting<Resources>,
    pub(super) recycle_after: Setting<Limit>,
    pub(super) recycle_memory: Setting<Size>,
    pub(super) recycle_failed: Setting<bool>,
    pub(super) filter: Setting<String>,
    pub(super) partition: Setting<Part>,
    pub(super) history: Setting<HistoryPlace>,
    pub(super) template: Setting<Template>,
    pub(super) preload: Setting<Vec<String>>,
    pub(super) junit: Setting<String>,
    pub(super) events: Setting<String>,
    pub(super) durations: Setting<Automatic<u32>>,
    pub(super) color: Setting<ColorWhen>,
    pub(super) verbosity: Setting<i32>,
    pub(super) live_output: Setting<bool>,
    pub(super) deadline_agent: Setting<Span>,
    pub(super) deadline_startup: Setting<Span>,
    pub(super) deadline_collect: Setting<Span>,
    pub(super) deadline_begin: Setting<Span>,
    pub(super) deadline_test: Setting<OptionalSpan>,
    pub(super) deadline_slow: Setting<OptionalSpan>,
    pub(super) deadline_run: Setting<OptionalSpan>,
    pub(super) deadline_shutdown: Setting<Span>,
    pub(super) deadline_silence: Setting<Span>,
    pub(super) deadline_host: Setting<Span>,
    pub(super) slurm_options: Setting<String>,
    pub(super) slurm_margin: Setting<Span>,
    pub(super) python: Setting<String>,
    pub(super) provision: Setting<String>,
    pub(super) args: Setting<Vec<String>>,
    pub(super) paths: Setting<Vec<String>>,
    pub(super) libtest_args: Setting<Vec<String>>,
    pub(super) isolation: Setting<Isolation>,
    pub(super) run_ignored: Setting<RunIgnored>,
    pub(super) manifest: Setting<String>,
    pub(super) worker_command: Setting<String>,
    pub(super) custom_args: Setting<Vec<String>>,
}

/// A setting of any type.
pub(super) trait Slot {
    fn set_toml(
        &mut self,
        value: &toml::Value,
        origin: &Origin,
        strength: usize,
    ) -> Result<(), &'static str>;
    fn set_text(
        &mut self,
        text: &str,
        origin: &Origin,
        strength: usize,
    ) -> Result<(), &'static str>;
    fn written(&self) -> toml::Value;
    fn origins(&self) -> &[Origin];
}

impl<T: Value> Slot for Setting<T> {
    fn set_toml(
        &mut self,
        value: &toml::Value,
        origin: &Origin,
        strength: usize,
    ) -> Result<(), &'static str> {
        self.put(T::from_toml(value).ok_or(T::EXPECTED)?, origin, strength);
        Ok(())
    }

    fn set_text(
        &mut self,
        text: &str,
        origin: &Origin,
        strength: usize,
    ) -> Result<(), &'static str> {
        self.put(T::from_text(text).ok_or(T::EXPECTED)?, origin, strength);
        Ok(())
    }

    fn written(&self) -> toml::Value {
        self.value.to_toml()
    }

    fn origins(&self) -> &[Origin] {
        &self.origins
    }
}

impl Settings {
    /// Begins a place stronger than all before.
    pub(super) fn stronger(&mut self) {
        self.strength += 1;
    }

    /// Sets a key to a value of a file.
    pub(super) fn set_toml(
        &mut self,
        key: Key,
        value: &toml::Value,
        origin: &Origin,
    ) -> Result<(), ConfigError> {
        let strength = self.strength;
        self.slot(key)
            .set_toml(value, origin, strength)
            .map_err(|expected| wrong(key, origin, value.to_string(), expected))
    }

    /// Sets a key to a value of the environment.
    pub(super) fn set_text(
        &mut self,
        key: Key,
        text: &str,
        origin: &Origin,
    ) -> Result<(), ConfigError> {
        let strength = self.strength;
        self.slot(key)
            .set_text(text, origin, strength)
            .map_err(|expected| wrong(key, origin, text.to_owned(), expected))
    }

    /// Sets a key to a value of the command line or a program.
    pub(super) fn set_given(&mut self, given: &Given) -> Result<(), ConfigError> {
        match &given.value {
            GivenValue::Text(text) => self.set_text(given.key, text, &given.origin),
            GivenValue::List(list) => self.set_toml(given.key, &list.to_toml(), &given.origin),
        }
    }

    /// Adds to the options for pytest, whoever set them.
    pub(super) fn add_pytest_args(&mut self, more: &[String], origin: &Origin) {
        if self.args.value.is_empty() {
            self.args.origins.clear();
        }
        self.args.value.extend_from_slice(more);
        self.args.origins.push(origin.clone());
        self.args.strength = self.strength;
    }

    /// All deadlines together.
    pub(super) fn deadlines(&self) -> Deadlines {
        Deadlines {
            agent: self.deadline_agent.value.0,
            startup: self.deadline_startup.value.0,
            collect: self.deadline_collect.value.0,
            begin: self.deadline_begin.value.0,
            test: self.deadline_test.value.0,
            slow: self.deadline_slow.value.0,
            run: self.deadline_run.value.0,
            shutdown: self.deadline_shutdown.value.0,
            silence: self.deadline_silence.value.0,
            host: self.deadline_host.value.0,
        }
    }

    /// The setting of a key.
    pub(super) fn slot(&mut self, key: Key) -> &mut dyn Slot {
        match key {
            Key::Suite => &mut self.suite,
            Key::Workers => &mut self.workers,
            Key::MaxProcesses => &mut self.max_processes,
            Key::Dist => &mut self.dist,
            Key::Tx => &mut self.tx,
            Key::Ssh => &mut self.ssh,
            Key::Rsync => &mut self.rsync,
            Key::SyncExclude => &mut self.sync_exclude,
            Key::MinWorkers => &mut self.min_workers,
            Key::MaxSchedChunk => &mut self.max_sched_chunk,
            Key::LoadscopeReorder => &mut self.loadscope_reorder,
            Key::Import => &mut self.import,
            Key::Maxfail => &mut self.maxfail,
            Key::MaxWorkerRestart => &mut self.max_worker_restart,
            Key::MaxRestarts => &mut self.max_restarts,
            Key::RestartWindow => &mut self.restart_window,
            Key::RestartBackoff => &mut self.restart_backoff,
            Key::RestartBackoffMax => &mut self.restart_backoff_max,
            Key::WorkerMemory => &mut self.worker_memory,
            Key::Retries => &mut self.retries,
            Key::RetryDelay => &mut self.retry_delay,
            Key::RetryBackoffMax => &mut self.retry_backoff_max,
            Key::RetryBudget => &mut self.retry_budget,
            Key::RetryCrashed => &mut self.retry_crashed,
            Key::Flaky => &mut self.flaky,
            Key::Resources => &mut self.resources,
            Key::RecycleAfter => &mut self.recycle_after,
            Key::RecycleMemory => &mut self.recycle_memory,
            Key::RecycleFailed => &mut self.recycle_failed,
            Key::Filter => &mut self.filter,
            Key::Partition => &mut self.partition,
            Key::History => &mut self.history,
            Key::Template => &mut self.template,
            Key::Preload => &mut self.preload,
            Key::Junit => &mut self.junit,
            Key::Events => &mut self.events,
            Key::Durations => &mut self.durations,
            Key::Color => &mut self.color,
            Key::Verbosity => &mut self.verbosity,
            Key::LiveOutput => &mut self.live_output,
            Key::DeadlineAgent => &mut self.deadline_agent,
            Key::DeadlineStartup => &mut self.deadline_startup,
            Key::DeadlineCollect => &mut self.deadline_collect,
            Key::DeadlineBegin => &mut self.deadline_begin,
            Key::DeadlineTest => &mut self.deadline_test,
            Key::DeadlineSlow => &mut self.deadline_slow,
            Key::DeadlineRun => &mut self.deadline_run,
            Key::DeadlineShutdown => &mut self.deadline_shutdown,
            Key::DeadlineSilence => &mut self.deadline_silence,
            Key::DeadlineHost => &mut self.deadline_host,
            Key::SlurmOptions => &mut self.slurm_options,
            Key::SlurmMargin => &mut self.slurm_margin,
            Key::PytestPython => &mut self.python,
            Key::PytestProvision => &mut self.provision,
            Key::PytestArgs => &mut self.args,
            Key::PytestPaths => &mut self.paths,
            Key::LibtestArgs => &mut self.libtest_args,
            Key::LibtestIsolation => &mut self.isolation,
            Key::LibtestRunIgnored => &mut self.run_ignored,
            Key::CommandManifest => &mut self.manifest,
            Key::CustomWorkerCommand => &mut self.worker_command,
            Key::CustomArgs => &mut self.custom_args,
        }
    }
}

fn wrong(key: Key, origin: &Origin, found: String, expected: &'static str) -> ConfigError {
    let found = if key == Key::Tx { HostSpec::redacted(&found) } else { found };
    ConfigError::Value { key: key.name().to_owned(), origin: origin.clone(), found, expected }
}
