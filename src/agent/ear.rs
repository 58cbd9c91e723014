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

/// How long events may wait: too short for a person to see, and for a worker to get through what it has.
const REST: Duration = Duration::from_millis(2);

/// How much a read may bring for a rest to follow: a quarter of a pipe, so that whoever says a lot is not held up.
const MUCH: usize = 16 * 1024;

/// Reads what a worker says.
#[derive(Debug)]
pub(super) struct Ear {
    pipe: Pipe,
    chunk: Vec<u8>,
    rests: bool,
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
        Self { pipe: Pipe::Watched(events), chunk: vec![0; 64 * 1024], rests }
    }

    /// Reads what is there, waiting for at least a byte; empty at the end of the stream. `nobody_waits`: whether the worker has
    /// enough to do.
    ///
    /// Dropped before its end, it has read nothing.
    ///
    /// # Errors
    /// What the system says; after that the stream is at its end.
    pub(super) async fn listen(&mut self, nobody_waits: bool) -> io::Result<&[u8]> {
        let count = loop {
            match &self.pipe {
                Pipe::Watched(events) => break events.read(&mut self.chunk).await?,
                Pipe::Left(events, since) => {
                    if nobody_waits {
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
        if self.rests && nobody_waits && count < MUCH {
            self.leave();
        } else {
            self.watch()?;
        }
        Ok(&self.chunk[..count])
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

    fn leave(&mut self) {
        let now = Instant::now();
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

    /// What is heard of two words, the second written after the first was heard; the clock stands still but for rests.
    async fn heard(rests: bool, nobody_waits: bool, first: usize) -> (usize, Duration) {
        let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let mut ear = Ear::new(Descriptor::new(ours).unwrap(), rests);
        write(&theirs, &vec![b'x'; first]).unwrap();
        assert_eq!(ear.listen(nobody_waits).await.unwrap().len(), first);
        write(&theirs, b"yy").unwrap();
        let begun = Instant::now();
        let count = ear.listen(nobody_waits).await.unwrap().len();
        (count, begun.elapsed())
    }

    fn in_standing_time<T>(future: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(true).build().unwrap().block_on(future)
    }

    #[test]
    fn events_wait_only_where_nobody_does() {
        in_standing_time(async {
            let (count, waited) = heard(true, true, 1).await;
            assert_eq!(count, 2);
            assert!(waited >= REST, "{waited:?}");
            for (rests, nobody_waits, first) in
                [(false, true, 1), (true, false, 1), (true, true, MUCH)]
            {
                assert_eq!(heard(rests, nobody_waits, first).await, (2, Duration::ZERO));
            }
        });
    }

    #[test]
    fn nothing_is_lost_by_looking_away() {
        in_standing_time(async {
            let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).unwrap();
            let mut ear = Ear::new(Descriptor::new(ours).unwrap(), true);
            let writer = std::thread::spawn(move || {
                for part in [&b"one"[..], b"two", b"three"].repeat(1000) {
                    write(&theirs, part).unwrap();
                }
            });
            let mut all = Vec::new();
            // Now and then somebody waits.
            for turn in 0_u32.. {
                let bytes = ear.listen(turn % 3 > 0).await.unwrap();
                if bytes.is_empty() {
                    break;
                }
                all.extend_from_slice(bytes);
            }
            writer.join().unwrap();
            assert_eq!(all, b"onetwothree".repeat(1000));
            assert!(ear.listen(true).await.unwrap().is_empty(), "the end stays the end");
        });
    }

    #[test]
    fn what_was_written_before_the_end_is_drained() {
        in_standing_time(async {
            let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).unwrap();
            let mut ear = Ear::new(Descriptor::new(ours).unwrap(), true);
            write(&theirs, b"a").unwrap();
            ear.listen(true).await.unwrap();
            write(&theirs, b"bc").unwrap();
            let mut all = Vec::new();
            ear.drain(|bytes| all.extend_from_slice(bytes));
            assert_eq!(all, b"bc");
        });
    }
}
