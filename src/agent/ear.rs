//! When and how the events of a worker are read.
//!
//! A worker that has enough in its queue needs no answer, and each read wakes the agent, and then the controller, on a processor
//! that a test could use. So events are read some milliseconds apart while nobody waits for them. Nothing is lost if
//! the worker dies: what it has written stands in the pipe. If the agent itself is killed, tests that began within a rest are taken for
//! tests that had not begun.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::descriptor::Descriptor;

/// How long events may wait: too short for a person to see.
const REST: Duration = Duration::from_millis(4);

/// How long a worker must have enough to do for its events to wait: somewhat longer, since it may be quicker than it has just been.
const ENOUGH: Duration = Duration::from_millis(5);

/// How long a worker is taken to make the tests of a file, before which it needs no answer. A guess: where it is quicker it waits
/// for one rest at most.
const MAKING: Duration = Duration::from_millis(2);

/// How much a read may bring for a rest to follow: a quarter of a pipe, so that whoever says a lot is not held up.
const MUCH: usize = 16 * 1024;

/// What a worker can begin without hearing from the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InHand {
    pub(super) tests: usize,
    /// Whether the tests of a file are to be made behind them.
    pub(super) then_file: bool,
}

/// What was in the events that were heard last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heard {
    /// How many tests have begun.
    pub(super) begun: u32,
    /// Whether the tests of a file were made: that takes its time, which says nothing of tests.
    pub(super) made: bool,
}

/// Reads what a worker says.
#[derive(Debug)]
pub(super) struct Ear {
    pipe: Pipe,
    chunk: Vec<u8>,
    rests: bool,
    /// When something was heard last, what came before it, and how much it was.
    heard: Instant,
    silence: Duration,
    count: usize,
    /// How long the worker took for each of the tests that began then.
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
            silence: Duration::ZERO,
            count: 0,
            pace: Duration::ZERO,
        }
    }

    /// Reads what is there, waiting for at least a byte; empty at the end of the stream. `in_hand`: what the worker has yet to
    /// begin before it needs the agent.
    ///
    /// Dropped before its end, it has read nothing.
    ///
    /// # Errors
    /// What the system says; after that the stream is at its end.
    pub(super) async fn listen(&mut self, in_hand: InHand) -> io::Result<&[u8]> {
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
        self.silence = now - self.heard;
        self.heard = now;
        self.count = count;
        Ok(&self.chunk[..count])
    }

    /// Rests before it reads again if the worker can go on for a while after what was heard last; else it wakes when there is more.
    ///
    /// # Errors
    /// What the system says; after that the stream is at its end.
    pub(super) fn rest(&mut self, in_hand: InHand, heard: Heard) -> io::Result<()> {
        self.pace = if heard.made { Duration::ZERO } else { self.silence / heard.begun.max(1) };
        if self.rests && self.count < MUCH && self.has_enough(in_hand) {
            self.leave(self.heard);
            return Ok(());
        }
        self.watch()
    }

    /// Whether the worker can go on for a while without hearing from the agent, if it is as quick as it has just been.
    fn has_enough(&self, in_hand: InHand) -> bool {
        let tests = self.pace.saturating_mul(u32::try_from(in_hand.tests).unwrap_or(u32::MAX));
        let making = if in_hand.then_file { MAKING } else { Duration::ZERO };
        tests.saturating_add(making) > ENOUGH
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

    /// An ear, and the pipe at which it listens to a worker that took a millisecond for what is heard of it first.
    fn ear(rests: bool) -> (Ear, OwnedFd) {
        let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let mut ear = Ear::new(Descriptor::new(ours).unwrap(), rests);
        ear.heard = Instant::now().checked_sub(Duration::from_millis(1)).unwrap();
        (ear, theirs)
    }

    fn tests(tests: usize) -> InHand {
        InHand { tests, then_file: false }
    }

    fn begun(begun: u32) -> Heard {
        Heard { begun, made: false }
    }

    /// What is heard of the second of two texts that are written, one when the other was heard and understood; the clock stands
    /// still but for rests.
    async fn heard(rests: bool, in_hand: InHand, first: &[u8], of_it: Heard) -> (usize, Duration) {
        let (mut ear, theirs) = ear(rests);
        write(&theirs, first).unwrap();
        assert_eq!(ear.listen(in_hand).await.unwrap().len(), first.len());
        ear.rest(in_hand, of_it).unwrap();
        write(&theirs, b"yy").unwrap();
        let before = Instant::now();
        let count = ear.listen(in_hand).await.unwrap().len();
        (count, before.elapsed())
    }

    fn in_standing_time<T>(future: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(true).build().unwrap().block_on(future)
    }

    #[test]
    fn events_wait_only_where_nobody_does() {
        in_standing_time(async {
            let enough = usize::try_from(ENOUGH.as_millis()).unwrap() + 1;
            let making = usize::try_from(MAKING.as_millis()).unwrap();
            let file = |count: usize| InHand { then_file: true, ..tests(count - making) };
            for (in_hand, of_it) in [
                (tests(enough), begun(1)),
                (tests(2 * enough), begun(2)),
                (file(enough), begun(1)),
                (tests(enough), begun(0)),
            ] {
                let (count, waited) = heard(true, in_hand, b"x", of_it).await;
                assert_eq!(count, 2, "{in_hand:?}");
                assert!(waited >= REST, "{in_hand:?} {waited:?}");
            }
            let much = [b'x'; MUCH];
            for (rests, in_hand, first, of_it) in [
                (false, tests(enough), &b"x"[..], begun(1)),
                (true, tests(enough - 1), b"x", begun(1)),
                (true, file(enough - 1), b"x", begun(1)),
                (true, tests(enough), b"x", begun(2)),
                (true, tests(1000), b"x", Heard { begun: 1, made: true }),
                (true, tests(enough), &much, begun(1)),
            ] {
                let (count, waited) = heard(rests, in_hand, first, of_it).await;
                assert_eq!((count, waited), (2, Duration::ZERO), "{in_hand:?}");
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
                let in_hand = tests(turn % 3 * 1_000_000);
                let bytes = ear.listen(in_hand).await.unwrap();
                if bytes.is_empty() {
                    break;
                }
                all.extend_from_slice(bytes);
                ear.rest(in_hand, begun(1)).unwrap();
            }
            writer.join().unwrap();
            assert_eq!(all, b"onetwothree".repeat(1000));
            assert!(ear.listen(tests(9)).await.unwrap().is_empty(), "the end stays the end");
        });
    }

    #[test]
    fn what_was_written_before_the_end_is_drained() {
        in_standing_time(async {
            let (mut ear, theirs) = ear(true);
            write(&theirs, b"a").unwrap();
            ear.listen(tests(9)).await.unwrap();
            ear.rest(tests(9), begun(1)).unwrap();
            write(&theirs, b"bc").unwrap();
            let mut all = Vec::new();
            ear.drain(|bytes| all.extend_from_slice(bytes));
            assert_eq!(all, b"bc");
        });
    }
}
