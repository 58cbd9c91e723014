//! Finds every process that descends from one command, wherever it went, by a mark in its environment.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The variable that carries the mark.
const VARIABLE: &str = "CALLSHEET_TESTS_MARK";

/// The living processes that carry this variable with this value in their environment, with their command lines.
pub(crate) fn alive_with(variable: &str, value: &str) -> Vec<(Pid, String)> {
    let mark = format!("{variable}={value}");
    let processes = fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|env| env.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes()))
        })
        .filter_map(|pid| {
            // A zombie has ended and has no command line.
            let line =
                fs::read(format!("/proc/{pid}/cmdline")).ok().filter(|line| !line.is_empty())?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            Some((Pid::from_raw(pid), line))
        })
        .collect()
}

/// A mark that one command and all that it starts carry in their environment.
#[derive(Debug, Clone)]
pub(crate) struct Marked(String);

impl Marked {
    pub(crate) fn new() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// The variable to set for the command.
    pub(crate) fn variable(&self) -> (&'static str, &str) {
        (VARIABLE, &self.0)
    }

    /// The living processes with the mark, with their command lines.
    pub(crate) fn alive(&self) -> Vec<(Pid, String)> {
        alive_with(VARIABLE, &self.0)
    }

    /// The living processes of the mark whose command line holds `part`.
    pub(crate) fn find(&self, part: &str) -> Vec<Pid> {
        self.alive()
            .into_iter()
            .filter(|(_, line)| line.contains(part))
            .map(|(pid, _)| pid)
            .collect()
    }

    /// Kills what is left.
    pub(crate) fn kill(&self) {
        for (pid, _) in self.alive() {
            let _gone = kill(pid, Signal::SIGKILL);
        }
    }
}
