//! The slowest tests of a run, in memory that does not grow with it.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::model::{Durations, TestName};

/// Seconds below which a test is not worth a line; pytest's `--durations-min`.
const WORTH_A_LINE: f64 = 0.005;

/// One slow test.
#[derive(Debug, Clone, PartialEq)]
pub struct Slow {
    /// Its seconds by phase.
    pub durations: Durations,

    /// The test.
    pub test: TestName,
}

impl Eq for Slow {}

impl Ord for Slow {
    fn cmp(&self, other: &Self) -> Ordering {
        self.durations
            .total()
            .total_cmp(&other.durations.total())
            .then_with(|| other.test.id.cmp(&self.test.id))
            .then_with(|| other.test.occurrence.cmp(&self.test.occurrence))
    }
}

impl PartialOrd for Slow {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The slowest tests.
#[derive(Debug, Default)]
pub struct Slowest {
    limit: usize,
    heap: BinaryHeap<Reverse<Slow>>,
}

impl Slowest {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::new() }
    }

    pub(super) fn add(&mut self, test: &TestName, durations: &Durations) {
        let full = self.heap.len() >= self.limit;
        let faster_than_all = self
            .heap
            .peek()
            .is_none_or(|Reverse(least)| durations.total() <= least.durations.total());
        if durations.total() < WORTH_A_LINE || full && faster_than_all {
            return;
        }
        if full {
            self.heap.pop();
        }
        self.heap.push(Reverse(Slow { durations: *durations, test: test.clone() }));
    }

    /// The slowest first.
    pub fn list(&self) -> Vec<&Slow> {
        let mut list: Vec<&Slow> = self.heap.iter().map(|Reverse(slow)| slow).collect();
        list.sort_unstable_by(|a, b| b.cmp(a));
        list
    }
}
