//! What the command line, or a program, sets above everything else.

use std::path::PathBuf;

use super::{Key, Origin};

/// Values that win over the environment and every file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub(super) given: Vec<Given>,

    pub(super) pytest_args: Vec<(Origin, Vec<String>)>,

    /// The profile asked for, and by whom.
    pub profile: Option<(String, Origin)>,

    /// The project's file, in place of the one found upward from the working directory.
    pub config_file: Option<PathBuf>,

    /// The run's id; a new one if `None`.
    pub run_id: Option<String>,

    /// The command line as typed.
    pub argv: Vec<String>,

    /// Collect on one worker, run nothing.
    pub collect_only: bool,
}

/// One value with the key it is for.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) key: Key,
    pub(super) origin: Origin,
    pub(super) value: GivenValue,
}

/// A value as it was given, not yet checked.
#[derive(Debug, Clone)]
pub(super) enum GivenValue {
    Text(String),
    List(Vec<String>),
}

impl Overrides {
    /// Sets a key, to be read as from the command line; wrong text is an error when the configuration is resolved.
    pub fn set(&mut self, key: Key, origin: Origin, text: impl Into<String>) {
        self.push(key, origin, GivenValue::Text(text.into()));
    }

    /// Sets a key whose value is a list.
    pub fn set_list(&mut self, key: Key, origin: Origin, list: Vec<String>) {
        self.push(key, origin, GivenValue::List(list));
    }

    /// Adds options for pytest after those of the files and the environment.
    pub fn add_pytest_args(&mut self, origin: Origin, args: Vec<String>) {
        self.pytest_args.push((origin, args));
    }

    fn push(&mut self, key: Key, origin: Origin, value: GivenValue) {
        self.given.push(Given { key, origin, value });
    }
}
