//! From a host that is not this machine to a link with an agent there.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use thiserror::Error;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::held::Held;
use super::install::{self, Answer, MARK};
use super::listen::LastWords;
use super::tie::end_with_parent;
use super::{Payload, Ways, exec, slurm, ssh};
use crate::model::{HostSpec, Reach};

/// How much of what a login shell prints is put up with before an answer, in bytes.
const MAX_NOISE: usize = 64 * 1024;

/// How long a process that has closed its output may take to end.
const ENDING: Duration = Duration::from_secs(5);

/// The program is sent in parts of this size, of which each may be a step of progress.
const CHUNK: usize = 256 * 1024;

/// What a host without a copy of its own is to have installed.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The way out where no copy can be used.
const NAME_IT: &str = "name it with `agent=/path/to/callsheet`";

/// A process whose stdin and stdout lead to an agent that has said nothing yet, or is about to.
#[derive(Debug)]
pub struct Link {
    /// The process on this machine.
    pub child: Held,

    /// What it says on stderr.
    pub words: LastWords,
}

/// Why a host has no agent.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct ConnectError {
    /// One sentence with the cause and, where there is one, the way out.
    pub message: String,

    /// Whether another try is of no use.
    pub for_good: bool,
}

impl ConnectError {
    fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), for_good: false }
    }

    fn for_good(message: impl Into<String>) -> Self {
        Self { message: message.into(), for_good: true }
    }
}

/// Reaches a host that is not this machine and has its agent started, which gets this program if it has none of this
/// build. No single step may take longer than `patience`; `progress` is told what takes time. Within a `LocalSet` only; a connection that is dropped ends its process.
///
/// # Errors
/// [`ConnectError`]
pub async fn connect(
    host: &HostSpec,
    ways: &Ways,
    payload: Option<&Payload>,
    patience: Duration,
    progress: impl Fn(String),
) -> Result<Link, ConnectError> {
    let (command, held): (_, fn(Child) -> Held) = match &host.reach {
        Reach::Local => {
            return Err(ConnectError::for_good("this machine is reached without a connection"));
        }
        Reach::Exec(words) => return start(exec::command(words), Held::with_group),
        Reach::Ssh(destination) => {
            (ssh::command(ways, destination, &script(host, payload)?), Held::with_group)
        }
        // Another process of its group ends the step when `srun` is killed.
        Reach::Slurm { job, node, cpus } => {
            (slurm::command(job, node, *cpus, &script(host, payload)?), Held::alone)
        }
    };
    let mut link = start(command, held)?;
    match settle(&mut link, payload, patience, progress).await {
        Ok(()) => Ok(link),
        Err(Stuck::Told(error)) => Err(error),
        Err(Stuck::Ended(why)) => Err(ended(link, &host.reach, &why).await),
    }
}

/// What a shell on the host is to do.
fn script(host: &HostSpec, payload: Option<&Payload>) -> Result<String, ConnectError> {
    match (&host.agent, payload) {
        (Some(agent), _) => Ok(install::start(agent)),
        (None, Some(payload)) => Ok(install::script(payload)),
        (None, None) => Err(ConnectError::for_good("there is no agent to be copied")),
    }
}

impl Link {
    /// A process that was started with all three streams piped. Within a `LocalSet` only.
    pub(crate) fn new(mut child: Held) -> Self {
        let stderr = child.stderr.take().expect("it was started with stderr piped");
        Self { child, words: LastWords::listen(stderr) }
    }
}

fn start(mut command: Command, held: fn(Child) -> Held) -> Result<Link, ConnectError> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    end_with_parent(command.as_std_mut());
    command.spawn().map(|child| Link::new(held(child))).map_err(|problem| {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        ConnectError::for_good(format!("failed to start `{program}`: {problem}"))
    })
}

/// Why a conversation with a host came to no agent.
enum Stuck {
    Told(ConnectError),
    /// The process has ended, or does not listen.
    Ended(String),
}

impl From<io::Error> for Stuck {
    fn from(problem: io::Error) -> Self {
        Self::Ended(problem.to_string())
    }
}

/// Talks with the script until the agent's own greeting comes next.
async fn settle(
    link: &mut Link,
    payload: Option<&Payload>,
    patience: Duration,
    progress: impl Fn(String),
) -> Result<(), Stuck> {
    let child: &mut Child = &mut link.child;
    let stdin = child.stdin.as_mut().expect("it was started with stdin piped");
    let stdout = child.stdout.as_mut().expect("it was started with stdout piped");
    let first = within(patience, answer(stdout)).await?;
    let last = answer(stdout);
    tokio::pin!(last);
    match (first, payload) {
        (Answer::Have, _) => return Ok(()),
        (Answer::Need { system, machine }, Some(payload)) => {
            if !install::fits(&system, &machine) {
                let own = install::own_kind();
                return Err(Stuck::Told(ConnectError::for_good(format!(
                    "it is a machine of another kind ({system} {machine}, this callsheet is for {own}); install callsheet {VERSION} there and {NAME_IT}"
                ))));
            }
            // It may refuse before it has taken everything.
            tokio::select! {
                biased;
                refused = &mut last => return installed(refused?),
                sent = send(stdin, payload, patience, &progress) => sent?,
            }
        }
        (Answer::Need { .. }, None) => {}
        (answer @ (Answer::Failed(_) | Answer::Dead(_)), _) => return installed(answer),
    }
    installed(within(patience, last).await?)
}

