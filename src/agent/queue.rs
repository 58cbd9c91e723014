//! The queue of one worker: what it has been given and has not begun: items to run, and files whose items it is to make.
//!
//! The head of the queue stands in a `SOCK_SEQPACKET` socket, of which the worker reads one message when it is about to
//! act on it. The agent keeps a copy of the worker's end and takes messages back by reading them itself: the kernel
//! gives each message to one reader only, so taking back is atomic and instant however long the running test takes,
//! and the worker needs no thread.
//!
//! Nothing stands behind a file in the socket: what the worker does after it has made its items is decided when it has, and
//! its own items may come first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

use super::ear::InHand;
use crate::model::{Batch, Terms};

/// How many messages stand in the socket at most. They can all be taken back; the number only has to cover what a
/// worker gets through while the agent is busy or rests: 128 of the quickest tests are some 10 ms, and as many as a worker that runs
/// several in one process takes at once. The kernel's own limit is some 270.
const WINDOW: usize = 256;

/// At how many messages the socket is filled up again, several in one go.
const LOW: usize = WINDOW / 2;

/// Longer than any message that is sent.
const LONGEST: usize = 192;

/// Something that a worker is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// Run this item.
    Item(u32),
    /// Make the items of this file.
    File(u32),
}

impl Entry {
    const RUN: &[u8] = br#"{"run":"#;
    const MAKE: &[u8] = br#"{"make":"#;

    /// What a message hands out, if it does.
    fn of(message: &[u8]) -> Option<Self> {
        let message = message.strip_suffix(b"}")?;
        // What follows the number are the terms.
        let number = |rest: &[u8]| {
            let digits = rest.split(|byte| *byte == b',').next()?;
            std::str::from_utf8(digits).ok()?.parse().ok()
        };
        if let Some(item) = message.strip_prefix(Self::RUN) {
            number(item).map(Self::Item)
        } else {
            number(message.strip_prefix(Self::MAKE)?).map(Self::File)
        }
    }

    /// The message that hands it out, with these terms, written to the buffer.
    fn message<'a>(self, terms: Option<&Terms>, buffer: &'a mut [u8; LONGEST]) -> &'a [u8] {
        let (beginning, number) = match self {
            Self::Item(item) => (Self::RUN, item),
            Self::File(file) => (Self::MAKE, file),
        };
        let mut left = &mut buffer[..];
        left.write_all(beginning)
            .and_then(|()| write!(left, "{number}"))
            .and_then(|()| terms.map_or(Ok(()), |terms| write_terms(&mut left, terms)))
            .and_then(|()| left.write_all(b"}"))
            .expect("a message is shorter than the longest");
        let unused = left.len();
        &buffer[..LONGEST - unused]
    }
}

