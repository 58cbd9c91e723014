//! What is remembered of past runs: how long each test took, and how it ended.
//!
//! One `SQLite` file, by default `.callsheet/history.db` beside the project's configuration. It is read once before a run
//! and written once after it, in one transaction. It is a convenience and never a reason for a run to fail: whatever is
//! wrong with it comes back as a sentence for people.
//!
//! * `SQLite`'s rollback journal is used, not its write-ahead log: that one needs shared memory, which network file
//!   systems lack, and leaves two more files lying about in directories that may be read-only the next day.
//! * Nothing is forced to the disk. A crash of a program does no harm; after a power failure the file may be damaged.
//! * A damaged file in our own folder is moved aside and a new one begun. One that the user named is left alone: it may
//!   be something else altogether.
//! * A file of a newer version is left alone.
//!
//! Durations are smoothed: each run moves what is known half of the way to what it saw. A test that was killed at its
//! deadline counts as one that took as long; one that crashed changes no duration, only its last outcome.

mod error;
mod recorder;
mod sheet;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use error::HistoryError;
pub use recorder::{Record, Recorder};

use sheet::Sheet;

use crate::model::Suite;
use crate::schedule::Estimates;
use crate::select::Past;

/// The folder that is ours alone, beside a project's file.
pub const FOLDER: &str = ".callsheet";

/// The name of the file in it.
pub const FILE: &str = "history.db";

/// Days after which what was not seen again is forgotten.
const KEPT_DAYS: u64 = 90;

/// Where the history of one suite is.
#[derive(Debug, Clone)]
pub struct History {
    file: PathBuf,
    key: Key,
    /// Whether the file is nothing that we may write to; told when it was read.
    closed: bool,
}

/// What tells suites of one file apart, as test ids alone do not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    framework: &'static str,
    /// Its directory, from the project's if it is below.
    root: String,
}

impl History {
    /// The history of a suite of the project, in this file, which need not be there.
    pub fn new(file: PathBuf, suite: &Suite, project: &Path) -> Self {
        let root = suite.root().strip_prefix(project).unwrap_or(suite.root());
        let framework = match suite {
            Suite::Pytest(_) => "pytest",
            Suite::Libtest(_) => "libtest",
            Suite::Command(_) => "command",
            Suite::Custom(_) => "custom",
        };
        let key = Key { framework, root: root.display().to_string() };
        Self { file, key, closed: false }
    }

    /// What past runs of the suite took, and what is wrong with the file, as a sentence.
    ///
    /// Makes no file. Takes milliseconds for tens of thousands of tests, and a quarter of a second where somebody else
    /// holds the file.
    pub fn load(&mut self) -> (Estimates, Option<String>) {
        match Sheet::open_to_read(&self.file).and_then(|sheet| match sheet {
            Some(sheet) => sheet.estimates(&self.key),
            None => Ok(Estimates::default()),
        }) {
            Ok(estimates) => (estimates, None),
            Err(error) => {
                self.closed =
                    matches!(error, HistoryError::Newer { .. } | HistoryError::Foreign(_));
                let error = put_aside(error);
                (Estimates::default(), Some(error.to_string()))
            }
        }
    }

    /// How tests ended in past runs and what they took, as far as the file can be read; what is wrong with it is for
    /// [`load`](Self::load) to say.
    pub fn past(&self) -> Past {
        let read =
            || Sheet::open_to_read(&self.file)?.map(|sheet| sheet.past(&self.key)).transpose();
        read().ok().flatten().unwrap_or_default()
    }

    /// Adds what a run saw; gives what went wrong, as a sentence.
    ///
    /// To be called where a second of waiting holds nothing up: another run may be writing.
    pub fn store(&self, record: &Record) -> Option<String> {
        if self.closed || record.is_empty() {
            return None;
        }
        let first = self.write(record).map_err(put_aside);
        let problem = match first {
            Err(damaged @ HistoryError::Moved { .. }) => match self.write(record) {
                Ok(()) => damaged,
                Err(error) => error,
            },
            Err(error) => error,
            Ok(()) => return None,
        };
        Some(problem.to_string())
    }

    fn write(&self, record: &Record) -> Result<(), HistoryError> {
        let unwritable = |source| HistoryError::Folder { file: self.file.clone(), source };
        make_folder(&self.file).map_err(unwritable)?;
        Sheet::open_to_write(&self.file)?.add(&self.key, record, seconds_since_1970())
    }
}

/// A damaged file of ours is moved out of the way.
fn put_aside(error: HistoryError) -> HistoryError {
    match error {
        HistoryError::Damaged { file, .. } if is_ours(&file) => {
            let aside = file.with_extension("db.damaged");
            match fs::rename(&file, &aside) {
                Ok(()) => HistoryError::Moved { file, aside },
                Err(source) => HistoryError::Folder { file, source },
            }
        }
        other => other,
    }
}

/// Whether the file stands in the folder that is ours alone.
fn is_ours(file: &Path) -> bool {
    file.parent().and_then(Path::file_name).is_some_and(|folder| folder == FOLDER)
}

/// Makes the folder of a file that is to be made. Our own keeps itself out of version control, also if it was there already;
/// who wants it in there removes its `.gitignore`, which is made again with a new file only.
fn make_folder(file: &Path) -> std::io::Result<()> {
    let Some(folder) = file.parent().filter(|_| !file.exists()) else {
        return Ok(());
    };
    fs::create_dir_all(folder)?;
    let ignore = folder.join(".gitignore");
    if is_ours(file) && !ignore.exists() {
        fs::write(ignore, "*\n")?;
    }
    Ok(())
}

fn seconds_since_1970() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_secs())
}
