//! How many tests share a process: as many as make some work, but not so many that others wait for them. Pure.

use std::time::Duration;

/// The work of a process, in seconds: beside it the start of a process is little, and nobody waits long for what it holds.
const GOAL: f64 = 0.08;

/// How many times the time that it takes to start a process its work is, where that is more.
const STARTS: f64 = 10.0;

/// How many tests nobody knows anything of share the first process at least: what it holds nobody else can run.
const FIRST: usize = 4;

/// The most that it is, and the part of a program's tests: so many processes are as many as nobody notices, and slow tests are
/// still dealt out evenly.
const FIRST_MOST: usize = 32;

/// The same where each start is slow, as with rustdoc.
const FIRST_SLOW: usize = 16;

/// How many times as many tests as the last time a process may get.
const GROWTH: usize = 8;

/// The most tests a process gets: their names are arguments.
const MOST: usize = 1024;

/// How much what was seen last counts beside all before.
const WEIGHT: f64 = 0.3;

/// What is known of the speed of one program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Seconds of a test.
    mean: Option<f64>,
    /// Seconds to start a process.
    start: f64,
    /// How many tests the next process may have.
    most: usize,
}

impl Pace {
    /// For a program with so many tests.
    pub(super) fn new(slow_start: bool, tests: usize) -> Self {
        let first = if slow_start { FIRST_SLOW } else { FIRST };
        let most = (tests / FIRST_MOST).min(FIRST_MOST).max(first);
        Self { mean: None, start: 0.0, most }
    }

    /// A share of the work of one process, which begins with a test of this many seconds.
    pub(super) fn share(&self, first: Option<f64>) -> Share {
        let goal = GOAL.max(STARTS * self.start);
        let mut share = Share { left: goal, unknown: self.mean, most: self.most };
        share.add(first);
        share
    }

    /// A process has run tests: after how long it began, and how long each took.
    pub(super) fn saw(&mut self, start: Duration, tests: &[f64]) {
        let count = tests.len();
        if count == 0 {
            return;
        }
        self.start = start.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a process has fewer than a million tests")]
        let now = tests.iter().sum::<f64>() / count as f64;
        self.mean = Some(self.mean.map_or(now, |mean| mean + WEIGHT * (now - mean)));
        self.most = self.most.max(count.saturating_mul(GROWTH)).min(MOST);
    }
}

/// What one process may still be given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// Seconds.
    left: f64,
    /// What a test is taken to need of which nothing is known.
    unknown: Option<f64>,
    /// How many tests of which nothing is known.
    most: usize,
}

impl Share {
    /// Whether a test of this many seconds goes with those that were added.
    pub(super) fn has_room(&self, estimate: Option<f64>) -> bool {
        let is_likely = estimate.is_some() || self.most > 0;
        is_likely && self.left > 0.0 && self.left >= estimate.or(self.unknown).unwrap_or(0.0)
    }

    pub(super) fn add(&mut self, estimate: Option<f64>) {
        self.left -= estimate.or(self.unknown).unwrap_or(0.0);
        self.most = self.most.saturating_sub(usize::from(estimate.is_none()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many tests a process gets, of which each is expected to take so long.
    fn count(pace: &Pace, estimate: Option<f64>) -> usize {
        let mut share = pace.share(estimate);
        let mut count = 1;
        while share.has_room(estimate) {
            share.add(estimate);
            count += 1;
        }
        count
    }

    #[test]
    fn unknown_tests_come_in_small_numbers_first_and_quick_ones_in_large_ones_then() {
        assert_eq!(count(&Pace::new(false, 1_000_000), None), FIRST_MOST);
        let mut pace = Pace::new(false, 40);
        assert_eq!(count(&pace, None), FIRST);
        pace.saw(Duration::from_millis(2), &[0.0001; 4]);
        assert_eq!(count(&pace, None), 32);
        pace.saw(Duration::from_millis(2), &[0.0001; 16]);
        pace.saw(Duration::from_millis(2), &[0.0001; 64]);
        assert_eq!(count(&pace, None), 512);
    }

    #[test]
    fn slow_tests_have_a_process_of_their_own() {
        let mut pace = Pace::new(false, 1000);
        pace.saw(Duration::from_millis(2), &[0.5, 0.7]);
        assert_eq!(count(&pace, None), 1);
        assert_eq!(count(&pace, Some(1.0)), 1);
    }

    #[test]
    fn what_is_known_of_a_test_counts() {
        let pace = Pace::new(false, 40);
        assert_eq!(count(&pace, Some(0.015)), 5);
    }

    #[test]
    fn where_a_start_is_slow_a_process_has_more_to_do() {
        let mut pace = Pace::new(true, 40);
        assert_eq!(count(&pace, None), FIRST_SLOW);
        pace.saw(Duration::from_secs(1), &[0.3; 16]);
        assert_eq!(count(&pace, None), 33);
    }
}
