//! What failed, at length: pytest's sections ERRORS, FAILURES, XFAILURES, PASSES and XPASSES.

use super::page::{GREEN, PLAIN, Page, RED};
use super::status;
use crate::model::Section;
use crate::report::Tally;
use crate::report::tally::{Entry, Source};

/// Errors, failures and foretold failures, as far as a text came with them: `--tb=no` asks for none.
pub(super) fn failures(page: &mut Page, tally: &Tally) {
    for (title, category) in [("ERRORS", "error"), ("FAILURES", "failed"), ("XFAILURES", "xfailed")]
    {
        let entries: Vec<&Entry> = tally
            .entries()
            .iter()
            .filter(|entry| entry.category == category)
            .filter(|entry| !entry.text.is_empty())
            .collect();
        if entries.is_empty() {
            continue;
        }
        page.separator('=', PLAIN, title);
        for entry in entries {
            failure(page, tally, entry);
        }
    }
}

/// One failure under its headline; without a headline the text alone, which is what `--tb=line` asks for.
pub(super) fn failure(page: &mut Page, tally: &Tally, entry: &Entry) {
    if entry.headline.is_empty() {
        if !entry.text.is_empty() {
            page.block(&entry.text);
        }
        return;
    }
    page.separator('_', RED.bold(), &entry.title());
    worker_line(page, tally, entry);
    if !entry.text.is_empty() {
        page.block(&entry.text);
    }
    for section in &entry.sections {
        if let Source::Crash(_) = entry.source {
            page.separator('-', PLAIN, &section.title);
            page.block(&status::tail(&section.text).join("\n"));
        } else {
            captured(page, section);
        }
    }
}

/// What passing tests printed, for `-rP` and `-rX`.
pub(super) fn passes(page: &mut Page, tally: &Tally, letters: &str) {
    for (letter, title, category) in [('P', "PASSES", "passed"), ('X', "XPASSES", "xpassed")] {
        let entries: Vec<&Entry> =
            tally.entries().iter().filter(|entry| entry.category == category).collect();
        if entries.is_empty() || !letters.contains(letter) {
            continue;
        }
        page.separator('=', PLAIN, title);
        for entry in entries.iter().filter(|entry| !entry.sections.is_empty()) {
            page.separator('_', GREEN.bold(), &entry.headline);
            worker_line(page, tally, entry);
            for section in &entry.sections {
                captured(page, section);
            }
        }
    }
}

/// pytest's line on the worker, for reports that came from one: `[gw0] linux -- Python 3.11.7 /usr/bin/python`.
fn worker_line(page: &mut Page, tally: &Tally, entry: &Entry) {
    let Some(worker) = entry.worker else { return };
    if let Some(info) = tally.worker(worker) {
        if info.runtime.is_empty() {
            return page.say(format_args!("[{worker}] {} -- {}", info.platform, info.framework));
        }
        page.say(format_args!(
            "[{worker}] {} -- Python {} {}",
            info.platform, info.runtime, info.executable
        ));
    }
}

fn captured(page: &mut Page, section: &Section) {
    page.separator('-', PLAIN, &section.title);
    page.block(&section.text);
}
