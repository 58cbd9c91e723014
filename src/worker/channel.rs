//! The worker's ends of the worker protocol (`docs/worker-protocol.md`): the setup, the queue, the events, the mark.

use std::env;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{MsgFlags, recv};
use thiserror::Error;
use tokio::io::unix::AsyncFd;

use super::event::Event;
use super::message::Message;
use crate::model::Phase;

/// The variables of the protocol that name descriptors: what a worker starts must not see them.
pub const DESCRIPTORS: [&str; 4] =
    ["CALLSHEET_SETUP_FD", "CALLSHEET_QUEUE_FD", "CALLSHEET_EVENTS_FD", "CALLSHEET_MARK_FD"];

/// How long what the agent is about to take back is left alone.
const GLANCE: Duration = Duration::from_millis(1);

/// Longer than any message of the queue.
const LONGEST: usize = 64 * 1024;

/// Why a worker can not go on.
#[derive(Debug, Error)]
pub enum ChannelError {
    /// The agent has ended.
    #[error("the agent is gone")]
    Orphaned,

    /// The descriptors can not be used.
    #[error(
        "the descriptors of the worker protocol can not be used: {0}; a worker is started by an agent"
    )]
    Descriptors(io::Error),

    /// A variable that the agent sets is not there or names no descriptor.
    #[error("`{0}` names no descriptor; a worker is started by an agent")]
    Variable(&'static str),

    /// A message that makes no sense.
    #[error("the agent sent `{message}`, which is no message of the worker protocol: {error}")]
    Message {
        /// What came.
        message: String,
        /// What is wrong with it.
        error: serde_json::Error,
    },

    /// A message that names what does not exist.
    #[error("the agent sent {0}, which this worker does not have")]
    Unknown(String),
}

/// The conversation with the agent.
#[derive(Debug)]
pub struct Channel {
    queue: AsyncFd<OwnedFd>,
    events: File,
    mark: Option<File>,
    unsent: Vec<u8>,
    buffer: Vec<u8>,
}

impl Channel {
    /// The channel whose descriptors the agent has named, and the text of the setup. To be called once in a process, inside of
    /// its runtime. None of the descriptors is inherited by what this process starts.
    ///
    /// # Errors
    /// [`ChannelError`]: this process was not started by an agent.
    pub fn from_environment() -> Result<(Self, String), ChannelError> {
        let [setup, queue, events, mark] = DESCRIPTORS;
        let mut text = String::new();
        File::from(inherited(setup)?)
            .read_to_string(&mut text)
            .map_err(ChannelError::Descriptors)?;
        let mark = match env::var_os(mark) {
            Some(_) => Some(File::from(inherited(mark)?)),
            None => None,
        };
        let channel = Self {
            queue: watched(inherited(queue)?)?,
            events: inherited(events)?.into(),
            mark,
            unsent: Vec::new(),
            buffer: vec![0; LONGEST],
        };
        Ok((channel, text))
    }

