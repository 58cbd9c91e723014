//! What the workers are told of the configuration.

use super::Config;
use crate::model::{HostSpec, WorkerInput};

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
            argv: shown(&self.argv),
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

/// The command line without the values of the variables in it: every host is told it, and tests may print it.
fn shown(argv: &[String]) -> Vec<String> {
    let mut flag = "";
    let mut words = Vec::with_capacity(argv.len());
    for word in argv {
        words.push(match word.strip_prefix("--tx=") {
            Some(spec) => format!("--tx={}", HostSpec::redacted(spec)),
            None if flag == "--tx" => HostSpec::redacted(word),
            None => word.clone(),
        });
        flag = word;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_told_without_the_values_of_variables() {
        let typed = "callsheet --tx popen//env:A=b://c --tx=popen//env:A=b//chdir=d -k env:A=b";
        let typed: Vec<String> = typed.split(' ').map(str::to_owned).collect();
        let told = "callsheet --tx popen//env:A=… --tx=popen//env:A=…//chdir=d -k env:A=b";
        assert_eq!(shown(&typed).join(" "), told);
    }
}
