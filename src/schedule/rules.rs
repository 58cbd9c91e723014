//! What a run says of its tests beside how they are shared out: attempts, resources, how long a worker lives.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Estimates;
use crate::model::Item;

/// How often failed tests are run again, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryRules {
    /// Attempts after the first, for tests that have no number of their own.
    pub retries: u32,

    /// The wait before the second attempt; it doubles with each further one.
    pub delay: Duration,

    /// The longest wait before an attempt.
    pub delay_max: Duration,

    /// Attempts after the first in the whole run; `None`: a twentieth of the tests, but at least [`LEAST_BUDGET`].
    pub budget: Option<u32>,

    /// Whether tests that crashed or timed out are run again too.
    pub crashed: bool,

    /// What spreads the waits; equal numbers give equal waits.
    pub seed: u32,
}

/// The least number of attempts after the first that a run may make where nobody says how many: enough for the flaky tests
/// of a small suite, and few beside what a broken build would need.
pub const LEAST_BUDGET: u32 = 20;

impl RetryRules {
    /// How many attempts after the first a run of so many tests may make.
    pub(super) fn budget(&self, tests: usize) -> u32 {
        let share = || u32::try_from(tests / 20).unwrap_or(u32::MAX).max(LEAST_BUDGET);
        self.budget.unwrap_or_else(share)
    }

    /// The wait before the attempt that follows this one: doubled each time up to the longest, of which between a half and
    /// the whole, so that tests which failed together do not come back together.
    pub(super) fn wait(&self, attempt: u32, lane: u32, test: u32) -> Duration {
        let doubled = 2_u32.checked_pow(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let whole = self.delay.saturating_mul(doubled).min(self.delay_max);
        let key = [self.seed, lane, test, attempt]
            .into_iter()
            .fold(0, |key, part| mixed(key ^ u64::from(part)));
        let part = u32::try_from(key >> 48).unwrap_or_default();
        whole / 2 + whole.mul_f64(f64::from(part) / f64::from(1_u32 << 17))
    }
}

/// The step of the generator `SplitMix64`.
fn mixed(key: u64) -> u64 {
    let key = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

/// After what a worker makes way for a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecycleRules {
    /// After so many tests.
    pub after: Option<u32>,

    /// After a test that failed.
    pub failed: bool,
}

/// What holds for one test, in place of what holds for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestRules {
    /// Attempts after the first.
    pub retries: Option<u32>,

    /// Its limit of time; `Some(None)`: it has none.
    pub timeout: Option<Option<Duration>>,

    /// From when on it is told to be slow; `Some(None)`: never.
    pub slow: Option<Option<Duration>>,

    /// Units of resources that it needs, beside those of its tags.
    pub resources: Vec<(String, u32)>,

    /// Whether it runs while no other test does; `None`: as its tags say.
    pub exclusive: Option<bool>,

    /// What its host must offer, beside what its tags say.
    pub requires: Vec<String>,

    /// Whether it runs in a process of its own.
    pub alone: bool,
}

/// What holds for a test, by what is known of it.
pub type RulesOfTest = Arc<dyn Fn(&Item) -> TestRules + Send + Sync>;

/// Whether any test of a file may be in the run, by the file alone.
pub type FileIsWanted = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// All that holds in a run. The default: every test is run once, needs nothing, and workers live as long as the run.
#[derive(Clone, Default)]
pub struct Rules {
    /// Attempts.
    pub retry: RetryRules,

    /// Resources by name with how many units there are.
    pub resources: Vec<(String, u32)>,

    /// What each host offers, by its place in the list of hosts. If none offers anything, what tests require is not heeded.
    pub offers: Vec<Vec<String>>,

    /// How long workers live.
    pub recycle: RecycleRules,

    /// What holds for single tests, where anything does.
    pub of_test: Option<RulesOfTest>,

    /// Which files may have tests that are in the run; `None`: any.
    pub of_file: Option<FileIsWanted>,

    /// From when on a test that still runs is told to be slow; `None`: never.
    pub slow: Option<Duration>,

    /// What tests are expected to take, where workers are to be told.
    pub estimates: Option<Arc<Estimates>>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("retry", &self.retry)
            .field("resources", &self.resources)
            .field("offers", &self.offers)
            .field("recycle", &self.recycle)
            .field("slow", &self.slow)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: RetryRules = RetryRules {
        retries: 3,
        delay: Duration::from_secs(1),
        delay_max: Duration::from_secs(5),
        budget: None,
        crashed: false,
        seed: 7,
    };

    #[test]
    fn waits_double_up_to_the_longest_and_are_spread() {
        for (attempt, most) in [(1, 1), (2, 2), (3, 4), (4, 5), (400, 5)] {
            let most = Duration::from_secs(most);
            let waits: Vec<_> = (0..50).map(|test| RULES.wait(attempt, 0, test)).collect();
            assert!(waits.iter().all(|wait| (most / 2..=most).contains(wait)), "{waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]));
        }
        assert_eq!(RULES.wait(1, 0, 9), RULES.wait(1, 0, 9));
        assert_ne!(RULES.wait(1, 0, 9), RetryRules { seed: 8, ..RULES }.wait(1, 0, 9));
        let at_once = RetryRules { delay: Duration::ZERO, ..RULES };
        assert_eq!(at_once.wait(3, 0, 0), Duration::ZERO);
    }

    #[test]
    fn the_budget_grows_with_the_tests() {
        assert_eq!([0, 400, 401, 1000].map(|tests| RULES.budget(tests)), [20, 20, 20, 50]);
        assert_eq!(RetryRules { budget: Some(3), ..RULES }.budget(1000), 3);
    }
}
