//! A process that runs tests: started in a group of its own, read, and ended with all that it has started.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, pipe2, read};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::channel::DESCRIPTORS;
use crate::launch::{ROLE_VARIABLE, tie_to_parent};

/// How long a process that is asked to end has for it before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// How far two reads of output are apart at least.
const REST: Duration = Duration::from_millis(1);

/// How long a killed process may take to be gone.
const ENDING: Duration = Duration::from_secs(30);

/// A process of tests.
#[derive(Debug)]
pub struct TestProcess {
    child: Child,
    group: Pid,
    /// Whether the process was waited for.
    is_gone: bool,
}

/// What a process of tests writes.
#[derive(Debug)]
pub struct TestOutput {
    pipe: Pipe,
    rests_until: Option<Instant>,
}

/// The end of the pipe that is read.
#[derive(Debug)]
enum Pipe {
    /// Whoever writes wakes this process.
    Watched(Receiver),
    /// Nobody is woken: between two reads a harness writes hundreds of times.
    Unwatched(OwnedFd),
    /// All was read.
    Closed,
}

impl TestOutput {
    /// A pipe, and the end that is to be written to.
    fn pipe() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        let pipe = Pipe::Watched(Receiver::from_owned_fd(ours)?);
        Ok((Self { pipe, rests_until: None }, theirs))
    }

    /// Waits until there is output; for ever after its end. Reads are a moment apart: a harness writes little and often, and each
    /// read takes a processor that a test could use.
    ///
    /// # Errors
    /// What the system says.
    pub async fn comes(&mut self) -> io::Result<()> {
        if let Some(until) = self.rests_until {
            sleep_until(until).await;
        }
        self.pipe = match mem::replace(&mut self.pipe, Pipe::Closed) {
            Pipe::Unwatched(fd) => Pipe::Watched(Receiver::from_owned_fd(fd)?),
            other => other,
        };
        match &self.pipe {
            Pipe::Watched(pipe) => pipe.readable().await,
            Pipe::Unwatched(_) | Pipe::Closed => std::future::pending().await,
        }
    }

    /// Whether more may come.
    pub fn is_open(&self) -> bool {
        !matches!(self.pipe, Pipe::Closed)
    }

    /// Takes output that is there into the buffer; `None` if there is none now.
    pub fn take(&mut self, buffer: &mut [u8]) -> Option<usize> {
        self.rests_until = Some(Instant::now() + REST);
        let fd = match mem::replace(&mut self.pipe, Pipe::Closed) {
            Pipe::Watched(pipe) => pipe.into_nonblocking_fd().ok()?,
            Pipe::Unwatched(fd) => fd,
            Pipe::Closed => return None,
        };
        let read = loop {
            match read(&fd, buffer) {
                Err(Errno::EINTR) => {}
                read => break read,
            }
        };
        let (is_open, count) = match read {
            Ok(count) if count > 0 => (true, Some(count)),
            Err(Errno::EAGAIN) => (true, None),
            Ok(_) | Err(_) => (false, None),
        };
        if is_open {
            self.pipe = Pipe::Unwatched(fd);
        }
        count
    }
}

/// A process that a test has left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its id.
    pub pid: i32,

    /// Its command line.
    pub command: String,

    /// How long ago it was started, to a hundredth of a second.
    pub age: Duration,
}

