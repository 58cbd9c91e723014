//! What happens when: a queue of things to come, and the time that it has come to.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Nanoseconds since the beginning.
pub(crate) type Instant = u64;

/// Seconds as nanoseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "durations are positive and below centuries"
)]
pub(crate) fn nanoseconds(seconds: f64) -> Instant {
    (seconds * 1e9).round() as Instant
}

/// Things to come, in the order of their times, and for one time in the order in which they were planned.
#[derive(Debug)]
pub(crate) struct Clock<T> {
    now: Instant,
    planned: u64,
    due: BinaryHeap<Reverse<(Instant, u64, Entry<T>)>>,
}

/// Takes no part in the order.
#[derive(Debug)]
struct Entry<T>(T);

impl<T> PartialEq for Entry<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl<T> Clock<T> {
    /// A clock at its beginning.
    pub(crate) fn new() -> Self {
        Self { now: 0, planned: 0, due: BinaryHeap::new() }
    }

    /// The time.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// This is to happen in so many nanoseconds.
    pub(crate) fn plan(&mut self, delay: Instant, what: T) {
        self.due.push(Reverse((self.now + delay, self.planned, Entry(what))));
        self.planned += 1;
    }

    /// Goes on to the next thing that happens.
    pub(crate) fn next(&mut self) -> Option<T> {
        let Reverse((time, _, Entry(what))) = self.due.pop()?;
        self.now = time;
        Some(what)
    }
}
