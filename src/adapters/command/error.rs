//! Why a suite of commands can not be run.

use std::io;

use thiserror::Error;

/// Why a suite of commands can not be run.
#[derive(Debug, Error)]
pub enum CommandError {
    /// No manifest.
    #[error(
        "failed to read `{path}`, the manifest of commands that {named_by} names: {error}; `--manifest FILE` names another"
    )]
    Read {
        /// The file.
        path: String,
        /// Who asked for it.
        named_by: String,
        /// What the system said.
        error: io::Error,
    },

    /// Something is wrong at a place of the manifest.
    #[error("{place}: {what}")]
    Manifest {
        /// The file and the line.
        place: String,
        /// What is wrong, and what would be right.
        what: String,
    },

    /// A pattern that makes no sense.
    #[error("{named_by}: `{pattern}` is no pattern of files: {what}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Who asked for it.
        named_by: String,
        /// What is wrong with it.
        what: String,
    },

    /// A pattern that matches nothing.
    #[error(
        "{named_by}: no file matches `{pattern}` in `{root}`; run callsheet where the files are, or name others"
    )]
    NoMatch {
        /// The pattern.
        pattern: String,
        /// Who asked for it.
        named_by: String,
        /// Where it was looked for.
        root: String,
    },

    /// A file that should be run and can not.
    #[error(
        "`{0}` is to be run and is not executable; `chmod +x` makes it so, or name its interpreter in a manifest: `command = [\"sh\", \"{0}\"]`"
    )]
    NotExecutable(String),

    /// A name that can not be told to anybody.
    #[error("the name of the file `{0}` is not UTF-8; rename it")]
    NotText(String),

    /// A worker's specification asks for what there is not.
    #[error(
        "`{0}` of a worker's specification is for pytest; the manifest says where and by what each command is run"
    )]
    Spec(&'static str),
}
