//! The scheduler, agents with their queues, and the way between them.

use std::collections::{HashMap, HashSet, VecDeque};

use callsheet::model::{Collection, Outcome as TestOutcome, WorkerId, WorkerSpec};
use callsheet::schedule::{Decision, Policy, Scheduler};

use super::clock::{Clock, Instant, nanoseconds};
use super::plan::Plan;

/// What the way between controller and agents costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Network {
    /// Seconds that a message is under way, in either direction.
    pub(crate) latency: f64,
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
}

#[derive(Debug)]
enum Order {
    Run(Vec<u32>),
    Withdraw(Vec<u32>),
    Finish,
}

#[derive(Debug)]
enum News {
    Started(u32),
    Ran(u32, f64),
    Ended(u32, f64),
    Withdrawn(Vec<u32>),
}

/// A worker and its queue at the agent.
#[derive(Debug, Default)]
struct Worker {
    queue: VecDeque<u32>,
    running: Option<u32>,
    /// The call of the running test is over; its teardown waits to know what comes next.
    waits: bool,
    finish: bool,
}

struct World {
    scheduler: Scheduler,
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
        scheduler: Scheduler::new(policy, &expected),
        clock: Clock::new(),
        workers: ids.iter().map(|id| (*id, Worker::default())).collect(),
        times: plan.times(),
        seconds: plan.tests().iter().map(|test| test.seconds).collect(),
        latency: nanoseconds(network.latency),
        last_end: 0,
        withdrawals: 0,
        tests: 0,
    };
    world.start(&ids, &plan.collection());
    while let Some(step) = world.clock.next() {
        match step {
            Step::Order(worker, order) => world.order(worker, order),
            Step::News(worker, news) => world.news(worker, news),
            Step::CallOver(worker) => world.call_over(worker),
        }
    }
    assert!(world.scheduler.is_complete(), "{} tests did not run", world.scheduler.remaining());
    assert_eq!(world.tests, plan.tests().len(), "not every test ran exactly once");
    #[expect(clippy::cast_precision_loss, reason = "a run takes less than 104 days")]
    let makespan = world.last_end as f64 / 1e9;
    Outcome { makespan, withdrawals: world.withdrawals, tests: world.tests }
}

impl World {
    fn start(&mut self, ids: &[WorkerId], collection: &Collection) {
        for worker in ids {
            let decisions = self.scheduler.worker_ready(*worker);
            self.carry_out(decisions);
        }
        for worker in ids {
            let decisions = self.scheduler.collected(*worker, collection.clone());
            self.carry_out(decisions);
        }
    }

    fn carry_out(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            let (worker, order) = match decision {
                Decision::Run { worker, items } => (worker, Order::Run(items)),
                Decision::Withdraw { worker, items } => {
                    self.withdrawals += 1;
                    (worker, Order::Withdraw(items))
                }
                Decision::Finish { worker } => (worker, Order::Finish),
                Decision::Finished { .. } => {
                    self.tests += 1;
                    continue;
                }
                Decision::Scheduling { .. } | Decision::Started { .. } => continue,
                other => panic!("nothing fails in a simulation: {other:?}"),
            };
            self.clock.plan(self.latency, Step::Order(worker, order));
        }
    }

    fn order(&mut self, id: WorkerId, order: Order) {
        let worker = self.workers.get_mut(&id).expect("orders go to workers that there are");
        match order {
            Order::Run(items) => worker.queue.extend(items),
            Order::Withdraw(items) => {
                let wanted: HashSet<u32> = items.into_iter().collect();
                let (back, kept): (VecDeque<u32>, _) =
                    worker.queue.iter().partition(|item| wanted.contains(item));
                worker.queue = kept;
                self.tell(id, News::Withdrawn(back.into()));
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
            News::Withdrawn(items) => self.scheduler.withdrawn(worker, &items),
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
            let seconds = self.seconds[item as usize];
            self.tell(id, News::Ran(item, seconds));
        }
        self.go_on(id);
    }

    /// A worker takes what is next, once it is free: teardown takes no time, but it waits to know what follows.
    fn go_on(&mut self, id: WorkerId) {
        let worker = self.workers.get_mut(&id).expect("a worker that goes on is there");
        if let Some(item) = worker.running {
            if !worker.waits || (worker.queue.is_empty() && !worker.finish) {
                return;
            }
            worker.running = None;
            worker.waits = false;
            let seconds = self.seconds[item as usize];
            self.tell(id, News::Ended(item, seconds));
        }
        let worker = self.workers.get_mut(&id).expect("a worker that goes on is there");
        if let Some(item) = worker.queue.pop_front() {
            worker.running = Some(item);
            self.tell(id, News::Started(item));
            self.clock.plan(self.times[item as usize], Step::CallOver(id));
        }
    }
}
