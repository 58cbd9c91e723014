//! What a test binary prints, test by test.
//!
//! It is asked to run one test after the other and to capture nothing. Then it writes `test NAME ... ` before each, and
//! `ok`, `FAILED` or `ignored` with a newline behind it, and what comes between is what the test has written, on either stream. Pure: bytes
//! in, what they tell out.

use std::collections::HashMap;
use std::ops::Range;

use super::verdict::{Verdict, verdict};
use crate::worker::captured::Captured;

const HEAD: &[u8] = b"test ";
const DOTS: &str = " ... ";

/// What stands between the name of a test and the dots is no longer than this.
const NOTE: usize = 40;

/// What is said of a test that was to panic, where the harness has not come to say it.
const NOT_AS_EXPECTED: &str = " stdout ----\nnote: it is marked `#[should_panic]`, and did not panic or not with the expected message";

/// What the output tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// A test has begun; by its place among those that were asked for.
    Began(usize),
    /// A test is over.
    Ended(usize, Verdict),
}

/// Reads the output of one process.
#[derive(Debug)]
pub(super) struct Reader {
    places: HashMap<String, usize>,
    longest: usize,
    /// A rustdoc process may have several harnesses, one after the other.
    has_parts: bool,
    current: Option<usize>,
    /// It is marked to panic.
    is_to_panic: bool,
    captured: Captured,
    /// What may become the head of a test, from the beginning of a line.
    pending: Vec<u8>,
    is_in_line: bool,
    /// What the tests wrote since this was last taken, as whole lines.
    live: Option<Vec<u8>>,
}

