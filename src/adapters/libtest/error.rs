//! Why the tests of a Rust project can not be run.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why the tests of a Rust project can not be run.
#[derive(Debug, Error)]
pub enum LibtestError {
    /// No cargo.
    #[error(
        "failed to start `{program}`: {error}; cargo builds the tests of a Rust project, `CARGO` in the environment names another"
    )]
    Cargo {
        /// What was to be started.
        program: String,
        /// What the system said.
        error: io::Error,
    },

    /// The project does not build, or cargo refuses its arguments.
    #[error("`{command}` failed ({status}):\n{text}")]
    Build {
        /// The command.
        command: String,
        /// How it ended.
        status: String,
        /// What cargo printed.
        text: String,
    },

    /// A word that cargo would hand on to test binaries.
    #[error(
        "`{0}` among the arguments for cargo (after `--`, or `[libtest] args`) is for test binaries, which callsheet starts itself: it takes options of `cargo test` alone; `callsheet NAME`, `-k` and `--filter` choose tests, `--run-ignored` those that are ignored, and `-s` shows what they write"
    )]
    Word(String),

    /// Cargo said something that makes no sense.
    #[error("cargo's answer to `{command}` can not be read: {error}")]
    Answer {
        /// The command.
        command: String,
        /// What is wrong with it.
        error: String,
    },

    /// A test binary that can not be asked for its tests.
    #[error("failed to start the test binary `{id}` ({path}): {error}")]
    Start {
        /// Which.
        id: String,
        /// Its file.
        path: String,
        /// What the system said.
        error: io::Error,
    },

    /// A test binary that does not answer.
    #[error(
        "the test binary `{id}` did not list its tests within {}: `{path} --list` was killed; run it by hand to see what it waits for, or leave its target out (`[deadlines] collect` sets the limit)",
        humantime::format_duration(*.limit)
    )]
    Hangs {
        /// Which.
        id: String,
        /// Its file.
        path: String,
        /// How long it was waited for.
        limit: Duration,
    },

    /// A test binary that answers something else.
    #[error(
        "the test binary `{id}` did not list its tests: `{path} --list --format terse` {why}\n{text}"
    )]
    Listing {
        /// Which.
        id: String,
        /// Its file.
        path: String,
        /// How it ended or what is wrong with its answer.
        why: String,
        /// What it printed.
        text: String,
    },

    /// There is no place for what came of doctests.
    #[error(
        "failed to make a directory for the results of doctests in {}: {error}; `TMPDIR` in the environment names another place",
        place.display()
    )]
    Results {
        /// Where.
        place: PathBuf,
        /// What the system said.
        error: io::Error,
    },

    /// A worker's specification asks for what there is not.
    #[error(
        "`{0}` of a worker's specification is for pytest; cargo and the package decide what runs Rust tests and where"
    )]
    Spec(&'static str),
}

impl LibtestError {
    /// Whether the user's words or project are at fault, rather than the host.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Build { .. }
            | Self::Word(_)
            | Self::Hangs { .. }
            | Self::Listing { .. }
            | Self::Start { .. }
            | Self::Spec(_) => true,
            Self::Cargo { .. } | Self::Answer { .. } | Self::Results { .. } => false,
        }
    }

    /// Whether cargo finds no library among what was chosen, which alone has doctests.
    pub(super) fn is_without_library(&self) -> bool {
        matches!(self, Self::Build { text, .. } if text.contains("no library targets found"))
    }
}