impl TestProcess {
    /// Starts a program. It dies with this worker. Both its output streams are one pipe, so that what it writes is read in the
    /// order it was written.
    ///
    /// # Errors
    /// What the system says.
    pub fn start<S: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = S>,
        env: impl IntoIterator<Item = (S, S)>,
        cwd: &Path,
    ) -> io::Result<(Self, TestOutput)> {
        let (output, theirs) = TestOutput::pipe()?;
        let process = Self::spawn(program, args, env, cwd, theirs.try_clone()?, theirs)?;
        Ok((process, output))
    }

    /// Starts a program as [`start`](Self::start) does, and reads its output and its errors apart.
    ///
    /// # Errors
    /// What the system says.
    pub fn start_apart<S: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = S>,
        env: impl IntoIterator<Item = (S, S)>,
        cwd: &Path,
    ) -> io::Result<(Self, TestOutput, TestOutput)> {
        let (stdout, their_stdout) = TestOutput::pipe()?;
        let (stderr, their_stderr) = TestOutput::pipe()?;
        let process = Self::spawn(program, args, env, cwd, their_stdout, their_stderr)?;
        Ok((process, stdout, stderr))
    }

    fn spawn<S: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = S>,
        env: impl IntoIterator<Item = (S, S)>,
        cwd: &Path,
        stdout: OwnedFd,
        stderr: OwnedFd,
    ) -> io::Result<Self> {
        let mut command = Command::new(program);
        command
            .args(args)
            .envs(env)
            .env_remove(ROLE_VARIABLE)
            .current_dir(cwd)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .kill_on_drop(true);
        for descriptor in DESCRIPTORS {
            command.env_remove(descriptor);
        }
        tie_to_parent(&mut command, []);
        let child = command.spawn()?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        let group = pid.expect("a process that was not waited for has an id");
        Ok(Self { child, group, is_gone: false })
    }

    /// Waits for its end; may be cancelled and called again.
    ///
    /// # Errors
    /// What the system says.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.is_gone = true;
        Ok(status)
    }

    /// Asks the group to end.
    pub fn terminate(&self) {
        if !self.is_gone {
            // It may have ended meanwhile, which is what is wanted.
            let _gone = killpg(self.group, Signal::SIGTERM);
        }
    }

    /// When a process that is asked to end now is killed.
    pub fn grace() -> Instant {
        Instant::now() + GRACE
    }

    /// Kills the group and waits until its leader is gone.
    ///
    /// # Errors
    /// What the system says, or that it does not end.
    pub async fn kill(&mut self) -> io::Result<ExitStatus> {
        self.kill_group();
        timeout_at(Instant::now() + ENDING, self.wait()).await.unwrap_or_else(|_elapsed| {
            Err(io::Error::other(format!(
                "it did not end within {} s of being killed",
                ENDING.as_secs()
            )))
        })
    }

    /// What is left of the group after its leader has ended.
    pub fn leftovers(&self) -> Vec<Leftover> {
        // The usual case costs one system call.
        if killpg(self.group, None) == Err(Errno::ESRCH) {
            return Vec::new();
        }
        members(self.group)
    }

    /// Kills what is left of the group.
    pub fn kill_group(&self) {
        let _gone = killpg(self.group, Signal::SIGKILL);
    }
}

impl Drop for TestProcess {
    fn drop(&mut self) {
        if !self.is_gone {
            self.kill_group();
            let _gone = kill(self.group, Signal::SIGKILL);
        }
    }
}

/// How a process ended, for people.
pub fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(number)) => match Signal::try_from(number) {
            Ok(signal) => format!("was killed by signal {number} ({signal})"),
            Err(_) => format!("was killed by signal {number}"),
        },
        (None, None) => "ended nobody knows how".to_owned(),
    }
}

/// The live processes of a group, where the system shows them.
fn members(group: Pid) -> Vec<Leftover> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold anything but ends at the last parenthesis.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let (state, of) = (*fields.first()?, fields.get(2)?.parse::<i32>().ok()?);
        if of != group.as_raw() || state == "Z" || state == "X" {
            return None;
        }
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let command = words.collect::<Vec<_>>().join(" ").trim_end().to_owned();
        Some(Leftover { pid, command, age: age(fields.get(19)?.parse().ok()?)? })
    })
    .collect()
}

/// How long ago a process was started, by its start in ticks since the system was.
fn age(start: u64) -> Option<Duration> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let up: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok()??;
    #[expect(clippy::cast_precision_loss, reason = "a hundredth of a second is all there is")]
    let since = up - start as f64 / ticks as f64;
    Duration::try_from_secs_f64(since.max(0.0)).ok()
}
