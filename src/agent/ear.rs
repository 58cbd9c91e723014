//! When and how the events of a worker are read.
//!
//! A worker that has enough in its queue needs no answer, and each read wakes the agent, and then the controller, on a processor
//! that a test could use. So events are read some milliseconds apart while nobody waits for them. Nothing is lost if
//! the worker dies: what it has written stands in the pipe.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::descriptor::Descriptor;

/// How long events may wait: too short for a person to see.
const REST: Duration = Duration::from_millis(2);

/// How long a worker must have enough to do for its events to wait: somewhat longer, since it may be quicker than it has just been.
const ENOUGH: Duration = Duration::from_millis(3);

/// How much a read may bring for a rest to follow: a quarter of a pipe, so that whoever says a lot is not held up.
const MUCH: usize = 16 * 1024;

/// Reads what a worker says.
#[derive(Debug)]
pub(super) struct Ear {
    pipe: Pipe,
    chunk: Vec<u8>,
    rests: bool,
    /// When something was heard last, and how long the worker took for each of the events heard then.
    heard: Instant,
    pace: Duration,
}

#[derive(Debug)]
enum Pipe {
    /// The agent wakes when something is written.
    Watched(Descriptor),
    /// It does not, and looks after a rest that began then.
    Left(OwnedFd, Instant),
    /// It can not be watched any more.
    Lost,
}

impl Ear {
    /// `rests`: whether events may wait at all.
    pub(super) fn new(events: Descriptor, rests: bool) -> Self {
        Self {
            pipe: Pipe::Watched(events),
            chunk: vec![0; 64 * 1024],
            rests,
            heard: Instant::now(),
            pace: Duration::ZERO,
        }
    }

    /// Reads what is there, waiting for at least a byte; empty at the end of the stream. `in_hand`: how many tests the worker has
    /// yet to begin before it needs the agent.
    ///
    /// Dropped before its end, it has read nothing.
    ///
    /// # Errors
    /// What the system says; after that the stream is at its end.
    pub(super) async fn listen(&mut self, in_hand: usize) -> io::Result<&[u8]> {
        let count = loop {
            match &self.pipe {
                Pipe::Watched(events) => break events.read(&mut self.chunk).await?,
                Pipe::Left(events, since) => {
                    if self.has_enough(in_hand) {
                        sleep_until(*since + REST).await;
                    }
                    match nix::unistd::read(events, &mut self.chunk) {
                        Ok(count) => break count,
                        // It has nothing to say: whoever is quiet for so long is not waited for by looking again and again.
                        Err(nix::errno::Errno::EAGAIN) => self.watch()?,
                        Err(nix::errno::Errno::EINTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Pipe::Lost => break 0,
            }
        };
        let now = Instant::now();
        let events = self.chunk[..count].split(|byte| *byte == b'\n').count() - 1;
        self.pace = (now - self.heard) / u32::try_from(events.max(1)).unwrap_or(u32::MAX);
        self.heard = now;
        if self.rests && self.has_enough(in_hand.saturating_sub(events)) && count < MUCH {
            self.leave(now);
        } else {
            self.watch()?;
        }
        Ok(&self.chunk[..count])
    }

    /// Whether the worker can go on for a while without hearing from the agent, if it is as quick as it has just been.
    fn has_enough(&self, in_hand: usize) -> bool {
        self.pace.saturating_mul(u32::try_from(in_hand).unwrap_or(u32::MAX)) > ENOUGH
    }

    /// Takes what stands in the pipe now.
    pub(super) fn drain(&mut self, take: impl FnMut(&[u8])) {
        // A pipe that is lost has nothing more to give.
        if self.watch().is_ok()
            && let Pipe::Watched(events) = &self.pipe
        {
            events.drain(take);
        }
    }

    fn leave(&mut self, now: Instant) {
        self.pipe = match std::mem::replace(&mut self.pipe, Pipe::Lost) {
            Pipe::Watched(events) => Pipe::Left(events.into_fd(), now),
            Pipe::Left(events, _since) => Pipe::Left(events, now),
            Pipe::Lost => Pipe::Lost,
        };
    }

    fn watch(&mut self) -> io::Result<()> {
        self.pipe = match std::mem::replace(&mut self.pipe, Pipe::Lost) {
            Pipe::Left(events, _since) => Pipe::Watched(Descriptor::watch(events)?),
            other => other,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nix::fcntl::OFlag;
    use nix::unistd::{pipe2, write};

    use super::*;

    /// An ear, and the pipe at which it listens to a worker that took a millisecond for its first event.
    fn ear(rests: bool) -> (Ear, OwnedFd) {
        let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let mut ear = Ear::new(Descriptor::new(ours).unwrap(), rests);
        ear.heard = Instant::now().checked_sub(Duration::from_millis(1)).unwrap();
        (ear, theirs)
    }

    /// What is heard of the second of two texts that are written, one when the other was heard, with so many tests in hand; the
    /// clock stands still but for rests.
    async fn heard(rests: bool, in_hand: usize, first: &[u8]) -> (usize, Duration) {
        let (mut ear, theirs) = ear(rests);
        write(&theirs, first).unwrap();
        assert_eq!(ear.listen(in_hand).await.unwrap().len(), first.len());
        write(&theirs, b"yy").unwrap();
        let begun = Instant::now();
        let count = ear.listen(in_hand).await.unwrap().len();
        (count, begun.elapsed())
    }

    fn in_standing_time<T>(future: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(true).build().unwrap().block_on(future)
    }

    #[test]
    fn events_wait_only_where_nobody_does() {
        in_standing_time(async {
            let (count, waited) = heard(true, 5, b"a\n").await;
            assert_eq!(count, 2);
            assert!(waited >= REST, "{waited:?}");
            let much = [b'x'; MUCH];
            for (rests, in_hand, first) in
                [(false, 5, &b"a\n"[..]), (true, 4, b"a\n"), (true, 5, b"a\nb\n"), (true, 5, &much)]
            {
                assert_eq!(heard(rests, in_hand, first).await, (2, Duration::ZERO));
            }
        });
    }

    #[test]
    fn nothing_is_lost_by_looking_away() {
        in_standing_time(async {
            let (mut ear, theirs) = ear(true);
            let writer = std::thread::spawn(move || {
                for part in [&b"one"[..], b"two", b"three"].repeat(1000) {
                    write(&theirs, part).unwrap();
                }
            });
            let mut all = Vec::new();
            // Now and then the worker has nothing more.
            for turn in 0_usize.. {
                let bytes = ear.listen(turn % 3 * 1_000_000).await.unwrap();
                if bytes.is_empty() {
                    break;
                }
                all.extend_from_slice(bytes);
            }
            writer.join().unwrap();
            assert_eq!(all, b"onetwothree".repeat(1000));
            assert!(ear.listen(9).await.unwrap().is_empty(), "the end stays the end");
        });
    }

    #[test]
    fn what_was_written_before_the_end_is_drained() {
        in_standing_time(async {
            let (mut ear, theirs) = ear(true);
            write(&theirs, b"a").unwrap();
            ear.listen(9).await.unwrap();
            write(&theirs, b"bc").unwrap();
            let mut all = Vec::new();
            ear.drain(|bytes| all.extend_from_slice(bytes));
            assert_eq!(all, b"bc");
        });
    }
}
