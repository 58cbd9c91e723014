//! What can be read off a [`Tally`].

use std::collections::BTreeMap;

use super::{Conclusion, Down, Entry, Lanes, Losses, NotRun, Skips, Slowest, Tally, Warnings};
use crate::model::{CollectionDiff, Outcome, StopReason, Verdict, WorkerId, WorkerInfo};

impl Tally {
    /// What each place has come to, where every worker runs all tests.
    pub fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    /// How often a category was counted; pytest's names, also `deselected` and `warnings`.
    pub fn counted(&self, category: &str) -> u32 {
        match category {
            "deselected" => self.deselected,
            "warnings" => self.warnings.total(),
            _ => self
                .categories
                .iter()
                .find(|(name, _)| name == category)
                .map_or(0, |(_, count)| *count),
        }
    }

    /// The categories that reports had so far, in the order they turned up.
    pub fn categories(&self) -> impl Iterator<Item = (&str, u32)> {
        self.categories.iter().map(|(name, count)| (name.as_str(), *count))
    }

    /// How many tests ended in each terminal state.
    pub fn outcomes(&self) -> &BTreeMap<Outcome, u32> {
        &self.outcomes
    }

    /// How many tests have come to a terminal state.
    pub fn ended(&self) -> u32 {
        self.outcomes.values().sum()
    }

    /// How many terminal states the run is going to have; 0 before tests are distributed.
    pub fn expected(&self) -> u32 {
        self.expected
    }

    /// How many terminal states the run is likely to have, and whether that is a guess: while the tests of some files are
    /// not known, they are taken to have as many as the others.
    pub fn foreseen(&self) -> (u32, bool) {
        let (known, all) = self.files;
        if known >= all {
            return (self.expected, false);
        }
        let guess = u64::from(self.expected) * u64::from(all) / u64::from(known.max(1));
        (u32::try_from(guess).unwrap_or(u32::MAX), true)
    }

    /// How many tests have told anything of how they went; what pytest's percentage is of.
    pub fn progressed(&self) -> u32 {
        self.progressed
    }

    /// Whether every test of the run has come to exactly one terminal state.
    pub fn adds_up(&self) -> bool {
        self.ended() == self.expected
    }

    /// How many tests were lost to failures of the infrastructure.
    pub fn lost(&self) -> u32 {
        self.lost
    }

    /// Every report, crash and collection error that a summary may want to show, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Skips, those of one place and reason together.
    pub fn skips(&self) -> &Skips {
        &self.skips
    }

    /// Warnings, those of one text together.
    pub fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// The slowest tests.
    pub fn slowest(&self) -> &Slowest {
        &self.slowest
    }

    /// Workers that ended before their time, in order.
    pub fn downs(&self) -> &[Down] {
        &self.downs
    }

    /// Hosts that were lost.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Tests that nobody ran to their end, by reason.
    pub fn not_run(&self) -> &[NotRun] {
        &self.not_run
    }

    /// Collections that differed from the one in force, where that did not stop the run.
    pub fn diffs(&self) -> &[CollectionDiff] {
        &self.diffs
    }

    /// Why the run was asked to stop before its end, if it was.
    pub fn stop(&self) -> Option<&StopReason> {
        self.stop.as_ref()
    }

    /// What the framework's own tools printed at the end.
    pub fn conclusions(&self) -> &[Conclusion] {
        &self.conclusions
    }

    /// How the run ended, once it has.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// How a worker introduced itself.
    pub fn worker(&self, worker: WorkerId) -> Option<&WorkerInfo> {
        self.workers.get(&worker)
    }
}
