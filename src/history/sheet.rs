//! The `SQLite` file: its tables, how it is read and how a run is added.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::{HistoryError, KEPT_DAYS, Key, Record};
use crate::model::{Durations, Outcome};
use crate::schedule::Estimates;
use crate::select::{Past, Seen};

/// What marks a file as ours (`call` in ASCII), so that we write into no other.
const APPLICATION: i64 = 0x6361_6c6c;

/// The version of the tables.
const VERSION: i64 = 1;

/// Seconds by phase are null where nobody knows them, as after a crash. `last_run` and `started` count from 1970.
const TABLES: &str = "
    CREATE TABLE suites (
        suite INTEGER PRIMARY KEY,
        framework TEXT NOT NULL,
        root TEXT NOT NULL,
        UNIQUE (framework, root)
    );
    CREATE TABLE tests (
        suite INTEGER NOT NULL,
        id TEXT NOT NULL,
        setup REAL,
        call REAL,
        teardown REAL,
        outcome TEXT NOT NULL,
        last_run INTEGER NOT NULL,
        PRIMARY KEY (suite, id)
    ) WITHOUT ROWID;
    CREATE TABLE runs (
        run INTEGER PRIMARY KEY,
        suite INTEGER NOT NULL,
        id TEXT NOT NULL,
        started REAL NOT NULL,
        wall REAL NOT NULL,
        workers INTEGER NOT NULL,
        tests INTEGER NOT NULL
    );
";

/// How far a run moves what is known towards what it saw.
const WEIGHT: f64 = 0.5;

/// How long a run waits for another one that writes: before it begins, and at its end.
const PATIENCE_TO_READ: Duration = Duration::from_millis(250);
const PATIENCE_TO_WRITE: Duration = Duration::from_secs(1);

/// An open file.
#[derive(Debug)]
pub(super) struct Sheet {
    file: PathBuf,
    connection: Connection,
    /// For errors: `used` or `recorded`.
    what: &'static str,
}

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Nothing,
    Tables,
}

impl Sheet {
    /// A file that is there; it is never changed, except that what a killed writer left half done is undone.
    pub(super) fn open_to_read(file: &Path) -> Result<Option<Self>, HistoryError> {
        if !file.exists() {
            return Ok(None);
        }
        Self::open(file, "used", OpenFlags::SQLITE_OPEN_READ_WRITE, PATIENCE_TO_READ).map(Some)
    }

    /// A file that is made if need be.
    pub(super) fn open_to_write(file: &Path) -> Result<Self, HistoryError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Self::open(file, "recorded", flags, PATIENCE_TO_WRITE)
    }

    fn open(
        file: &Path,
        what: &'static str,
        flags: OpenFlags,
        patience: Duration,
    ) -> Result<Self, HistoryError> {
        let open = || {
            let connection =
                Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            connection.busy_timeout(patience)?;
            connection.pragma_update(None, "synchronous", "OFF")?;
            Ok(connection)
        };
        let connection = open().map_err(|error| HistoryError::of(file, what, &error))?;
        Ok(Self { file: file.to_owned(), connection, what })
    }

    /// What the suite's tests took.
    pub(super) fn estimates(&self, key: &Key) -> Result<Estimates, HistoryError> {
        match self.content(&self.connection)? {
            Content::Nothing => Ok(Estimates::default()),
            Content::Tables => self.read(key).map_err(|error| self.failed(&error)),
        }
    }

    fn read(&self, key: &Key) -> rusqlite::Result<Estimates> {
        let mut select = self.connection.prepare(
            "SELECT id, setup, call, teardown FROM tests JOIN suites USING (suite)
             WHERE framework = ?1 AND root = ?2 AND call IS NOT NULL ORDER BY id",
        )?;
        select
            .query_map(params![key.framework, key.root], |row| {
                let id: String = row.get(0)?;
                let (setup, call, teardown) = (row.get(1)?, row.get(2)?, row.get(3)?);
                Ok((id, Durations { setup, call, teardown }))
            })?
            .collect()
    }

    /// How the suite's tests ended, and what they took.
    pub(super) fn past(&self, key: &Key) -> Result<Past, HistoryError> {
        match self.content(&self.connection)? {
            Content::Nothing => Ok(Past::default()),
            Content::Tables => self.read_past(key).map_err(|error| self.failed(&error)),
        }
    }

    fn read_past(&self, key: &Key) -> rusqlite::Result<Past> {
        let mut select = self.connection.prepare(
            "SELECT id, outcome, setup, call, teardown FROM tests JOIN suites USING (suite)
             WHERE framework = ?1 AND root = ?2",
        )?;
        let mut rows = select.query(params![key.framework, key.root])?;
        let mut past = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, word): (String, String) = (row.get(0)?, row.get(1)?);
            // A word of a newer callsheet, which adds some without another format, is as good as none.
            let Some(outcome) = Outcome::from_word(&word) else {
                continue;
            };
            let call: Option<f64> = row.get(3)?;
            let duration = call.map(|call| {
                let phase =
                    |column| row.get::<_, Option<f64>>(column).map(Option::unwrap_or_default);
                let (setup, teardown) = (phase(2)?, phase(4)?);
                let seconds = (setup + call + teardown).max(0.0);
                Ok::<_, rusqlite::Error>(
                    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
                )
            });
            past.push((id.into(), Seen { outcome, duration: duration.transpose()? }));
        }
        Ok(past.into_iter().collect())
    }

    /// Adds a run that ended `now`, and forgets what is too old.
    pub(super) fn add(mut self, key: &Key, record: &Record, now: u64) -> Result<(), HistoryError> {
        let (file, what) = (self.file.clone(), self.what);
        let failed = |error: rusqlite::Error| HistoryError::of(&file, what, &error);
        // From here on nobody else writes; what is in there is looked at under the lock.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        if content(&transaction, &file, what)? == Content::Nothing {
            transaction.execute_batch(TABLES).map_err(failed)?;
            transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
            transaction.pragma_update(None, "user_version", VERSION).map_err(failed)?;
        }
        write(&transaction, key, record, now).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    fn content(&self, connection: &Connection) -> Result<Content, HistoryError> {
        content(connection, &self.file, self.what)
    }

    fn failed(&self, error: &rusqlite::Error) -> HistoryError {
        HistoryError::of(&self.file, self.what, error)
    }
}

