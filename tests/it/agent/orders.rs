//! Orders for workers that come too early, too late or to no purpose.

use callsheet::model::{Deadlines, Ending, NamedPython, PytestSuite, Suite, WorkerId};
use callsheet::wire::{FromAgent, List, ToAgent, WorkerEvent};

use super::{Controller, end, told};
use crate::support::Project;

#[test]
fn orders_that_make_no_sense_do_no_harm() {
    let project = Project::new(&[("test_it.py", "def test_a(): pass\n")]);
    let mut controller = Controller::with_worker(&project);
    controller.wait_for_event(&WorkerEvent::Collected { count: 1, deselected: 0, whole: None });
    for worker in [WorkerId(0), WorkerId(99)] {
        controller.say(&ToAgent::Resume { worker });
        controller.say(&ToAgent::Withdraw { worker, items: vec![0, 7], files: vec![] });
    }
    controller.wait_for_event(&WorkerEvent::Withdrawn { items: vec![], files: vec![] });
    // An item that the worker has not collected ends the worker, not the agent.
    controller.say(&ToAgent::Run { worker: WorkerId(0), batch: vec![7].into() });
    let death = controller.death();
    assert!(!death.is_clean(), "{death:?}");
    controller.say(&ToAgent::Run { worker: WorkerId(0), batch: vec![0].into() });
    controller.say(&ToAgent::Ping(1));
    controller.wait(|message| (message == FromAgent::Pong(1)).then_some(()));
    drop(controller.stdin.take());
    assert_eq!(told(end(controller.child, &controller.mark)).0, Some(0));
}

#[test]
fn a_worker_needs_a_suite_that_was_prepared() {
    let mut controller = Controller::start();
    controller.order(4);
    let Ending::NotStarted(why) = controller.death().ending else { panic!("it was started") };
    assert_eq!(why, "its suite was not prepared on this host");
    let suite = PytestSuite {
        root: "/".into(),
        python: Some(NamedPython { name: "/nowhere/python".into(), named_by: "--python".into() }),
        ..PytestSuite::default()
    };
    controller.say(&ToAgent::Prepare {
        lease: None,
        suite: Suite::Pytest(suite),
        deadlines: Deadlines::default(),
        worker_memory: None,
    });
    let refusal = controller.wait(|message| match message {
        FromAgent::Refused(refusal) => Some(refusal),
        _ => None,
    });
    assert!(refusal.message.contains("/nowhere/python"), "{}", refusal.message);
    drop(controller.stdin.take());
    end(controller.child, &controller.mark);
}

#[test]
fn a_worker_that_is_called_off_while_the_suite_is_prepared_is_not_started() {
    let project = Project::new(&[("test_it.py", "def test_a(): pass\n")]);
    let mut controller = Controller::start();
    controller.prepare(&project);
    controller.order(0);
    controller.order(1);
    controller.say(&ToAgent::Finish { worker: WorkerId(0) });
    let (mut prepared, mut spawned) = (false, Vec::new());
    let ending = controller.wait(|message| match message {
        FromAgent::Prepared(_) => {
            prepared = true;
            None
        }
        FromAgent::Worker(worker, WorkerEvent::Spawned { .. }) => {
            spawned.push(worker);
            None
        }
        FromAgent::Worker(WorkerId(0), WorkerEvent::Exited(death)) => Some(death.ending),
        _ => None,
    });
    assert!(matches!(ending, Ending::NotStarted(_)), "{ending:?}");
    assert!(prepared && !spawned.contains(&WorkerId(0)), "{spawned:?}");
    // The other one is.
    controller.wait_for_event(&WorkerEvent::Collected { count: 1, deselected: 0, whole: None });
    drop(controller.stdin.take());
    end(controller.child, &controller.mark);
}

#[test]
fn what_workers_collect_alike_crosses_the_link_once() {
    let differs = "import os, pytest\n\
        last = 'b' if os.environ['PYTEST_XDIST_WORKER'] == 'gw2' else 'a'\n\
        @pytest.mark.parametrize('n', [*range(20), last])\n\
        def test_it(n): pass\n";
    let project = Project::new(&[("test_it.py", differs)]);
    let mut controller = Controller::with_worker(&project);
    let mut told = Vec::new();
    for worker in 0..3 {
        if worker > 0 {
            controller.order(worker);
        }
        let (mut entries, mut same) = (0, 0);
        controller.wait(|message| match message {
            FromAgent::Worker(_, WorkerEvent::Items(items)) => {
                entries += items.len();
                None
            }
            FromAgent::Same { list: List::Items, count, .. } => {
                same += count;
                None
            }
            FromAgent::Worker(_, WorkerEvent::Collected { count, .. }) => {
                assert_eq!(count, 21);
                Some(())
            }
            _ => None,
        });
        told.push((entries, same));
    }
    assert_eq!(told, [(21, 0), (0, 21), (1, 20)]);
    drop(controller.stdin.take());
    assert_eq!(self::told(end(controller.child, &controller.mark)).0, Some(0));
}
