//! What runs the tests, and how Rust's are run, as values.

use super::{Value, text};
use crate::model::{RunIgnored, SuiteKind};

impl Value for SuiteKind {
    const EXPECTED: &'static str = "\"auto\", \"pytest\", \"libtest\", \"command\" or \"custom\"";

    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text)
    }

    fn to_toml(&self) -> toml::Value {
        text(self.name())
    }
}

impl Value for RunIgnored {
    const EXPECTED: &'static str = "\"default\", \"only\" or \"all\"";

    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|run_ignored| run_ignored.name() == text)
    }

    fn to_toml(&self) -> toml::Value {
        text(self.name())
    }
}
