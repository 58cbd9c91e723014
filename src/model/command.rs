//! Suites of commands, and suites that a worker of the user's own runs, as the controller tells an agent.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A suite in which each test is a command.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommandSuite {
    /// The directory in which the manifest is looked for.
    pub root: PathBuf,

    /// The manifest: a TOML file, a file of one command a line, or a pattern of executables.
    pub manifest: String,

    /// What named it, as people are told: `--manifest`, `callsheet.toml`, ….
    pub named_by: String,

    /// Only tests whose id has one of these in it; all if there are none.
    pub names: Vec<String>,

    /// Only tests whose id has this in it as well.
    pub keyword: Option<String>,
}

/// A suite that a program of the user's own runs, which speaks the worker protocol.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CustomSuite {
    /// The directory that workers are started in.
    pub root: PathBuf,

    /// The program, and its arguments; not empty.
    pub command: Vec<String>,

    /// What the user wants of it: the `args` of the setup.
    pub args: Vec<String>,
}
