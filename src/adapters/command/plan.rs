//! What a worker is told of the commands: plain data, made by the agent and read by each of its workers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// All that is to be run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The commands, in the order of the manifest.
    pub tests: Vec<CommandTest>,

    /// How many the user's selection leaves out.
    pub deselected: u32,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommandTest {
    /// Its id; no other command has it.
    pub id: String,

    /// Where it stands: `callsheet-commands.toml:12`.
    pub location: String,

    /// The program and its arguments; not empty.
    pub command: Vec<String>,

    /// The directory it is run in.
    pub directory: PathBuf,

    /// Variables on top of the worker's own.
    pub env: Vec<(String, String)>,

    /// The exit codes that are a pass.
    pub exit: Vec<i32>,

    /// The exit code that says it was skipped.
    pub skip: Option<i32>,

    /// Words that filters find it by, and what it needs.
    pub tags: Vec<String>,

    /// What stays together on one worker under `--dist loadgroup`.
    pub group: Option<String>,

    /// How many milliseconds it may take, where it says so itself.
    pub timeout: Option<u64>,

    /// Whether it writes TAP.
    pub tap: bool,
}
