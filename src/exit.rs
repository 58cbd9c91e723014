//! What the exit code of `callsheet` says: one table, here and in the README.
//!
//! The codes 0 to 5 mean what pytest's mean; a test holds the README to [`ExitCode::table`].

use std::fmt::Write as _;

use crate::model::Verdict;

/// How a run of the command ended, for the program that started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitCode {
    /// All tests passed.
    Passed,
    /// Tests failed.
    Failed,
    /// Somebody interrupted the run, or collection failed where that means that nothing is run.
    Interrupted,
    /// callsheet, pytest or a plugin failed outside of any test.
    Internal,
    /// The command line or the configuration is wrong.
    Usage,
    /// There was nothing to run.
    NothingCollected,
    /// Workers, hosts or agents failed, so that results are missing.
    Infrastructure,
}

impl ExitCode {
    /// All codes, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Passed,
        Self::Failed,
        Self::Interrupted,
        Self::Internal,
        Self::Usage,
        Self::NothingCollected,
        Self::Infrastructure,
    ];

    /// The number the process exits with.
    pub fn number(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Interrupted => 2,
            Self::Internal => 3,
            Self::Usage => 4,
            Self::NothingCollected => 5,
            Self::Infrastructure => 7,
        }
    }

    /// What it means, as a fragment of a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Passed => "all tests passed",
            Self::Failed => "tests failed",
            Self::Interrupted => {
                "the run was interrupted, or collection failed and nothing was run"
            }
            Self::Internal => "an internal error of callsheet, pytest or a plugin",
            Self::Usage => "the command line or the configuration is wrong",
            Self::NothingCollected => "no tests were collected",
            Self::Infrastructure => "workers or hosts failed, and results are incomplete",
        }
    }

    /// The table of the README, in Markdown, with a newline at its end.
    pub fn table() -> String {
        Self::ALL.iter().fold(String::from("| code | meaning |\n|---|---|\n"), |mut table, code| {
            // Writing to a string does not fail.
            let _ = writeln!(table, "| {} | {} |", code.number(), code.meaning());
            table
        })
    }
}

impl Verdict {
    /// [`exit_code`](Self::exit_code) as a process can carry it. What a suite asks for with `pytest.exit(returncode=…)` may be no such
    /// number; then it is [`ExitCode::Internal`].
    pub fn status(&self) -> u8 {
        u8::try_from(self.exit_code).unwrap_or(ExitCode::Internal.number())
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}
