//! Processes of a run that outlived what should have ended them.
//!
//! Every worker carries the run's id in its environment, and so does all that its tests start, whatever session or
//! process group they moved to. Linux shows the environment that a process began with; elsewhere nothing is found.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The variable that marks the processes of a run.
pub const RUN_ID_VARIABLE: &str = "CALLSHEET_RUN_ID";

/// Kills every process of this user that was started by the run's tests, and says how many there were.
pub fn kill_leftovers(run_id: &str) -> usize {
    // A process that forks while it is looked for can slip through one pass, not through all.
    const PASSES: usize = 3;
    let mut killed = 0;
    for _ in 0..PASSES {
        let found = find(run_id);
        if found.is_empty() {
            break;
        }
        for pid in found {
            if kill(pid, Signal::SIGKILL).is_ok() {
                killed += 1;
            }
        }
    }
    killed
}

fn find(run_id: &str) -> Vec<Pid> {
    let mark = format!("{RUN_ID_VARIABLE}={run_id}");
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                environment.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes())
            })
        })
        .map(Pid::from_raw)
        .filter(|pid| *pid != Pid::this())
        .collect()
}
