//! What a test binary prints, test by test.
//!
//! It is asked to run one test after the other and to capture nothing. Then it writes `test NAME ... ` before each, and
//! `ok`, `FAILED` or `ignored` with a newline behind it, and what comes between is what the test has written, on either stream. Since
//! anybody may write such words, and in the middle of the harness's own, what is not certain is settled by what the harness says at its end.
//! Pure: bytes in, what they tell out.

use std::collections::{HashMap, HashSet};

use super::summary::Summary;
use super::verdict::{Reading, Verdict, reading};
use crate::model::Outcome;
use crate::worker::captured::Captured;

const HEAD: &[u8] = b"test ";
const DOTS: &[u8] = b" ... ";

/// What a harness writes before its first test.
const RUNNING: &[u8] = b"running ";

/// The longest such line.
const RUNNING_LENGTH: usize = 40;

/// What stands between the name of a test and the dots is no longer than this.
const NOTE: usize = 40;

/// What is said of a test that was to panic, where the harness has not come to say it.
const NOT_AS_EXPECTED: &str = " stdout ----\nnote: it is marked `#[should_panic]`, and did not panic or not with the expected message";

/// What the output tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// A test has begun; by its place among those that were asked for.
    Began(usize),
    /// A test is over, and what came of it is told at the end of the process.
    Over(usize),
    /// A test is over.
    Ended(usize, Verdict),
}

/// What is left open when a process has ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rest {
    /// The test that ran last with what it has written, if it did not come to its end.
    pub(super) broken: Option<(usize, String)>,
    /// Tests that are over, of which nobody can tell what came of them.
    pub(super) unsettled: Vec<usize>,
}

/// Reads the output of one process.
#[derive(Debug)]
pub(super) struct Reader {
    names: Vec<String>,
    places: HashMap<String, usize>,
    longest: usize,
    /// How many tests the harness says it has.
    tests: Option<usize>,
    current: Option<usize>,
    /// Those that have begun: none begins twice.
    begun: HashSet<usize>,
    /// It is marked to panic.
    is_to_panic: bool,
    captured: Captured,
    /// What the running test has started runs tests of its own: how many are still to come of what it announced.
    inner: Option<usize>,
    /// What came of tests is not certain.
    doubtful: Vec<(usize, Verdict)>,
    /// Those that have been told to have passed.
    passed: HashSet<usize>,
    /// What may become the head of a test, from the beginning of a line.
    pending: Vec<u8>,
    is_in_line: bool,
    /// What the tests wrote since this was last taken, as whole lines.
    live: Option<Vec<u8>>,
}

impl Reader {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>, live: bool) -> Self {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        Self {
            places: names.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect(),
            longest: names.iter().map(String::len).max().unwrap_or(0),
            names,
            tests: None,
            current: None,
            begun: HashSet::new(),
            is_to_panic: false,
            captured: Captured::default(),
            inner: None,
            doubtful: Vec::new(),
            passed: HashSet::new(),
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

    /// The process has ended, by itself and after its last test or not; by itself, with this exit code.
    pub(super) fn finish(&mut self, code: Option<i32>, seen: &mut Vec<Seen>) -> Rest {
        self.flush();
        let doubtful = std::mem::take(&mut self.doubtful);
        let Some(current) = self.current.take() else { return Rest::default() };
        let whole = std::mem::take(&mut self.captured).text();
        let summary = Summary::find(&whole).filter(|summary| {
            summary.is_of(self.tests)
                // It may be that of what the test has started.
                && (self.inner.is_none() || summary.agrees_with(code))
        });
        let Some(summary) = summary else {
            let unsettled = doubtful.into_iter().map(|(place, _)| place).collect();
            return Rest { broken: Some((current, whole)), unsettled };
        };
        let mut unsettled = Vec::new();
        for (place, verdict) in doubtful {
            match summary.settle(&self.names[place], verdict) {
                Some(verdict) => seen.push(Seen::Ended(place, verdict)),
                None => unsettled.push(place),
            }
        }
        let Reading { mut verdict, is_certain: _ } = reading(&whole[..summary.body]);
        // Nothing but the words of the harness itself stands behind it.
        if let Some(settled) = summary.settle(&self.names[current], verdict.clone()) {
            verdict = settled;
        }
        verdict.add_note(&whole[summary.notes.clone()]);
        if let Some(wrong) = self.wrongly_passed(&summary) {
            verdict = wrong;
        }
        seen.push(Seen::Ended(current, verdict));
        Rest { broken: None, unsettled }
    }

