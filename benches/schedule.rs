//! What the scheduler's decisions cost: `cargo bench --bench schedule`.
//!
//! First a whole run a policy, 1,000,000 tests on 10,000 workers: CPU nanoseconds a call of the scheduler and a test, from the announcement of
//! the workers to the last result, workers that answer at once included, and bytes a test at the peak. Then criterion measures a run in
//! its middle. `--quick` is criterion's; names filter, as ever.
#![expect(clippy::print_stdout, reason = "it is a report")]

use std::collections::{HashSet, VecDeque};
use std::hint::black_box;
use std::time::{Duration, Instant};

use callsheet::model::{Collection, Dist, Item, Outcome, WorkerId, WorkerSpec};
use callsheet::schedule::{Decision, Policy, PolicyOptions, Scheduler, policy};
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
const CONTESTS: [Contest; 6] = [
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
        policy(&PolicyOptions { dist: self.dist, ..PolicyOptions::default() })
    }

    fn name(self) -> String {
        format!("{} {} x {}", self.dist, self.tests, self.workers)
    }
}

/// The scheduler with workers that do at once what they are told, one test each in turn.
struct Run {
    scheduler: Scheduler,
    queues: Vec<VecDeque<u32>>,
    /// Workers with something in their queues.
    busy: VecDeque<WorkerId>,
    ended: u64,
    calls: u64,
}

impl Run {
    fn new(contest: Contest, collection: &Collection) -> Self {
        let expected: Vec<(WorkerId, WorkerSpec)> =
            (0..contest.workers).map(|worker| (WorkerId(worker), WorkerSpec::default())).collect();
        let mut run = Self {
            scheduler: Scheduler::new(contest.policy(), &expected),
            queues: vec![VecDeque::new(); expected.len()],
            busy: VecDeque::new(),
            ended: 0,
            calls: 0,
        };
        for (worker, _) in &expected {
            let decisions = run.scheduler.worker_ready(*worker);
            run.carry_out(decisions);
        }
        for (worker, _) in &expected {
            let decisions = run.scheduler.collected(*worker, collection.clone());
            run.carry_out(decisions);
        }
        run
    }

    /// The next test of the next worker. `false` at the end.
    fn step(&mut self) -> bool {
        let Some(worker) = self.busy.pop_front() else {
            return false;
        };
        let queue = &mut self.queues[worker.0 as usize];
        // Withdrawn meanwhile.
        let Some(item) = queue.pop_front() else {
            return true;
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

    fn carry_out(&mut self, decisions: Vec<Decision>) {
        self.calls += 1;
        for decision in decisions {
            match decision {
                Decision::Run { worker, items } => {
                    let queue = &mut self.queues[worker.0 as usize];
                    if queue.is_empty() {
                        self.busy.push_back(worker);
                    }
                    queue.extend(items);
                }
                Decision::Withdraw { worker, items } => {
                    let wanted: HashSet<u32> = items.into_iter().collect();
                    let queue = &mut self.queues[worker.0 as usize];
                    let mut back = Vec::with_capacity(wanted.len());
                    // What is taken back is the tail of a queue.
                    while queue.back().is_some_and(|item| wanted.contains(item)) {
                        back.extend(queue.pop_back());
                    }
                    let decisions = self.scheduler.withdrawn(worker, &back);
                    self.carry_out(decisions);
                }
                Decision::Fault(fault) => panic!("{fault}"),
                other => {
                    black_box(other);
                }
            }
        }
    }
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
    let begun = thread_time();
    let mut run = Run::new(contest, collection);
    while run.step() {}
    let took = (thread_time() - begun).unsigned_abs();
    assert!(run.scheduler.is_complete(), "{} tests did not run", run.scheduler.remaining());
    let bytes = (MEMORY.peak_usage() - before) as u64;
    let (call, test) = (took / run.calls, took / run.ended);
    println!("| {} | {call} | {test} | {} |", contest.name(), bytes / run.ended);
}

/// In the middle of a run that begins anew, untimed, when it is over.
fn middle(criterion: &mut Criterion, contest: Contest, collection: &Collection) {
    let mut group = criterion.benchmark_group("a test in a run");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    let mut run = None;
    group.bench_with_input(BenchmarkId::from_parameter(contest.name()), &contest, |bencher, _| {
        bencher.iter_custom(|tests| {
            let mut took = Duration::ZERO;
            let mut left = tests;
            while left > 0 {
                let current: &mut Run = run.get_or_insert_with(|| Run::new(contest, collection));
                let before = current.ended;
                let begun = Instant::now();
                while left > 0 && current.step() {
                    left -= 1;
                }
                took += begun.elapsed();
                if current.ended == before {
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
        "| policy, tests x workers | ns a call | ns a test | bytes a test |\n|---|---|---|---|"
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
