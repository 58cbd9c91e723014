//! What a filter asks of a single test.

use std::time::Duration;

use super::Facts;
use super::pattern::{Glob, Search};
use crate::model::Outcome;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Predicate {
    Name(String),
    Glob(Glob),
    Regex(Search),
    File(Glob),
    Group(Glob),
    Tag(Glob),
    /// Any of these.
    Last(Vec<Last>),
    Duration(Comparison, Duration),
}

/// How a test may have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Was(Outcome),
    /// One that makes a run fail.
    Bad,
    /// It was never seen.
    Unknown,
}

impl Last {
    /// All there are, in the order they are listed to people.
    pub(super) const ALL: [Self; 10] = [
        Self::Was(Outcome::Passed),
        Self::Was(Outcome::Failed),
        Self::Was(Outcome::Error),
        Self::Was(Outcome::Skipped),
        Self::Was(Outcome::XFailed),
        Self::Was(Outcome::XPassed),
        Self::Was(Outcome::Crashed),
        Self::Was(Outcome::TimedOut),
        Self::Bad,
        Self::Unknown,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Was(outcome) => outcome.word(),
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }

    fn holds(self, outcome: Option<Outcome>) -> bool {
        match self {
            Self::Was(wanted) => outcome == Some(wanted),
            Self::Bad => outcome.is_some_and(Outcome::is_bad),
            Self::Unknown => outcome.is_none(),
        }
    }
}

/// How a duration is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    AtMost,
    AtLeast,
    More,
}

impl Comparison {
    /// All there are; what begins like another one stands before it.
    pub(super) const ALL: [Self; 4] = [Self::AtMost, Self::AtLeast, Self::Less, Self::More];

    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::More => ">",
        }
    }

    fn holds(self, a: Duration, b: Duration) -> bool {
        match self {
            Self::Less => a < b,
            Self::AtMost => a <= b,
            Self::AtLeast => a >= b,
            Self::More => a > b,
        }
    }
}

impl Predicate {
    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Name(text) => facts.id.contains(&**text),
            Self::Glob(glob) => glob.matches(facts.id),
            Self::Regex(search) => search.finds(facts.id),
            Self::File(glob) => glob.matches_path(facts.file),
            Self::Group(glob) => facts.group.is_some_and(|group| glob.matches(group)),
            Self::Tag(glob) => facts.tags.iter().any(|tag| glob.matches(tag)),
            Self::Last(any) => any.iter().any(|last| last.holds(facts.last_outcome)),
            Self::Duration(comparison, limit) => {
                facts.last_duration.is_some_and(|took| comparison.holds(took, *limit))
            }
        }
    }

    /// Whether it holds for every test of a file, or for none; `None` if that hangs on the test.
    pub(super) fn holds_in(&self, file: &str) -> Option<bool> {
        match self {
            Self::File(glob) => Some(glob.matches_path(file)),
            // An id begins with its file.
            Self::Name(text) => file.contains(&**text).then_some(true),
            _ => None,
        }
    }

    /// Whether it asks for what only a worker can tell.
    pub(super) fn is_of_marks(&self) -> bool {
        matches!(self, Self::Group(_) | Self::Tag(_))
    }

    /// Whether it asks for what past runs have seen.
    pub(super) fn is_of_past(&self) -> bool {
        matches!(self, Self::Last(_) | Self::Duration(..))
    }
}