    /// What is said where the harness names a test that was told to have passed, which can not be taken back: the run must not pass.
    fn wrongly_passed(&self, summary: &Summary<'_>) -> Option<Verdict> {
        let is_passed =
            |name: &&&str| self.places.get(**name).is_some_and(|place| self.passed.contains(place));
        let name = summary.failures()?.iter().find(is_passed)?;
        let brief = format!(
            "the harness says that `{name}` failed, but `ok` stood in its output; run it with `--isolation process`"
        );
        Some(Verdict { outcome: Outcome::Error, text: brief.clone(), brief })
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
        if may_begin_with(line, RUNNING) {
            if let Some(tests) = announced(line) {
                match self.current {
                    Some(_) => self.inner = Some(tests),
                    None => self.tests = Some(tests),
                }
            } else if !line.ends_with(b"\n") && line.len() < RUNNING_LENGTH {
                return;
            }
            return self.flush();
        }
        let longest = HEAD.len() + self.longest + NOTE + DOTS.len() + 4096;
        if !may_begin_with(line, HEAD) || line.len() > longest {
            return self.flush();
        }
        match self.head() {
            Head::Of(place, length) => {
                if self.is_inner(place) {
                    return self.flush();
                }
                self.end_current(seen);
                self.current = Some(place);
                self.begun.insert(place);
                self.inner = None;
                self.is_to_panic = self.pending[..length].ends_with(b" - should panic ... ");
                seen.push(Seen::Began(place));
                let rest = self.pending.split_off(length);
                self.pending.clear();
                self.is_in_line = true;
                self.keep(&rest);
            }
            Head::Open => {}
            Head::None => {
                if self.pending.starts_with(b"test result: ") {
                    // Whatever was announced is over; that there was such a thing is remembered.
                    self.inner = self.inner.map(|_left| 0);
                }
                self.flush();
            }
        }
    }

    /// Whether the head of a test is not the harness's own, but of one that the running test has started: of a test that has begun
    /// here, or of one of those that were announced meanwhile.
    fn is_inner(&mut self, place: usize) -> bool {
        let announced = self.inner.filter(|left| *left > 0);
        if let Some(left) = announced {
            self.inner = Some(left - 1);
        }
        announced.is_some() || self.begun.contains(&place)
    }

    /// Which test the line is the head of.
    fn head(&self) -> Head {
        let line = &self.pending[HEAD.len().min(self.pending.len())..];
        let Some(dots) = line.windows(DOTS.len()).position(|part| part == DOTS) else {
            return if line.ends_with(b"\n") { Head::None } else { Head::Open };
        };
        // What the test writes behind it may be anything.
        let Ok(name) = std::str::from_utf8(&line[..dots]) else { return Head::None };
        let plain = name.rsplit_once(" - ").map_or(name, |(plain, _note)| plain);
        let place = self.places.get(name.trim_end()).or_else(|| self.places.get(plain));
        place.map_or(Head::None, |place| Head::Of(*place, HEAD.len() + dots + DOTS.len()))
    }

    fn end_current(&mut self, seen: &mut Vec<Seen>) {
        let captured = std::mem::take(&mut self.captured);
        let Some(current) = self.current.take() else { return };
        let Reading { mut verdict, is_certain } = reading(&captured.text());
        if self.is_to_panic {
            // The harness says more of it at the end only.
            verdict.add_note(NOT_AS_EXPECTED);
        }
        if !is_certain || captured.is_cut() && verdict.outcome == Outcome::Passed {
            self.doubtful.push((current, verdict));
            return seen.push(Seen::Over(current));
        }
        if verdict.outcome == Outcome::Passed {
            self.passed.insert(current);
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

/// Whether a line of which this is the beginning begins so.
fn may_begin_with(line: &[u8], word: &[u8]) -> bool {
    if line.len() < word.len() { word.starts_with(line) } else { line.starts_with(word) }
}

/// How many tests a harness says it has: `running 2 tests`.
fn announced(line: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(line.strip_prefix(RUNNING)?).ok()?;
    let (count, word) = line.strip_suffix('\n')?.split_once(' ')?;
    ["test", "tests"].contains(&word).then(|| count.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
