//! The tests of a Rust project, as the controller tells an agent.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Isolation;

/// The tests of a Rust project, built by cargo and run by their own binaries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LibtestSuite {
    /// The directory that cargo is called in.
    pub root: PathBuf,

    /// What `cargo test` is given: packages, features, the profile, targets.
    pub args: Vec<String>,

    /// Only tests whose id has one of these in it; all if there are none.
    pub names: Vec<String>,

    /// Only tests whose id has this in it as well.
    pub keyword: Option<String>,

    /// How many tests share a process.
    pub isolation: Isolation,

    /// What becomes of tests marked `#[ignore]`.
    pub run_ignored: RunIgnored,
}

/// What becomes of tests marked `#[ignore]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunIgnored {
    /// They are skipped.
    #[default]
    Default,
    /// They alone are run.
    Only,
    /// They are run with the others.
    All,
}

impl RunIgnored {
    /// All of them, in the order they are listed to people.
    pub const ALL: [Self; 3] = [Self::Default, Self::Only, Self::All];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Only => "only",
            Self::All => "all",
        }
    }
}

/// What runs the tests, as the user names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SuiteKind {
    /// What stands in the working directory says so.
    #[default]
    Auto,
    /// pytest.
    Pytest,
    /// Binaries that cargo builds.
    Libtest,
    /// Commands, named by a manifest.
    Command,
    /// A worker of the user's own.
    Custom,
}

impl SuiteKind {
    /// All of them, in the order they are listed to people.
    pub const ALL: [Self; 5] =
        [Self::Auto, Self::Pytest, Self::Libtest, Self::Command, Self::Custom];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Pytest => "pytest",
            Self::Libtest => "libtest",
            Self::Command => "command",
            Self::Custom => "custom",
        }
    }
}
