//! The short summary: a line a result of the kinds that pytest's `-r` asks for.

use std::sync::Arc;

use unicode_width::UnicodeWidthStr;

use super::page::{BOLD, CYAN, Page, YELLOW, trimmed};
use super::palette;
use crate::model::Phase;
use crate::report::Tally;
use crate::report::tally::{Entry, Source};

/// The kinds asked for, with the aliases of pytest's `-r` resolved as pytest does.
pub(super) fn letters(asked: &str) -> String {
    let mut letters = String::new();
    for letter in asked.chars() {
        match letter {
            'a' => "sxXEf".clone_into(&mut letters),
            'A' => "PpsxXEf".clone_into(&mut letters),
            'N' => letters.clear(),
            _ => {
                let letter = match letter {
                    'F' => 'f',
                    'S' => 's',
                    other => other,
                };
                if !letters.contains(letter) {
                    letters.push(letter);
                }
            }
        }
    }
    letters
}

/// The section, or nothing if no line would stand in it.
pub(super) fn summary(
    page: &mut Page,
    tally: &Tally,
    letters: &str,
    passed: &[Arc<str>],
    whole_briefs: bool,
) {
    let of = |category: &'static str| {
        tally.entries().iter().filter(move |entry| entry.category == category)
    };
    let mut lines = Vec::new();
    for letter in letters.chars() {
        match letter {
            'f' => lines.extend(of("failed").map(|entry| failed(page, entry, whole_briefs))),
            'E' => lines.extend(of("error").map(|entry| failed(page, entry, whole_briefs))),
            'x' => lines.extend(of("xfailed").map(|entry| foretold(page, entry, "XFAIL"))),
            'X' => lines.extend(of("xpassed").map(|entry| foretold(page, entry, "XPASS"))),
            'R' => lines.extend(of("rerun").map(|entry| foretold(page, entry, "RERUN"))),
            'p' => lines.extend(passed.iter().map(|id| {
                let word = page.paint(palette::of_category("passed"), "PASSED");
                format!("{word} {}", id_of(page, id))
            })),
            's' => lines.extend(tally.skips().groups().iter().map(|skip| {
                let word = page.paint(YELLOW, "SKIPPED");
                format!("{word} [{}] {}: {}", skip.count, skip.location, skip.reason)
            })),
            // `w` and `P` name sections of their own; other letters are those of plugins.
            _ => {}
        }
    }
    if lines.is_empty() {
        return;
    }
    page.separator('=', CYAN.bold(), "short test summary info");
    for line in lines {
        page.say(format_args!("{line}"));
    }
}

fn failed(page: &Page, entry: &Entry, whole_brief: bool) -> String {
    let word =
        if entry.word.is_empty() { entry.category.to_uppercase() } else { entry.word.clone() };
    let taken = word.width() + 1 + entry.id.width() + " - ".len();
    let brief = if entry.brief.is_empty() {
        None
    } else if whole_brief {
        Some(entry.brief.clone())
    } else {
        page.columns().checked_sub(taken).and_then(|room| trimmed(&entry.brief, room))
    };
    let word = page.paint(palette::of_category(&entry.category), &word);
    let id = id_of(page, &entry.id);
    match brief {
        Some(brief) => format!("{word} {id} - {}", page.confined(&brief)),
        None => format!("{word} {id}"),
    }
}

fn foretold(page: &Page, entry: &Entry, word: &str) -> String {
    let word = page.paint(YELLOW, word);
    let id = id_of(page, &entry.id);
    let phase = match entry.source {
        Source::Phase(phase) if word.contains("XFAIL") && phase != Phase::Call => {
            format!(" at {phase} of")
        }
        Source::Phase(_) | Source::Collection | Source::Crash(_) => String::new(),
    };
    if entry.brief.is_empty() {
        format!("{word}{phase} {id}")
    } else {
        format!("{word}{phase} {id} - {}", entry.brief)
    }
}

/// An id with the part after the file set off.
fn id_of(page: &Page, id: &str) -> String {
    match id.split_once("::") {
        Some((file, rest)) => format!("{file}::{}", page.paint(BOLD, rest)),
        None => id.to_owned(),
    }
}
