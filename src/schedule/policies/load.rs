//! `load`: tests go to whoever runs low (seed: `LoadScheduling`).

use crate::model::{Dist, TestIndex, WorkerId};
use crate::schedule::{Move, Policy, View};

/// A test whose call took this many seconds counts as long-running: a worker that still has
/// [`ENOUGH`] waits (seed, `check_schedule`).
const LONG: f64 = 0.1;

/// The least number of tests that the water marks ask for (seed: two, as its workers needed to know
/// the next test before they ran one; here it hides the way there and back).
const ENOUGH: usize = 2;

/// Round-robin first batch, then refill between a low- and a high-water mark that fall with what
/// waits.
///
/// With a cap (xdist's `--maxschedchunk`) no step gives a worker more tests than that, but always
/// as many as it takes to have two. The seed's first batch, `max(n/4, 2·workers)` dealt one by one,
/// is then at most the cap for each worker: `max(min(n/4, cap·workers), 2·workers)`.
pub(in crate::schedule) struct Load {
    cap: usize,
}

impl Load {
    pub(in crate::schedule) fn new(cap: Option<u32>) -> Self {
        Self { cap: cap.map_or(usize::MAX, |cap| cap as usize) }
    }
}

impl Policy for Load {
    fn name(&self) -> &str {
        Dist::Load.class()
    }

    fn begin(&mut self, view: &View<'_>) -> Vec<Move> {
        let workers = view.workers_len();
        let quarter = (view.waiting_len() / 4).min(self.cap.saturating_mul(workers));
        let batch: Vec<TestIndex> = view.waiting().take(quarter.max(ENOUGH * workers)).collect();
        view.workers()
            .enumerate()
            .map(|(turn, worker)| {
                Move::give(worker, batch.iter().copied().skip(turn).step_by(workers))
            })
            .collect()
    }

    fn refill(&mut self, worker: WorkerId, last: Option<f64>, view: &View<'_>) -> Vec<Move> {
        let share = view.waiting_len() / view.workers_len().max(1);
        // A worker of another host has what it runs on the way as well, but no more than its share.
        let enough = ENOUGH + view.tests_on_the_way(worker, last).min(share);
        let (low, high) = ((share / 4).max(enough), (share / 2).max(enough));
        let load = view.load(worker);
        let busy_for_long = last.is_some_and(|seconds| seconds >= LONG) && load >= enough;
        if load >= low || busy_for_long {
            return Vec::new();
        }
        let count = (high - load).min(self.cap.max(enough.saturating_sub(load)));
        vec![Move::give(worker, view.waiting().take(count))]
    }
}
