//! Policies of strangers: what they can do, and what they can not do to a run.

use std::cmp::Reverse;

use crate::model::{TestIndex, WorkerId};
use crate::schedule::{Lanes, Move, Policy, View};

use super::script::{Script, tests};

/// Gives nothing to anybody.
struct Lazy;

impl Policy for Lazy {
    fn name(&self) -> &'static str {
        "Lazy"
    }

    fn refill(&mut self, _worker: WorkerId, _last: Option<f64>, _view: &View<'_>) -> Vec<Move> {
        Vec::new()
    }
}

/// Gives the first test to everybody, takes from who has nothing, names what does not exist.
struct Wild;

impl Policy for Wild {
    fn name(&self) -> &'static str {
        "Wild"
    }

    fn refill(&mut self, worker: WorkerId, _last: Option<f64>, _view: &View<'_>) -> Vec<Move> {
        vec![
            Move::give(worker, [TestIndex(0)]),
            Move::give(WorkerId(9), [TestIndex(1)]),
            Move::take_back(worker, [TestIndex(1)]),
        ]
    }
}

/// Has an order of its own and pins the last test to one worker.
struct Pinned(Vec<TestIndex>);

impl Policy for Pinned {
    fn name(&self) -> &'static str {
        "Pinned"
    }

    fn begin(&mut self, view: &View<'_>) -> Vec<Move> {
        self.0 = view.waiting().collect();
        self.0.sort_by_key(|test| Reverse(test.0));
        Vec::new()
    }

    fn returned(&mut self, tests: &[TestIndex], _view: &View<'_>) {
        self.0.extend(tests);
    }

    fn refill(&mut self, worker: WorkerId, _last: Option<f64>, view: &View<'_>) -> Vec<Move> {
        let last = view.items().len() - 1;
        let fit =
            |test: &TestIndex| view.is_waiting(*test) && (test.0 as usize != last || worker.0 == 1);
        let free = view.load(worker) == 0;
        let test = self.0.iter().position(|test| free && fit(test));
        test.map(|place| Move::give(worker, [self.0.remove(place)])).into_iter().collect()
    }
}

/// Every worker runs all, and at first has its last test taken back again.
struct Fickle;

impl Policy for Fickle {
    fn name(&self) -> &'static str {
        "Fickle"
    }

    fn lanes(&self) -> Lanes {
        Lanes::Own
    }

    fn begin(&mut self, view: &View<'_>) -> Vec<Move> {
        let worker = view.workers().next();
        let last = view.waiting().last();
        worker.map_or_else(Vec::new, |worker| {
            vec![Move::give(worker, view.waiting()), Move::take_back(worker, last)]
        })
    }

    fn refill(&mut self, worker: WorkerId, _last: Option<f64>, view: &View<'_>) -> Vec<Move> {
        vec![Move::give(worker, view.waiting())]
    }
}

#[test]
fn a_worker_with_a_lane_of_its_own_is_not_finished_while_tests_come_back() {
    let mut script = Script::new(Box::new(Fickle), 1);
    let said = script.start(1, &tests(2));
    assert_eq!(said, ["scheduling 2 on 1", "run gw0 [0, 1]", "withdraw gw0 [1]"]);
    assert_eq!(script.withdrawn(0, &[1]), ["run gw0 [1]", "finish gw0"]);
}

#[test]
fn a_policy_that_gives_nothing_can_not_hang_a_run() {
    let mut script = Script::new(Box::new(Lazy), 2);
    assert_eq!(script.start(2, &tests(3)), ["scheduling 3 on 2", "run gw0 [0]"]);
    assert_eq!(script.runs(0, 0), ["run gw0 [1]"]);
    script.begins(0, 1);
    assert_eq!(script.dies(0, Some(1)), ["crashed t1 on gw0", "run gw1 [2]"]);
    assert_eq!(script.runs(1, 2), ["finish gw1"]);
}

#[test]
fn a_move_that_does_not_fit_is_refused_and_named() {
    let mut script = Script::new(Box::new(Wild), 1);
    let said = script.start(1, &tests(3));
    assert_eq!(said[1], "run gw0 [0]");
    assert_eq!(said[2..].len(), 2, "{said:?}");
    for (fault, part) in said[2..].iter().zip(["test 1 of worker gw9", "test 1 of worker gw0"]) {
        assert!(fault.starts_with("fault: policy Wild") && fault.contains(part), "{fault}");
    }
}

#[test]
fn a_policy_may_keep_its_own_order_and_leave_a_worker_idle_beside_work_for_another() {
    let mut script = Script::new(Box::new(Pinned(Vec::new())), 2);
    assert_eq!(script.start(2, &tests(4)), ["scheduling 4 on 2", "run gw0 [2]", "run gw1 [3]"]);
    assert_eq!(script.runs(0, 2), ["run gw0 [1]"]);
    assert_eq!(script.runs(0, 1), ["run gw0 [0]"]);
    assert!(script.runs(0, 0).is_empty());
    script.dies(1, None);
    script.expected(2, Some(1));
    assert_eq!(script.scheduler().remaining(), 1);
}