/// Writes what there is to say, each with a comma before it.
fn write_terms(left: &mut impl Write, terms: &Terms) -> io::Result<()> {
    let Terms { estimate, alone, attempt, timeout } = *terms;
    // What is no number is no number of JSON either.
    if let Some(estimate) = estimate.filter(|estimate| !estimate.is_nan()) {
        write!(left, r#","estimate":{:.6}"#, estimate.clamp(0.0, LONGEST_SECONDS))?;
    }
    if alone {
        left.write_all(br#","alone":true"#)?;
    }
    if attempt > 1 {
        write!(left, r#","attempt":{attempt}"#)?;
    }
    match timeout {
        None => Ok(()),
        Some(None) => left.write_all(br#","timeout":null"#),
        Some(Some(limit)) => {
            write!(left, r#","timeout":{:.3}"#, limit.as_secs_f64().min(LONGEST_SECONDS))
        }
    }
}

/// A time that nobody waits for, some thirty years: no number that is written is longer.
const LONGEST_SECONDS: f64 = 1e9;

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

/// What stands at the head of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// A test to run.
    Test,
    /// A file whose tests are to be made.
    File,
}

/// The queue of one worker.
#[derive(Debug)]
pub(super) struct Queue {
    ours: OwnedFd,
    theirs: OwnedFd,
    waiting: VecDeque<Entry>,
    sent: VecDeque<Entry>,
    /// By item, what holds for it where that is more than nothing.
    terms: HashMap<u32, Terms>,
    /// Files whose items are not put into the queue when they are made.
    only_made: HashSet<u32>,
    making: Option<u32>,
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
            terms: HashMap::new(),
            only_made: HashSet::new(),
            making: None,
            close: None,
            closed: false,
            halted: false,
        };
        Ok((queue, inherited))
    }

    /// What the worker is to begin next, if it has been given something.
    pub(super) fn work(&self) -> Option<Work> {
        if self.halted {
            return None;
        }
        self.sent.front().or(self.waiting.front()).map(|entry| match entry {
            Entry::Item(_) => Work::Test,
            Entry::File(_) => Work::File,
        })
    }

    /// What the worker can begin without hearing from the agent.
    pub(super) fn in_hand(&self) -> InHand {
        let then_file = matches!(self.sent.back(), Some(Entry::File(_)));
        InHand { tests: self.sent.len() - usize::from(then_file), then_file }
    }

    /// How the worker has been told to end, if it has.
    pub(super) fn closed_by(&self) -> Option<Close> {
        self.close
    }

    /// Adds items to the end, or puts them before all that the worker has not read.
    pub(super) fn push(&mut self, batch: Batch) -> io::Result<()> {
        self.terms.extend(batch.terms);
        let entries = batch.items.into_iter().map(Entry::Item);
        if batch.first {
            self.take_back()?;
            let rest = std::mem::take(&mut self.waiting);
            self.waiting.extend(entries.chain(rest));
        } else {
            self.waiting.extend(entries);
        }
        self.pump()
    }

    /// What holds for an item that the worker begins; it holds for this once.
    pub(super) fn terms(&mut self, item: u32) -> Terms {
        if self.terms.is_empty() {
            return Terms::default();
        }
        self.terms.remove(&item).unwrap_or_default()
    }

    /// Adds files to the end. With `run`, the items of each are to be run at once when they are made.
    pub(super) fn push_files(&mut self, files: &[u32], run: bool) -> io::Result<()> {
        for file in files {
            self.waiting.push_back(Entry::File(*file));
            if !run {
                self.only_made.insert(*file);
            }
        }
        self.pump()
    }

    /// The worker reports that it begins an item: it must be the head.
    ///
    /// # Errors
    /// `Ok(false)` if the item is not what the worker was to begin next.
    pub(super) fn began(&mut self, item: u32) -> io::Result<bool> {
        if self.sent.front() != Some(&Entry::Item(item)) {
            return Ok(false);
        }
        self.sent.pop_front();
        if self.sent.len() <= LOW {
            self.pump()?;
        }
        Ok(true)
    }

    /// The worker reports that it begins to make the items of a file: it must be the head.
    ///
    /// `false` if the file is not what the worker was to begin next.
    pub(super) fn making(&mut self, file: u32) -> bool {
        if self.sent.front() != Some(&Entry::File(file)) {
            return false;
        }
        self.sent.pop_front();
        self.making = Some(file);
        true
    }

    /// The worker has made the items of the file that it was making, of which these may begin: unless they are only to
    /// become known, they are what it runs next. Whether they are.
    pub(super) fn made(&mut self, at_once: Batch) -> io::Result<bool> {
        let making = self.making.take();
        let queued = making.is_some_and(|file| !self.only_made.remove(&file))
            && self.close != Some(Close::Interrupt);
        if queued {
            self.terms.extend(at_once.terms);
            let rest = std::mem::take(&mut self.waiting);
            self.waiting.extend(at_once.items.into_iter().map(Entry::Item));
            self.waiting.extend(rest);
        }
        self.pump()?;
        Ok(queued)
    }

    /// Takes back those of the items and of the files that the worker has not read yet, and names them. The items of a file
    /// that it has read will not be put into the queue.
    pub(super) fn withdraw(
        &mut self,
        items: &[u32],
        files: &[u32],
    ) -> io::Result<(Vec<u32>, Vec<u32>)> {
        let items: HashSet<u32> = items.iter().copied().collect();
        let files: HashSet<u32> = files.iter().copied().collect();
        let wanted = |entry: &Entry| match entry {
            Entry::Item(item) => items.contains(item),
            Entry::File(file) => files.contains(file),
        };
        if self.sent.iter().any(wanted) {
            self.take_back()?;
        }
        let (mut items_back, mut files_back) = (Vec::new(), Vec::new());
        self.waiting.retain(|entry| {
            let take = wanted(entry);
            match entry {
                Entry::Item(item) if take => {
                    self.terms.remove(item);
                    items_back.push(*item);
                }
                Entry::File(file) if take => files_back.push(*file),
                Entry::Item(_) | Entry::File(_) => {}
            }
            !take
        });
        for file in files {
            if files_back.contains(&file) {
                self.only_made.remove(&file);
            } else if self.making == Some(file) || self.sent.contains(&Entry::File(file)) {
                self.only_made.insert(file);
            }
        }
        self.pump()?;
        Ok((items_back, files_back))
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
                message => match Entry::of(message) {
                    Some(entry) => back.push_back(entry),
                    None => self.closed = false,
                },
            }
        }
        // Both stand in the order they were sent, so one pass tells what the worker has.
        let mut missing = back.iter().copied().peekable();
        self.sent.retain(|entry| missing.next_if_eq(entry).is_none());
        back.append(&mut self.waiting);
        self.waiting = back;
        if resume {
            // The socket has just been emptied, so there is room.
            self.put(RESUME)?;
        }
        Ok(())
    }

    fn pump(&mut self) -> io::Result<()> {
        let mut buffer = [0; LONGEST];
        while !self.halted
            && self.sent.len() < WINDOW
            && !self.is_behind_a_file()
            && let Some(entry) = self.waiting.front().copied()
        {
            let terms = match entry {
                Entry::Item(item) if !self.terms.is_empty() => self.terms.get(&item),
                Entry::Item(_) | Entry::File(_) => None,
            };
            if !self.put(entry.message(terms, &mut buffer))? {
                return Ok(());
            }
            self.waiting.pop_front();
            self.sent.push_back(entry);
        }
        if let Some(close) = self.close
            && !self.closed
            && self.waiting.is_empty()
            && !self.is_behind_a_file()
        {
            self.closed = self.put(close.message())?;
        }
        Ok(())
    }

    /// Whether what is sent now would stand behind a file whose items are not made.
    fn is_behind_a_file(&self) -> bool {
        self.making.is_some() || matches!(self.sent.back(), Some(Entry::File(_)))
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
