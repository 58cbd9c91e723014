//! What the workers are told of the configuration.

use super::Config;
use crate::model::WorkerInput;

impl Config {
    /// What every worker of the run is told of it. With `stream`, workers list files instead of collecting everything,
    /// unless nothing is to be run.
    pub fn worker_input(&self, stream: bool) -> WorkerInput {
        WorkerInput {
            stream: stream && !self.collect_only,
            lazy_import: self.lazy_import,
            run_id: self.run_id.clone(),
            worker_count: u32::try_from(self.workers.len()).unwrap_or(u32::MAX),
            dist: self.policy.dist.name().to_owned(),
            argv: self.argv.clone(),
            color: self.terminal.color,
            columns: u32::from(self.terminal.columns),
            verbosity: self.terminal.verbosity,
            live_output: self.terminal.live_output,
            collect_only: self.collect_only,
            halt_on_failure: self.max_fail.is_some(),
            several_hosts: self.hosts.iter().any(|host| !host.is_local()),
            seed: self.seed,
        }
    }
}
