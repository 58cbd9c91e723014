//! The queue of one worker: what it has been given and has not begun.
//!
//! The head of the queue stands in a `SOCK_SEQPACKET` socket, of which the worker reads one message when it is about to
//! act on it. The agent keeps a copy of the worker's end and takes messages back by reading them itself: the kernel
//! gives each message to one reader only, so taking back is atomic and instant however long the running test takes,
//! and the worker needs no thread.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

/// How many messages stand in the socket at most. They can all be taken back; the number only has to cover what a
/// worker gets through while the agent is busy: 64 of the quickest tests are some 10 ms.
const WINDOW: usize = 64;

/// Longer than any message that is sent.
const LONGEST: usize = 64;

/// How the message that hands out an item begins.
const RUN: &[u8] = br#"{"run":"#;

/// The item that a message hands out, if it does.
fn item_of(message: &[u8]) -> Option<u32> {
    let number = message.strip_prefix(RUN)?.strip_suffix(b"}")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// The message that ends a halt.
const RESUME: &[u8] = br#"{"resume":true}"#;

/// What closes a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    /// End the session when all items have been run.
    Finish,
    /// End the session after the running item.
    Interrupt,
}

impl Close {
    fn message(self) -> &'static [u8] {
        match self {
            Self::Finish => br#"{"finish":true}"#,
            Self::Interrupt => br#"{"interrupt":"SIGINT"}"#,
        }
    }
}

/// The queue of one worker.
#[derive(Debug)]
pub(super) struct Queue {
    ours: OwnedFd,
    theirs: OwnedFd,
    waiting: VecDeque<u32>,
    sent: VecDeque<u32>,
    close: Option<Close>,
    closed: bool,
    halted: bool,
}

impl Queue {
    /// An empty queue and the end of the socket that the worker is to inherit.
    pub(super) fn new() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let inherited = theirs.try_clone()?;
        let queue = Self {
            ours,
            theirs,
            waiting: VecDeque::new(),
            sent: VecDeque::new(),
            close: None,
            closed: false,
            halted: false,
        };
        Ok((queue, inherited))
    }

    /// Whether the worker has been given something it has not begun.
    pub(super) fn has_work(&self) -> bool {
        !self.halted && (!self.sent.is_empty() || !self.waiting.is_empty())
    }

    /// How the worker has been told to end, if it has.
    pub(super) fn closed_by(&self) -> Option<Close> {
        self.close
    }

    /// Adds items to the end.
    pub(super) fn push(&mut self, items: impl IntoIterator<Item = u32>) -> io::Result<()> {
        self.waiting.extend(items);
        self.pump()
    }

    /// The worker reports that it begins an item: it must be the head.
    ///
    /// # Errors
    /// `Ok(false)` if the item is not what the worker was to begin next.
    pub(super) fn began(&mut self, item: u32) -> io::Result<bool> {
        if self.sent.front() != Some(&item) {
            return Ok(false);
        }
        self.sent.pop_front();
        self.pump()?;
        Ok(true)
    }

    /// Takes back those of the items that the worker has not read yet, and names them.
    pub(super) fn withdraw(&mut self, items: &[u32]) -> io::Result<Vec<u32>> {
        let wanted: HashSet<u32> = items.iter().copied().collect();
        let mut taken = Vec::new();
        if self.sent.iter().any(|item| wanted.contains(item)) {
            self.take_back()?;
        }
        self.waiting.retain(|item| {
            let take = wanted.contains(item);
            if take {
                taken.push(*item);
            }
            !take
        });
        self.pump()?;
        Ok(taken)
    }

    /// Closes the queue behind what it holds, or, to interrupt, in place of it.
    pub(super) fn close(&mut self, close: Close) -> io::Result<()> {
        if close == Close::Interrupt && self.close != Some(Close::Interrupt) {
            self.take_back()?;
            self.waiting.clear();
            self.close = None;
        }
        self.close.get_or_insert(close);
        self.pump()
    }

    /// The worker waits after a failure: everything it has not read is taken back until [`resume`](Self::resume).
    pub(super) fn halt(&mut self) -> io::Result<()> {
        self.take_back()?;
        self.halted = true;
        self.pump()
    }

    /// Lets a worker that halted go on.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.halted) {
            self.put(RESUME)?;
        }
        self.pump()
    }

    /// Moves what the worker has not read from the socket back to the front of what waits.
    ///
    /// The worker may go on reading meanwhile, also from between two messages that are read here: only what has been
    /// read here is known to be ours again.
    fn take_back(&mut self) -> io::Result<()> {
        let mut back = VecDeque::new();
        let mut resume = false;
        let mut buffer = [0; LONGEST];
        loop {
            let count = match recv(self.theirs.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(count) => count,
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(error.into()),
            };
            match &buffer[..count] {
                // No message is empty: this is the end of a stream that the worker's tests have shut down.
                [] => return Err(io::ErrorKind::BrokenPipe.into()),
                message if message == RESUME => resume = true,
                message => match item_of(message) {
                    Some(item) => back.push_back(item),
                    None => self.closed = false,
                },
            }
        }
        // Both stand in the order they were sent, so one pass tells what the worker has.
        let mut missing = back.iter().copied().peekable();
        self.sent.retain(|item| missing.next_if_eq(item).is_none());
        back.append(&mut self.waiting);
        self.waiting = back;
        if resume {
            // The socket has just been emptied, so there is room.
            self.put(RESUME)?;
        }
        Ok(())
    }

    fn pump(&mut self) -> io::Result<()> {
        while !self.halted && self.sent.len() < WINDOW {
            let Some(item) = self.waiting.front().copied() else {
                break;
            };
            if !self.put(&[RUN, item.to_string().as_bytes(), b"}"].concat())? {
                return Ok(());
            }
            self.waiting.pop_front();
            self.sent.push_back(item);
        }
        if let Some(close) = self.close
            && !self.closed
            && self.waiting.is_empty()
        {
            self.closed = self.put(close.message())?;
        }
        Ok(())
    }

    /// Sends one message; `false` if the socket is full, which the next [`began`](Self::began) mends.
    fn put(&self, message: &[u8]) -> io::Result<bool> {
        match send(self.ours.as_raw_fd(), message, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)
        {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
