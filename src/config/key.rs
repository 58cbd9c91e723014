//! The keys of the configuration by name.

use std::fmt;

/// How the names of our variables begin.
pub(super) const PREFIX: &str = "CALLSHEET_";

/// One key of the configuration; its name is the dotted path in `callsheet.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "config/default.toml says what each key is for")]
pub enum Key {
    Suite,
    Workers,
    MaxProcesses,
    Dist,
    Tx,
    Ssh,
    Rsync,
    SyncExclude,
    MinWorkers,
    MaxSchedChunk,
    LoadscopeReorder,
    Import,
    Maxfail,
    MaxWorkerRestart,
    MaxRestarts,
    RestartWindow,
    RestartBackoff,
    RestartBackoffMax,
    WorkerMemory,
    Retries,
    RetryDelay,
    RetryBackoffMax,
    RetryBudget,
    RetryCrashed,
    Flaky,
    Resources,
    RecycleAfter,
    RecycleMemory,
    RecycleFailed,
    Filter,
    Partition,
    History,
    Template,
    Preload,
    Junit,
    Events,
    Durations,
    Color,
    Verbosity,
    LiveOutput,
    DeadlineAgent,
    DeadlineStartup,
    DeadlineCollect,
    DeadlineBegin,
    DeadlineTest,
    DeadlineSlow,
    DeadlineRun,
    DeadlineShutdown,
    DeadlineSilence,
    DeadlineHost,
    SlurmOptions,
    SlurmMargin,
    PytestPython,
    PytestProvision,
    PytestArgs,
    PytestPaths,
    LibtestArgs,
    LibtestIsolation,
    LibtestRunIgnored,
    CommandManifest,
    CustomWorkerCommand,
    CustomArgs,
}

impl Key {
    /// All keys in the order they are shown; those of one table stand together.
    pub const ALL: [Self; 62] = [
        Self::Suite,
        Self::Workers,
        Self::MaxProcesses,
        Self::Dist,
        Self::Tx,
        Self::Ssh,
        Self::Rsync,
        Self::SyncExclude,
        Self::MinWorkers,
        Self::MaxSchedChunk,
        Self::LoadscopeReorder,
        Self::Import,
        Self::Maxfail,
        Self::MaxWorkerRestart,
        Self::MaxRestarts,
        Self::RestartWindow,
        Self::RestartBackoff,
        Self::RestartBackoffMax,
        Self::WorkerMemory,
        Self::Retries,
        Self::RetryDelay,
        Self::RetryBackoffMax,
        Self::RetryBudget,
        Self::RetryCrashed,
        Self::Flaky,
        Self::Resources,
        Self::RecycleAfter,
        Self::RecycleMemory,
        Self::RecycleFailed,
        Self::Filter,
        Self::Partition,
        Self::History,
        Self::Template,
        Self::Preload,
        Self::Junit,
        Self::Events,
        Self::Durations,
        Self::Color,
        Self::Verbosity,
        Self::LiveOutput,
        Self::DeadlineAgent,
        Self::DeadlineStartup,
        Self::DeadlineCollect,
        Self::DeadlineBegin,
        Self::DeadlineTest,
        Self::DeadlineSlow,
        Self::DeadlineRun,
        Self::DeadlineShutdown,
        Self::DeadlineSilence,
        Self::DeadlineHost,
        Self::SlurmOptions,
        Self::SlurmMargin,
        Self::PytestPython,
        Self::PytestProvision,
        Self::PytestArgs,
        Self::PytestPaths,
        Self::LibtestArgs,
        Self::LibtestIsolation,
        Self::LibtestRunIgnored,
        Self::CommandManifest,
        Self::CustomWorkerCommand,
        Self::CustomArgs,
    ];

