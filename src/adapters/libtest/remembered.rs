//! Listings of test binaries that are kept beside what cargo builds: a binary that has not changed is not asked again.
//!
//! The tests of a binary with Rust's own harness are those that were compiled into it. Each listing is a file of its own that names the
//! binary it is of by all that the system tells of a file's state; whatever does not fit, or can not be read, is as good as none.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use log::debug;
use serde::{Deserialize, Serialize};

/// A file that was changed so shortly before may be changed again without any trace: the system's clock for files has ticks.
const SETTLED: Duration = Duration::from_millis(100);

/// Where listings are kept.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    directory: PathBuf,
    settled: Duration,
}

/// The state of a file, from before it was asked for its tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    path: PathBuf,
    /// Device, inode, size.
    file: [u64; 3],
    /// When it was last written to and when anything of it was last changed, in seconds and nanoseconds.
    times: [i64; 4],
    /// Whether only ignored tests were asked for.
    ignored: bool,
}

/// What is kept of one binary.
#[derive(Debug, Serialize, Deserialize)]
struct Listing {
    stamp: Stamp,
    tests: Vec<String>,
}

impl Stamp {
    /// `None` for a file that can not be seen, or was changed less than so long ago.
    fn of(path: &Path, ignored: bool, settled: Duration) -> Option<Self> {
        let seen = fs::metadata(path).ok()?;
        let is_settled = |at: Duration| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            // A time in the future says nothing.
            now.checked_sub(at).is_some_and(|age| age >= settled)
        };
        (is_settled(changed(&seen)?) && seen.is_file()).then(|| Self {
            path: path.to_owned(),
            file: [seen.dev(), seen.ino(), seen.size()],
            times: [seen.mtime(), seen.mtime_nsec(), seen.ctime(), seen.ctime_nsec()],
            ignored,
        })
    }
}

fn changed(seen: &Metadata) -> Option<Duration> {
    let seconds = u64::try_from(seen.ctime()).ok()?;
    let nanoseconds = u32::try_from(seen.ctime_nsec()).ok()?;
    Some(Duration::new(seconds, nanoseconds))
}

impl Remembered {
    /// In a directory of its own below cargo's.
    pub(super) fn below(target: &Path) -> Self {
        Self { directory: target.join("callsheet/listings"), settled: SETTLED }
    }

    /// The state of a binary, and its tests if they are known.
    pub(super) fn recall(
        &self,
        binary: &Path,
        ignored: bool,
    ) -> (Option<Stamp>, Option<Vec<String>>) {
        let Some(stamp) = Stamp::of(binary, ignored, self.settled) else { return (None, None) };
        let known = self.file(&stamp).and_then(|file| fs::read(file).ok());
        let known = known.and_then(|bytes| serde_json::from_slice::<Listing>(&bytes).ok());
        let tests = known.filter(|known| known.stamp == stamp).map(|known| known.tests);
        (Some(stamp), tests)
    }

    /// Keeps the tests of a binary, unless it is another by now than it was before it was asked.
    pub(super) fn keep(&self, stamp: Stamp, tests: &[String]) {
        if Stamp::of(&stamp.path, stamp.ignored, self.settled).as_ref() != Some(&stamp) {
            return;
        }
        let Some(file) = self.file(&stamp) else { return };
        let listing = Listing { stamp, tests: tests.to_vec() };
        // Without it the binary is asked the next time.
        if let Err(error) = self.write(&file, &listing) {
            debug!("the listing {} is not kept: {error}", file.display());
        }
    }

    /// Whole or not at all: another run may read it at the same time.
    fn write(&self, file: &Path, listing: &Listing) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let mut new = tempfile::NamedTempFile::new_in(&self.directory)?;
        new.write_all(&serde_json::to_vec(listing)?)?;
        new.persist(file)?;
        Ok(())
    }

    /// cargo gives binaries that differ in anything names that differ.
    fn file(&self, stamp: &Stamp) -> Option<PathBuf> {
        let name = stamp.path.file_name()?.to_str()?;
        let which = if stamp.ignored { "ignored" } else { "all" };
        Some(self.directory.join(format!("{name}.{which}.json")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A binary, and listings that trust what is as old as this.
    fn place(settled: Duration) -> (tempfile::TempDir, PathBuf, Remembered) {
        let place = tempfile::tempdir().unwrap();
        let binary = place.path().join("tests-0123");
        fs::write(&binary, "one").unwrap();
        let known = Remembered { settled, ..Remembered::below(place.path()) };
        (place, binary, known)
    }

    fn keep(known: &Remembered, binary: &Path) {
        known.keep(known.recall(binary, false).0.unwrap(), &["a".to_owned()]);
    }

    #[test]
    fn what_is_kept_holds_for_the_same_file_and_question_alone() {
        let (_place, binary, known) = place(Duration::ZERO);
        assert_eq!(known.recall(&binary, false).1, None);
        keep(&known, &binary);
        assert_eq!(known.recall(&binary, false).1, Some(vec!["a".to_owned()]));
        assert_eq!(known.recall(&binary, true).1, None);
        // Of the same size.
        let other = binary.with_extension("new");
        fs::write(&other, "two").unwrap();
        fs::rename(&other, &binary).unwrap();
        assert_eq!(known.recall(&binary, false).1, None);
    }

    #[test]
    fn a_binary_that_was_changed_meanwhile_or_just_now_is_not_remembered() {
        let (place_, binary, known) = place(Duration::ZERO);
        let (stamp, _) = known.recall(&binary, false);
        fs::write(&binary, "longer").unwrap();
        known.keep(stamp.unwrap(), &["a".to_owned()]);
        assert!(!place_.path().join("callsheet").exists());
        let (_place, binary, known) = place(Duration::from_secs(3600));
        assert_eq!(known.recall(&binary, false), (None, None));
    }

    #[test]
    fn what_is_damaged_or_can_not_be_written_is_as_good_as_none() {
        let (place, binary, known) = place(Duration::ZERO);
        keep(&known, &binary);
        let file = place.path().join("callsheet/listings/tests-0123.all.json");
        for damage in ["", "{", "[]", "\0\u{fffd}"] {
            fs::write(&file, damage).unwrap();
            assert_eq!(known.recall(&binary, false).1, None, "{damage:?}");
        }
        fs::remove_dir_all(place.path().join("callsheet")).unwrap();
        fs::write(place.path().join("callsheet"), "no directory").unwrap();
        keep(&known, &binary);
        assert_eq!(known.recall(&binary, false).1, None);
    }
}
