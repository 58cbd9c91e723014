//! What the arguments mean: overrides of the configuration, each with the flag that it comes from.

use callsheet::config::{Key, Origin, Overrides};

use super::args::{
    DistributionArguments, ListArguments, ListingArguments, OutputArguments, ProjectArguments,
    RunArguments, SelectionArguments, SupervisionArguments,
};

impl RunArguments {
    /// What these arguments set.
    pub(super) fn overrides(&self, argv: Vec<String>) -> Overrides {
        let mut overrides = Overrides::default();
        overrides.argv = argv;
        overrides.run_id.clone_from(&self.distribution.testrunuid);
        self.distribution.set(&mut overrides);
        self.supervision.set(&mut overrides);
        self.output.set(&mut overrides);
        self.project.set(&mut overrides);
        self.selection.set(&mut overrides);
        overrides
    }
}

impl ListArguments {
    /// What these arguments set.
    pub(super) fn overrides(&self, argv: Vec<String>) -> Overrides {
        let mut overrides = Overrides::default();
        overrides.argv = argv;
        overrides.collect_only = true;
        self.project.set(&mut overrides);
        self.selection.set(&mut overrides);
        overrides
    }
}

impl ListingArguments {
    /// What these arguments set.
    pub(super) fn overrides(&self, argv: Vec<String>) -> Overrides {
        let mut overrides = self.list.overrides(argv);
        set(&mut overrides, Key::History, "--history", self.history.as_ref());
        overrides
    }
}

impl SelectionArguments {
    fn set(&self, overrides: &mut Overrides) {
        set(overrides, Key::Suite, "--suite", self.suite.as_ref());
        set(overrides, Key::LibtestRunIgnored, "--run-ignored", self.run_ignored.as_ref());
        set(overrides, Key::LibtestIsolation, "--isolation", self.isolation.as_ref());
        set(overrides, Key::CommandManifest, "--manifest", self.manifest.as_ref());
        set(overrides, Key::CustomWorkerCommand, "--worker-command", self.worker_command.as_ref());
        set(overrides, Key::Filter, "--filter", self.filter.as_ref());
        set(overrides, Key::Partition, "--partition", self.partition.as_ref());
        set(overrides, Key::PytestPython, "--python", self.python.as_ref());
        set(overrides, Key::PytestProvision, "--provision", self.provision.as_ref());
        set(overrides, Key::Template, "--template", self.template.as_ref());
        if !self.preload.is_empty() {
            overrides.set_list(Key::Preload, flag("--preload"), self.preload.clone());
        }
        for (name, value) in [("-k", &self.keyword), ("-m", &self.mark)] {
            if let Some(value) = value {
                overrides.add_pytest_args(flag(name), vec![name.to_owned(), value.clone()]);
            }
        }
        if !self.pytest.is_empty() {
            overrides.add_pytest_args(flag("--"), self.pytest.clone());
        }
        if !self.paths.is_empty() {
            overrides.set_list(Key::PytestPaths, flag("command line"), self.paths.clone());
        }
    }
}

impl DistributionArguments {
    fn set(&self, overrides: &mut Overrides) {
        set(overrides, Key::Workers, "--workers", self.workers.as_ref());
        set(overrides, Key::MaxProcesses, "--maxprocesses", self.maxprocesses.as_ref());
        set(overrides, Key::Dist, "--dist", self.dist.as_ref());
        set(overrides, Key::MaxSchedChunk, "--maxschedchunk", self.maxschedchunk.as_ref());
        set(overrides, Key::History, "--history", self.history.as_ref());
        set(overrides, Key::SlurmOptions, "--slurm", self.slurm.as_ref());
        if self.no_history {
            overrides.set(Key::History, flag("--no-history"), "off");
        }
        if !self.tx.is_empty() {
            overrides.set_list(Key::Tx, flag("--tx"), self.tx.clone());
        }
        if self.loadscope_reorder {
            overrides.set(Key::LoadscopeReorder, flag("--loadscope-reorder"), "true");
        }
        if self.lazy_import {
            overrides.set(Key::Import, flag("--lazy-import"), "lazy");
        }
        if self.no_loadscope_reorder {
            overrides.set(Key::LoadscopeReorder, flag("--no-loadscope-reorder"), "false");
        }
    }
}

impl SupervisionArguments {
    fn set(&self, overrides: &mut Overrides) {
        if self.exitfirst {
            overrides.set(Key::Maxfail, flag("-x"), "1");
        }
        for (key, name, value) in [
            (Key::Maxfail, "--maxfail", &self.maxfail),
            (Key::DeadlineTest, "--timeout", &self.timeout),
            (Key::MaxWorkerRestart, "--max-worker-restart", &self.max_worker_restart),
            (Key::Retries, "--retries", &self.retries),
            (Key::MaxRestarts, "--max-restarts", &self.max_restarts),
            (Key::RestartWindow, "--restart-window", &self.restart_window),
            (Key::WorkerMemory, "--worker-memory", &self.worker_memory),
        ] {
            set(overrides, key, name, value.as_ref());
        }
    }
}

impl OutputArguments {
    fn set(&self, overrides: &mut Overrides) {
        if self.live_output {
            overrides.set(Key::LiveOutput, flag("-s"), "true");
        }
        set(overrides, Key::Junit, "--junit", self.junit.as_ref());
        set(overrides, Key::Events, "--events", self.events.as_ref());
        set(overrides, Key::Durations, "--durations", self.durations.as_ref());
        if let Some(style) = &self.tb {
            overrides.add_pytest_args(flag("--tb"), vec![format!("--tb={style}")]);
        }
    }
}

impl ProjectArguments {
    fn set(&self, overrides: &mut Overrides) {
        overrides.config_file.clone_from(&self.config);
        overrides.profile = self.profile.as_ref().map(|name| (name.clone(), flag("--profile")));
        set(overrides, Key::Color, "--color", self.color.as_ref());
        let (verbose, quiet) = (i32::from(self.verbose), i32::from(self.quiet));
        if verbose + quiet > 0 {
            let verbosity = verbose - quiet;
            let name = if quiet == 0 { "-v" } else { "-q" };
            overrides.set(Key::Verbosity, flag(name), verbosity.to_string());
        }
    }
}

fn set(overrides: &mut Overrides, key: Key, name: &str, value: Option<&String>) {
    if let Some(value) = value {
        overrides.set(key, flag(name), value);
    }
}

fn flag(name: &str) -> Origin {
    Origin::Flag(name.to_owned())
}
