//! The conversation of the agent with one template: it says when it is ready, and forks a worker for each request.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IoSlice, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{ControlMessage, MsgFlags, Shutdown, recv, sendmsg, shutdown};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::child::{Family, WorkerChild};
use super::descriptor::Descriptor;

/// Longer than any answer of a template.
const LONGEST: usize = 64 * 1024;

/// How much of what a template says on stderr is kept.
const LAST_WORDS: usize = 4096;

/// Where the last words of a template are.
#[derive(Debug)]
pub(super) enum LastWords {
    /// Heard as they came.
    Heard(Rc<RefCell<Vec<u8>>>),
    /// Kept in a file of its own.
    Kept(OwnedFd),
}

/// The conversation with a template: one request at a time.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) child: WorkerChild,
    pub(super) link: Descriptor,
    pub(super) last_words: LastWords,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Warming,
    Ready,
    /// A request is under way, or whoever made it was dropped before the answer.
    Asked,
    Gone(Why),
}

/// Why no worker can be forked from a template.
#[derive(Debug, Clone)]
pub(super) struct Why {
    pub(super) text: String,
    /// Whether people must know, even if they did not ask to be told more.
    pub(super) is_loud: bool,
}

impl Why {
    pub(super) fn quiet(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_loud: false }
    }

    pub(super) fn no_text() -> Self {
        Self::quiet("its environment or directory is no text")
    }

    pub(super) fn loud(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_loud: true }
    }
}

/// What a template says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Ready(Warmed),
    Unfit(Unfit),
    Pid(i32),
    Error(String),
}

/// It can fork workers.
#[derive(Debug, Deserialize)]
struct Warmed {
    notes: Vec<String>,
}

/// It can not fork workers.
#[derive(Debug, Deserialize)]
struct Unfit {
    why: String,
    /// The module of the configuration that is to blame.
    preload: Option<String>,
    notes: Vec<String>,
}

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The template can do better another time.
    Refused(Why),
    /// The template is of no more use.
    Lost(Why),
}

impl Talk {
    /// Waits until it is ready.
    pub(super) async fn warm(&mut self, notes: &mut Vec<String>) -> Result<(), Failure> {
        if matches!(self.state, State::Asked) {
            return Err(Failure::Lost(Why::quiet("a request was given up")));
        }
        if matches!(self.state, State::Warming) {
            match self.hear().await? {
                Said::Ready(warmed) => notes.extend(warmed.notes),
                Said::Unfit(unfit) => {
                    notes.extend(unfit.notes);
                    return Err(Failure::Lost(match unfit.preload {
                        Some(module) => Why::loud(format!("preload: `{module}`: {}", unfit.why)),
                        None => Why::quiet(unfit.why),
                    }));
                }
                other => return Err(confused(&other)),
            }
            self.state = State::Ready;
        }
        Ok(())
    }

    /// Has it fork a worker.
    pub(super) async fn fork(
        &mut self,
        request: &[u8],
        descriptors: [BorrowedFd<'_>; 6],
        family: &Family,
    ) -> Result<WorkerChild, Failure> {
        let refuse = |error: io::Error| Failure::Refused(Why::loud(error.to_string()));
        let adoption = family.adopt().map_err(refuse)?;
        self.state = State::Asked;
        let fds = descriptors.map(|fd| fd.as_raw_fd());
        sendmsg::<()>(
            self.link.as_fd().as_raw_fd(),
            &[IoSlice::new(request)],
            &[ControlMessage::ScmRights(&fds)],
            MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT,
            None,
        )
        .map_err(|error| match error {
            Errno::EPIPE | Errno::ECONNRESET => Failure::Lost(self.farewell()),
            error => Failure::Lost(Why::loud(error.to_string())),
        })?;
        let said = self.hear().await?;
        self.state = State::Ready;
        match said {
            Said::Pid(pid) => Ok(adoption.done(Pid::from_raw(pid))),
            Said::Error(why) => Err(Failure::Refused(Why::loud(why))),
            other => Err(confused(&other)),
        }
    }

    /// The next thing that it says.
    async fn hear(&self) -> Result<Said, Failure> {
        let mut buffer = vec![0; LONGEST];
        match self.link.read(&mut buffer).await {
            Ok(count) if count > 0 => serde_json::from_slice(&buffer[..count])
                .map_err(|error| Failure::Lost(Why::loud(format!("it makes no sense: {error}")))),
            Ok(_) | Err(_) => Err(Failure::Lost(self.farewell())),
        }
    }

    /// Ends the conversation: no worker that has not said yet that it is there goes on.
    pub(super) fn break_off(&self) {
        let link = self.link.as_fd().as_raw_fd();
        // It may be broken already.
        let _broken = shutdown(link, Shutdown::Both);
        let mut buffer = vec![0; LONGEST];
        while let Ok(count) = recv(link, &mut buffer, MsgFlags::MSG_DONTWAIT)
            && count > 0
        {
            // One that came too late; another is started in its place.
            if let Ok(Said::Pid(pid)) = serde_json::from_slice(&buffer[..count])
                && let Ok(WaitStatus::StillAlive) =
                    waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG))
            {
                let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }

    /// It has ended.
    fn farewell(&self) -> Why {
        let said = match &self.last_words {
            LastWords::Heard(said) => said.borrow().clone(),
            LastWords::Kept(file) => end_of(file).unwrap_or_default(),
        };
        let said = String::from_utf8_lossy(&said);
        let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
        Why::loud(
            last.map_or_else(|| "it has ended".to_owned(), |last| format!("it has ended: {last}")),
        )
    }
}

fn confused(said: &Said) -> Failure {
    Failure::Lost(Why::loud(format!("it makes no sense: {said:?}")))
}

/// The end of what stands in a file.
fn end_of(file: &OwnedFd) -> io::Result<Vec<u8>> {
    let mut file = File::from(file.try_clone()?);
    let surplus = file.metadata()?.len().saturating_sub(LAST_WORDS as u64);
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(surplus))?;
    file.read_to_end(&mut end)?;
    Ok(end)
}

/// Reads what comes, so that nobody waits for it to be read, and keeps the end of it.
pub(super) async fn listen(mut stream: impl AsyncRead + Unpin, last_words: Rc<RefCell<Vec<u8>>>) {
    let mut chunk = vec![0; LAST_WORDS];
    while let Ok(count) = stream.read(&mut chunk).await
        && count > 0
    {
        let mut kept = last_words.borrow_mut();
        kept.extend_from_slice(&chunk[..count]);
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
}
