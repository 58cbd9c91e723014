//! Looks at a worker's process now and then: how much memory it and its descendants use, and whether somebody has suspended it.

use std::fs;
use std::time::Duration;

use super::memory;
use crate::model::Usage;

/// How often a worker with a memory limit is looked at: a process fills about 1 GiB in this time at worst.
const MEMORY_INTERVAL: Duration = Duration::from_millis(200);

/// How often a worker without one is looked at.
const STATE_INTERVAL: Duration = Duration::from_secs(1);

/// Looks at one worker process.
#[derive(Debug)]
pub(super) struct Sampler {
    pid: i32,
    memory_limit: Option<u64>,
    silence: Duration,
    stopped: Duration,
    /// Since the last look at what it uses.
    unlooked: Duration,
    told: Option<Usage>,
}

impl Sampler {
    /// `memory_limit` in bytes; `silence` is how long the process may be suspended.
    pub(super) fn new(pid: i32, memory_limit: Option<u64>, silence: Duration) -> Self {
        let (stopped, unlooked) = (Duration::ZERO, Duration::ZERO);
        Self { pid, memory_limit, silence, stopped, unlooked, told: None }
    }

    /// The time between two looks.
    pub(super) fn interval(&self) -> Duration {
        if self.memory_limit.is_some() { MEMORY_INTERVAL } else { STATE_INTERVAL }
    }

    /// What the worker and all that it has started use, where that is news. To be asked after each look.
    pub(super) fn usage(&mut self) -> Option<Usage> {
        self.unlooked += self.interval();
        if self.unlooked < STATE_INTERVAL {
            return None;
        }
        self.unlooked = Duration::ZERO;
        let usage = memory::usage(self.pid).filter(|usage| self.told != Some(*usage))?;
        self.told = Some(usage);
        Some(usage)
    }

    /// Looks; `Some` with the cause if the worker must be ended.
    pub(super) fn look(&mut self) -> Option<String> {
        if let Some(limit) = self.memory_limit
            && let used = memory::in_use(self.pid, limit)
            && used > limit
        {
            const MIB: u64 = 1024 * 1024;
            return Some(format!(
                "it used {} MiB of memory, more than the {} MiB a worker may use",
                used / MIB,
                limit / MIB
            ));
        }
        if !is_stopped(self.pid) {
            self.stopped = Duration::ZERO;
            return None;
        }
        // Counted by looks, not by the clock: when the agent is suspended too, nobody is to blame.
        self.stopped += self.interval();
        (self.stopped >= self.silence).then(|| {
            format!("it stopped answering: it was suspended for {} s", self.silence.as_secs())
        })
    }
}

/// Whether the process is in state `T`, from `/proc/PID/stat`. A debugger's stop is `t` and is left alone.
fn is_stopped(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        // The name may hold anything, also brackets and blanks: the state follows the last bracket.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this_process() -> i32 {
        i32::try_from(std::process::id()).unwrap()
    }

    #[test]
    fn a_process_above_its_limit_is_told_with_both_numbers() {
        let cause = Sampler::new(this_process(), Some(1), Duration::ZERO).look().unwrap();
        assert!(cause.starts_with("it used "), "{cause}");
        assert!(cause.ends_with(" MiB of memory, more than the 0 MiB a worker may use"), "{cause}");
        assert_eq!(Sampler::new(this_process(), Some(u64::MAX), Duration::ZERO).look(), None);
    }

    #[test]
    fn a_process_that_is_gone_needs_no_ending() {
        assert_eq!(Sampler::new(i32::MAX, Some(1), Duration::ZERO).look(), None);
    }

    #[test]
    fn only_a_suspension_as_long_as_the_limit_is_held_against_a_process() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let mut sampler = Sampler::new(pid, None, 3 * STATE_INTERVAL);
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGSTOP)
            .unwrap();
        while !is_stopped(pid) {
            std::thread::yield_now();
        }
        assert_eq!(sampler.look(), None);
        assert_eq!(sampler.look(), None);
        assert_eq!(sampler.look().unwrap(), "it stopped answering: it was suspended for 3 s");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGCONT)
            .unwrap();
        while is_stopped(pid) {
            std::thread::yield_now();
        }
        assert_eq!(sampler.look(), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
