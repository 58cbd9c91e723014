//! What the scheduler's decisions cost: `cargo bench --bench schedule`.
//!
//! First a whole run a policy, 1,000,000 tests on 10,000 workers, in CPU time: until every worker has told what there is and the first tests are
//! out, and from there to the last result a call of the scheduler and a test, workers that answer at once included; bytes a test at the
//! peak. Then criterion measures a run in its middle. `--quick` is criterion's; names filter, as ever.
#![expect(clippy::print_stdout, reason = "it is a report")]

use std::collections::{HashSet, VecDeque};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callsheet::model::{Collection, Dist, Item, Outcome, TestFile, WorkerId, WorkerSpec};
use callsheet::schedule::{Decision, MadeFile, Policy, PolicyOptions, Scheduler, policy};
use criterion::{BenchmarkId, Criterion, Throughput};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A policy and how big a run of it is.
#[derive(Clone, Copy)]
struct Contest {
    dist: Dist,
    tests: u32,
    workers: u32,
}

const fn full(dist: Dist) -> Contest {
    Contest { dist, tests: 1_000_000, workers: 10_000 }
}

/// One line a policy. Under `each` every worker runs every test, so that its suite is smaller by the number of workers.
const CONTESTS: [Contest; 7] = [
    full(Dist::Stream),
    full(Dist::Load),
    full(Dist::LoadScope),
    full(Dist::LoadFile),
    full(Dist::LoadGroup),
    full(Dist::WorkSteal),
    Contest { dist: Dist::Each, tests: 1_000, workers: 1_000 },
];

const TESTS_PER_FILE: u32 = 20;
const TESTS_PER_GROUP: u32 = 10;

impl Contest {
    fn collection(self) -> Collection {
        let item = |test: u32| {
            let id = format!("tests/unit/test_{:05}.py::test_{test:07}", test / TESTS_PER_FILE);
            let group = format!("group{}", test / TESTS_PER_GROUP);
            Item { group: Some(group.into()), ..Item::from_id(&id) }
        };
        Collection::new((0..self.tests).map(item).collect())
    }

    fn policy(self) -> Box<dyn Policy> {
        let options = PolicyOptions { dist: self.dist, ..PolicyOptions::default() };
        policy(&options, self.workers as usize, Arc::default())
    }

    fn name(self) -> String {
        format!("{} {} x {}", self.dist, self.tests, self.workers)
    }
}

/// What stands in a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Item(u32),
    File(u32, bool),
}

/// The scheduler with workers that do at once what they are told, one test or file each in turn.
struct Run<'a> {
    scheduler: Scheduler,
    collection: &'a Collection,
    queues: Vec<VecDeque<Entry>>,
    /// By worker that makes its tests file by file, how many it has made.
    made: Vec<u32>,
    /// Tests and files that were taken back, to be told.
    answers: VecDeque<(WorkerId, Vec<u32>, Vec<u32>)>,
    /// Workers with something in their queues.
    busy: VecDeque<WorkerId>,
    ended: u64,
    calls: u64,
}

impl<'a> Run<'a> {
    fn new(contest: Contest, collection: &'a Collection) -> Self {
        let expected: Vec<(WorkerId, WorkerSpec)> =
            (0..contest.workers).map(|worker| (WorkerId(worker), WorkerSpec::default())).collect();
        let policy = contest.policy();
        let streams = policy.streams();
        let mut run = Self {
            scheduler: Scheduler::new(policy, &expected),
            collection,
            queues: vec![VecDeque::new(); expected.len()],
            made: vec![0; expected.len()],
            answers: VecDeque::new(),
            busy: VecDeque::new(),
            ended: 0,
            calls: 0,
        };
        for (worker, _) in &expected {
            let decisions = run.scheduler.worker_ready(*worker);
            run.carry_out(decisions);
        }
        let listing: Arc<[TestFile]> = files(collection).into();
        for (worker, _) in &expected {
            let decisions = if streams {
                run.scheduler.listed(*worker, listing.clone())
            } else {
                run.scheduler.collected(*worker, collection.clone())
            };
            run.carry_out(decisions);
        }
        run
    }

    /// The next test of the next worker. `false` at the end.
    fn step(&mut self) -> bool {
        if let Some((worker, tests, files)) = self.answers.pop_front() {
            let decisions = self.scheduler.withdrawn(worker, &tests, &files);
            self.carry_out(decisions);
            return true;
        }
        let Some(worker) = self.busy.pop_front() else {
            return false;
        };
        let queue = &mut self.queues[worker.0 as usize];
        // Withdrawn meanwhile.
        let Some(entry) = queue.pop_front() else {
            return true;
        };
        let item = match entry {
            Entry::Item(item) => item,
            Entry::File(file, run) => {
                self.make(worker, file, run);
                return true;
            }
        };
        if !queue.is_empty() {
            self.busy.push_back(worker);
        }
        let decisions = self.scheduler.test_started(worker, item);
        self.carry_out(decisions);
        let decisions = self.scheduler.test_ended(worker, item, Outcome::Passed, 0.01);
        self.carry_out(decisions);
        self.ended += 1;
        true
    }