impl Reader {
    pub(super) fn new<'a>(
        names: impl IntoIterator<Item = &'a str>,
        has_parts: bool,
        live: bool,
    ) -> Self {
        let places: HashMap<String, usize> =
            names.into_iter().enumerate().map(|(at, name)| (name.to_owned(), at)).collect();
        let longest = places.keys().map(String::len).max().unwrap_or(0);
        Self {
            places,
            longest,
            has_parts,
            current: None,
            is_to_panic: false,
            captured: Captured::default(),
            pending: Vec::new(),
            is_in_line: false,
            live: live.then(Vec::new),
        }
    }

    /// The test that runs.
    pub(super) fn current(&self) -> Option<usize> {
        self.current
    }

    /// Takes what came next.
    pub(super) fn feed(&mut self, mut bytes: &[u8], seen: &mut Vec<Seen>) {
        while !bytes.is_empty() {
            let line =
                bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
            let (piece, rest) = bytes.split_at(line);
            bytes = rest;
            let ends = piece.ends_with(b"\n");
            if self.is_in_line {
                self.keep(piece);
                self.is_in_line = !ends;
                continue;
            }
            self.pending.extend_from_slice(piece);
            self.look_at_line(seen);
            if ends {
                self.flush();
                self.is_in_line = false;
            }
        }
    }

    /// The process has ended, by itself and after its last test or not.
    ///
    /// Gives what the test that ran last has written if it did not come to its end, and so did the process.
    pub(super) fn finish(&mut self, seen: &mut Vec<Seen>) -> Option<(usize, String)> {
        self.flush();
        let current = self.current.take()?;
        let text = std::mem::take(&mut self.captured).text();
        match Summary::find(&text) {
            Some(summary) => {
                let mut verdict = verdict(&text[..summary.body]);
                verdict.add_note(&text[summary.notes]);
                seen.push(Seen::Ended(current, verdict));
                None
            }
            None => Some((current, text)),
        }
    }

    /// What the running test has written so far.
    pub(super) fn so_far(&mut self) -> String {
        self.flush();
        self.captured.text()
    }

    /// What tests wrote since this was last asked, if it is to be shown.
    pub(super) fn take_live(&mut self) -> Vec<u8> {
        self.live.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn look_at_line(&mut self, seen: &mut Vec<Seen>) {
        let line = &self.pending;
        let may_be_head =
            if line.len() < HEAD.len() { HEAD.starts_with(line) } else { line.starts_with(HEAD) };
        if !may_be_head || line.len() > HEAD.len() + self.longest + NOTE + DOTS.len() + 4096 {
            return self.flush();
        }
        match self.head() {
            Head::Of(place, length) => {
                self.end_current(seen);
                self.current = Some(place);
                self.is_to_panic = self.pending[..length].ends_with(b" - should panic ... ");
                seen.push(Seen::Began(place));
                let rest = self.pending.split_off(length);
                self.pending.clear();
                self.is_in_line = true;
                self.keep(&rest);
            }
            Head::Open => {}
            Head::None => self.flush(),
        }
    }

    /// Which test the line is the head of.
    fn head(&self) -> Head {
        let Ok(line) = std::str::from_utf8(&self.pending[HEAD.len().min(self.pending.len())..])
        else {
            return Head::Open;
        };
        let Some(dots) = line.find(DOTS) else {
            return if line.ends_with('\n') { Head::None } else { Head::Open };
        };
        let name = &line[..dots];
        let plain = name.rsplit_once(" - ").map_or(name, |(plain, _note)| plain);
        let place = self.places.get(name.trim_end()).or_else(|| self.places.get(plain));
        place.map_or(Head::None, |place| Head::Of(*place, HEAD.len() + dots + DOTS.len()))
    }

    fn end_current(&mut self, seen: &mut Vec<Seen>) {
        let captured = std::mem::take(&mut self.captured);
        let Some(current) = self.current.take() else { return };
        let text = captured.text();
        let summary = if self.has_parts { Summary::find(&text) } else { None };
        let verdict = match summary {
            Some(summary) => {
                let mut verdict = verdict(&text[..summary.body]);
                verdict.add_note(&text[summary.notes]);
                verdict
            }
            None => verdict(&text),
        };
        let mut verdict = verdict;
        if self.is_to_panic {
            // The harness says more of it at the end only.
            verdict.add_note(NOT_AS_EXPECTED);
        }
        seen.push(Seen::Ended(current, verdict));
    }

    /// What is pending is no head of a test.
    fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            self.is_in_line = true;
            self.keep(&pending);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.current.is_none() {
            // The harness itself, or what is written before `main`: it is shown if no test begins.
            self.captured.add(bytes);
            return;
        }
        self.captured.add(bytes);
        if let Some(live) = &mut self.live
            && ![&b"ok\n"[..], b"FAILED\n"].contains(&bytes)
        {
            live.extend_from_slice(bytes);
        }
    }
}

/// What the beginning of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    /// The head of a test, with its length in bytes.
    Of(usize, usize),
    /// It may become one.
    Open,
    /// No head.
    None,
}

/// What the harness prints after its last test.
#[derive(Debug)]
struct Summary {
    /// Where the output of the last test ends.
    body: usize,
    /// Where it says more of tests that failed.
    notes: Range<usize>,
}

