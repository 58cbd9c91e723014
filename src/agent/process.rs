//! Starting and ending the process of a worker.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::Stdio;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::uio::pread;
use nix::unistd::{Pid, getpgid, pipe2};
use tokio::process::Command;

use super::child::WorkerChild;
use super::descriptor::Descriptor;
use super::queue::Queue;
use super::template::Templates;
use crate::adapters::WorkerCommand;
use crate::launch::{AGENT_VARIABLE, ROLE_VARIABLE, Role, own_program, tie_to_parent};
use crate::model::{Phase, WorkerInput};

/// A worker process and the agent's ends of all that leads to it.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: WorkerChild,
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
    /// Starts a worker: forks it from the template of its program where that can be, and else has it start an interpreter.
    ///
    /// # Errors
    /// What the system says, in the words of the step that failed.
    pub(super) async fn start(
        command: &WorkerCommand,
        input: &WorkerInput,
        templates: &Templates,
    ) -> io::Result<(Self, Pipes)> {
        let (queue, their_queue) = Queue::new()?;
        let (events, their_events) = pipe()?;
        let (stdout, their_stdout) = pipe()?;
        let (stderr, their_stderr) = pipe()?;
        let theirs = Theirs {
            stdout: their_stdout,
            stderr: their_stderr,
            queue: their_queue,
            events: their_events,
            mark: memory_file(c"callsheet-mark", &[0; Mark::SIZE])?,
            setup: memory_file(c"callsheet-setup", command.setup.as_bytes())?,
        };
        let mark = Mark(theirs.mark.try_clone()?);
        let oom_kills = oom_kills();
        let child = match templates.fork(command, input, theirs.all()).await {
            Some(forked) => forked,
            None => spawn(command, input, theirs, templates)?,
        };
        let process = Self { pid: child.pid(), child, queue, mark, oom_kills };
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

    /// Tells the worker, wherever its tests have moved it, and all of its process group to end.
    pub(super) fn terminate(&self) {
        let _gone = killpg(self.pid, Signal::SIGTERM);
        if self.child.is_there() && getpgid(Some(self.pid)).is_ok_and(|group| group != self.pid) {
            self.signal(Signal::SIGTERM);
        }
    }

    /// Whether anybody is left of its process group.
    pub(super) fn has_group(&self) -> bool {
        killpg(self.pid, None) != Err(Errno::ESRCH)
    }

    /// Kills the worker, wherever its tests have moved it, and all of its process group.
    pub(super) fn kill(&self) {
        let _gone = killpg(self.pid, Signal::SIGKILL);
        // Once it was waited for, its number may be another's.
        if self.child.is_there() {
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

/// The worker's ends of all that leads to it.
#[derive(Debug)]
struct Theirs {
    stdout: OwnedFd,
    stderr: OwnedFd,
    queue: OwnedFd,
    events: OwnedFd,
    mark: OwnedFd,
    setup: OwnedFd,
}

impl Theirs {
    /// In the order in which a template expects them.
    fn all(&self) -> [BorrowedFd<'_>; 6] {
        [&self.stdout, &self.stderr, &self.queue, &self.events, &self.mark, &self.setup]
            .map(AsFd::as_fd)
    }
}

/// Starts a worker in an interpreter of its own.
fn spawn(
    command: &WorkerCommand,
    input: &WorkerInput,
    theirs: Theirs,
    templates: &Templates,
) -> io::Result<WorkerChild> {
    let mut program = if command.native {
        let mut own = Command::new(own_program()?);
        // What `ps` shows, in place of a link into /proc.
        own.arg0("callsheet-worker").env(ROLE_VARIABLE, Role::Worker.name());
        own
    } else {
        let mut other = Command::new(&command.program);
        other.env_remove(ROLE_VARIABLE);
        other
    };
    program
        .args(&command.args)
        .envs(variables(command, input))
        .env("CALLSHEET_SETUP_FD", theirs.setup.as_raw_fd().to_string())
        .env("CALLSHEET_QUEUE_FD", theirs.queue.as_raw_fd().to_string())
        .env("CALLSHEET_EVENTS_FD", theirs.events.as_raw_fd().to_string())
        .env("CALLSHEET_MARK_FD", theirs.mark.as_raw_fd().to_string())
        .env(AGENT_VARIABLE, std::process::id().to_string())
        .current_dir(&command.cwd)
        .stdin(Stdio::null())
        .stdout(theirs.stdout)
        .stderr(theirs.stderr)
        .process_group(0)
        .kill_on_drop(true);
    let inherited = [&theirs.setup, &theirs.queue, &theirs.events, &theirs.mark];
    tie_to_parent(&mut program, inherited.map(AsRawFd::as_raw_fd));
    Ok(templates.family().spawned(program.spawn()?))
}

/// What the environment of a worker has beside that of its template.
pub(super) fn variables<'a>(
    command: &'a WorkerCommand,
    input: &'a WorkerInput,
) -> impl Iterator<Item = (&'a OsStr, &'a OsStr)> {
    let of_command = command.env.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()));
    of_command.chain([("CALLSHEET_RUN_ID".as_ref(), input.run_id.as_ref())])
}

/// The file in which the worker keeps the phase of its running item.
#[derive(Debug)]
pub(super) struct Mark(OwnedFd);

impl Mark {
    pub(super) const SIZE: usize = 4096;

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

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe2(nix::fcntl::OFlag::O_CLOEXEC)?)
}

/// A file without a name that holds these bytes, to be read from its beginning.
pub(super) fn memory_file(name: &std::ffi::CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
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
