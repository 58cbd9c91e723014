//! `stream`: files go out before their tests are known; what is known to take long goes first, and idle workers take
//! from the others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use crate::model::{Dist, Item, TestFile, TestIndex, WorkerId};
use crate::schedule::{Estimates, Move, Policy, View};

use super::Load;
use super::stealing;

/// What a test is taken to weigh that nobody has seen, in microseconds.
const UNKNOWN_TEST: u32 = 1000;

/// What such a test is taken to weigh if it is marked [`Item::SLOW`].
const SLOW_TEST: u32 = 1_000_000;

/// How many bytes of a file there are for each test, where nobody has seen the file: a function of a few lines.
const BYTES_A_TEST: u64 = 100;

/// A worker with less ahead of it than this gets more, in microseconds: it hides the way there and back.
const RESERVE: u64 = 100_000;

/// A test is handed out on its own if it takes at least this part of the time that the run can not fall below. Whatever
/// is left at the end of the run is then small beside the whole.
const SPLIT: f64 = 0.04;

/// No test of fewer seconds than this is handed out on its own.
const SPLIT_SECONDS: f64 = 0.05;

/// Something that a worker is given in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unit {
    /// All tests of a file, as soon as they are made.
    File(u32),
    /// One test of a file whose tests are not made yet, by its id.
    Alone(u32, Arc<str>),
    /// The tests of such a file that are not handed out on their own.
    Rest(u32),
    /// Tests that wait.
    Tests(Vec<TestIndex>),
}

/// The order in which units go out: tests handed out on their own, files that nobody has seen, the others; the longest
/// first, and in the order of the listing where that is equal.
type Rank = (u8, Reverse<u64>, u64);

/// Files first by recorded durations; idle workers take files and tests from the others.
///
/// Longest first makes the end of the run even (Graham's rule), which is nothing to a worker alone: it takes the files as
/// they are listed. A test that is long beside the whole run goes out on its own, unless its file's fixtures take longer
/// still. All other tests stay with their file, whose module and class fixtures are then set up once, until a worker has
/// nothing left and takes the second half of what the busiest one has.
///
/// Where nothing is recorded, what people say of their tests is the best guess: those that are marked as slow go out first,
/// those of a scope together.
pub(in crate::schedule) struct Stream {
    estimates: Arc<Estimates>,
    workers: usize,
    cap: Option<u32>,
    /// The time in microseconds that the run can not fall below, as far as it is known.
    bound: u64,
    units: BTreeMap<Rank, Unit>,
    counter: u64,
    /// By file that is not handed out as a whole: the tests that go out on their own.
    split: HashMap<u32, Vec<Arc<str>>>,
    /// By such a file, what workers have been promised of it.
    claims: HashMap<u32, Vec<(WorkerId, Unit)>>,
    /// The workers that have been promised something, and of which file.
    promised: HashMap<WorkerId, u32>,
    /// What has become known and was promised.
    due: Vec<Move>,
}

impl Stream {
    /// For this many workers, and for xdist's `--maxschedchunk` should another policy take over.
    pub(in crate::schedule) fn new(
        estimates: Arc<Estimates>,
        workers: usize,
        cap: Option<u32>,
    ) -> Self {
        Self {
            estimates,
            workers: workers.max(1),
            cap,
            bound: 0,
            units: BTreeMap::new(),
            counter: 0,
            split: HashMap::new(),
            claims: HashMap::new(),
            promised: HashMap::new(),
            due: Vec::new(),
        }
    }

    fn queue(&mut self, class: u8, weight: u64, unit: Unit) {
        self.counter += 1;
        self.units.insert((class, Reverse(weight), self.counter), unit);
    }

    /// The time in seconds that the run can not fall below, as far as it is known.
    fn bound(&self, files: &[TestFile]) -> f64 {
        let known = files.iter().filter_map(|file| self.estimates.file(&file.id));
        let (sum, longest) = known.fold((0.0_f64, 0.0_f64), |(sum, longest), file| {
            (sum + file.seconds, longest.max(file.longest))
        });
        longest.max(sum / workers_as_float(self.workers))
    }

    /// The tests of a file that are worth to go out on their own.
    fn worth_splitting(&self, file: &TestFile, bound: f64) -> Vec<(Arc<str>, f64)> {
        let least = (SPLIT * bound).max(SPLIT_SECONDS);
        if self.estimates.file(&file.id).is_none_or(|known| known.longest < least) {
            return Vec::new();
        }
        let setup = self.estimates.tests_of(&file.id).map(|(_, test)| test.setup);
        let least = least.max(setup.fold(0.0, f64::max));
        let long = self.estimates.tests_of(&file.id).filter(|(_, test)| test.call >= least);
        long.map(|(id, test)| (id.into(), test.total())).collect()
    }

