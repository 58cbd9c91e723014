//! How long an agent may go on without a sign that its words arrive.
//!
//! The controller gives the tests of a host that it hears nothing of to others. An agent can not know when that is, but it knows
//! when it wrote what the controller says has arrived: the controller has waited at least since then. A lease that ends
//! before the controller's patience does, counted from there, is therefore safe however long any message was on its way.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How far apart what was written is noted. What was not noted counts from the note before, which is on the safe side.
const APART: Duration = Duration::from_millis(50);

/// The lease of an agent; without a limit at first.
#[derive(Debug)]
pub(super) struct Lease {
    limit: Cell<Option<Duration>>,
    changed: Notify,
    /// The last sign of the link.
    since: Cell<Instant>,
    written: Cell<u64>,
    /// After how many bytes something was begun to be written, and when.
    notes: RefCell<VecDeque<(u64, Instant)>>,
}

impl Default for Lease {
    fn default() -> Self {
        Self {
            limit: Cell::default(),
            changed: Notify::default(),
            since: Cell::new(Instant::now()),
            written: Cell::default(),
            notes: RefCell::default(),
        }
    }
}

impl Lease {
    /// It runs from now on, if there is a limit.
    pub(super) fn begin(&self, limit: Option<Duration>) {
        self.since.set(Instant::now());
        self.limit.set(limit);
        self.changed.notify_one();
    }

    /// So many bytes are about to be written.
    pub(super) fn writes(&self, bytes: usize) {
        let now = Instant::now();
        let mut notes = self.notes.borrow_mut();
        if notes.back().is_none_or(|(_, at)| now.duration_since(*at) >= APART) {
            notes.push_back((self.written.get(), now));
        }
        self.written.set(self.written.get() + bytes as u64);
    }

    /// So many bytes have arrived in all.
    pub(super) fn arrived(&self, bytes: u64) {
        let mut notes = self.notes.borrow_mut();
        // The last that began before the last byte that has arrived.
        while notes.get(1).is_some_and(|(after, _)| *after < bytes) {
            notes.pop_front();
        }
        if let Some((after, at)) = notes.front()
            && *after < bytes
        {
            self.since.set(self.since.get().max(*at));
        }
    }

    /// Waits until it has run out; gives how long it was.
    pub(super) async fn run_out(&self) -> Duration {
        loop {
            let changed = self.changed.notified();
            let Some(limit) = self.limit.get() else {
                changed.await;
                continue;
            };
            let end = self.since.get() + limit;
            if Instant::now() >= end {
                return limit;
            }
            tokio::select! {
                () = sleep_until(end) => {}
                () = changed => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[tokio::test(start_paused = true)]
    async fn it_never_ends_without_a_limit_and_else_by_itself() {
        let lease = Lease::default();
        assert!(timeout(seconds(9999), lease.run_out()).await.is_err());
        lease.begin(Some(LIMIT));
        let begun = Instant::now();
        assert_eq!(lease.run_out().await, LIMIT);
        assert_eq!(begun.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn it_counts_from_when_what_has_arrived_was_written() {
        let lease = Lease::default();
        lease.begin(Some(LIMIT));
        let begun = Instant::now();
        lease.writes(100);
        advance(seconds(4)).await;
        lease.writes(50);
        advance(seconds(4)).await;
        // The message was on its way for long; that the first hundred came is no sign of the second.
        lease.arrived(100);
        lease.arrived(120);
        lease.run_out().await;
        assert_eq!(begun.elapsed(), seconds(14));
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_message_does_not_shorten_it() {
        let lease = Lease::default();
        lease.writes(10);
        advance(seconds(5)).await;
        lease.begin(Some(LIMIT));
        lease.arrived(10);
        let begun = Instant::now();
        lease.run_out().await;
        assert_eq!(begun.elapsed(), LIMIT);
    }
}
