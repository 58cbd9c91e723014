//! The setup of a worker, as far as workers of this program look at it.

use serde::Deserialize;

use crate::adapters::command;
use crate::adapters::libtest::Plan;

/// What a worker is told before anything else.
#[derive(Debug, Deserialize)]
pub struct Setup {
    /// Show output of tests as it comes.
    #[serde(default)]
    pub live_output: bool,

    /// List files and make their items when told to.
    #[serde(default)]
    pub stream: bool,

    /// After a failed report, wait for the word to go on.
    #[serde(default)]
    pub halt_on_failure: bool,

    /// How many seconds a test may take.
    pub timeout: Option<f64>,

    /// Which of this program's workers it is.
    pub native: Native,
}

/// The workers of this program.
#[derive(Debug, Deserialize)]
#[serde(tag = "framework", rename_all = "lowercase")]
pub enum Native {
    /// For tests of Rust projects.
    Libtest {
        /// The version of rustc.
        version: String,
        /// What is to be run.
        plan: Plan,
    },
    /// For commands.
    Command {
        /// What is to be run.
        plan: command::Plan,
    },
}