    fn queue_file(&mut self, file: u32, view: &View<'_>) {
        let listed = &view.files()[file as usize];
        match self.estimates.file(&listed.id) {
            // One worker alone wins nothing by another order than pytest's, which keeps a package together.
            _ if self.workers == 1 => self.queue(1, 0, Unit::File(file)),
            None => self.queue(1, listed.size, Unit::File(file)),
            Some(known) => self.queue(2, micros(known.seconds), Unit::File(file)),
        }
    }

    /// The tests of a file, or what is left of them, in the order of the file.
    fn queue_tests(&mut self, tests: Vec<TestIndex>, view: &View<'_>) {
        if !tests.is_empty() {
            let weight = weight_of(&tests, view);
            let class = if self.workers == 1 { 0 } else { 2 };
            self.queue(class, weight, Unit::Tests(tests));
        }
    }

    /// The next unit that is still there to be given.
    fn next(&mut self, worker: WorkerId, view: &View<'_>) -> Option<Vec<Move>> {
        loop {
            let (_, unit) = self.units.pop_first()?;
            let moves = match unit {
                Unit::File(file) if view.is_file_waiting(file) => {
                    vec![Move::GiveFile { worker, file, run: true }]
                }
                Unit::Alone(file, _) | Unit::Rest(file)
                    if self.split.contains_key(&file) && !view.is_file_lost(file) =>
                {
                    self.claim(worker, file, unit, view)
                }
                Unit::Tests(tests) => match self.share(worker, tests, view) {
                    Some(step) => vec![step],
                    None => continue,
                },
                // It has gone out in another way.
                Unit::File(_) | Unit::Alone(..) | Unit::Rest(_) => continue,
            };
            return Some(moves);
        }
    }

    /// A worker is to have this of a file as soon as the file's tests are known.
    fn claim(&mut self, worker: WorkerId, file: u32, unit: Unit, view: &View<'_>) -> Vec<Move> {
        let claims = self.claims.entry(file).or_default();
        let makes_it = view.is_maker(worker, file);
        claims.push((worker, unit));
        self.promised.insert(worker, file);
        if makes_it { Vec::new() } else { vec![Move::GiveFile { worker, file, run: false }] }
    }

    /// Whether a worker waits for what it was promised. A file that is lost, or that was taken back from the worker, keeps
    /// no promise: what is made of it goes to whoever is free then.
    fn waits(&mut self, worker: WorkerId, view: &View<'_>) -> bool {
        let Some(file) = self.promised.get(&worker).copied() else {
            return false;
        };
        if !view.is_file_lost(file) && view.is_maker(worker, file) {
            return true;
        }
        self.promised.remove(&worker);
        if let Some(claims) = self.claims.get_mut(&file) {
            claims.retain(|(known, _)| *known != worker);
        }
        false
    }

    /// As many of these tests as one of the workers without work should have; the rest waits on.
    fn share(
        &mut self,
        worker: WorkerId,
        mut tests: Vec<TestIndex>,
        view: &View<'_>,
    ) -> Option<Move> {
        tests.retain(|test| view.is_waiting(*test));
        if tests.is_empty() {
            return None;
        }
        let idle = u64::try_from(view.idle_len().max(1)).unwrap_or(u64::MAX);
        if idle > 1 && self.units.is_empty() && !stealing::is_run_at_once(tests[0], view) {
            let fair = weight_of(&tests, view).div_ceil(idle);
            let mut sum = 0;
            let count = tests.iter().take_while(|test| {
                let before = sum;
                sum += u64::from(view.test_weight(**test));
                before < fair
            });
            let rest = tests.split_off(count.count().max(1));
            self.queue_tests(rest, view);
        }
        Some(Move::give(worker, tests))
    }

    /// What of a file that is known now goes to whom.
    fn hand_out(&mut self, file: u32, tests: Range<u32>, view: &View<'_>) {
        let alone = self.split.remove(&file).unwrap_or_default();
        let claims = self.claims.remove(&file).unwrap_or_default();
        let mut waiting: Vec<TestIndex> =
            tests.map(TestIndex).filter(|test| view.is_waiting(*test)).collect();
        let mut single: HashMap<&str, TestIndex> = HashMap::new();
        let alone: HashSet<&str> = alone.iter().map(|id| &**id).collect();
        waiting.retain(|test| {
            let id = &*view.items()[test.0 as usize].id;
            let first = alone.contains(id) && !single.contains_key(id);
            if first {
                single.insert(id, *test);
            }
            !first
        });
        for (worker, unit) in claims {
            self.promised.remove(&worker);
            if !view.has_worker(worker) {
                continue;
            }
            match unit {
                Unit::Alone(_, id) => {
                    self.due.extend(single.remove(&*id).map(|test| Move::give(worker, [test])));
                }
                // More than a fair share for one is dealt out to all.
                Unit::Rest(_) if weight_of(&waiting, view) > self.bound => {}
                Unit::Rest(_) => self.due.push(Move::give(worker, std::mem::take(&mut waiting))),
                Unit::File(_) | Unit::Tests(_) => {}
            }
        }
        let mut single: Vec<TestIndex> = single.into_values().collect();
        single.sort_unstable();
        for test in single {
            self.queue(0, u64::from(view.test_weight(test)), Unit::Tests(vec![test]));
        }
        let items = view.items();
        let item = |test: &TestIndex| &items[test.0 as usize];
        let (slow, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|test| {
            self.leaves_apart(item(test)) && !stealing::is_run_at_once(*test, view)
        });
        for scope in slow.chunk_by(|a, b| item(a).scope() == item(b).scope()) {
            self.queue(0, weight_of(scope, view), Unit::Tests(scope.to_vec()));
        }
        self.queue_tests(others, view);
    }
}

