//! Tests that some hosts alone can run.

use crate::model::{Collection, Dist, HostId, Item, Outcome, WorkerId, WorkerSpec};
use crate::schedule::{Rules, Scheduler};

use super::script::{lines, options, policy};

/// Two workers on hosts that offer this, which have collected `t0`, which requires a gpu, and `t1`.
fn started(dist: Dist, offers: [&[&str]; 2]) -> (Scheduler, Vec<String>) {
    let expected = [0, 1].map(|number| {
        (WorkerId(number), WorkerSpec { host: HostId(number), ..WorkerSpec::default() })
    });
    let offers = offers.map(|host| host.iter().map(|name| (*name).to_owned()).collect());
    let rules = Rules { offers: offers.into(), ..Rules::default() };
    let mut scheduler = Scheduler::new(policy(&options(dist)), &expected).with_rules(rules);
    let mut items = ["t0", "t1"].map(Item::from_id);
    items[0].tags = ["requires:gpu".into()].into();
    let collection = Collection::new(items.into());
    let mut said = Vec::new();
    for (worker, _) in expected {
        said.extend(scheduler.worker_ready(worker));
        said.extend(scheduler.collected(worker, collection.clone()));
    }
    (scheduler, lines(said))
}

fn says(said: &[String], line: &str) -> bool {
    said.iter().any(|known| known == line)
}

#[test]
fn a_test_goes_to_the_host_that_offers_what_it_requires() {
    let (_, said) = started(Dist::Load, [&["disk"], &["gpu"]]);
    assert!(says(&said, "run gw1 [0]"), "{said:?}");
}

#[test]
fn what_is_required_is_not_heeded_where_no_host_offers_anything() {
    let (_, said) = started(Dist::Load, [&[], &[]]);
    assert!(says(&said, "run gw0 [0]"), "{said:?}");
}

#[test]
fn what_no_host_offers_is_lost_at_once() {
    let (scheduler, said) = started(Dist::Load, [&["disk"], &[]]);
    assert!(says(&said, "lost t0: no host offers `gpu`"), "{said:?}");
    assert_eq!(scheduler.remaining(), 1);
}

#[test]
fn a_test_is_lost_when_nobody_can_come_any_more_who_offers_what_it_requires() {
    let (mut scheduler, _) = started(Dist::Load, [&["disk"], &["gpu"]]);
    let said = lines(scheduler.worker_down(WorkerId(1), None, None, Outcome::Crashed));
    assert!(!said.iter().any(|line| line.starts_with("lost")), "{said:?}");
    let said = lines(scheduler.worker_abandoned(WorkerId(1), "given up"));
    assert!(says(&said, "lost t0: no host that offers `gpu` is left"), "{said:?}");
    assert_eq!(scheduler.remaining(), 1);
}

#[test]
fn a_lane_leaves_out_what_its_host_does_not_offer() {
    let (_, said) = started(Dist::Each, [&["disk"], &["gpu"]]);
    assert!(says(&said, "left out t0: the host of this worker does not offer `gpu`"), "{said:?}");
    assert!(says(&said, "run gw1 [0]"), "{said:?}");
}

#[test]
fn a_test_that_waits_for_what_its_worker_holds_is_not_stolen() {
    let expected = [0, 1].map(|number| (WorkerId(number), WorkerSpec::default()));
    let rules = Rules { resources: vec![("db".to_owned(), 1)], ..Rules::default() };
    let mut scheduler =
        Scheduler::new(policy(&options(Dist::WorkSteal)), &expected).with_rules(rules);
    let mut items = ["t0", "t1", "t2"].map(Item::from_id);
    for item in &mut items[..2] {
        item.tags = ["resource:db".into()].into();
    }
    let collection = Collection::new(items.into());
    let mut said = Vec::new();
    for (worker, _) in expected {
        said.extend(scheduler.worker_ready(worker));
        said.extend(scheduler.collected(worker, collection.clone()));
    }
    for (worker, item) in [(1, 0), (0, 2)] {
        said.extend(scheduler.test_started(WorkerId(worker), item));
    }
    said.extend(scheduler.test_ended(WorkerId(0), 2, Outcome::Passed, 0.1));
    let said = lines(said);
    assert!(says(&said, "run gw1 [1]"), "{said:?}");
    assert!(!said.iter().any(|line| line.starts_with("withdraw")), "{said:?}");
}
