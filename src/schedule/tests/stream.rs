//! `stream`: which files and tests go out when, and what idle workers take.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Dist, Durations, Item, Outcome, TestFile, WorkerId, WorkerSpec};
use crate::schedule::{
    Decision, Estimates, MadeFile, RetryRules, Rules, Scheduler, TestRules, policy,
};

use super::script::{lines, options};

/// A scheduler whose workers list files of these names and sizes.
struct Stream {
    scheduler: Scheduler,
    files: Vec<(&'static str, u64)>,
}

impl Stream {
    fn new(workers: u32, files: &[(&'static str, u64)], known: &[(&str, f64)]) -> Self {
        let expected: Vec<_> =
            (0..workers).map(|worker| (WorkerId(worker), WorkerSpec::default())).collect();
        let seconds = |call: f64| Durations { call, ..Durations::default() };
        let known: Estimates = known.iter().map(|(id, call)| (*id, seconds(*call))).collect();
        let policy = policy(&options(Dist::Stream), workers as usize, Arc::new(known));
        Self { scheduler: Scheduler::new(policy, &expected), files: files.to_vec() }
    }

    fn with_rules(mut self, rules: Rules) -> Self {
        self.scheduler = self.scheduler.with_rules(rules);
        self
    }

    fn lists(&mut self, worker: u32) -> Vec<String> {
        let files = |(id, size): &(&str, u64)| TestFile {
            id: (*id).into(),
            size: *size,
            at_once: id.ends_with("/doc"),
        };
        let listing = self.files.iter().map(files).collect();
        self.scheduler.worker_ready(WorkerId(worker));
        lines(self.scheduler.listed(WorkerId(worker), listing))
    }

    /// Makes so many tests of a file, in two classes.
    fn makes(&mut self, worker: u32, file: u32, first: u32, count: u32, run: bool) -> Vec<String> {
        self.makes_with(worker, (file, first, count), run, &[])
    }

    /// The same, of which some need this and do not run at once.
    fn makes_with(
        &mut self,
        worker: u32,
        (file, first, count): (u32, u32, u32),
        run: bool,
        needs: &[(u32, &str)],
    ) -> Vec<String> {
        let name = self.files[file as usize].0;
        let class = |test: u32| if test < count / 2 { "A" } else { "B" };
        let item = |test: u32| Item::from_id(&format!("{name}::{}::t{test}", class(test)));
        let mut items: Vec<Item> = (0..count).map(item).collect();
        for (test, tag) in needs {
            items[*test as usize].tags = [(*tag).into()].into();
        }
        let kept = needs.iter().map(|(test, _)| *test).collect();
        let made = MadeFile { file, first, items, deselected: 0, queued: run, kept };
        let mut said = lines(self.scheduler.file_making(WorkerId(worker), file));
        said.extend(lines(self.scheduler.file_made(WorkerId(worker), &made)));
        said
    }

    /// Lists the files and makes whatever it is given, a test a file, until there is no more; how many there are.
    fn makes_all(&mut self, worker: u32) -> u32 {
        let order = format!("make and run gw{worker} [");
        let given = |said: Vec<String>| -> Vec<u32> {
            let file = |line: &String| line.strip_prefix(&order)?.strip_suffix(']')?.parse().ok();
            said.iter().filter_map(file).collect()
        };
        let mut waiting = given(self.lists(worker));
        let mut made = 0;
        while let Some(file) = waiting.pop() {
            waiting.extend(given(self.makes(worker, file, made, 1, true)));
            made += 1;
        }
        made
    }

    fn begins(&mut self, worker: u32, item: u32) -> Vec<String> {
        lines(self.scheduler.test_started(WorkerId(worker), item))
    }

    fn withdrawn(&mut self, worker: u32, items: &[u32], files: &[u32]) -> Vec<String> {
        lines(self.scheduler.withdrawn(WorkerId(worker), items, files))
    }
}

#[test]
fn files_nobody_has_seen_go_out_at_once_the_biggest_first() {
    let mut run = Stream::new(2, &[("a.py", 10), ("b.py", 30), ("c.py", 20)], &[]);
    assert_eq!(run.lists(0), ["scheduling 3 files on 2", "make and run gw0 [1]"]);
    assert_eq!(run.lists(1), ["make and run gw1 [2]"], "nobody waits for another's listing");
}

#[test]
fn files_wait_for_as_many_workers_as_are_asked_for() {
    let mut run = Stream::new(3, &[("a.py", 10), ("b.py", 30), ("c.py", 20)], &[]);
    run.scheduler.begin_with(2);
    assert!(run.lists(2).is_empty());
    assert_eq!(
        run.lists(0),
        ["scheduling 3 files on 3", "make and run gw2 [1]", "make and run gw0 [2]"]
    );
    assert_eq!(run.lists(1), ["make and run gw1 [0]"]);
}

#[test]
fn files_go_out_where_fewer_workers_than_asked_for_can_come() {
    let mut run = Stream::new(3, &[("a.py", 10), ("b.py", 30)], &[]);
    run.scheduler.begin_with(3);
    assert!(run.lists(0).is_empty());
    assert!(run.lists(1).is_empty());
    // The first dies while it waits, and the last never comes.
    let said = lines(run.scheduler.worker_down(WorkerId(0), None, None, Outcome::Crashed));
    assert!(said.is_empty(), "{said:?}");
    assert!(lines(run.scheduler.worker_abandoned(WorkerId(0), "given up")).is_empty());
    let said = lines(run.scheduler.worker_down(WorkerId(2), None, None, Outcome::Crashed));
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(
        lines(run.scheduler.worker_abandoned(WorkerId(2), "given up")),
        ["scheduling 2 files on 1", "make and run gw1 [1]"]
    );
}

#[test]
fn one_worker_alone_keeps_to_the_order_of_the_project() {
    let known = [("a.py::t", 1.0), ("b.py::t", 3.0), ("c.py::t", 2.0)];
    let mut run = Stream::new(1, &[("a.py", 1), ("b.py", 1), ("c.py", 1)], &known);
    assert_eq!(run.lists(0), ["scheduling 3 files on 1", "make and run gw0 [0]"]);
}

#[test]
fn known_files_go_out_longest_first_after_those_nobody_has_seen() {
    let known: Vec<(String, f64)> = (0..100)
        .flat_map(|test| [(format!("a.py::t{test}"), 0.01), (format!("b.py::t{test}"), 0.03)])
        .collect();
    let known: Vec<(&str, f64)> = known.iter().map(|(id, seconds)| (&**id, *seconds)).collect();
    let mut run = Stream::new(3, &[("a.py", 9), ("b.py", 9), ("new.py", 1)], &known);
    // b.py is more than a fair share: its tests are dealt out when they are known.
    assert_eq!(run.lists(0), ["scheduling 3 files on 3", "make and run gw0 [2]"]);
    assert_eq!(run.lists(1), ["make gw1 [1]"]);
    assert_eq!(run.lists(2), ["make and run gw2 [0]"]);
}

#[test]
fn a_test_that_is_long_beside_the_whole_goes_out_on_its_own_and_first() {
    let known = [("a.py::A::t0", 0.01), ("a.py::B::t1", 60.0), ("b.py::A::t0", 0.5)];
    let mut run = Stream::new(2, &[("a.py", 1), ("b.py", 1)], &known);
    assert_eq!(run.lists(0), ["scheduling 2 files on 2", "make gw0 [0]"]);
    assert_eq!(run.lists(1), ["make and run gw1 [1]"]);
    let said = run.makes(0, 0, 0, 2, false);
    assert_eq!(said, ["a.py has 2 by gw0, 1 left", "run gw0 [1]"], "the long one, alone");
}

#[test]
fn who_has_nothing_left_takes_a_file_that_another_has_in_reserve() {
    let files = [("a.py", 10), ("b.py", 10), ("c.py", 10), ("d.py", 10)];
    let mut run = Stream::new(2, &files, &[]);
    run.lists(0);
    run.makes(0, 0, 0, 1, true);
    run.begins(0, 0);
    let said = run.lists(1);
    assert!(said.iter().any(|line| line.starts_with("make and run gw1")), "{said:?}");
}

#[test]
fn who_has_nothing_left_takes_the_end_of_the_longest_queue_between_two_classes() {
    let mut run = Stream::new(2, &[("a.py", 10)], &[]);
    run.lists(0);
    assert_eq!(run.makes(0, 0, 0, 9, true), ["a.py has 9 by gw0, 0 left"]);
    run.begins(0, 0);
    // Half of nine would be in the middle of class B.
    assert_eq!(run.lists(1), ["withdraw gw0 [4, 5, 6, 7, 8]"]);
    // The thief has still to make them; it gets them then.
    assert_eq!(run.withdrawn(0, &[4, 5, 6, 7, 8], &[]), ["make gw1 [0]"]);
    assert_eq!(run.makes(1, 0, 0, 9, false), ["run gw1 [4, 5, 6, 7, 8]"]);
}

#[test]
fn only_tests_that_need_something_wait_for_the_scheduler() {
    let rules = |_: &Item| TestRules { retries: Some(2), ..TestRules::default() };
    let rules = Rules {
        of_test: Some(Arc::new(rules)),
        resources: vec![("db".to_owned(), 1)],
        ..Rules::default()
    };
    let mut run = Stream::new(1, &[("a.py", 10), ("b.py", 10)], &[]).with_rules(rules);
    assert_eq!(run.lists(0), ["scheduling 2 files on 1", "make and run gw0 [0]"]);
    let said = run.makes_with(0, (0, 0, 5), true, &[(1, "resource:db"), (3, "requires:gpu")]);
    assert_eq!(
        said,
        ["make and run gw0 [1]", "a.py has 5 by gw0, 1 left", "run gw0 [3]", "run gw0 [1]",],
        "no host offers anything, so that what test 3 requires is not heeded"
    );
}

#[test]
fn a_test_that_failed_waits_for_another_worker_as_long_as_there_is_one() {
    let busy = || {
        let retry = RetryRules { retries: 2, ..RetryRules::default() };
        let rules = Rules { retry, ..Rules::default() };
        let mut run = Stream::new(2, &[("a.py", 20), ("b.py", 10)], &[]).with_rules(rules);
        run.lists(0);
        run.lists(1);
        run.makes(0, 0, 0, 2, true);
        run.makes(1, 1, 0, 1, true);
        run.begins(0, 0);
        run.begins(1, 0);
        lines(run.scheduler.test_ended(WorkerId(0), 0, Outcome::Failed, 0.1));
        run.begins(0, 1);
        let said = lines(run.scheduler.test_ended(WorkerId(0), 1, Outcome::Passed, 0.1));
        assert_eq!(said, ["passed a.py::B::t1 on gw0"], "nobody else is free yet");
        run
    };
    let mut run = busy();
    let said = lines(run.scheduler.test_ended(WorkerId(1), 0, Outcome::Passed, 9.0));
    assert_eq!(said, ["passed b.py::B::t0 on gw1", "make gw1 [0]"]);
    let mut run = busy();
    let said = lines(run.scheduler.worker_down(WorkerId(1), Some(0), None, Outcome::Crashed));
    assert_eq!(said, ["crashed b.py::B::t0 on gw1", "run gw0 [0]"], "it is alone now");
    let mut run = busy();
    lines(run.scheduler.worker_expected(WorkerId(2), &WorkerSpec::default(), None));
    let said = lines(run.scheduler.worker_down(WorkerId(1), Some(0), None, Outcome::Crashed));
    assert_eq!(said, ["crashed b.py::B::t0 on gw1"], "one is on its way");
    assert_eq!(lines(run.scheduler.worker_late(WorkerId(2))), ["run gw0 [0]"], "or is not");
}

#[test]
fn tests_that_are_said_to_be_slow_go_first_to_whoever_is_free_next() {
    let mut run = Stream::new(2, &[("a.py", 90_000), ("b.py", 10)], &[]);
    run.lists(0);
    assert_eq!(run.lists(1), ["make and run gw1 [1]"]);
    // One of class A, two of class B.
    let said = run.makes_with(0, (0, 0, 200), true, &[(7, "slow"), (120, "slow"), (121, "slow")]);
    assert_eq!(said, ["a.py has 200 by gw0, 1 left"], "who made it has enough");
    assert_eq!(run.makes(1, 1, 0, 0, true), ["make gw1 [0]", "b.py has 0 by gw1, 0 left"]);
    assert_eq!(run.makes(1, 0, 0, 200, false), ["run gw1 [120, 121]"]);
}

#[test]
fn what_is_run_at_once_stays_with_one_worker() {
    let known = [("a/doc::A::t0", 30.0), ("a/doc::B::t1", 0.5), ("b.py::A::t0", 0.5)];
    let mut run = Stream::new(2, &[("a/doc", 10), ("b.py", 10)], &known);
    assert_eq!(run.lists(0), ["scheduling 2 files on 2", "make and run gw0 [0]"]);
    assert_eq!(run.lists(1), ["make and run gw1 [1]"]);
    assert_eq!(run.makes(0, 0, 0, 2, true), ["a/doc has 2 by gw0, 1 left"]);
    run.begins(0, 0);
    assert_eq!(run.makes(1, 1, 0, 0, true), ["b.py has 0 by gw1, 0 left"], "nothing is stolen");
    let said = lines(run.scheduler.worker_down(WorkerId(0), Some(0), None, Outcome::Crashed));
    assert!(said.iter().any(|line| line == "make gw1 [0]"), "{said:?}");
}

#[test]
fn a_far_worker_has_ahead_what_it_runs_while_an_order_is_on_its_way() {
    let names = "a.py b.py c.py d.py e.py f.py g.py h.py i.py j.py k.py l.py m.py n.py o.py p.py";
    let files: Vec<_> = names.split(' ').map(|name| (name, 10)).collect();
    let tests: Vec<_> = names.split(' ').map(|name| format!("{name}::B::t0")).collect();
    let known: Vec<_> = tests.iter().map(|id| (&**id, 0.045)).collect();
    // A tenth of a second for both, and the way there and back.
    for (away, ahead) in [(0, 3), (100, 5)] {
        let mut run = Stream::new(2, &files, &known);
        run.scheduler.worker_is_away(WorkerId(1), Duration::from_millis(away));
        let held = [0, 1].map(|worker| run.makes_all(worker));
        assert_eq!(held, [3, ahead], "{away} ms");
    }
}

#[test]
fn what_is_run_at_once_stays_together_also_where_some_is_said_to_be_slow() {
    let mut run = Stream::new(2, &[("a/doc", 90_000), ("b.py", 10)], &[]);
    run.lists(0);
    assert_eq!(run.lists(1), ["make and run gw1 [1]"]);
    let said = run.makes_with(0, (0, 0, 4), true, &[(2, "slow")]);
    assert_eq!(said, ["a/doc has 4 by gw0, 1 left", "run gw0 [2]"]);
}

#[test]
fn what_is_made_after_a_stop_is_taken_back() {
    let mut run = Stream::new(1, &[("a.py", 10), ("b.py", 10)], &[]);
    run.lists(0);
    lines(run.scheduler.file_making(WorkerId(0), 0));
    let said = lines(run.scheduler.stop("enough".into()));
    assert_eq!(
        said,
        ["withdraw gw0 [] files [1, 0]", "finish gw0"],
        "b.py waits with the worker, a.py is no longer to be run"
    );
    assert_eq!(run.withdrawn(0, &[], &[1]), ["left out b.py: enough"]);
}

#[test]
fn a_worker_that_can_not_stream_has_all_collect_everything() {
    let mut run = Stream::new(1, &[("a.py", 10)], &[]);
    run.scheduler.worker_ready(WorkerId(0));
    let collection = super::script::tests(2);
    let said = lines(run.scheduler.collected(WorkerId(0), collection));
    assert_eq!(said, ["scheduling 2 on 1", "run gw0 [0, 1]"]);
    assert_eq!(run.scheduler.policy_name(), "LoadScheduling");
}

#[test]
fn workers_that_are_told_what_tests_take_get_those_of_a_known_file_when_they_have_made_it() {
    let known = [("a.py::A::t0", 0.007_812_5), ("b.py::A::t0", 0.001)];
    let mut run = Stream::new(1, &[("a.py", 1), ("new.py", 1), ("b.py", 1)], &known);
    let known = known.map(|(id, call)| (id, Durations { call, ..Durations::default() }));
    let estimates = Some(Arc::new(known.into_iter().collect::<Estimates>()));
    run.scheduler = run.scheduler.with_rules(Rules { estimates, ..Rules::default() });
    assert_eq!(run.lists(0), ["scheduling 3 files on 1", "make gw0 [0]"]);
    let said = lines(run.scheduler.file_making(WorkerId(0), 0));
    assert_eq!(said, ["make and run gw0 [1]"], "nobody knows it");
    let items = ["a.py::A::t0", "a.py::A::t1"].map(Item::from_id).to_vec();
    let made = MadeFile { file: 0, first: 0, items, deselected: 0, queued: false, kept: vec![] };
    let said = run.scheduler.file_made(WorkerId(0), &made);
    let batch = said.iter().find_map(|said| match said {
        Decision::Run { batch, .. } => Some(batch.clone()),
        _other => None,
    });
    let batch = batch.unwrap();
    assert_eq!(batch.items, [0, 1]);
    let told: Vec<(u32, Option<f64>)> =
        batch.terms.iter().map(|(item, terms)| (*item, terms.estimate)).collect();
    assert_eq!(told, [(0, Some(0.007_812_5))]);
}
