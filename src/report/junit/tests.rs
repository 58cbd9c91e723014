//! Attempts that were tried again, read back from what was written.

use super::*;
use crate::model::{Durations, TestIndex, WorkerId};
use crate::report::script::{Script, failure, name};

fn retried(script: Script, worker: u32, id: &str, attempt: u32, outcome: Outcome) -> Script {
    script.push(RunEvent::TestRetried {
        worker: WorkerId(worker),
        lane: Lane(0),
        index: TestIndex(0),
        test: name(id),
        attempt,
        end: TestEnd {
            outcome,
            durations: Durations { setup: 0.0, call: 0.25, teardown: 0.0 },
            started: 0.0,
        },
        delay: 0.0,
    })
}

/// The document after these events, read back.
fn written(script: Script) -> Document {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("junit.xml");
    let mut report = JunitReport::new(&file).unwrap();
    for (at, event) in script.events {
        report.event(&event, SystemTime::UNIX_EPOCH + at).unwrap();
    }
    report.finish().unwrap();
    Document::deserialize_from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// A failed report of an attempt that is tried again.
fn failed(brief: &str) -> crate::model::PhaseReport {
    let report = failure("t", brief, "printed before");
    crate::model::PhaseReport { category: "rerun".to_owned(), failed: false, ..report }
}

#[test]
fn a_test_that_passed_at_last_is_flaky() {
    let id = "a.py::t";
    let script = Script::begun(1).start(0, id).tell(0, id, failed("ValueError: one"));
    let script = retried(script, 0, id, 1, Outcome::Failed).start(1, id);
    let script = script.segfault(1, Some(id), "last words");
    let mut script = retried(script, 1, id, 2, Outcome::Crashed);
    for (_, event) in &mut script.events {
        if let RunEvent::WorkerDown { retried, .. } = event {
            *retried = true;
        }
    }
    let document = written(script.start(0, id).end(0, id, Outcome::Passed, 0.5));
    let case = &document.test_suites[0].test_cases[0];
    let TestCaseStatus::Success { flaky_runs } = &case.status else { panic!("{case:?}") };
    let told: Vec<_> = flaky_runs
        .iter()
        .map(|run| (run.kind, run.ty.as_ref().unwrap().as_str(), run.time.unwrap().as_millis()))
        .collect();
    assert_eq!(
        told,
        [(NonSuccessKind::Failure, "ValueError", 250), (NonSuccessKind::Error, "crashed", 250)]
    );
    assert!(flaky_runs[0].system_out.as_ref().unwrap().as_str().contains("printed before"));
    assert!(case.system_out.is_none(), "it belongs to an attempt before");
    assert_eq!((document.tests, document.failures, document.errors), (1, 0, 0));
}

#[test]
fn an_attempt_that_failed_before_its_worker_died_is_one() {
    let id = "a.py::t";
    let script = Script::begun(1).start(0, id).tell(0, id, failed("ValueError: one"));
    let mut script =
        retried(script.segfault(0, Some(id), "last words"), 0, id, 1, Outcome::Crashed);
    for (_, event) in &mut script.events {
        if let RunEvent::WorkerDown { retried, .. } = event {
            *retried = true;
        }
    }
    let document = written(script.test(1, id, [failure("t", "two", "")], Outcome::Failed));
    let TestCaseStatus::NonSuccess { reruns, .. } = &document.test_suites[0].test_cases[0].status
    else {
        panic!("{document:?}")
    };
    assert_eq!(reruns.runs.len(), 1);
    let run = &reruns.runs[0];
    let text = |part: &Option<quick_junit::XmlString>| part.as_ref().unwrap().as_str().to_owned();
    assert_eq!((text(&run.message), text(&run.ty)), ("ValueError: one".into(), "crashed".into()));
    assert!(text(&run.stack_trace).contains("last words"), "{run:?}");
}

#[test]
fn a_test_that_failed_at_last_has_its_attempts_as_reruns() {
    let id = "a.py::t";
    let script = Script::begun(1).start(0, id).tell(0, id, failed("AssertionError: one"));
    let script = retried(script, 0, id, 1, Outcome::Failed)
        .test(1, id, [failure("t", "AssertionError: two", "")], Outcome::Failed)
        .not_run("b.py::lost", "no worker is left", true)
        .not_run("b.py::left", "stopped", false)
        .bad_collector("c.py");
    let document = written(script);
    let case = &document.test_suites[0].test_cases[0];
    let TestCaseStatus::NonSuccess { message, reruns, .. } = &case.status else {
        panic!("{case:?}")
    };
    assert_eq!(message.as_ref().unwrap().as_str(), "AssertionError: two");
    assert_eq!(reruns.runs.len(), 1);
    assert_eq!(
        (document.tests, document.failures, document.errors, document.skipped),
        (4, 1, 2, 1)
    );
}

#[test]
fn a_test_that_a_host_was_lost_with_says_so_and_its_suite_says_why() {
    let script = Script::begun(1)
        .on_host(1, "n2")
        .start(1, "a.py::t")
        .host_lost("n2", "its connection ended")
        .lost(1, "a.py::t")
        .pass(0, "a.py::t");
    let document = written(script);
    let suite = &document.test_suites[0];
    let of = |properties: &[Property], name: &str| {
        let found = properties.iter().find(|property| property.name.as_str() == name);
        found.map(|property| property.value.as_str().to_owned())
    };
    let case = &suite.test_cases[0];
    assert_eq!(of(&case.properties, "lost-with-host").as_deref(), Some("n2"));
    assert_eq!(of(&case.properties, "host").as_deref(), Some("local"));
    let line = "n2 lost: its connection ended; 1 test that it was running was run again; \
        it did not come back";
    assert_eq!(of(&suite.properties, "lost-host").as_deref(), Some(line));
}
