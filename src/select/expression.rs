//! A filter as a tree.

use super::Facts;
use super::predicate::Predicate;

/// A filter, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// All of two or more.
    All(Vec<Self>),
    /// Any of two or more.
    Any(Vec<Self>),
    Not(Box<Self>),
    Is(Predicate),
}

impl Expression {
    /// Whether it holds; `None` if that hangs on what is not known. `marks_known` is whether the facts tell group and tags.
    pub(super) fn judge(&self, facts: &Facts<'_>, marks_known: bool) -> Option<bool> {
        match self {
            Self::All(parts) => settle(parts, false, facts, marks_known),
            Self::Any(parts) => settle(parts, true, facts, marks_known),
            Self::Not(part) => part.judge(facts, marks_known).map(|holds| !holds),
            Self::Is(predicate) if !marks_known && predicate.is_of_marks() => None,
            Self::Is(predicate) => Some(predicate.holds(facts)),
        }
    }

    /// Whether it holds for the tests of a file, by the file alone; `None` if that hangs on the tests.
    pub(super) fn judge_file(&self, file: &str) -> Option<bool> {
        let decided = |parts: &[Self], decisive: bool| {
            let judged: Vec<Option<bool>> =
                parts.iter().map(|part| part.judge_file(file)).collect();
            if judged.contains(&Some(decisive)) {
                Some(decisive)
            } else {
                (!judged.contains(&None)).then_some(!decisive)
            }
        };
        match self {
            Self::All(parts) => decided(parts, false),
            Self::Any(parts) => decided(parts, true),
            Self::Not(part) => part.judge_file(file).map(|holds| !holds),
            Self::Is(predicate) => predicate.holds_in(file),
        }
    }

    pub(super) fn needs_past(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::needs_past),
            Self::Not(part) => part.needs_past(),
            Self::Is(predicate) => predicate.is_of_past(),
        }
    }
}

/// One part that is `decisive` decides; else one that is not known leaves it open.
fn settle(
    parts: &[Expression],
    decisive: bool,
    facts: &Facts<'_>,
    marks_known: bool,
) -> Option<bool> {
    let mut open = false;
    for part in parts {
        match part.judge(facts, marks_known) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!decisive)
}
