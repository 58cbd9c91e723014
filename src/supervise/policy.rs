//! The restart rule: a budget for the run, a budget in a window, back-off for workers that die
//! young, a guard against a run that never gets to its tests.

use std::collections::VecDeque;
use std::time::Duration;

use super::RestartLimits;

/// A worker that lived for less than this and ran no test died young; so did one that died before its collection was in.
/// One that ran a test did useful work, however quickly, and a suite with many crashing tests must not be slowed down
/// for them.
const YOUNG: Duration = Duration::from_secs(1);

/// So many deaths in a row before a collection was in, with no worker coming up in between, and
/// start-up is hopeless: more than chance (two or three workers killed for want of memory while all
/// import at once), few enough that a broken `conftest.py` ends the run in seconds.
const STALL: u32 = 5;

/// How far a worker came before it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Its collection was not in.
    Collecting,
    /// It began no test.
    Idle,
    /// It began a test.
    Useful,
}

/// The verdict on a death.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restart {
    /// Start a replacement after this wait.
    After(Duration),

    /// Start none; the sentence says why.
    Denied(String),
}

/// Decides about replacements from the deaths so far.
#[derive(Debug)]
pub struct RestartPolicy {
    limits: RestartLimits,
    deaths: u32,
    /// When replacements were granted, within the window.
    granted: VecDeque<Duration>,
    young_in_a_row: u32,
    early_in_a_row: u32,
}

impl RestartPolicy {
    /// A policy at the start of a run.
    pub fn new(limits: RestartLimits) -> Self {
        Self { limits, deaths: 0, granted: VecDeque::new(), young_in_a_row: 0, early_in_a_row: 0 }
    }

    /// A worker's collection is in: start-up works, and a row of deaths before it is at its end.
    pub fn came_up(&mut self) {
        self.early_in_a_row = 0;
    }

    /// A worker died unasked, `now` since the start of the run and `lifetime` since its own.
    ///
    /// As in xdist deaths are counted, and the one beyond `max_worker_restart` is denied; the
    /// sentences are the seed's in today's words.
    pub fn died(&mut self, now: Duration, lifetime: Duration, life: Life) -> Restart {
        self.deaths += 1;
        let (early, young) = match life {
            Life::Collecting => (true, true),
            Life::Idle => (false, lifetime < YOUNG),
            Life::Useful => (false, false),
        };
        self.early_in_a_row = if early { self.early_in_a_row + 1 } else { 0 };
        self.young_in_a_row = if young { self.young_in_a_row + 1 } else { 0 };
        match self.limits.max_worker_restart {
            Some(0) => return Restart::Denied("worker restarting disabled".to_owned()),
            Some(max) if self.deaths > max => {
                return Restart::Denied(format!("maximum crashed workers reached: {max}"));
            }
            Some(_) | None => {}
        }
        if self.early_in_a_row >= STALL {
            return Restart::Denied(format!(
                "{} workers in a row died before they had collected",
                self.early_in_a_row
            ));
        }
        let window = self.limits.window;
        while self.granted.front().is_some_and(|at| now.saturating_sub(*at) >= window) {
            self.granted.pop_front();
        }
        if let Some(max) = self.limits.max_restarts
            && self.granted.len() >= max as usize
        {
            return Restart::Denied(format!("maximum restarts reached: {max} within {window:?}"));
        }
        self.granted.push_back(now);
        Restart::After(self.wait())
    }