/// Looks at what is in a file before anything is read from it or written to it.
fn content(
    connection: &Connection,
    file: &Path,
    what: &'static str,
) -> Result<Content, HistoryError> {
    let number = |query: &str| {
        let number = connection.query_row(query, [], |row| row.get::<_, i64>(0));
        number.map_err(|error| HistoryError::of(file, what, &error))
    };
    let application = number("PRAGMA application_id")?;
    if application == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 {
        return Ok(Content::Nothing);
    }
    if application != APPLICATION {
        return Err(HistoryError::Foreign(file.to_owned()));
    }
    match number("PRAGMA user_version")? {
        VERSION => Ok(Content::Tables),
        found if found > VERSION => {
            Err(HistoryError::Newer { file: file.to_owned(), found, known: VERSION })
        }
        found => Err(HistoryError::Damaged {
            file: file.to_owned(),
            cause: format!("there is no format {found}"),
        }),
    }
}

fn write(connection: &Connection, key: &Key, record: &Record, now: u64) -> rusqlite::Result<()> {
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    connection.execute(
        "INSERT INTO suites (framework, root) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![key.framework, key.root],
    )?;
    let suite: i64 = connection.query_row(
        "SELECT suite FROM suites WHERE framework = ?1 AND root = ?2",
        params![key.framework, key.root],
        |row| row.get(0),
    )?;
    let mut upsert = connection.prepare(
        "INSERT INTO tests (suite, id, setup, call, teardown, outcome, last_run)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (suite, id) DO UPDATE SET
             setup = coalesce(setup + ?8 * (excluded.setup - setup), excluded.setup, setup),
             call = coalesce(call + ?8 * (excluded.call - call), excluded.call, call),
             teardown =
                 coalesce(teardown + ?8 * (excluded.teardown - teardown), excluded.teardown, teardown),
             outcome = excluded.outcome,
             last_run = excluded.last_run",
    )?;
    for (id, seen) in &record.tests {
        let took = seen.durations();
        upsert.execute(params![
            suite,
            &**id,
            took.map(|took| took.setup),
            took.map(|took| took.call),
            took.map(|took| took.teardown),
            seen.outcome.word(),
            now,
            WEIGHT
        ])?;
    }
    connection.execute(
        "INSERT INTO runs (suite, id, started, wall, workers, tests) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            suite,
            record.run_id,
            record.started,
            record.wall,
            record.workers,
            i64::try_from(record.tests.len()).unwrap_or(i64::MAX)
        ],
    )?;
    let oldest = now.saturating_sub_unsigned(KEPT_DAYS * 24 * 60 * 60);
    connection.execute("DELETE FROM tests WHERE last_run < ?1", [oldest])?;
    connection.execute("DELETE FROM runs WHERE started < ?1", [oldest])?;
    Ok(())
}