impl Policy for Stream {
    fn name(&self) -> &str {
        Dist::Stream.class()
    }

    fn streams(&self) -> bool {
        true
    }

    fn fallback(&mut self) -> Box<dyn Policy> {
        Box::new(Load::new(self.cap))
    }

    fn weigh_file(&mut self, file: &TestFile) -> u32 {
        match self.estimates.file(&file.id) {
            Some(known) => clamp(micros(known.seconds)),
            None => clamp((file.size / BYTES_A_TEST).max(1) * u64::from(UNKNOWN_TEST)),
        }
    }

    fn weigh_test(&mut self, item: &Item) -> u32 {
        match self.estimates.test(&item.id) {
            Some(known) => clamp(micros(known.total()).max(1)),
            None if item.is_slow() => SLOW_TEST,
            None => UNKNOWN_TEST,
        }
    }

    fn leaves_apart(&mut self, item: &Item) -> bool {
        self.workers > 1 && item.is_slow() && self.estimates.test(&item.id).is_none()
    }

    fn begin(&mut self, view: &View<'_>) -> Vec<Move> {
        let bound = self.bound(view.files());
        self.bound = micros(bound);
        for (file, listed) in (0..).zip(view.files()) {
            let alone = self.worth_splitting(listed, bound);
            let all = self.estimates.file(&listed.id).map_or(0.0, |known| known.seconds);
            let whole = listed.at_once || alone.is_empty() && all <= bound;
            if self.workers == 1 || whole {
                self.queue_file(file, view);
                continue;
            }
            let rest = all - alone.iter().map(|(_, seconds)| seconds).sum::<f64>();
            for (id, seconds) in &alone {
                self.queue(0, micros(*seconds), Unit::Alone(file, id.clone()));
            }
            self.queue(2, micros(rest), Unit::Rest(file));
            self.split.insert(file, alone.into_iter().map(|(id, _)| id).collect());
        }
        Vec::new()
    }

    fn made(&mut self, file: u32, tests: Range<u32>, view: &View<'_>) {
        self.hand_out(file, tests, view);
    }

    fn returned(&mut self, tests: &[TestIndex], view: &View<'_>) {
        let together = |a: &TestIndex, b: &TestIndex| view.file_of(*a) == view.file_of(*b);
        for part in tests.chunk_by(together) {
            self.queue_tests(part.to_vec(), view);
        }
    }

    fn files_returned(&mut self, files: &[u32], view: &View<'_>) {
        for file in files {
            // What was promised of it is promised no more: it goes out as a whole.
            self.split.remove(file);
            for (worker, _) in self.claims.remove(file).unwrap_or_default() {
                self.promised.remove(&worker);
            }
            self.queue_file(*file, view);
        }
    }

    fn refill(&mut self, worker: WorkerId, _last: Option<f64>, view: &View<'_>) -> Vec<Move> {
        if !self.due.is_empty() {
            return std::mem::take(&mut self.due);
        }
        // What is in reserve with one worker must not be what another one has to steal at once.
        let way = u64::try_from(view.away(worker).as_micros()).unwrap_or(u64::MAX);
        let has_enough = !view.is_free(worker)
            && (view.weight(worker) >= RESERVE.saturating_add(way)
                || self.units.len() <= view.idle_len());
        if has_enough || self.waits(worker, view) {
            return Vec::new();
        }
        if let Some(moves) = self.next(worker, view) {
            return moves;
        }
        // What is taken from others reaches a far worker when it is free.
        let free_on_arrival = view.is_free(worker) || view.weight(worker) < way;
        if free_on_arrival { stealing::steal(worker, view) } else { Vec::new() }
    }
}

fn weight_of(tests: &[TestIndex], view: &View<'_>) -> u64 {
    tests.iter().map(|test| u64::from(view.test_weight(*test))).sum()
}

fn workers_as_float(workers: usize) -> f64 {
    f64::from(u32::try_from(workers).unwrap_or(u32::MAX))
}

/// Microseconds; a time without end is as good as 584,000 years.
fn micros(seconds: f64) -> u64 {
    u64::try_from(
        std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default().as_micros(),
    )
    .unwrap_or(u64::MAX)
}

fn clamp(micros: u64) -> u32 {
    u32::try_from(micros).unwrap_or(u32::MAX)
}
