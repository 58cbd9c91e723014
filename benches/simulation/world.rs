//! The scheduler, agents with their queues, and the way between them.

use std::collections::{HashMap, HashSet, VecDeque};

use callsheet::model::{Collection, Item, Outcome as TestOutcome, TestFile, WorkerId, WorkerSpec};
use callsheet::schedule::{Decision, MadeFile, Policy, Scheduler};

use super::clock::{Clock, Instant, nanoseconds};
use super::plan::Plan;

/// What the way between controller and agents costs, and what a worker does beside tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Network {
    /// Seconds that a message is under way, in either direction.
    pub(crate) latency: f64,
    /// Seconds that a worker needs to make one test of a file.
    pub(crate) making: f64,
}

/// What came of a simulated run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// Seconds from the first decision to the end of the last test.
    pub(crate) makespan: f64,
    /// How often tests were asked back.
    pub(crate) withdrawals: usize,
    /// Tests that ran.
    pub(crate) tests: usize,
}

/// Something that happens at a time.
#[derive(Debug)]
enum Step {
    /// A command has come to the worker's agent.
    Order(WorkerId, Order),
    /// A message has come to the scheduler.
    News(WorkerId, News),
    /// The running test of a worker has come to the end of its call.
    CallOver(WorkerId),
    /// A worker has made the tests of a file.
    FileMade(WorkerId),
}

#[derive(Debug)]
enum Order {
    Run(Vec<u32>),
    Make(Vec<u32>, bool),
    Withdraw(Vec<u32>, Vec<u32>),
    Finish,
}

#[derive(Debug)]
enum News {
    Started(u32),
    Ran(u32, f64),
    Ended(u32, f64),
    Making(u32),
    Made(MadeFile),
    Withdrawn(Vec<u32>, Vec<u32>),
}

/// What stands in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Item(u32),
    File(u32, bool),
}

/// A worker and its queue at the agent.
#[derive(Debug, Default)]
struct Worker {
    queue: VecDeque<Entry>,
    /// Of a worker that makes its tests file by file: by item, its place in the suite.
    made: Vec<u32>,
    making: Option<(u32, bool)>,
    running: Option<u32>,
    /// The call of the running test is over; its teardown waits to know what comes next.
    waits: bool,
    finish: bool,
}

struct World {
    scheduler: Scheduler,
    streams: bool,
    items: Vec<Item>,
    /// By file, its id and the places of its tests in the suite.
    files: Vec<(TestFile, Vec<u32>)>,
    making: Instant,
    clock: Clock<Step>,
    workers: HashMap<WorkerId, Worker>,
    times: Vec<Instant>,
    seconds: Vec<f64>,
    latency: Instant,
    last_end: Instant,
    withdrawals: usize,
    tests: usize,
}

/// Runs a suite on so many workers, all of which are ready and have collected when the clock begins.
///
/// # Panics
/// If the scheduler or the policy breaks its rules, or if a test does not run exactly once: then no figure would be worth anything.
pub(crate) fn simulate(
    plan: &Plan,
    workers: u32,
    network: Network,
    policy: Box<dyn Policy>,
) -> Outcome {
    let ids: Vec<WorkerId> = (0..workers).map(WorkerId).collect();
    let expected: Vec<_> = ids.iter().map(|id| (*id, WorkerSpec::default())).collect();
    let mut world = World {
        streams: policy.streams(),
        scheduler: Scheduler::new(policy, &expected),
        items: plan.items(),
        files: plan.files(),
        making: nanoseconds(network.making),
        clock: Clock::new(),
        workers: ids.iter().map(|id| (*id, Worker::default())).collect(),
        times: plan.times(),
        seconds: plan.tests().iter().map(|test| test.seconds).collect(),
        latency: nanoseconds(network.latency),
        last_end: 0,
        withdrawals: 0,
        tests: 0,
    };
    world.start(&ids);
    while let Some(step) = world.clock.next() {
        match step {
            Step::Order(worker, order) => world.order(worker, order),
            Step::News(worker, news) => world.news(worker, news),
            Step::CallOver(worker) => world.call_over(worker),
            Step::FileMade(worker) => world.file_made(worker),
        }
    }
    assert!(world.scheduler.is_complete(), "{} tests did not run", world.scheduler.remaining());
    assert_eq!(world.tests, plan.tests().len(), "not every test ran exactly once");
    #[expect(clippy::cast_precision_loss, reason = "a run takes less than 104 days")]
    let makespan = world.last_end as f64 / 1e9;
    Outcome { makespan, withdrawals: world.withdrawals, tests: world.tests }
}

impl World {
    fn start(&mut self, ids: &[WorkerId]) {
        for worker in ids {
            let decisions = self.scheduler.worker_ready(*worker);
            self.carry_out(decisions);
        }
        for worker in ids {
            let decisions = if self.streams {
                let files = self.files.iter().map(|(file, _)| file.clone()).collect();
                self.scheduler.listed(*worker, files)
            } else {
                self.scheduler.collected(*worker, Collection::new(self.items.clone()))
            };
            self.carry_out(decisions);
        }
    }

