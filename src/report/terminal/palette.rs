//! Which colour stands for what, by pytest's rules.

use anstyle::Style;

use super::page::{GREEN, RED, YELLOW};
use crate::report::Tally;

/// The categories of pytest, in the order of its last line.
pub(super) const KNOWN: [&str; 11] = [
    "failed",
    "passed",
    "skipped",
    "deselected",
    "xfailed",
    "xpassed",
    "warnings",
    "error",
    "subtests passed",
    "subtests failed",
    "subtests skipped",
];

/// The colour of a category.
pub(super) fn of_category(category: &str) -> Style {
    match category {
        "failed" | "error" | "subtests failed" => RED,
        "passed" | "subtests passed" => GREEN,
        _ => YELLOW,
    }
}

/// The colour of the whole run as it stands.
pub(super) fn of_run(tally: &Tally) -> Style {
    let any = |category| tally.counted(category) > 0;
    let failed = tally.verdict().is_some_and(|verdict| !matches!(verdict.exit_code, 0 | 5));
    let unknown = || tally.categories().any(|(name, _)| !KNOWN.contains(&name));
    if any("failed") || any("error") || tally.lost() > 0 || failed {
        RED
    } else if any("warnings") || any("xpassed") || unknown() {
        YELLOW
    } else if any("passed") || tally.progressed() < tally.foreseen().0 {
        GREEN
    } else {
        YELLOW
    }
}
