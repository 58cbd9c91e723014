//! Processes below an agent that outlived what should have ended them.
//!
//! Every worker carries its agent's process id in its environment, and so does all that its tests start, whatever session
//! or process group they moved to. (Not the run's id: two runs on one machine may be given the same.) Linux shows the
//! environment that a process began with; elsewhere nothing is found.

use std::fs::{self, File};
use std::io::Read;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The variable that marks the processes below an agent; its value is the agent's process id.
pub const AGENT_VARIABLE: &str = "CALLSHEET_AGENT_PID";

/// How often processes are looked for. A process that is just being started shows no environment for a moment, and one
/// that forks can slip through a look; neither can go on for long.
const LOOKS: usize = 10;

/// The time between two looks; starting a program takes well below a millisecond of it.
const PAUSE: Duration = Duration::from_millis(5);

/// Kills every process of this user that the workers of this agent or their tests have started, and says how many there were.
pub fn kill_leftovers(agent: u32) -> usize {
    let mut killed = 0;
    for _ in 0..LOOKS {
        let Look { found, unclear } = look(agent);
        if found.is_empty() && !unclear {
            break;
        }
        killed += found.into_iter().filter(|pid| kill(*pid, Signal::SIGKILL).is_ok()).count();
        thread::sleep(PAUSE);
    }
    killed
}

/// What one look at all processes gave.
#[derive(Debug, Default)]
struct Look {
    /// Processes below the agent.
    found: Vec<Pid>,

    /// Whether there was a process that showed no environment.
    unclear: bool,
}

fn look(agent: u32) -> Look {
    let mark = format!("{AGENT_VARIABLE}={agent}");
    let mut look = Look::default();
    // Room for most, so that each is read in one go: there may be thousands.
    let mut environment = Vec::with_capacity(64 * 1024);
    let processes = fs::read_dir("/proc").into_iter().flatten();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    for pid in pids.map(Pid::from_raw).filter(|pid| *pid != Pid::this()) {
        // Processes of others can not be read, and are not ours.
        environment.clear();
        let Ok(mut file) = File::open(format!("/proc/{pid}/environ")) else { continue };
        let Ok(_length) = file.read_to_end(&mut environment) else { continue };
        if environment.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes()) {
            look.found.push(pid);
        } else if environment.is_empty() && is_alive(pid) {
            look.unclear = true;
        }
    }
    look
}

/// Whether it is a process with a program of its own, neither a zombie nor a thread of the kernel.
fn is_alive(pid: Pid) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}
