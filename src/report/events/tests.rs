//! Every event has a line of the schema, whatever stands in it.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::line;
use crate::model::*;

const SCHEMA: &str = include_str!("../../../docs/events.schema.json");

/// The line of an event, held against the schema.
fn told(event: &RunEvent) -> Value {
    let mut bytes = Vec::new();
    line::write(&mut bytes, event, SystemTime::UNIX_EPOCH + Duration::from_micros(1_500_001))
        .unwrap();
    let newline = bytes.iter().position(|byte| *byte == b'\n');
    assert_eq!(newline, Some(bytes.len() - 1), "{event:?}");
    let line: Value = serde_json::from_slice(&bytes).unwrap();
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    if let Err(error) = validator.validate(&line) {
        panic!("{error}: {line}");
    }
    line
}

/// One of each, with what is optional and without.
#[expect(clippy::too_many_lines, reason = "one entry an event")]
fn all() -> Vec<RunEvent> {
    let (worker, lane, index) = (WorkerId(1), Lane(0), TestIndex(7));
    let test = TestName { id: "a.py::t[\n\u{1b}é]".into(), occurrence: 1 };
    let end = TestEnd { outcome: Outcome::XPassed, durations: Durations::default(), started: 0.0 };
    let report = PhaseReport {
        phase: Phase::Teardown,
        category: "error".to_owned(),
        letter: "E".to_owned(),
        word: "ERROR".to_owned(),
        failed: true,
        headline: "t".to_owned(),
        text: "\u{1b}[31mred\u{1b}[0m".to_owned(),
        brief: "why".to_owned(),
        location: "a.py:1".to_owned(),
        sections: vec![Section { title: "out".to_owned(), text: "\u{1b}[1mx".to_owned() }],
        duration: 0.5,
    };
    let collector = CollectReport {
        id: "b.py".to_owned(),
        failed: true,
        text: "text".to_owned(),
        brief: "brief".to_owned(),
        location: String::new(),
    };
    let mut collection = vec![Item::from_id("a.py::x"), Item::from_id("a.py::y")];
    collection[0].group = Some("g".into());
    collection[0].tags = ["slow".into()].into();
    let warning = |stage| WarningReport {
        stage,
        id: String::new(),
        location: String::new(),
        text: "careful".to_owned(),
    };
    let collection = Collection::new(collection);
    let diff = CollectionDiff { from: WorkerId(0), to: worker, unified: "+ x".to_owned() };
    let death = Death {
        timed_out: true,
        tail: "\u{1b}[0mlast".to_owned(),
        ..Death::early(Ending::Signal(9))
    };
    let reasons = [
        StopReason::MaxFail(1),
        StopReason::Requested("SIGINT".to_owned()),
        StopReason::Worker { worker, reason: "enough".to_owned(), exit_code: Some(3) },
        StopReason::Deadline(Duration::from_millis(1500)),
        StopReason::CollectionsDiffer,
        StopReason::CollectionFailed,
    ];
    let finished = |outcome| RunEvent::TestFinished {
        worker,
        lane,
        index,
        test: test.clone(),
        end: TestEnd { outcome, ..end },
        attempt: 2,
        alone: true,
    };
    let mut all = vec![
        RunEvent::RunStarted {
            run_id: "r".to_owned(),
            dist: Dist::Each,
            workers: vec![(worker, "popen".to_owned())],
        },
        RunEvent::Progress("a".to_owned()),
        RunEvent::Notice("b".to_owned()),
        RunEvent::SuiteReady(SuiteInfo::default()),
        RunEvent::WorkerStarting { worker, host: "local".into(), replaces: None },
        RunEvent::WorkerStarting { worker, host: "n1".into(), replaces: Some(WorkerId(0)) },
        RunEvent::WorkerSpawned { worker, pid: 5 },
        RunEvent::WorkerReady { worker, info: WorkerInfo::default() },
        RunEvent::CollectReported { worker, report: collector },
        RunEvent::WorkerCollected { worker, tests: 1, deselected: 2 },
        RunEvent::WorkerListed { worker, files: 1 },
        RunEvent::Collected { worker, collection },
        RunEvent::CollectionDiffers(diff),
        RunEvent::SchedulingStarted {
            tests: 1,
            workers: 1,
            policy: "P".to_owned(),
            deselected: 0,
            files: None,
        },
        RunEvent::SchedulingStarted {
            tests: 0,
            workers: 1,
            policy: "P".to_owned(),
            deselected: 0,
            files: Some(2),
        },
        RunEvent::FileCollected {
            worker,
            file: "a.py".into(),
            tests: 1,
            deselected: 0,
            files_left: 3,
        },
        RunEvent::FileNotRun { file: "a.py".into(), reason: "why".into(), lost: true },
        RunEvent::TestStarted { worker, lane, index, test: test.clone() },
        RunEvent::TestSlow { worker, test: test.clone(), seconds: 61.0 },
        RunEvent::TestReported { worker, test: test.clone(), report },
        RunEvent::TestRetried {
            worker,
            lane,
            index,
            test: test.clone(),
            attempt: 1,
            end,
            delay: 0.5,
        },
        RunEvent::TestLost { worker, lane, index, test: test.clone(), times: 1 },
        RunEvent::Host { host: "n1".into(), news: HostNews::Progress("connecting".into()) },
        RunEvent::Host { host: "n1".into(), news: HostNews::Ready(SuiteInfo::default()) },
        RunEvent::Host {
            host: "n1".into(),
            news: HostNews::Lost { reason: "it is off".into(), again: 0.5 },
        },
        RunEvent::Host { host: "n1".into(), news: HostNews::GivenUp("it is no good".into()) },
        RunEvent::TestNotRun { lane, index, test: test.clone(), reason: "why".into(), lost: false },
        RunEvent::Warned { worker, warning: warning(WarningStage::Config) },
        RunEvent::Warned { worker, warning: warning(WarningStage::Collect) },
        RunEvent::Warned { worker, warning: warning(WarningStage::Run) },
        RunEvent::Output { worker, stream: Stream::Stdout, text: "x\n".to_owned() },
        RunEvent::Output { worker, stream: Stream::Stderr, text: "x".to_owned() },
        RunEvent::WorkerDown {
            worker,
            death: death.clone(),
            crashed: Some(test.clone()),
            expected: false,
            retried: true,
        },
        RunEvent::WorkerDown { worker, death, crashed: None, expected: true, retried: false },
        RunEvent::WorkerReplaced { old: worker, new: WorkerId(2) },
        RunEvent::WorkerRecycled { worker, reason: "1000 tests".into() },
        RunEvent::WorkerUsage { worker, usage: Usage { memory: 1 << 40, cpu_ms: 3 } },
        RunEvent::ReplacementDenied { worker, reason: "enough".to_owned() },
        RunEvent::Conclusion { text: "t".to_owned(), failure: Some("f".to_owned()) },
        RunEvent::RunFinished(Verdict {
            exit_code: -1,
            explanation: Some("why".to_owned()),
            outcomes: Outcome::ALL.map(|outcome| (outcome, 1)).to_vec(),
            tests: 9,
            ..Verdict::default()
        }),
    ];
    all.extend(reasons.map(RunEvent::Stopping));
    all.extend(
        Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::NotRun).map(finished),
    );
    all
}

#[test]
fn every_event_has_a_line_and_every_line_of_the_schema_an_event() {
    let lines: Vec<Value> = all().iter().map(told).collect();
    let names: BTreeSet<String> =
        lines.iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect();
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let documented: BTreeSet<String> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["$ref"].as_str().unwrap().trim_start_matches("#/$defs/").to_owned())
        .collect();
    assert_eq!(names, documented);
}

#[test]
fn texts_have_no_escape_sequences_and_ids_are_as_they_are() {
    let lines: Vec<Value> = all().iter().map(told).collect();
    let of = |name: &str| lines.iter().find(|line| line["event"] == name).unwrap();
    assert_eq!(of("test-reported")["text"], "red");
    assert_eq!(of("test-reported")["sections"][0]["text"], "x");
    assert_eq!(of("worker-down")["last_output"], "last");
    assert_eq!(of("test-started")["id"], "a.py::t[\n\u{1b}é]");
    assert_eq!(of("test-started")["time"], 1.500_001);
    assert_eq!(of("test-finished")["started"], Value::Null);
}
