//! From what a test has written to its outcome and the sentence that says why.

use serde::{Deserialize, Serialize};

use crate::model::Outcome;

/// The word of the harness for a test that failed.
const FAILED: &str = "FAILED";

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,

    /// What it wrote.
    pub(super) text: String,

    /// Why, in one line; the reason of a skipped test.
    pub(super) brief: String,
}

impl Verdict {
    /// Adds what the harness says of a failure after the last test: `---- NAME stdout ----` and lines.
    pub(super) fn add_note(&mut self, notes: &str) {
        if self.outcome != Outcome::Failed {
            return;
        }
        let Some((_, note)) = notes.rsplit_once(" stdout ----\n") else { return };
        let note = note.trim_end();
        if !note.is_empty() && !self.text.contains(note) {
            let text = self.text.trim_end();
            self.text = if text.is_empty() { note.to_owned() } else { format!("{text}\n{note}") };
            if let Some(note) = note.strip_prefix("note: ") {
                note.lines().next().unwrap_or_default().clone_into(&mut self.brief);
            }
        }
    }
}

/// What the output of a test says of it.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) verdict: Verdict,
    /// Whether nothing that others may have written beside it could have made it say so.
    pub(super) is_certain: bool,
}

/// Reads what came between the head of a test and that of the next one.
///
/// The harness has written its own word somewhere in it. Where that is not plainly at the end, a failure is more likely than a pass:
/// a false alarm is the lesser evil.
pub(super) fn reading(text: &str) -> Reading {
    let told = text.trim_end_matches('\n');
    if let Some(body) = told.strip_suffix("ok") {
        let (text, brief) = (body.to_owned(), String::new());
        let verdict = Verdict { outcome: Outcome::Passed, text, brief };
        return Reading { verdict, is_certain: !body.contains(FAILED) };
    }
    let last = told.rsplit('\n').next().unwrap_or(told);
    if let Some(body) = told.strip_suffix(FAILED) {
        let (text, brief) = (body.to_owned(), brief(body));
        let verdict = Verdict { outcome: Outcome::Failed, text, brief };
        // It may be that of the next test, whose head did not begin a line.
        return Reading { verdict, is_certain: !last.contains(" ... ") };
    }
    if let Some(at) = last.rfind("ignored") {
        let reason = &last[at + "ignored".len()..];
        if reason.is_empty() || reason.starts_with(", ") {
            let brief = reason.strip_prefix(", ").unwrap_or_default().to_owned();
            let verdict = Verdict { outcome: Outcome::Skipped, text: String::new(), brief };
            return Reading { verdict, is_certain: !told.contains(FAILED) };
        }
    }
    // Another thread has written in the middle of the harness's own line.
    let (outcome, brief) = if told.contains(FAILED) {
        (Outcome::Failed, brief(told))
    } else if told.contains("ok") {
        (Outcome::Passed, String::new())
    } else {
        (Outcome::Error, "the harness did not say how it ended".to_owned())
    };
    Reading { verdict: Verdict { outcome, text: told.to_owned(), brief }, is_certain: false }
}

/// Where the first panic was, and its message.
pub(super) fn panic_in(text: &str) -> Option<(&str, &str)> {
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with("thread '") && line.contains(" panicked at "))?;
    // Before Rust 1.73 the message stood in that line.
    let old = line.split_once(" panicked at '").and_then(|(_, rest)| rest.rsplit_once("', "));
    let (message, place) = old.unwrap_or_else(|| {
        let (_, place) = line.split_once(" panicked at ").unwrap_or_default();
        (lines.next().unwrap_or_default(), place)
    });
    Some((place, message.trim()))
}

/// The message of the panic or of the error that a test returned.
pub(super) fn brief(text: &str) -> String {
    if let Some((_, message)) = panic_in(text) {
        return message.to_owned();
    }
    let error =
        text.lines().rev().find(|line| line.starts_with("Error: ") || line.starts_with("error"));
    let last = || text.lines().rev().find(|line| !line.trim().is_empty());
    error.or_else(last).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brief_is_the_message() {
        let text =
            "out\n\nthread 'b' (7) panicked at src/lib.rs:3:63:\nboo\nstack backtrace:\n  0: x\n";
        assert_eq!(brief(text), "boo");
        assert_eq!(brief("thread 'b' panicked at 'old boo', src/lib.rs:3:63\nnote: x"), "old boo");
        assert_eq!(brief("hello\nError: \"bad\"\n"), "Error: \"bad\"");
        assert_eq!(brief("hello\n\n"), "hello");
        assert_eq!(brief(""), "");
    }

    #[test]
    fn a_line_that_another_thread_has_written_into_is_read_as_well_as_can_be() {
        let read = |text| {
            let Reading { verdict, is_certain } = reading(text);
            (verdict.outcome, is_certain)
        };
        assert_eq!(read("ok\n"), (Outcome::Passed, true));
        assert_eq!(read("boo\nFAILED\n"), (Outcome::Failed, true));
        assert_eq!(read("oknoise\n"), (Outcome::Passed, false));
        assert_eq!(read("FAILEDnoise\n"), (Outcome::Failed, false));
        assert_eq!(read("noise\n"), (Outcome::Error, false));
        assert_eq!(read("boo\nFAILED\na token\n"), (Outcome::Failed, false));
        assert_eq!(read("boo\nFAILED\n.test g ... ok\n"), (Outcome::Passed, false));
        assert_eq!(read("ok\n.test g ... FAILED\n"), (Outcome::Failed, false));
        assert_eq!(reading("ignored, a reason\n").verdict.brief, "a reason");
        assert_eq!(read("ignored\n"), (Outcome::Skipped, true));
    }
}
