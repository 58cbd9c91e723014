//! Starting and ending the process of a worker.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::process::Stdio;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigHandler, Signal, kill, killpg, signal};
use nix::sys::uio::pread;
use nix::unistd::{Pid, getppid, pipe2};
use tokio::process::{Child, Command};

use super::descriptor::Descriptor;
use super::queue::Queue;
use crate::adapters::WorkerCommand;
use crate::launch::{AGENT_VARIABLE, ROLE_VARIABLE};
use crate::model::{Phase, WorkerInput};

/// A worker process and the agent's ends of all that leads to it.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) pid: Pid,
    pub(super) queue: Queue,
    pub(super) mark: Mark,
    oom_kills: Option<u64>,
}

/// What comes from a worker process.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) events: Descriptor,
    pub(super) stdout: Descriptor,
    pub(super) stderr: Descriptor,
}

impl Process {
    /// Starts a worker.
    ///
    /// # Errors
    /// What the system says, in the words of the step that failed.
    pub(super) fn start(command: &WorkerCommand, input: &WorkerInput) -> io::Result<(Self, Pipes)> {
        let (queue, their_queue) = Queue::new()?;
        let (events, their_events) = pipe()?;
        let (stdout, their_stdout) = pipe()?;
        let (stderr, their_stderr) = pipe()?;
        let setup = memory_file(c"callsheet-setup", command.setup.as_bytes())?;
        let mark = memory_file(c"callsheet-mark", &[0; Mark::SIZE])?;

        let mut program = Command::new(&command.program);
        program
            .args(&command.args)
            .envs(command.env.iter().map(|(name, value)| (name, value)))
            .env(AGENT_VARIABLE, std::process::id().to_string())
            .env("CALLSHEET_RUN_ID", &input.run_id)
            .env("CALLSHEET_SETUP_FD", setup.as_raw_fd().to_string())
            .env("CALLSHEET_QUEUE_FD", their_queue.as_raw_fd().to_string())
            .env("CALLSHEET_EVENTS_FD", their_events.as_raw_fd().to_string())
            .env("CALLSHEET_MARK_FD", mark.as_raw_fd().to_string())
            .env_remove(ROLE_VARIABLE)
            .current_dir(&command.cwd)
            .stdin(Stdio::null())
            .stdout(their_stdout)
            .stderr(their_stderr)
            .process_group(0)
            .kill_on_drop(true);
        let inherited = [&setup, &their_queue, &their_events, &mark].map(AsRawFd::as_raw_fd);
        tie_to_parent(&mut program, inherited);
        let oom_kills = oom_kills();
        let child = program.spawn()?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        let process = Self {
            child,
            pid: pid.expect("a process that was not waited for has an id"),
            queue,
            mark: Mark(mark),
            oom_kills,
        };
        let pipes = Pipes {
            events: Descriptor::new(events)?,
            stdout: Descriptor::new(stdout)?,
            stderr: Descriptor::new(stderr)?,
        };
        Ok((process, pipes))
    }

    /// Sends a signal to the worker alone.
    pub(super) fn signal(&self, signal: Signal) {
        // It may have ended meanwhile, which is what is wanted.
        let _gone = kill(self.pid, signal);
    }

    /// Kills the worker, wherever its tests have moved it, and all of its process group.
    pub(super) fn kill(&self) {
        let _gone = killpg(self.pid, Signal::SIGKILL);
        // Once it was waited for, its number may be another's.
        if self.child.id().is_some() {
            self.signal(Signal::SIGKILL);
        }
    }

    /// Whether the kernel has killed a process for want of memory since this worker was started.
    pub(super) fn may_be_out_of_memory(&self) -> bool {
        oom_kills() > self.oom_kills
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The file in which the worker keeps the phase of its running item.
#[derive(Debug)]
pub(super) struct Mark(OwnedFd);

impl Mark {
    const SIZE: usize = 4096;

    /// The phase that the worker is or was last in.
    pub(super) fn phase(&self) -> Option<Phase> {
        let mut byte = [0];
        match pread(&self.0, &mut byte, 0).map(|_| byte[0]) {
            Ok(1) => Some(Phase::Setup),
            Ok(2) => Some(Phase::Call),
            Ok(3) => Some(Phase::Teardown),
            Ok(_) | Err(_) => None,
        }
    }
}

/// Lets the child inherit these descriptors, be interrupted, and die with this process.
#[expect(
    unsafe_code,
    reason = "code between fork and exec is for the caller to keep async-signal-safe"
)]
fn tie_to_parent(command: &mut Command, inherited: [RawFd; 4]) {
    let parent = Pid::this();
    let before_exec = move || -> io::Result<()> {
        #[cfg(target_os = "linux")]
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        if getppid() != parent {
            return Err(Errno::ESRCH.into());
        }
        // A shell that starts a command in the background has it ignore what Ctrl-C sends, and so all that it starts.
        // SAFETY: no handler of ours is installed or replaced.
        unsafe { signal(Signal::SIGINT, SigHandler::SigDfl)? };
        for fd in inherited {
            // SAFETY: the descriptors are owned by the caller until after the spawn.
            let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
        }
        Ok(())
    };
    // SAFETY: prctl, getppid, signal and fcntl are async-signal-safe; nothing is allocated.
    unsafe { command.pre_exec(before_exec) };
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe2(nix::fcntl::OFlag::O_CLOEXEC)?)
}

/// A file without a name that holds these bytes, to be read from its beginning.
fn memory_file(name: &std::ffi::CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file.into())
}

/// How many processes the kernel has killed for want of memory: of this process's own control group, which workers share,
/// or of the whole machine where no group counts them.
fn oom_kills() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = groups.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        if controllers.is_empty() {
            oom_kills_in(&format!("/sys/fs/cgroup{path}/memory.events"))
        } else if controllers.split(',').any(|controller| controller == "memory") {
            oom_kills_in(&format!("/sys/fs/cgroup/memory{path}/memory.oom_control"))
        } else {
            None
        }
    });
    own.or_else(|| oom_kills_in("/proc/vmstat"))
}

fn oom_kills_in(file: &str) -> Option<u64> {
    let counters = fs::read_to_string(file).ok()?;
    counters.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}