impl Summary {
    /// The last one in the text.
    fn find(text: &str) -> Option<Self> {
        let end = text.rfind("\ntest result: ")?;
        // The names of the tests that failed stand before it, and before them what there is to say of them.
        let names = text[..end].rfind("\nfailures:\n    ").unwrap_or(end);
        let title = "\nfailures:\n";
        let is_of_harness = |at: &usize| {
            let rest = &text[at + title.len()..names];
            rest.is_empty() || rest.starts_with("\n---- ")
        };
        let notes = text[..names].rfind(title).filter(is_of_harness).unwrap_or(names);
        Some(Self { body: notes, notes: notes..names })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Outcome;

    /// What is seen of an output that comes in pieces of this length, in words.
    fn read(names: &[&str], output: &str, length: usize) -> Vec<String> {
        let mut reader = Reader::new(names.iter().copied(), false, false);
        let mut seen = Vec::new();
        for piece in output.as_bytes().chunks(length) {
            reader.feed(piece, &mut seen);
        }
        let rest = reader.finish(&mut seen);
        let mut told: Vec<String> = seen
            .into_iter()
            .map(|seen| match seen {
                Seen::Began(place) => format!("{} begins", names[place]),
                Seen::Ended(place, verdict) => {
                    format!("{} {}: {}", names[place], verdict.outcome, verdict.text.trim())
                }
            })
            .collect();
        told.extend(
            rest.map(|(place, text)| format!("{} broke off: {}", names[place], text.trim())),
        );
        told
    }

    const OUTPUT: &str = "\nrunning 5 tests\ntest a ... hi from a\nok\ntest b ... err b\n\nthread 'b' panicked at src/lib.rs:3:63:\nboo\nno newline bFAILED\n\
        test c - should panic ... thread 'c' panicked\nok\ntest d ... ignored, why not\ntest e ... Error: \"bad\"\nFAILED\n\nfailures:\n\nfailures:\n    b\n    e\n\n\
        test result: FAILED. 3 passed; 3 failed; 1 ignored; 0 measured; 1 filtered out; finished in 0.13s\n\n";

    #[test]
    fn each_test_has_its_own_output_however_it_comes() {
        let expected = [
            "a begins",
            "a passed: hi from a",
            "b begins",
            "b failed: err b\n\nthread 'b' panicked at src/lib.rs:3:63:\nboo\nno newline b",
            "c begins",
            "c passed: thread 'c' panicked",
            "d begins",
            "d skipped: ",
            "e begins",
            "e failed: Error: \"bad\"",
        ];
        for length in [1, 2, 3, 7, 64, 100_000] {
            assert_eq!(read(&["a", "b", "c", "d", "e"], OUTPUT, length), expected, "{length}");
        }
    }

    #[test]
    fn what_looks_like_the_head_of_another_test_is_output() {
        let output = "test a ... \ntest x ... ok\ntest result: ok\n testing\nok\ntest b ... ok\n\ntest result: ok. 2 passed;\n";
        let told = read(&["a", "b"], output, 5);
        assert_eq!(told[1], "a passed: test x ... ok\ntest result: ok\n testing");
        assert_eq!(told[3], "b passed: ");
    }

    #[test]
    fn a_test_that_was_to_panic_and_did_not_says_so() {
        let output = "test a - should panic ... FAILED\ntest b - should panic ... boo\nok\n\ntest result: FAILED. 1 passed;\n";
        let told = read(&["a", "b"], output, 100);
        assert!(told[1].starts_with("a failed: note: it is marked `#[should_panic]`"), "{told:?}");
        assert_eq!(told[3], "b passed: boo");
    }

    #[test]
    fn a_test_that_ends_its_process_broke_off() {
        for length in [1, 1000] {
            let told = read(&["a", "b"], "test a ... ok\ntest b ... thread b\nabort", length);
            assert_eq!(told[1..], ["a passed: ", "b begins", "b broke off: thread b\nabort"]);
        }
    }

    #[test]
    fn what_the_harness_says_of_the_last_failure_is_told_with_it() {
        let output = "test c - should panic ... other\nFAILED\n\nfailures:\n\n---- c stdout ----\nnote: panic did not contain expected string\n\n\nfailures:\n    c\n\ntest result: FAILED. 0 passed\n";
        let told = read(&["c"], output, 9);
        assert_eq!(told[1], "c failed: other\nnote: panic did not contain expected string");
    }

    proptest! {
        #[test]
        fn nothing_that_is_printed_makes_it_fail(output in "[a-c \\.\n]{0,40}(test a \\.\\.\\. )?[a-zé\n\\.]{0,40}", length in 1..50_usize) {
            let _told = read(&["a", "b"], &output, length);
        }
    }

    #[test]
    fn outcomes_are_read_at_the_end_of_the_output_of_a_test() {
        assert_eq!(verdict("ok\n").outcome, Outcome::Passed);
    }
}
