//! What can be wrong with the file, as sentences that say what becomes of the run and what to do.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

/// Why durations are not known or not kept. Never a reason for a run to fail.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the sentences say it")]
pub enum HistoryError {
    #[error("recorded durations are not used: {} is damaged ({cause}); remove it or name another file with --history", .file.display())]
    Damaged { file: PathBuf, cause: String },

    #[error("{} was damaged and is now {}; durations are recorded anew", .file.display(), .aside.display())]
    Moved { file: PathBuf, aside: PathBuf },

    #[error("durations are neither used nor recorded: {} is of a newer callsheet (format {found}, this one knows {known}); use that one, or name another file with --history", .file.display())]
    Newer { file: PathBuf, found: i64, known: i64 },

    #[error("durations are neither used nor recorded: {} is no history of callsheet; name another file with --history", .0.display())]
    Foreign(PathBuf),

    #[error("durations are not {what}: another program holds {}", .file.display())]
    Locked { what: &'static str, file: PathBuf },

    #[error("durations are not {what}: {}: {cause}; --no-history goes without", .file.display())]
    Failed { what: &'static str, file: PathBuf, cause: String },

    #[error("durations are not recorded: {}: {source}; --no-history goes without", .file.display())]
    Folder { file: PathBuf, source: io::Error },
}

impl HistoryError {
    /// What `SQLite` says of a file; `what`: `used` or `recorded`.
    pub(super) fn of(file: &Path, what: &'static str, error: &rusqlite::Error) -> Self {
        let file = file.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Locked { what, file }
            }
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Damaged { file, cause: error.to_string() }
            }
            _ => Self::Failed { what, file, cause: error.to_string() },
        }
    }
}
