//! What a worker is told of the tests of a Rust project: plain data, made by the agent and read by each of its workers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::{Isolation, RunIgnored};

/// All that is to be run, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// What holds tests, in the order they are listed.
    pub programs: Vec<Program>,

    /// Where and in what environment they run.
    pub places: Vec<Place>,

    /// The workspace's root, from which the compiler names files.
    pub workspace: PathBuf,

    /// How many tests share a process.
    pub isolation: Isolation,

    /// What becomes of tests marked `#[ignore]`.
    pub run_ignored: RunIgnored,

    /// The directory where the workers of a host tell each other what came of doctests; `None` if each runs all of them.
    pub doc_results: Option<PathBuf>,
}

/// Something that is started to run tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The part of the tests' ids that comes before the first `::`; no other program has it.
    pub id: String,

    /// The file.
    pub path: PathBuf,

    /// What stands before the arguments that choose tests.
    pub args: Vec<String>,

    /// Its place, by its number.
    pub place: usize,

    /// What it understands.
    pub kind: ProgramKind,

    /// The names of its tests in its own order. One that is a test as a whole has one without a name.
    pub tests: Vec<String>,

    /// Those that are marked to be ignored, where the program does not skip them by itself.
    pub ignored: Vec<String>,

    /// How many tests the user's selection leaves out.
    pub deselected: u32,
}

/// What a program understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgramKind {
    /// It has Rust's own harness.
    Libtest,
    /// It has a harness of its own that lists tests and runs those that are named.
    Custom,
    /// It is one test.
    Whole,
    /// It is rustdoc, which compiles each test before it runs it.
    Doc,
}

/// Where and in what environment programs run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// The working directory.
    pub cwd: PathBuf,

    /// Variables on top of the worker's own.
    pub env: Vec<(String, String)>,
}

impl Program {
    /// Has these words start it, which get the file and its arguments.
    pub(super) fn start_by(&mut self, runner: &[String]) {
        if let Some((first, words)) = runner.split_first() {
            let file = std::mem::replace(&mut self.path, first.into());
            let words = words.iter().cloned().chain([file.display().to_string()]);
            self.args.splice(0..0, words);
        }
    }

    /// The id of a test.
    pub fn id_of(&self, test: &str) -> String {
        if test.is_empty() { self.id.clone() } else { format!("{}::{test}", self.id) }
    }
}