    /// The dotted path of the key in a project's file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suite => "suite",
            Self::Workers => "workers",
            Self::MaxProcesses => "max_processes",
            Self::Dist => "dist",
            Self::Tx => "tx",
            Self::Ssh => "ssh",
            Self::Rsync => "rsync",
            Self::SyncExclude => "sync_exclude",
            Self::MinWorkers => "min_workers",
            Self::MaxSchedChunk => "max_sched_chunk",
            Self::LoadscopeReorder => "loadscope_reorder",
            Self::Import => "import",
            Self::Maxfail => "maxfail",
            Self::MaxWorkerRestart => "max_worker_restart",
            Self::MaxRestarts => "max_restarts",
            Self::RestartWindow => "restart_window",
            Self::RestartBackoff => "restart_backoff",
            Self::RestartBackoffMax => "restart_backoff_max",
            Self::WorkerMemory => "worker_memory",
            Self::Retries => "retries",
            Self::RetryDelay => "retry_delay",
            Self::RetryBackoffMax => "retry_backoff_max",
            Self::RetryBudget => "retry_budget",
            Self::RetryCrashed => "retry_crashed",
            Self::Flaky => "flaky",
            Self::Resources => "resources",
            Self::RecycleAfter => "recycle_after",
            Self::RecycleMemory => "recycle_memory",
            Self::RecycleFailed => "recycle_failed",
            Self::Filter => "filter",
            Self::Partition => "partition",
            Self::History => "history",
            Self::Template => "template",
            Self::Preload => "preload",
            Self::Junit => "junit",
            Self::Events => "events",
            Self::Durations => "durations",
            Self::Color => "color",
            Self::Verbosity => "verbosity",
            Self::LiveOutput => "live_output",
            Self::DeadlineAgent => "deadlines.agent",
            Self::DeadlineStartup => "deadlines.startup",
            Self::DeadlineCollect => "deadlines.collect",
            Self::DeadlineBegin => "deadlines.begin",
            Self::DeadlineTest => "deadlines.test",
            Self::DeadlineSlow => "deadlines.slow",
            Self::DeadlineRun => "deadlines.run",
            Self::DeadlineShutdown => "deadlines.shutdown",
            Self::DeadlineSilence => "deadlines.silence",
            Self::DeadlineHost => "deadlines.host",
            Self::SlurmOptions => "slurm.options",
            Self::SlurmMargin => "slurm.margin",
            Self::PytestPython => "pytest.python",
            Self::PytestProvision => "pytest.provision",
            Self::PytestArgs => "pytest.args",
            Self::PytestPaths => "pytest.paths",
            Self::LibtestArgs => "libtest.args",
            Self::LibtestIsolation => "libtest.isolation",
            Self::LibtestRunIgnored => "libtest.run_ignored",
            Self::CommandManifest => "command.manifest",
            Self::CustomWorkerCommand => "custom.worker_command",
            Self::CustomArgs => "custom.args",
        }
    }

    /// The variable of the environment that sets it: `CALLSHEET_DEADLINES_TEST`.
    pub fn variable(self) -> String {
        format!("{PREFIX}{}", self.name().replace('.', "_").to_ascii_uppercase())
    }

    /// The key of this dotted path.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// The table the key stands in, if it stands in one, and its name there.
    pub(super) fn split(self) -> (Option<&'static str>, &'static str) {
        match self.name().split_once('.') {
            Some((table, name)) => (Some(table), name),
            None => (None, self.name()),
        }
    }

    /// Whether keys stand in a table of this name.
    pub(super) fn is_table(name: &str) -> bool {
        Self::ALL.iter().any(|key| key.split().0 == Some(name))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The known word that is most like `word`, if any is like it at all.
///
/// A dotted name is also compared by its last part, so that `[deadline] test` and a `python` outside of `[pytest]`
/// find their keys.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // clap's threshold for its own suggestions.
    const ALIKE: f64 = 0.7;
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let word = word.replace('-', "_").to_ascii_lowercase();
    known
        .into_iter()
        .map(|name| {
            let whole = strsim::jaro(&word, name);
            (whole.max(0.99 * strsim::jaro(&last(&word), &last(name))), name)
        })
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for key in Key::ALL {
            assert_eq!(Key::from_name(key.name()), Some(key));
        }
    }

    #[test]
    fn the_nearest_key_is_found_across_tables_and_dashes() {
        let find = |word| nearest(word, Key::ALL.map(Key::name));
        assert_eq!(find("wokers"), Some("workers"));
        assert_eq!(find("max-worker-restart"), Some("max_worker_restart"));
        assert_eq!(find("deadline.test"), Some("deadlines.test"));
        assert_eq!(find("deadlines.colect"), Some("deadlines.collect"));
        assert_eq!(find("python"), Some("pytest.python"));
        assert_eq!(find("zzz"), None);
    }
}
