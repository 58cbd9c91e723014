//! The tests of a lane that are not the policy's to give: those that need something of the machine, and those that are run again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::Estimates;
use super::lane::Tests;
use super::needs::Needs;
use crate::model::{Outcome, Terms, WorkerId};

/// From when on a test that still runs is told to be slow, if ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slow(pub(super) Option<Duration>);

/// What is known of a test that is more than one of many.
#[derive(Debug, Clone)]
pub(super) struct Care {
    pub(super) needs: Option<Arc<Needs>>,
    /// Attempts after the first, where it has a number of its own.
    pub(super) retries: Option<u32>,
    /// What its first attempt is told.
    pub(super) first_terms: Terms,
    /// From when on it is told to be slow, where it has a time of its own.
    pub(super) slow: Option<Slow>,
    /// The attempt that is next or under way.
    pub(super) attempt: u32,
    /// Where the attempt before ended, and how.
    pub(super) last: Option<(WorkerId, Outcome)>,
    /// Its attempt under way has failed, and another will follow.
    pub(super) failing: bool,
    /// Its next attempt is for a worker that has run nothing else.
    pub(super) fresh: bool,
    /// Its attempt under way is the first test of its worker.
    pub(super) alone: bool,
    /// The worker that it was given to and that has not begun it.
    pub(super) promised_to: Option<WorkerId>,
}

impl Default for Care {
    fn default() -> Self {
        Self {
            needs: None,
            retries: None,
            first_terms: Terms::default(),
            slow: None,
            attempt: 1,
            last: None,
            failing: false,
            fresh: false,
            alone: false,
            promised_to: None,
        }
    }
}

impl Care {
    /// Whether the test is not the policy's to give.
    pub(super) fn is_kept_back(&self) -> bool {
        self.needs.is_some() || self.attempt > 1
    }

    /// What it needs.
    pub(super) fn needs(&self) -> Arc<Needs> {
        self.needs.clone().unwrap_or_default()
    }

    pub(super) fn terms(&self) -> Terms {
        let alone = self.first_terms.alone || self.fresh;
        Terms { alone, attempt: self.attempt, ..self.first_terms }
    }
}

/// What is to be told of a test beside its place, if anything.
pub(super) fn terms_of(
    keeper: &Keeper,
    tests: &Tests,
    estimates: Option<&Estimates>,
    test: u32,
) -> Option<Terms> {
    let care = keeper.care(test);
    if care.is_none() && estimates.is_none() {
        return None;
    }
    let mut terms = care.map(Care::terms).unwrap_or_default();
    let known = estimates.and_then(|known| known.test(&tests.name(test)?.id));
    terms.estimate = known.map(|durations| durations.total());
    (!terms.is_default()).then_some(terms)
}

/// Tests with equal needs, in the order they are to be given. Each has its turn among all.
#[derive(Debug)]
struct Line {
    needs: Arc<Needs>,
    fresh: bool,
    /// One test that is run again: it wants another worker than before, which is not the same for all.
    own: bool,
    tests: VecDeque<(u64, u32)>,
}

/// The tests of a lane that are more than one of many.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    cares: HashMap<u32, Care>,
    /// Those that may be given, by what they need.
    lines: Vec<Line>,
    turn: u64,
    /// How many begun tests have failed and will be run again.
    failing: usize,
}

impl Keeper {
    pub(super) fn is_empty(&self) -> bool {
        self.cares.is_empty()
    }

    pub(super) fn care(&self, test: u32) -> Option<&Care> {
        if self.cares.is_empty() { None } else { self.cares.get(&test) }
    }

    pub(super) fn care_mut(&mut self, test: u32) -> Option<&mut Care> {
        if self.cares.is_empty() { None } else { self.cares.get_mut(&test) }
    }

    /// What is known of a test from now on.
    pub(super) fn take_care(&mut self, test: u32) -> &mut Care {
        self.cares.entry(test).or_default()
    }

    pub(super) fn failing(&self) -> usize {
        self.failing
    }

    /// Notes whether the attempt under way has failed and will be followed by another; whether that was noted before.
    pub(super) fn set_failing(&mut self, test: u32, failing: bool) -> bool {
        if !failing && !self.cares.contains_key(&test) {
            return false;
        }
        let care = self.take_care(test);
        let before = std::mem::replace(&mut care.failing, failing);
        self.failing += usize::from(failing);
        self.failing -= usize::from(before);
        before
    }

    /// A test may be given from now on.
    pub(super) fn line_up(&mut self, test: u32) {
        let Some(care) = self.cares.get(&test) else {
            return;
        };
        self.turn += 1;
        let (needs, fresh, own) = (care.needs(), care.fresh, care.last.is_some());
        let same = |line: &Line| !own && !line.own && line.needs == needs;
        match self.lines.iter_mut().find(|line| same(line)) {
            Some(line) => line.tests.push_back((self.turn, test)),
            None => self.lines.push(Line { needs, fresh, own, tests: [(self.turn, test)].into() }),
        }
    }

    /// The first test of each line, the one that has waited longest first.
    pub(super) fn heads(&self) -> Vec<u32> {
        let mut heads: Vec<(u64, u32)> =
            self.lines.iter().filter_map(|line| line.tests.front().copied()).collect();
        heads.sort_unstable();
        heads.into_iter().map(|(_, test)| test).collect()
    }

    /// A test at the head of its line has been given.
    pub(super) fn given(&mut self, test: u32) {
        for line in &mut self.lines {
            if line.tests.front().is_some_and(|(_, head)| *head == test) {
                line.tests.pop_front();
            }
        }
        self.lines.retain(|line| !line.tests.is_empty());
    }

    /// A test is not to be given to anybody.
    pub(super) fn drop_out(&mut self, test: u32) {
        for line in &mut self.lines {
            line.tests.retain(|(_, known)| *known != test);
        }
        self.lines.retain(|line| !line.tests.is_empty());
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.lines.is_empty()
    }

    /// How many tests wait for a worker that has run nothing else.
    pub(super) fn wanting_fresh(&self) -> usize {
        self.lines.iter().filter(|line| line.fresh).map(|line| line.tests.len()).sum()
    }

    /// Whether a test waits that may run beside others.
    pub(super) fn has_ready_beside_others(&self) -> bool {
        // The one that is there may not do for a test that is choosy.
        self.lines.iter().any(|line| !line.needs.exclusive || line.needs.is_choosy())
    }

    /// Nothing waits for a fresh worker any more: what does is given to any.
    pub(super) fn forget_fresh(&mut self) {
        for line in &mut self.lines {
            line.fresh = false;
        }
        for care in self.cares.values_mut() {
            care.fresh = false;
        }
    }
}
