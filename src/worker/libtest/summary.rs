//! What a harness prints after its last test.

use std::ops::Range;

use super::verdict::{Verdict, brief};
use crate::model::Outcome;

/// Where the names of tests that failed stand.
const NAMES: &str = "\nfailures:\n    ";

/// What a harness prints after its last test.
#[derive(Debug)]
pub(super) struct Summary<'a> {
    /// Where the output of the last test ends.
    pub(super) body: usize,
    /// Where it says more of tests that failed.
    pub(super) notes: Range<usize>,
    /// The names of those that failed.
    failures: Vec<&'a str>,
    counts: Counts,
}

/// How many tests came to which end.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    all: usize,
    failed: usize,
    ignored: usize,
}

impl<'a> Summary<'a> {
    /// The last one in the text.
    pub(super) fn find(text: &'a str) -> Option<Self> {
        let title = "\ntest result: ";
        let end = text.rfind(title)?;
        let counts = Counts::read(text[end + title.len()..].lines().next().unwrap_or_default());
        // The names of the tests that failed stand before it, and before them what there is to say of them.
        let names = text[..end].rfind(NAMES).unwrap_or(end);
        let listed = text.get(names + NAMES.len() - 4..end).unwrap_or_default();
        let failures = listed.lines().map_while(|line| line.strip_prefix("    ")).collect();
        let title = "\nfailures:\n";
        let is_of_harness = |at: &usize| {
            let rest = &text[at + title.len()..names];
            rest.is_empty() || rest.starts_with("\n---- ")
        };
        let notes = text[..names].rfind(title).filter(is_of_harness).unwrap_or(names);
        Some(Self { body: notes, notes: notes..names, failures, counts })
    }

    /// Whether it is of a harness that had so many tests, if that is known.
    pub(super) fn is_of(&self, tests: Option<usize>) -> bool {
        self.counts.all > 0 && tests.is_none_or(|tests| tests == self.counts.all)
    }

    /// Whether a process that exited with this code says the same.
    pub(super) fn agrees_with(&self, code: Option<i32>) -> bool {
        code == Some(if self.counts.failed == 0 { 0 } else { 101 })
    }

    /// The names of those that failed, if all of them are there.
    pub(super) fn failures(&self) -> Option<&[&'a str]> {
        (self.failures.len() == self.counts.failed).then_some(&*self.failures)
    }

    /// What really came of a test whose own output leaves it open; `None` if this leaves it open too.
    pub(super) fn settle(&self, name: &str, mut verdict: Verdict) -> Option<Verdict> {
        if self.failures()?.contains(&name) {
            if verdict.outcome != Outcome::Failed {
                verdict.brief = brief(&verdict.text);
                verdict.outcome = Outcome::Failed;
            }
        } else if verdict.outcome != Outcome::Skipped {
            // One that was ignored has no more to show than one whose `ok` was torn apart.
            if verdict.outcome == Outcome::Error && self.counts.ignored > 0 {
                return None;
            }
            verdict = Verdict { outcome: Outcome::Passed, brief: String::new(), ..verdict };
        }
        Some(verdict)
    }
}

impl Counts {
    /// Reads `ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
    fn read(line: &str) -> Self {
        let mut counts = Self::default();
        for part in line.split(['.', ';']) {
            let Some((count, what)) = part.trim().split_once(' ') else { continue };
            let Ok(count) = count.parse::<usize>() else { continue };
            match what {
                "failed" => counts.failed = count,
                "ignored" => counts.ignored = count,
                "passed" | "measured" => {}
                _ => continue,
            }
            counts.all += count;
        }
        counts
    }
}