/// Nothing is waited for without end.
async fn within<T>(
    patience: Duration,
    step: impl Future<Output = Result<T, Stuck>>,
) -> Result<T, Stuck> {
    let late = || Stuck::Ended(format!("it did not answer within {} s", patience.as_secs()));
    timeout(patience, step).await.unwrap_or_else(|_| Err(late()))
}

fn installed(answer: Answer) -> Result<(), Stuck> {
    match answer {
        Answer::Have => Ok(()),
        Answer::Need { .. } => Err(Stuck::Ended("it asked twice for the agent".to_owned())),
        Answer::Failed(why) => Err(Stuck::Told(ConnectError::for_good(format!(
            "the agent can not be installed there: {why}; make room or set XDG_CACHE_HOME there, or install callsheet {VERSION} and {NAME_IT}"
        )))),
        // As where nothing may be started from that directory.
        Answer::Dead(why) if why.contains("ermission denied") => {
            Err(Stuck::Told(ConnectError::for_good(format!(
                "the agent can not be installed there: it does not start there ({why}); set XDG_CACHE_HOME there to where programs may be started, or install callsheet {VERSION} and {NAME_IT}"
            ))))
        }
        Answer::Dead(why) => Err(Stuck::Told(ConnectError::for_good(format!(
            "the agent does not start there ({why}): the host probably has another C library, this callsheet is for {}; install callsheet {VERSION} that is built there and {NAME_IT}",
            install::own_kind()
        )))),
    }
}

async fn send(
    stdin: &mut ChildStdin,
    payload: &Payload,
    patience: Duration,
    progress: impl Fn(String),
) -> Result<(), Stuck> {
    let unreadable = |problem: io::Error| {
        let file = payload.file.display();
        Stuck::Told(ConnectError::for_good(format!("failed to read `{file}`: {problem}")))
    };
    let mut file = File::open(&payload.file).await.map_err(unreadable)?;
    let mut chunk = vec![0; CHUNK];
    let (mut sent, mut told) = (0, 0);
    progress(format!("copying the agent, {} MB", payload.size / 1_000_000));
    while sent < payload.size {
        let count = file.read(&mut chunk).await.map_err(unreadable)?;
        if count == 0 {
            break;
        }
        let write = async { Ok(stdin.write_all(&chunk[..count]).await?) };
        within(patience, write).await?;
        sent += count as u64;
        let quarter = 4 * sent / payload.size.max(1);
        if quarter > told && quarter < 4 {
            progress(format!("copying the agent, {} %", 25 * quarter));
        }
        told = quarter;
    }
    stdin.flush().await?;
    Ok(())
}

/// The next answer; what comes before it is what a login shell prints. Not a byte beyond its line is read: those are the
/// agent's.
async fn answer(stdout: &mut ChildStdout) -> Result<Answer, Stuck> {
    let mut read = Vec::new();
    loop {
        if read.len() > MAX_NOISE {
            return Err(Stuck::Ended(format!(
                "it prints more than {MAX_NOISE} bytes before an answer"
            )));
        }
        let byte = match stdout.read_u8().await {
            Ok(byte) => byte,
            Err(problem) if problem.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Stuck::Ended(String::new()));
            }
            Err(problem) => return Err(problem.into()),
        };
        if byte != b'\n' {
            read.push(byte);
            continue;
        }
        let mark = read.windows(MARK.len()).position(|window| window == MARK);
        if let Some(at) = mark {
            let line = String::from_utf8_lossy(&read[at + MARK.len()..]).into_owned();
            let strange = || Stuck::Ended(format!("it answers `{}`", line.escape_debug()));
            return Answer::read(&line).ok_or_else(strange);
        }
        read.push(byte);
    }
}

/// Why what leads to a host ended before there was an agent.
async fn ended(mut link: Link, reach: &Reach, why: &str) -> ConnectError {
    if !why.is_empty() {
        let _gone = link.child.start_kill();
    }
    let status = timeout(ENDING, link.child.wait()).await;
    link.words.end().await;
    let said = link.words.all();
    let code = status.as_ref().ok().and_then(|ended| ended.as_ref().ok()?.code());
    let explained = match reach {
        Reach::Ssh(destination) => ssh::explain(destination, code, &said),
        Reach::Slurm { job, .. } => slurm::explain(job, &said),
        Reach::Local | Reach::Exec(_) => None,
    };
    if let Some((message, for_good)) = explained {
        return ConnectError { message, for_good };
    }
    let last = link.words.last();
    let status = match status {
        Ok(Ok(status)) => status.to_string(),
        Ok(Err(problem)) => problem.to_string(),
        Err(_) => "it goes on without output".to_owned(),
    };
    let detail: Vec<&str> = [why, &last].into_iter().filter(|text| !text.is_empty()).collect();
    if detail.is_empty() {
        ConnectError::passing(format!("the connection ended: {status}"))
    } else {
        ConnectError::passing(detail.join("; "))
    }
}
