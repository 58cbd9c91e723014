//! Tests that a worker has taken from its queue, what came of them, and what the agent was told of it. Pure.
//!
//! The agent is told in the order of the queue, whatever the order in which a program runs its tests.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::location::Sources;
use super::verdict::Verdict;
use crate::model::{Durations, Outcome, Phase};
use crate::worker::{Event, Report};

/// One test.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) item: u32,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) limit: Option<Duration>,
    pub(super) began: Option<Began>,
    /// From when, and until when, it may have run in its process.
    pub(super) ran: Option<(Instant, Option<Instant>)>,
    /// When it was over, where what came of it is not known yet.
    pub(super) over: Option<Instant>,
    pub(super) done: Option<Done>,
    /// Whether it is run in a process of its own.
    pub(super) is_alone: bool,
}

/// When a test began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    pub(super) at: Instant,
    /// In seconds since the Unix epoch.
    pub(super) epoch: f64,
}

/// What came of a test.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) verdict: Verdict,
    pub(super) seconds: f64,
}

/// The tests that are run together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// The program's id, by which skipped tests are grouped.
    program: String,
    sources: Sources,
    /// Whether a failure is followed by `halted`.
    halts: bool,
    /// When it was taken, in seconds since the Unix epoch: tests whose own time nobody can tell began then.
    taken: f64,
    told: usize,
    is_started: bool,
}

impl Batch {
    pub(super) fn new(
        entries: Vec<Entry>,
        program: &str,
        sources: Sources,
        halts: bool,
        taken: f64,
    ) -> Self {
        let program = program.to_owned();
        Self { entries, program, sources, halts, taken, told: 0, is_started: false }
    }

    /// The places of the tests that have not come to their end.
    pub(super) fn left(&self) -> Vec<usize> {
        (0..self.entries.len()).filter(|place| self.entries[*place].done.is_none()).collect()
    }

    /// Those of them that share the next process: the first, and with it those that may.
    pub(super) fn next(&self) -> Vec<usize> {
        let mut left = self.left();
        if left.first().is_some_and(|first| self.entries[*first].is_alone) {
            left.truncate(1);
        } else {
            left.retain(|place| !self.entries[*place].is_alone);
        }
        left
    }

    pub(super) fn began(&mut self, place: usize, at: Instant, epoch: f64) {
        let entry = &mut self.entries[place];
        (entry.began, entry.over) = (Some(Began { at, epoch }), None);
    }

    pub(super) fn over(&mut self, place: usize, at: Instant) {
        self.entries[place].over = Some(at);
    }

    pub(super) fn ended(&mut self, place: usize, verdict: Verdict, at: Instant) {
        let entry = &mut self.entries[place];
        let at = entry.over.unwrap_or(at);
        let seconds =
            entry.began.map_or(0.0, |began| at.saturating_duration_since(began.at).as_secs_f64());
        entry.done = Some(Done { verdict, seconds });
    }

    /// Whether the agent waits to hear that the next test begins.
    pub(super) fn is_silent(&self) -> bool {
        !self.is_started && self.told < self.entries.len()
    }

