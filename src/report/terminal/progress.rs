//! Results as they come where lines cannot be rewritten: letters with a percentage at the edge, or a line a test.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::page::{CYAN, PLAIN, Page, RED};
use super::palette;
use crate::model::{Outcome, PhaseReport, WorkerId};
use crate::report::Tally;

/// A result as letter and word.
pub(super) struct Told<'a> {
    pub(super) category: &'a str,
    pub(super) letter: &'a str,
    pub(super) word: &'a str,
    pub(super) style: Style,
}

impl<'a> Told<'a> {
    pub(super) fn report(report: &'a PhaseReport) -> Self {
        Self {
            category: &report.category,
            letter: &report.letter,
            word: &report.word,
            style: if report.failed { RED } else { palette::of_category(&report.category) },
        }
    }

    /// pytest's letter and word for a state that no report told; crashes have words of their own.
    pub(super) fn outcome(outcome: Outcome) -> Self {
        let (category, letter, word) = match outcome {
            Outcome::Passed => ("passed", ".", "PASSED"),
            Outcome::Failed => ("failed", "F", "FAILED"),
            Outcome::Error => ("error", "E", "ERROR"),
            Outcome::Skipped => ("skipped", "s", "SKIPPED"),
            Outcome::XFailed => ("xfailed", "x", "XFAIL"),
            Outcome::XPassed => ("xpassed", "X", "XPASS"),
            Outcome::Crashed => ("failed", "F", "CRASHED"),
            Outcome::TimedOut => ("failed", "F", "TIMED OUT"),
            Outcome::NotRun => ("", "", ""),
        };
        Self { category, letter, word, style: palette::of_category(category) }
    }
}

const WIDEST: &str = " [100%]";

/// ` [ 34%]`; ` [~34%]` while some tests are not known, and never 100 then.
fn percentage(tally: &Tally) -> String {
    let (all, guessed) = tally.foreseen();
    let done = u64::from(tally.progressed()) * 100;
    let percent = done.checked_div(u64::from(all)).unwrap_or(100);
    if guessed {
        return format!(" [{:>4}]", format!("~{}%", percent.min(99)));
    }
    format!(" [{percent:3}%]")
}

/// A letter, and the percentage when the line is full. The last percentage waits for [`finish`].
pub(super) fn letter(page: &mut Page, tally: &Tally, told: &Told<'_>, percent: bool) {
    page.write(told.style, told.letter);
    let full = page.column() + WIDEST.width() + 1 >= page.columns();
    if !full {
        return;
    }
    if !percent {
        page.end_line();
    } else if tally.progressed() < tally.foreseen().0 {
        page.write(palette::of_run(tally), &percentage(tally));
        page.end_line();
    }
}

/// The percentage at the end of the last line of letters.
pub(super) fn finish(page: &mut Page, tally: &Tally) {
    if tally.progressed() > 0 {
        let room = page.columns().saturating_sub(page.column() + 1);
        page.write(palette::of_run(tally), &format!("{:>room$}", percentage(tally)));
    }
}

/// One line for one result: `[gw0] [ 12%] PASSED test_a.py::test_p[0]`.
pub(super) fn line(
    page: &mut Page,
    tally: &Tally,
    (worker, id): (WorkerId, &str),
    told: &Told<'_>,
    percent: bool,
) {
    page.fresh_line();
    page.write(PLAIN, &format!("[{worker}]"));
    if percent {
        page.write(CYAN, &percentage(tally));
    }
    page.write(PLAIN, " ");
    page.write(told.style, told.word);
    page.write(PLAIN, &format!(" {id}"));
    page.end_line();
}
