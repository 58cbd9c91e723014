//! Policies of the host program.

use callsheet::Run;
use callsheet::model::{RunEvent, TestIndex, WorkerId};
use callsheet::schedule::{Move, Policy, View};

use super::{account, config, mixed, recorder, verdict};
use crate::support::{Project, alive_with};

/// A policy made of its `refill`.
struct Own<F>(F);

impl<F: FnMut(WorkerId, &View<'_>) -> Vec<Move> + Send> Policy for Own<F> {
    fn name(&self) -> &'static str {
        "Own"
    }

    fn refill(&mut self, worker: WorkerId, _last: Option<f64>, view: &View<'_>) -> Vec<Move> {
        (self.0)(worker, view)
    }
}

/// Makes the closure's signature known.
fn own<F: FnMut(WorkerId, &View<'_>) -> Vec<Move> + Send>(refill: F) -> Own<F> {
    Own(refill)
}

#[test]
fn a_policy_of_the_program_decides_the_order() {
    let project = Project::new(&[(
        "test_it.py",
        "def test_a(): pass\ndef test_ccc(): pass\ndef test_dddd(): pass\ndef test_bb(): pass\n",
    )]);
    let longest_first = own(|worker, view| {
        let free = view.load(worker) == 0;
        let longest = view.waiting().max_by_key(|test| view.items()[test.0 as usize].id.len());
        vec![Move::give(worker, longest.filter(|_| free))]
    });
    let (subscriber, events) = recorder();
    let config = config(&project).workers(1).build().unwrap();
    let verdict = verdict(Run::new().policy(longest_first).subscribe(subscriber), config);
    assert_eq!(verdict.exit_code, 0);
    let order: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            RunEvent::TestStarted { test, .. } => Some(test.id.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["dddd", "ccc", "bb", "a"].map(|name| format!("test_it.py::test_{name}")));
}

/// Runs the mixed project by this policy, which ends it.
fn broken_by(policy: impl Policy + 'static) -> String {
    let project = mixed();
    let (subscriber, events) = recorder();
    let config = config(&project).build().unwrap();
    let run_id = config.run_id.clone();
    let verdict = verdict(Run::new().policy(policy).subscribe(subscriber), config);
    assert_eq!((verdict.exit_code, verdict.tests), (3, 12));
    account(&events.iter().collect::<Vec<_>>(), &verdict);
    assert_eq!(alive_with("CALLSHEET_RUN_ID", &run_id), []);
    verdict.explanation.unwrap()
}

#[test]
fn a_policy_that_breaks_the_rules_ends_the_run_with_its_name() {
    let why = broken_by(own(|worker, _| vec![Move::give(worker, [TestIndex(0), TestIndex(99)])]));
    assert!(why.starts_with("policy Own moved test 99"), "{why}");
}

#[test]
fn a_policy_that_panics_ends_the_run_with_its_words() {
    let mut asked = 0;
    let why = broken_by(own(move |worker, view| {
        asked += 1;
        assert!(asked < 4, "out of ideas");
        vec![Move::give(worker, view.waiting().take(1))]
    }));
    assert_eq!(why, "policy Own panicked: out of ideas");
}