    /// Takes the next message and waits for it. Cancelling it loses nothing.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub async fn take(&mut self) -> Result<Message, ChannelError> {
        self.look(MsgFlags::empty()).await
    }

    /// Waits until there is a message, and looks at it without taking it. It may be gone a moment later.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub async fn peek(&mut self) -> Result<Message, ChannelError> {
        self.look(MsgFlags::MSG_PEEK).await
    }

    /// Takes the next message if there is one.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub fn try_take(&mut self) -> Result<Option<Message>, ChannelError> {
        self.receive(MsgFlags::empty())
    }

    /// Looks at the next message, if there is one, without taking it. It may be gone a moment later.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub fn try_peek(&mut self) -> Result<Option<Message>, ChannelError> {
        self.receive(MsgFlags::MSG_PEEK)
    }

    /// Waits until the session is to end after the running item, whatever else stood in the queue before.
    ///
    /// # Errors
    /// [`ChannelError`], in particular at the end of the agent.
    pub async fn interrupted(&mut self) -> Result<(), ChannelError> {
        // The agent takes back all work before it says so. What stands there now wakes nobody twice.
        while self.receive(MsgFlags::MSG_PEEK)? != Some(Message::Interrupt) {
            self.news().await?;
        }
        Ok(())
    }

    /// Waits after a `halted` for the word to go on, which it takes, or for the end, which it leaves where it is. What else stands in
    /// the queue is the agent's until then.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub async fn resumed(&mut self) -> Result<(), ChannelError> {
        loop {
            match self.peek().await? {
                Message::Resume => {
                    self.try_take()?;
                    return Ok(());
                }
                Message::Finish | Message::Interrupt => return Ok(()),
                Message::Run(_) | Message::Make(_) => tokio::time::sleep(GLANCE).await,
            }
        }
    }

    async fn look(&mut self, flags: MsgFlags) -> Result<Message, ChannelError> {
        loop {
            if let Some(message) = self.receive(flags)? {
                return Ok(message);
            }
            self.news().await?;
        }
    }

    /// Waits until something may have come since this was last waited for.
    async fn news(&self) -> Result<(), ChannelError> {
        let mut ready = self.queue.readable().await.map_err(ChannelError::Descriptors)?;
        // What comes later makes it ready anew.
        ready.clear_ready();
        Ok(())
    }

    fn receive(&mut self, flags: MsgFlags) -> Result<Option<Message>, ChannelError> {
        let queue = self.queue.get_ref().as_raw_fd();
        loop {
            let count = match recv(queue, &mut self.buffer, flags | MsgFlags::MSG_DONTWAIT) {
                // No message is empty: this is the end of the stream.
                Ok(0) | Err(Errno::ECONNRESET) => return Err(ChannelError::Orphaned),
                Ok(count) => count,
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(ChannelError::Descriptors(error.into())),
            };
            match Message::read(&self.buffer[..count])? {
                Some(message) => return Ok(Some(message)),
                // Of a later version: it is passed over, which takes it.
                None if flags.contains(MsgFlags::MSG_PEEK) => {
                    let _taken = recv(queue, &mut self.buffer, MsgFlags::MSG_DONTWAIT);
                }
                None => {}
            }
        }
    }

    /// Adds an event to those that the next [`flush`](Self::flush) writes.
    pub fn say(&mut self, event: &Event<'_>) {
        event.write(&mut self.unsent);
    }

    /// Writes what was said; waits while the agent is busy.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub fn flush(&mut self) -> Result<(), ChannelError> {
        let written = self.events.write_all(&self.unsent);
        self.unsent.clear();
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => ChannelError::Orphaned,
            _ => ChannelError::Descriptors(error),
        })
    }

    /// Says and writes one event.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub fn send(&mut self, event: &Event<'_>) -> Result<(), ChannelError> {
        self.say(event);
        self.flush()
    }

    /// Keeps the mark: the phase that the running item is in.
    pub fn mark(&self, phase: Option<Phase>) {
        let byte = match phase {
            None => 0,
            Some(Phase::Setup) => 1,
            Some(Phase::Call) => 2,
            Some(Phase::Teardown) => 3,
        };
        if let Some(mark) = &self.mark {
            // It only helps to tell of a death, and can not fail on a file in memory.
            let _unmarked = mark.write_at(&[byte], 0);
        }
    }
}

#[expect(unsafe_code, reason = "tokio trusts the caller that the descriptor stays the same")]
fn watched(queue: OwnedFd) -> Result<AsyncFd<OwnedFd>, ChannelError> {
    // SAFETY: an `OwnedFd` gives the same descriptor for as long as it lives.
    unsafe { AsyncFd::register(queue) }.map_err(|error| ChannelError::Descriptors(error.into()))
}

/// A descriptor that the agent has left open for this process, closed to what this process starts.
#[expect(unsafe_code, reason = "the agent gives descriptors by their numbers")]
fn inherited(variable: &'static str) -> Result<OwnedFd, ChannelError> {
    let number = env::var(variable).ok().and_then(|number| number.parse::<RawFd>().ok());
    let number = number.filter(|number| *number > 2).ok_or(ChannelError::Variable(variable))?;
    // SAFETY: by the worker protocol it is open and this process's own; each variable is read once.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))
        .map_err(|error| ChannelError::Descriptors(error.into()))?;
    Ok(fd)
}