    fn carry_out(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            let (worker, order) = match decision {
                Decision::Run { worker, batch } => (worker, Order::Run(batch.items)),
                Decision::Make { worker, files, run } => (worker, Order::Make(files, run)),
                Decision::Withdraw { worker, items, files } => {
                    self.withdrawals += 1;
                    (worker, Order::Withdraw(items, files))
                }
                Decision::Finish { worker } => (worker, Order::Finish),
                Decision::Finished { .. } => {
                    self.tests += 1;
                    continue;
                }
                Decision::Scheduling { .. }
                | Decision::Started { .. }
                | Decision::FileCollected { .. } => continue,
                other => panic!("nothing fails in a simulation: {other:?}"),
            };
            self.clock.plan(self.latency, Step::Order(worker, order));
        }
    }

    fn order(&mut self, id: WorkerId, order: Order) {
        let worker = self.workers.get_mut(&id).expect("orders go to workers that there are");
        match order {
            Order::Run(items) => worker.queue.extend(items.into_iter().map(Entry::Item)),
            Order::Make(files, run) => {
                worker.queue.extend(files.into_iter().map(|file| Entry::File(file, run)));
            }
            Order::Withdraw(items, files) => {
                let items: HashSet<u32> = items.into_iter().collect();
                let (mut back, mut files_back) = (Vec::new(), Vec::new());
                worker.queue.retain(|entry| {
                    match entry {
                        Entry::Item(item) if items.contains(item) => back.push(*item),
                        Entry::File(file, _) if files.contains(file) => files_back.push(*file),
                        Entry::Item(_) | Entry::File(..) => return true,
                    }
                    false
                });
                self.tell(id, News::Withdrawn(back, files_back));
            }
            Order::Finish => worker.finish = true,
        }
        self.go_on(id);
    }

    fn news(&mut self, worker: WorkerId, news: News) {
        let decisions = match news {
            News::Started(item) => self.scheduler.test_started(worker, item),
            News::Ran(item, seconds) => self.scheduler.test_ran(worker, item, seconds),
            News::Ended(item, seconds) => {
                self.scheduler.test_ended(worker, item, TestOutcome::Passed, seconds)
            }
            News::Making(file) => self.scheduler.file_making(worker, file),
            News::Made(made) => self.scheduler.file_made(worker, &made),
            News::Withdrawn(items, files) => self.scheduler.withdrawn(worker, &items, &files),
        };
        self.carry_out(decisions);
    }

    fn tell(&mut self, worker: WorkerId, news: News) {
        self.clock.plan(self.latency, Step::News(worker, news));
    }

    fn call_over(&mut self, id: WorkerId) {
        self.last_end = self.clock.now();
        let worker = self.workers.get_mut(&id).expect("a worker that runs is there");
        worker.waits = true;
        let item = worker.running.expect("a call that ends has begun");
        if worker.queue.is_empty() && !worker.finish {
            let seconds = self.seconds[self.place(id, item)];
            self.tell(id, News::Ran(item, seconds));
        }
        self.go_on(id);
    }

    /// Where an item of a worker stands in the suite.
    fn place(&self, id: WorkerId, item: u32) -> usize {
        let place = if self.streams { self.workers[&id].made[item as usize] } else { item };
        place as usize
    }

    fn file_made(&mut self, id: WorkerId) {
        let worker = self.workers.get_mut(&id).expect("a worker that makes tests is there");
        let (file, queued) = worker.making.take().expect("what was made was being made");
        let places = &self.files[file as usize].1;
        let first = u32::try_from(worker.made.len()).expect("a suite has fewer tests");
        worker.made.extend(places);
        if queued {
            for item in (first..).take(places.len()).collect::<Vec<u32>>().into_iter().rev() {
                worker.queue.push_front(Entry::Item(item));
            }
        }
        let items = places.iter().map(|place| self.items[*place as usize].clone()).collect();
        self.tell(
            id,
            News::Made(MadeFile { file, first, items, deselected: 0, queued, kept: Vec::new() }),
        );
        self.go_on(id);
    }

    /// A worker takes what is next, once it is free: teardown takes no time, but it waits to know what follows.
    fn go_on(&mut self, id: WorkerId) {
        let worker = self.workers.get_mut(&id).expect("a worker that goes on is there");
        if worker.making.is_some() {
            return;
        }
        if let Some(item) = worker.running {
            if !worker.waits || (worker.queue.is_empty() && !worker.finish) {
                return;
            }
            worker.running = None;
            worker.waits = false;
            let seconds = self.seconds[self.place(id, item)];
            self.tell(id, News::Ended(item, seconds));
        }
        let worker = self.workers.get_mut(&id).expect("a worker that goes on is there");
        match worker.queue.pop_front() {
            Some(Entry::Item(item)) => {
                worker.running = Some(item);
                self.tell(id, News::Started(item));
                let time = self.times[self.place(id, item)];
                self.clock.plan(time, Step::CallOver(id));
            }
            Some(Entry::File(file, run)) => {
                worker.making = Some((file, run));
                self.tell(id, News::Making(file));
                let tests = u64::try_from(self.files[file as usize].1.len());
                let time = self.making * tests.expect("a file has fewer tests");
                self.clock.plan(time, Step::FileMade(id));
            }
            None => {}
        }
    }
}