    /// Tells that the next test begins, although something else of the same process runs before it.
    pub(super) fn start_early(&mut self, say: &mut impl FnMut(&Event<'_>)) {
        if self.is_silent() {
            self.is_started = true;
            say(&Event::Start { i: self.entries[self.told].item });
        }
    }

    /// Tells what has not been told, as far as its turn has come. Whether the worker halts now.
    pub(super) fn tell(&mut self, say: &mut impl FnMut(&Event<'_>)) -> bool {
        let mut halted = false;
        while let Some(entry) = self.entries.get(self.told) {
            if !self.is_started {
                if entry.began.is_none() && entry.done.is_none() {
                    break;
                }
                say(&Event::Start { i: entry.item });
                self.is_started = true;
            }
            let Some(done) = &entry.done else { break };
            let failed = self.report(entry, done, say);
            if failed && self.halts {
                say(&Event::Halted { i: entry.item });
                halted = true;
            }
            say(&Event::End {
                i: entry.item,
                outcome: done.verdict.outcome,
                durations: Durations { call: done.seconds, ..Durations::default() },
                started: entry.began.map_or(self.taken, |began| began.epoch),
            });
            self.told += 1;
            self.is_started = false;
        }
        halted
    }

    /// Tells of the test that was told to have begun and will not come to its end, because the session is interrupted.
    pub(super) fn abandon(&mut self, say: &mut impl FnMut(&Event<'_>)) {
        if let Some(entry) = self.entries.get(self.told).filter(|_| self.is_started) {
            say(&Event::End {
                i: entry.item,
                outcome: Outcome::NotRun,
                durations: Durations::default(),
                started: self.taken,
            });
            self.told = self.entries.len();
            self.is_started = false;
        }
    }

    /// Tells what is to be said beside the outcome; whether it is a failure.
    fn report(&self, entry: &Entry, done: &Done, say: &mut impl FnMut(&Event<'_>)) -> bool {
        let Verdict { outcome, text, brief } = &done.verdict;
        let (category, letter, word, failed) = match outcome {
            Outcome::Skipped => ("skipped", "s", "SKIPPED", false),
            Outcome::Failed => ("failed", "F", "FAILED", true),
            Outcome::Error => ("error", "E", "ERROR", true),
            Outcome::Crashed => ("failed", "F", "CRASHED", true),
            Outcome::TimedOut => ("failed", "F", "TIMED OUT", true),
            Outcome::Passed | Outcome::XFailed | Outcome::XPassed | Outcome::NotRun => {
                return false;
            }
        };
        let word = match outcome {
            Outcome::Skipped if !brief.is_empty() => &format!("{word} ({brief})"),
            _ => word,
        };
        let location = match outcome {
            Outcome::Skipped => self.program.clone(),
            _ => self.sources.location(&entry.name, text),
        };
        say(&Event::Report(Report {
            i: entry.item,
            phase: Phase::Call.word(),
            category,
            letter,
            word,
            failed,
            headline: if entry.name.is_empty() { &self.program } else { &entry.name },
            text: text.trim_end(),
            brief: if *outcome == Outcome::Skipped && brief.is_empty() { "ignored" } else { brief },
            location: &location,
            sections: &[],
            d: done.seconds,
        }));
        failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(items: &[u32], halts: bool) -> Batch {
        let entry = |item: &u32| Entry {
            item: *item,
            id: format!("p/lib::t{item}"),
            name: format!("t{item}"),
            limit: None,
            began: None,
            ran: None,
            over: None,
            done: None,
            is_alone: false,
        };
        Batch::new(items.iter().map(entry).collect(), "p/lib", Sources::default(), halts, 0.0)
    }

    fn verdict(outcome: Outcome) -> Verdict {
        Verdict { outcome, text: String::new(), brief: String::new() }
    }

    /// What is told now, in words.
    fn told(batch: &mut Batch) -> Vec<String> {
        let mut told = Vec::new();
        batch.tell(&mut |event| {
            told.push(match event {
                Event::Start { i } => format!("start {i}"),
                Event::End { i, outcome, .. } => format!("end {i} {outcome}"),
                Event::Report(report) => format!("report {}", report.i),
                Event::Halted { i } => format!("halted {i}"),
                other => format!("{other:?}"),
            });
        });
        told
    }

    #[test]
    fn the_agent_is_told_in_the_order_of_the_queue() {
        let mut batch = batch(&[5, 2], false);
        let now = Instant::now();
        batch.began(1, now, 0.0);
        assert!(told(&mut batch).is_empty());
        batch.ended(1, verdict(Outcome::Passed), now);
        assert!(told(&mut batch).is_empty() && batch.is_silent());
        batch.began(0, now, 0.0);
        assert_eq!(told(&mut batch), ["start 5"]);
        assert!(!batch.is_silent());
        batch.ended(0, verdict(Outcome::Crashed), now);
        assert_eq!(told(&mut batch), ["report 5", "end 5 crashed", "start 2", "end 2 passed"]);
        assert!(batch.left().is_empty() && !batch.is_silent());
    }

    #[test]
    fn a_test_that_is_to_be_alone_shares_no_process() {
        let mut batch = batch(&[5, 6, 7], false);
        assert_eq!(batch.next(), [0, 1, 2]);
        batch.entries[1].is_alone = true;
        assert_eq!(batch.next(), [0, 2]);
        let now = Instant::now();
        batch.ended(0, verdict(Outcome::Passed), now);
        assert_eq!(batch.next(), [1]);
        batch.ended(1, verdict(Outcome::Passed), now);
        assert_eq!(batch.next(), [2]);
    }

    #[test]
    fn a_start_that_was_told_early_is_not_told_again() {
        let mut batch = batch(&[5], false);
        let mut said = 0;
        batch.start_early(&mut |_| said += 1);
        batch.start_early(&mut |_| said += 1);
        assert_eq!(said, 1);
        batch.began(0, Instant::now(), 0.0);
        assert!(told(&mut batch).is_empty());
        batch.ended(0, verdict(Outcome::Skipped), Instant::now());
        assert_eq!(told(&mut batch), ["report 5", "end 5 skipped"]);
    }

    #[test]
    fn what_was_told_to_begin_has_an_end_when_the_session_is_interrupted() {
        let mut batch = batch(&[5, 6], false);
        let mut said = Vec::new();
        batch.abandon(&mut |event| said.push(format!("{event:?}")));
        assert!(said.is_empty());
        batch.start_early(&mut |_| {});
        batch.abandon(&mut |event| said.push(format!("{event:?}")));
        assert!(said.len() == 1 && said[0].contains("i: 5, outcome: NotRun"), "{said:?}");
        assert!(told(&mut batch).is_empty());
    }

    #[test]
    fn a_failure_halts_before_its_end_where_that_is_asked_for() {
        let mut batch = batch(&[1], true);
        batch.began(0, Instant::now(), 0.0);
        batch.ended(0, verdict(Outcome::Failed), Instant::now());
        assert_eq!(told(&mut batch), ["start 1", "report 1", "halted 1", "end 1 failed"]);
    }
}