    fn make(&mut self, worker: WorkerId, file: u32, queued: bool) {
        let decisions = self.scheduler.file_making(worker, file);
        self.carry_out(decisions);
        let start = (file * TESTS_PER_FILE) as usize;
        let all = self.collection.items();
        let items = all[start..(start + TESTS_PER_FILE as usize).min(all.len())].to_vec();
        let made = &mut self.made[worker.0 as usize];
        let first = *made;
        *made += TESTS_PER_FILE;
        let queue = &mut self.queues[worker.0 as usize];
        if queued {
            (first..*made).rev().for_each(|item| queue.push_front(Entry::Item(item)));
        }
        if !queue.is_empty() {
            self.busy.push_back(worker);
        }
        let made = MadeFile { file, first, items, deselected: 0, queued, kept: Vec::new() };
        let decisions = self.scheduler.file_made(worker, &made);
        self.carry_out(decisions);
    }

    fn add(&mut self, worker: WorkerId, entries: impl Iterator<Item = Entry>) {
        let queue = &mut self.queues[worker.0 as usize];
        if queue.is_empty() {
            self.busy.push_back(worker);
        }
        queue.extend(entries);
    }

    fn carry_out(&mut self, decisions: Vec<Decision>) {
        self.calls += 1;
        for decision in decisions {
            match decision {
                Decision::Run { worker, batch } => {
                    self.add(worker, batch.items.into_iter().map(Entry::Item));
                }
                Decision::Make { worker, files, run } => {
                    self.add(worker, files.into_iter().map(|file| Entry::File(file, run)));
                }
                Decision::Withdraw { worker, items, files } => {
                    let items: HashSet<u32> = items.into_iter().collect();
                    let queue = &mut self.queues[worker.0 as usize];
                    let (mut back, mut files_back) = (Vec::new(), Vec::new());
                    // What is taken back is the tail of a queue.
                    while let Some(entry) = queue.back() {
                        match entry {
                            Entry::Item(item) if items.contains(item) => back.push(*item),
                            Entry::File(file, _) if files.contains(file) => files_back.push(*file),
                            Entry::Item(_) | Entry::File(..) => break,
                        }
                        queue.pop_back();
                    }
                    self.answers.push_back((worker, back, files_back));
                }
                Decision::Fault(fault) => panic!("{fault}"),
                other => {
                    black_box(other);
                }
            }
        }
    }
}

/// The files of a collection.
fn files(collection: &Collection) -> Vec<TestFile> {
    let first = collection.items().iter().step_by(TESTS_PER_FILE as usize);
    first.map(|item| TestFile { id: item.file().into(), size: 0, at_once: false }).collect()
}

/// Nanoseconds of CPU that this thread has used, which others on the machine do not change much.
fn thread_time() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every thread has a clock");
    time.num_nanoseconds()
}

/// A whole run as a row of the table.
fn whole(contest: Contest, collection: &Collection) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let announced = thread_time();
    let mut run = Run::new(contest, collection);
    let begun = thread_time();
    let calls_before = run.calls;
    while run.step() {}
    let took = (thread_time() - begun).unsigned_abs();
    assert!(run.scheduler.is_complete(), "{} tests did not run", run.scheduler.remaining());
    let bytes = (MEMORY.peak_usage() - before) as u64;
    let start = (begun - announced) / 1_000_000;
    let (call, test) = (took / (run.calls - calls_before), took / run.ended);
    println!("| {} | {start} | {call} | {test} | {} |", contest.name(), bytes / run.ended);
}

/// The second half of a run, which begins anew, untimed, when it is over: files that are made there count with the tests.
fn middle(criterion: &mut Criterion, contest: Contest, collection: &Collection) {
    let half = || {
        let mut run = Run::new(contest, collection);
        while run.ended < u64::from(contest.tests) / 2 && run.step() {}
        run
    };
    let mut group = criterion.benchmark_group("a test in a run");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    let mut run = None;
    group.bench_with_input(BenchmarkId::from_parameter(contest.name()), &contest, |bencher, _| {
        bencher.iter_custom(|tests| {
            let mut took = Duration::ZERO;
            let mut left = tests;
            while left > 0 {
                let current: &mut Run = run.get_or_insert_with(half);
                let before = current.ended;
                let begun = Instant::now();
                let mut goes_on = true;
                while goes_on && current.ended - before < left {
                    goes_on = current.step();
                }
                took += begun.elapsed();
                left -= current.ended - before;
                if !goes_on {
                    run = None;
                }
            }
            took
        });
    });
    group.finish();
}

fn main() {
    println!(
        "| policy, tests x workers | start, ms | ns a call | ns a test | bytes a test |\n|---|---|---|---|---|"
    );
    for contest in CONTESTS {
        whole(contest, &contest.collection());
    }
    let mut criterion = Criterion::default().configure_from_args();
    for contest in CONTESTS {
        middle(&mut criterion, contest, &contest.collection());
    }
    criterion.final_summary();
}
