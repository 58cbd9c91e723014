//! `loadscope`, `loadfile`, `loadgroup`: tests that belong together stay on one worker.

use std::collections::{HashMap, VecDeque};

use crate::model::{Item, TestIndex, WorkerId};
use crate::schedule::{Move, Policy, View};

/// A worker with more tests than this gets no further unit (xdist, `_reschedule`).
const PREFETCH: usize = 2;

/// What makes tests belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::schedule) enum ScopeKey {
    /// The module or class, as the worker told it.
    Scope,
    /// The file.
    File,
    /// The group; a test without one is on its own.
    Group,
}

impl ScopeKey {
    fn of(self, item: &Item) -> Option<&str> {
        match self {
            Self::Scope => Some(item.scope()),
            Self::File => Some(item.file()),
            Self::Group => item.group.as_deref(),
        }
    }
}

/// Whole units in turn; biggest first unless collection order is asked for (xdist:
/// `LoadScopeScheduling` and its children).
///
/// What is left of a unit after a crash is queued as a unit of its own. Ids do not matter here, so
/// equal ones are kept apart.
pub(in crate::schedule) struct Scope {
    name: &'static str,
    key: ScopeKey,
    biggest_first: bool,
    unit_of: Vec<u32>,
    units: VecDeque<Vec<TestIndex>>,
}

impl Scope {
    pub(in crate::schedule) fn new(name: &'static str, key: ScopeKey, biggest_first: bool) -> Self {
        Self { name, key, biggest_first, unit_of: Vec::new(), units: VecDeque::new() }
    }

    /// The next unit with what still waits of it; the scheduler may have handed out a test itself.
    fn next_unit(&mut self, view: &View<'_>) -> Option<Vec<TestIndex>> {
        std::iter::from_fn(|| self.units.pop_front())
            .map(|mut unit| {
                unit.retain(|test| view.is_waiting(*test));
                unit
            })
            .find(|unit| !unit.is_empty())
    }
}

impl Policy for Scope {
    fn name(&self) -> &str {
        self.name
    }

    /// One unit a worker, then a second one for those with few tests (xdist, `schedule`).
    fn begin(&mut self, view: &View<'_>) -> Vec<Move> {
        let mut units: Vec<Vec<TestIndex>> = Vec::new();
        let mut known: HashMap<&str, u32> = HashMap::new();
        for (item, test) in view.items().iter().zip(0..) {
            let fresh = u32::try_from(units.len()).unwrap_or(u32::MAX);
            let unit = self.key.of(item).map_or(fresh, |key| *known.entry(key).or_insert(fresh));
            if unit == fresh {
                units.push(Vec::new());
            }
            units[unit as usize].push(TestIndex(test));
            self.unit_of.push(unit);
        }
        if self.biggest_first {
            units.sort_by_key(|unit| std::cmp::Reverse(unit.len()));
        }
        self.units = units.into();

        let first: Vec<(WorkerId, Vec<TestIndex>)> =
            view.workers().map_while(|worker| Some((worker, self.next_unit(view)?))).collect();
        let mut second = Vec::new();
        for (worker, unit) in &first {
            if unit.len() <= PREFETCH {
                second.extend(self.next_unit(view).map(|unit| (*worker, unit)));
            }
        }
        first.into_iter().chain(second).map(|(worker, unit)| Move::give(worker, unit)).collect()
    }

    fn returned(&mut self, tests: &[TestIndex], _view: &View<'_>) {
        let unit_of = &self.unit_of;
        let same = |a: &TestIndex, b: &TestIndex| unit_of[a.0 as usize] == unit_of[b.0 as usize];
        self.units.extend(tests.chunk_by(same).map(<[TestIndex]>::to_vec));
    }

    fn refill(&mut self, worker: WorkerId, last: Option<f64>, view: &View<'_>) -> Vec<Move> {
        let share = view.waiting_len() / view.workers_len().max(1);
        if view.load(worker) > PREFETCH + view.tests_on_the_way(worker, last).min(share) {
            return Vec::new();
        }
        self.next_unit(view).map(|unit| Move::give(worker, unit)).into_iter().collect()
    }
}
