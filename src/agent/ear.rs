//! When and how the events of a worker are read.
//!
//! A worker that has enough in its queue needs no answer, and each read wakes the agent, and then the controller, on a processor
//! that a test could use. So events are read some milliseconds apart while nobody waits for them. Nothing is lost if
//! the worker dies: what it has written stands in the pipe.

use std::io;
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
    chunk: Vec<u8>,
    heard_at: Option<Instant>,
    rests: bool,
}

impl Ear {
    /// `rests`: whether events may wait at all.
    pub(super) fn new(rests: bool) -> Self {
        Self { chunk: vec![0; 64 * 1024], heard_at: None, rests }
    }

    /// Reads what is there, waiting for at least a byte; empty at the end of the stream. `nobody_waits`: whether the worker has
    /// enough to do.
    ///
    /// Dropped before its end, it has read nothing.
    pub(super) async fn listen(
        &mut self,
        events: &Descriptor,
        nobody_waits: bool,
    ) -> io::Result<&[u8]> {
        if let Some(heard_at) = self.heard_at
            && nobody_waits
        {
            sleep_until(heard_at + REST).await;
        }
        let count = events.read(&mut self.chunk).await?;
        self.heard_at = (self.rests && count < MUCH).then(Instant::now);
        Ok(&self.chunk[..count])
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
        let events = Descriptor::new(ours).unwrap();
        let mut ear = Ear::new(rests);
        write(&theirs, &vec![b'x'; first]).unwrap();
        assert_eq!(ear.listen(&events, nobody_waits).await.unwrap().len(), first);
        write(&theirs, b"yy").unwrap();
        let begun = Instant::now();
        let count = ear.listen(&events, nobody_waits).await.unwrap().len();
        (count, begun.elapsed())
    }

    #[test]
    fn events_wait_only_where_nobody_does() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (count, waited) = heard(true, true, 1).await;
            assert_eq!(count, 2);
            assert!(waited > Duration::ZERO);
            for (rests, nobody_waits, first) in
                [(false, true, 1), (true, false, 1), (true, true, MUCH)]
            {
                assert_eq!(heard(rests, nobody_waits, first).await, (2, Duration::ZERO));
            }
        });
    }
}
