//! Which running tests are told to be slow, and when that is looked at: a pure rule over when each began.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::model::WorkerId;

/// A test that runs and has not been told to be slow.
#[derive(Debug, Clone, Copy)]
struct Running {
    item: u32,
    began: Instant,
    slow_at: Instant,
}

/// The running tests that may still be told to be slow, each of them once.
#[derive(Debug, Default)]
pub(crate) struct SlowWatch {
    running: HashMap<WorkerId, Running>,
    /// When they are looked at next.
    look_at: Option<Instant>,
}

impl SlowWatch {
    /// A worker begins a test that is slow after `limit`. Gives the time of the next look, if that is now an earlier one.
    pub(crate) fn begins(
        &mut self,
        worker: WorkerId,
        item: u32,
        limit: Duration,
        now: Instant,
    ) -> Option<Instant> {
        // One that is not slow before the end of time is none.
        let slow_at = now.checked_add(limit)?;
        self.running.insert(worker, Running { item, began: now, slow_at });
        if self.look_at.is_some_and(|planned| planned <= slow_at) {
            return None;
        }
        self.look_at = Some(slow_at);
        self.look_at
    }

    /// A worker is in no test any more, or only waits in it for what comes next.
    pub(crate) fn ends(&mut self, worker: WorkerId) {
        self.running.remove(&worker);
    }

    /// The tests that are slow by now, with how long each has been running, and when to look again.
    pub(crate) fn look(
        &mut self,
        now: Instant,
    ) -> (Vec<(WorkerId, u32, Duration)>, Option<Instant>) {
        let mut slow: Vec<_> = self
            .running
            .iter()
            .filter(|(_, test)| test.slow_at <= now)
            .map(|(worker, test)| (*worker, test.item, now.saturating_duration_since(test.began)))
            .collect();
        slow.sort_unstable();
        for (worker, ..) in &slow {
            self.running.remove(worker);
        }
        self.look_at = self.running.values().map(|test| test.slow_at).min();
        (slow, self.look_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_test_is_told_once_and_one_that_ended_is_not() {
        let (mut watch, start) = (SlowWatch::default(), Instant::now());
        let [one, two, three] = [0, 1, 2].map(WorkerId);
        assert_eq!(watch.begins(one, 7, 5 * SECOND, start), Some(start + 5 * SECOND));
        assert_eq!(watch.begins(two, 8, 5 * SECOND, start + SECOND), None, "a look is planned");
        watch.begins(three, 9, 5 * SECOND, start + SECOND);
        watch.ends(three);
        let (slow, again) = watch.look(start + 5 * SECOND);
        assert_eq!((slow, again), (vec![(one, 7, 5 * SECOND)], Some(start + 6 * SECOND)));
        let (slow, again) = watch.look(start + 9 * SECOND);
        assert_eq!((slow, again), (vec![(two, 8, 8 * SECOND)], None));
    }

    #[test]
    fn a_test_with_a_shorter_time_of_its_own_brings_the_look_forward() {
        let (mut watch, start) = (SlowWatch::default(), Instant::now());
        watch.begins(WorkerId(0), 0, 60 * SECOND, start);
        let look = watch.begins(WorkerId(1), 1, SECOND, start);
        assert_eq!(look, Some(start + SECOND));
        let (slow, again) = watch.look(start + SECOND);
        assert_eq!((slow.len(), again), (1, Some(start + 60 * SECOND)));
        assert_eq!(watch.begins(WorkerId(1), 2, Duration::MAX, start), None);
    }

    #[test]
    fn the_next_test_of_a_worker_has_a_time_of_its_own() {
        let (mut watch, start) = (SlowWatch::default(), Instant::now());
        watch.begins(WorkerId(0), 0, 5 * SECOND, start);
        watch.ends(WorkerId(0));
        watch.begins(WorkerId(0), 1, 5 * SECOND, start + 4 * SECOND);
        let (slow, again) = watch.look(start + 5 * SECOND);
        assert_eq!((slow, again), (vec![], Some(start + 9 * SECOND)));
    }
}