    /// Nothing for the first of a row, then the back-off, doubled with each further one.
    fn wait(&self) -> Duration {
        let Some(doublings) = self.young_in_a_row.checked_sub(2) else {
            return Duration::ZERO;
        };
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        self.limits.backoff.saturating_mul(factor).min(self.limits.backoff_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RestartLimits = RestartLimits {
        max_worker_restart: None,
        max_restarts: None,
        window: Duration::from_secs(60),
        backoff: Duration::from_millis(500),
        backoff_max: Duration::from_secs(3),
    };

    const AT_ONCE: Restart = Restart::After(Duration::ZERO);

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn denied(sentence: &str) -> Restart {
        Restart::Denied(sentence.to_owned())
    }

    #[test]
    fn the_death_beyond_the_limit_is_denied_as_in_xdist() {
        let mut policy =
            RestartPolicy::new(RestartLimits { max_worker_restart: Some(2), ..LIMITS });
        assert_eq!(policy.died(seconds(10), seconds(10), Life::Useful), AT_ONCE);
        assert_eq!(policy.died(seconds(20), seconds(10), Life::Useful), AT_ONCE);
        let limit = denied("maximum crashed workers reached: 2");
        assert_eq!(policy.died(seconds(30), seconds(10), Life::Useful), limit);
        assert_eq!(policy.died(seconds(999), seconds(900), Life::Useful), limit);
    }

    #[test]
    fn a_limit_of_zero_disables_restarting() {
        let mut policy =
            RestartPolicy::new(RestartLimits { max_worker_restart: Some(0), ..LIMITS });
        let disabled = denied("worker restarting disabled");
        assert_eq!(policy.died(seconds(9), seconds(9), Life::Useful), disabled);
    }

    #[test]
    fn without_a_limit_old_workers_are_replaced_at_once_for_ever() {
        let mut policy = RestartPolicy::new(LIMITS);
        for day in 0..1000 {
            assert_eq!(policy.died(seconds(day), seconds(2), Life::Useful), AT_ONCE);
        }
    }

    #[test]
    fn the_window_forgets_what_is_older_than_it_and_what_was_denied() {
        let mut policy = RestartPolicy::new(RestartLimits { max_restarts: Some(2), ..LIMITS });
        let full = denied("maximum restarts reached: 2 within 60s");
        assert_eq!(policy.died(seconds(0), seconds(9), Life::Useful), AT_ONCE);
        assert_eq!(policy.died(seconds(30), seconds(9), Life::Useful), AT_ONCE);
        assert_eq!(policy.died(seconds(59), seconds(9), Life::Useful), full);
        assert_eq!(policy.died(seconds(60), seconds(9), Life::Useful), AT_ONCE);
        assert_eq!(policy.died(seconds(61), seconds(9), Life::Useful), full);
    }

    #[test]
    fn workers_that_die_young_are_replaced_ever_later_and_one_that_lived_ends_the_row() {
        let mut policy = RestartPolicy::new(LIMITS);
        let young = Duration::from_millis(999);
        let waits: Vec<Restart> =
            (0..40).map(|at| policy.died(seconds(at), young, Life::Idle)).collect();
        let millis = |number| Restart::After(Duration::from_millis(number));
        assert_eq!(
            waits[..6],
            [0, 500, 1000, 2000, 3000, 3000].map(millis),
            "doubled up to the longest wait"
        );
        assert_eq!(waits[39], millis(3000), "no overflow");
        assert_eq!(policy.died(seconds(99), seconds(1), Life::Idle), AT_ONCE);
        assert_eq!(policy.died(seconds(99), young, Life::Idle), AT_ONCE);
    }

    #[test]
    fn workers_that_ran_tests_are_replaced_at_once_however_short_their_lives() {
        let mut policy = RestartPolicy::new(LIMITS);
        for at in 0..1000 {
            let verdict = policy.died(seconds(at), Duration::from_millis(20), Life::Useful);
            assert_eq!(verdict, AT_ONCE);
        }
    }

    #[test]
    fn start_up_that_fails_again_and_again_is_given_up() {
        let mut policy = RestartPolicy::new(LIMITS);
        for _ in 1..STALL {
            let verdict = policy.died(seconds(0), seconds(20), Life::Collecting);
            assert!(matches!(verdict, Restart::After(_)), "{verdict:?}");
        }
        let hopeless = denied("5 workers in a row died before they had collected");
        assert_eq!(policy.died(seconds(0), seconds(20), Life::Collecting), hopeless);
    }

    #[test]
    fn a_worker_that_came_up_ends_a_row_of_deaths_in_start_up() {
        let mut policy = RestartPolicy::new(LIMITS);
        for _ in 0..20 {
            let verdict = policy.died(seconds(0), seconds(20), Life::Collecting);
            assert!(matches!(verdict, Restart::After(_)), "{verdict:?}");
            policy.came_up();
        }
    }
}
