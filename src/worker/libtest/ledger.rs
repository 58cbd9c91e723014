//! What came of the doctests of a package, for all workers of a host: rustdoc runs them all at once, whoever asks for one.
//!
//! A file holds it. Whoever has it open runs them while the others wait, and leaves in it what came of them; if that worker dies
//! instead, the next one finds nothing in it and runs them itself.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Duration;

use log::debug;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::doc::Results;
use crate::worker::{Channel, ChannelError};

/// How often it is looked whether it is this worker's turn: a small part of what rustdoc needs for one test.
const GLANCE: Duration = Duration::from_millis(20);

/// Where the results of one package are. Nowhere if each worker is to run everything by itself.
#[derive(Debug)]
pub(super) struct Ledger(pub(super) Option<PathBuf>);

/// The results of one package, which nobody else reads or writes meanwhile.
#[derive(Debug)]
pub(super) struct Pen(Option<Flock<File>>);

impl Ledger {
    /// Waits until nobody else has it; `None` if the session is to end.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub(super) async fn turn(&self, channel: &mut Channel) -> Result<Option<Pen>, ChannelError> {
        loop {
            match self.take() {
                Ok(Some(pen)) => return Ok(Some(pen)),
                Ok(None) => {}
                Err(error) => {
                    // Then they are run once more than they need be.
                    debug!("what came of doctests can not be shared: {error}");
                    return Ok(Some(Pen(None)));
                }
            }
            tokio::select! {
                biased;
                stopped = channel.interrupted() => {
                    stopped?;
                    return Ok(None);
                }
                () = tokio::time::sleep(GLANCE) => {}
            }
        }
    }

    fn take(&self) -> io::Result<Option<Pen>> {
        let Some(path) = &self.0 else { return Ok(Some(Pen(None))) };
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => Ok(Some(Pen(Some(locked)))),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, error)) => Err(error.into()),
        }
    }
}

impl Pen {
    /// What is known so far.
    pub(super) fn read(&mut self) -> Results {
        let Some(file) = &mut self.0 else { return Results::new() };
        let mut bytes = Vec::new();
        match file.read_to_end(&mut bytes) {
            // What is not whole was left by one that died.
            Ok(_) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(_) => Results::new(),
        }
    }

    /// Leaves this to the next.
    pub(super) fn write(mut self, results: &Results) {
        let Some(file) = &mut self.0 else { return };
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(&serde_json::to_vec(results)?));
        if let Err(error) = written {
            debug!("what came of doctests is not kept: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::worker::libtest::batch::Done;
    use crate::worker::libtest::verdict::Verdict;

    fn results() -> Results {
        let verdict =
            Verdict { outcome: Outcome::Passed, text: String::new(), brief: String::new() };
        Results::from([("a".to_owned(), Done { verdict, seconds: 0.5 })])
    }

    #[test]
    fn one_at_a_time_has_it_and_finds_what_the_last_one_left() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("doc");
        let ledger = Ledger(Some(path.clone()));
        let mut first = ledger.take().unwrap().unwrap();
        assert!(first.read().is_empty());
        assert!(ledger.take().unwrap().is_none());
        first.write(&results());
        let mut second = ledger.take().unwrap().unwrap();
        assert!(second.read().contains_key("a"));
        second.write(&Results::new());
        std::fs::write(&path, "{\"a\": {\"verd").unwrap();
        assert!(ledger.take().unwrap().unwrap().read().is_empty());
    }

    #[test]
    fn what_is_not_shared_is_free_and_forgotten() {
        let ledger = Ledger(None);
        let first = ledger.take().unwrap().unwrap();
        let mut second = ledger.take().unwrap().unwrap();
        first.write(&results());
        assert!(second.read().is_empty());
    }
}
