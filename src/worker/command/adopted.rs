//! What a command has started and not ended, in its process group or out of it.
//!
//! The worker adopts what its commands leave behind, wherever it went, and has no other children between two commands.

use std::fs;
use std::time::{Duration, Instant};

use log::debug;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// How long killed processes may take to be gone.
const ENDING: Duration = Duration::from_secs(20);

/// How far two looks at them are apart.
const GLANCE: Duration = Duration::from_millis(1);

/// From now on this process is the parent of whatever is left behind below it.
pub(super) fn adopt() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
        debug!("what leaves the process group of a command will not be found: {error}");
    }
}

/// Whether this process has no child. To be called when the command itself was waited for.
pub(super) fn is_childless() -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return false,
            // It is gone now.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return true,
        }
    }
}

/// Kills all children of this process and what they leave behind in turn, and gives their command lines. To be called when the
/// command itself was waited for.
pub(super) async fn end_all() -> Vec<String> {
    let begun = Instant::now();
    let mut told: Vec<(Pid, String)> = Vec::new();
    while !is_childless() && begun.elapsed() < ENDING {
        for (pid, line) in children() {
            let _gone = kill(pid, Signal::SIGKILL);
            if !told.iter().any(|(known, _)| *known == pid) {
                told.push((pid, line));
            }
        }
        tokio::time::sleep(GLANCE).await;
    }
    told.into_iter().map(|(_, line)| line).collect()
}

/// The children of this process that are alive, with their command lines.
fn children() -> Vec<(Pid, String)> {
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold anything but ends at the last parenthesis.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        if fields.next()? != own || state == "Z" || state == "X" {
            return None;
        }
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let line = words.collect::<Vec<_>>().join(" ").trim_end().to_owned();
        Some((Pid::from_raw(pid), line))
    })
    .collect()
}
