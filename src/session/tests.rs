//! Scripts: what happens in a run ⇒ what the session does, and the verdict.

use super::*;
use crate::model::{
    CollectReport, Death, Dist, Durations, Ending, Lane, Outcome, Phase as TestPhase, PhaseReport,
    TestEnd, TestIndex, TestName, WorkerInfo,
};

const GW0: WorkerId = WorkerId(0);

fn name() -> TestName {
    TestName { id: "test_a.py::test_x".into(), occurrence: 0 }
}

fn finished(outcome: Outcome) -> RunEvent {
    let end = TestEnd { outcome, durations: Durations::default(), started: 0.0 };
    RunEvent::TestFinished {
        worker: GW0,
        lane: Lane(0),
        index: TestIndex(0),
        test: name(),
        end,
        attempt: 1,
        alone: false,
    }
}

fn not_run(lost: bool) -> RunEvent {
    RunEvent::TestNotRun {
        lane: Lane(0),
        index: TestIndex(0),
        test: name(),
        reason: "why".into(),
        lost,
    }
}

fn failed_report() -> RunEvent {
    let report = PhaseReport {
        phase: TestPhase::Call,
        category: "failed".into(),
        letter: "F".into(),
        word: "FAILED".into(),
        failed: true,
        headline: String::new(),
        text: String::new(),
        brief: String::new(),
        location: String::new(),
        sections: Vec::new(),
        duration: 0.0,
    };
    RunEvent::TestReported { worker: GW0, test: name(), report }
}

fn collect_error() -> RunEvent {
    let report = CollectReport {
        id: "test_a.py".into(),
        failed: true,
        text: String::new(),
        brief: String::new(),
        location: String::new(),
    };
    RunEvent::CollectReported { worker: GW0, report }
}

fn down(ending: Ending, crashed: bool) -> RunEvent {
    RunEvent::WorkerDown {
        worker: GW0,
        death: Death::early(ending),
        crashed: crashed.then(name),
        expected: false,
        retried: false,
    }
}

fn started() -> RunEvent {
    RunEvent::TestStarted { worker: GW0, lane: Lane(0), index: TestIndex(0), test: name() }
}

fn scheduling() -> RunEvent {
    RunEvent::SchedulingStarted {
        files: None,
        tests: 1,
        workers: 1,
        policy: "LoadScheduling".into(),
        deselected: 0,
    }
}

/// The exit code of a run in which this happens and then the last worker ends.
fn exit_of(events: &[RunEvent]) -> i32 {
    let mut session = Session::new(None);
    session.event(&scheduling());
    for event in events {
        session.event(event);
    }
    session.fleet_is_empty("all workers ended");
    session.closed();
    session.verdict().exit_code
}

#[test]
fn the_exit_code_follows_from_what_happened() {
    assert_eq!(exit_of(&[]), 5, "nothing collected");
    assert_eq!(exit_of(&[finished(Outcome::Passed)]), 0);
    for outcome in [Outcome::Skipped, Outcome::XFailed, Outcome::XPassed] {
        assert_eq!(exit_of(&[finished(outcome)]), 0, "{outcome}");
    }
    for outcome in [Outcome::Failed, Outcome::Error, Outcome::Crashed, Outcome::TimedOut] {
        assert_eq!(exit_of(&[finished(Outcome::Passed), finished(outcome)]), 1, "{outcome}");
    }
    assert_eq!(exit_of(&[finished(Outcome::Passed), not_run(true)]), 7, "a lost test");
    assert_eq!(
        exit_of(&[finished(Outcome::Failed), not_run(true)]),
        7,
        "lost weighs more than failed"
    );
    assert_eq!(
        exit_of(&[finished(Outcome::Passed), not_run(false)]),
        7,
        "left out on purpose where nobody stopped the run"
    );
    assert_eq!(exit_of(&[collect_error(), finished(Outcome::Passed)]), 1);
    let interrupted = RunEvent::Stopping(StopReason::Requested("SIGINT".into()));
    assert_eq!(exit_of(&[finished(Outcome::Passed), interrupted, not_run(false)]), 2);
    let max_fail = RunEvent::Stopping(StopReason::MaxFail(1));
    assert_eq!(exit_of(&[max_fail, not_run(false)]), 1);
}

#[test]
fn a_worker_that_dies_outside_of_any_test_is_not_exit_0() {
    let dead = down(Ending::Code(3), false);
    assert_eq!(exit_of(&[started(), finished(Outcome::Passed), dead.clone()]), 7);
    assert_eq!(
        exit_of(&[dead, finished(Outcome::Passed)]),
        0,
        "it had run nothing, others ran all"
    );
}

#[test]
fn an_exit_code_asked_for_by_a_test_is_given_unless_it_hides_the_stop() {
    let asks = |exit_code| {
        RunEvent::Stopping(StopReason::Worker { worker: GW0, reason: "bye".into(), exit_code })
    };
    assert_eq!(exit_of(&[asks(Some(42))]), 42);
    assert_eq!(exit_of(&[asks(None)]), 2);
    assert_eq!(exit_of(&[asks(Some(0))]), 2);
}

#[test]
fn the_explanation_is_one_line_of_what_a_worker_said() {
    let explained = |code, reason: &str| {
        let mut session = Session::new(None);
        session.fatal(code, reason.to_owned(), Some(GW0));
        session.verdict().explanation.unwrap()
    };
    let traceback =
        "Traceback (most recent call last):\n  File \"a.py\", line 1\nOSError: no disk\n";
    assert_eq!(explained(ExitCode::Internal, traceback), "gw0: OSError: no disk");
    let refusal = "usage: pytest [options]\npytest: error: unrecognized: --x\n  rootdir: /srv";
    assert_eq!(explained(ExitCode::Usage, refusal), "gw0: pytest: error: unrecognized: --x");
}

#[test]
fn failures_are_counted_over_tests_collection_and_crashes() {
    let mut session = Session::new(NonZeroU32::new(3));
    assert_eq!(session.event(&failed_report()), []);
    assert_eq!(session.event(&collect_error()), []);
    let steps = session.event(&down(Ending::Signal(11), true));
    assert_eq!(steps, [Step::Stop { reason: StopReason::MaxFail(3), interrupt: false }]);
    assert_eq!(session.event(&failed_report()), [], "a run stops once");
}

#[test]
fn a_halted_worker_goes_on_unless_the_run_stops() {
    let mut session = Session::new(NonZeroU32::new(2));
    session.event(&failed_report());
    assert_eq!(session.halted(GW0), [Step::Resume(GW0)]);
    session.event(&failed_report());
    assert_eq!(session.halted(GW0), []);
}

#[test]
fn the_projects_own_maxfail_holds_where_none_was_asked_for() {
    let info = WorkerInfo { maxfail: 1, ..WorkerInfo::default() };
    let ready = RunEvent::WorkerReady { worker: GW0, info };
    let mut session = Session::new(None);
    session.event(&ready);
    assert_eq!(session.event(&failed_report()).len(), 1);
    let mut session = Session::new(NonZeroU32::new(2));
    session.event(&ready);
    assert_eq!(session.event(&failed_report()), []);
}

#[test]
fn a_fleet_that_never_ran_a_test_is_an_infrastructure_failure() {
    let mut session = Session::new(None);
    session.event(&down(Ending::Code(70), false));
    session.fleet_is_empty("the last worker is gone");
    session.closed();
    let verdict = session.verdict();
    assert_eq!(verdict.exit_code, 7);
    assert!(verdict.explanation.unwrap().contains("exited with code 70"));
}

#[test]
fn the_conclusion_runs_once_all_tests_have_their_state() {
    let mut session = Session::new(None);
    session.event(&scheduling());
    session.leaves("{}".into());
    assert_eq!(session.fleet_is_empty("done").len(), 1);
    assert_eq!(session.fleet_is_empty("done"), []);
    assert_eq!(session.closed(), [Step::Conclude(vec!["{}".into()])]);
    session.event(&finished(Outcome::Passed));
    session.event(&RunEvent::Conclusion {
        text: String::new(),
        failure: Some("coverage 40 % is below 90 %".into()),
    });
    assert_eq!(session.concluded(), [Step::Done]);
    assert_eq!(session.verdict().exit_code, 1);
}

#[test]
fn the_second_request_kills() {
    let mut session = Session::new(None);
    assert_eq!(session.requested("SIGINT".into()).len(), 1);
    assert_eq!(session.killed("SIGINT".into()), [Step::Kill]);
}

#[test]
fn the_second_request_ends_the_conclusion_too() {
    let mut session = Session::new(None);
    session.event(&scheduling());
    session.event(&finished(Outcome::Passed));
    session.leaves("{}".into());
    session.fleet_is_empty("done");
    session.closed();
    assert_eq!(session.requested("SIGINT".into()), []);
    assert_eq!(session.killed("SIGINT".into()), [Step::Done]);
    assert_eq!(session.concluded(), [], "its last word comes too late");
    assert_eq!(session.verdict().exit_code, 2);
}

#[test]
fn under_each_a_worker_of_which_nothing_was_heard_makes_the_results_incomplete() {
    let begun = |dist| RunEvent::RunStarted {
        run_id: "r".into(),
        dist,
        workers: (0..3)
            .map(|number| (WorkerId(number), format!("popen//python={number}")))
            .collect(),
    };
    let collected =
        |number| RunEvent::WorkerCollected { worker: WorkerId(number), tests: 1, deselected: 0 };
    let replaced = |number, by| RunEvent::WorkerStarting {
        worker: WorkerId(by),
        host: "local".into(),
        replaces: Some(WorkerId(number)),
    };
    let verdict_of = |dist, events: &[RunEvent]| {
        let mut session = Session::new(None);
        session.event(&begun(dist));
        session.event(&scheduling());
        session.event(&finished(Outcome::Passed));
        for event in events {
            session.event(event);
        }
        session.fleet_is_empty("all workers ended");
        session.closed();
        session.verdict()
    };
    let silent = |events: &[RunEvent]| {
        let verdict = verdict_of(Dist::Each, events);
        assert_eq!(verdict.exit_code, 7, "{events:?}");
        verdict.explanation.unwrap()
    };
    assert!(silent(&[]).contains("the worker of `popen//python=0` and 2 more did not come"));
    let told = silent(&[collected(0), collected(2)]);
    assert!(told.contains("the worker of `popen//python=1` did not come"), "{told}");
    // Whoever replaces one answers for it.
    let told = silent(&[collected(0), collected(1), replaced(2, 3), replaced(3, 4)]);
    assert!(told.contains("the worker of `popen//python=2` did not come"), "{told}");
    let all = [collected(0), replaced(1, 3), collected(2), collected(3)];
    assert_eq!(verdict_of(Dist::Each, &all).exit_code, 0);
    assert_eq!(verdict_of(Dist::Load, &[]).exit_code, 0, "the others run its tests");
}

#[test]
fn an_exit_code_that_a_plugin_sets_is_kept() {
    let exit_after = |outcome, codes: &[i32]| {
        let mut session = Session::new(None);
        session.event(&scheduling());
        session.event(&finished(outcome));
        for code in codes {
            session.worker_finished(GW0, *code);
        }
        session.fleet_is_empty("all workers ended");
        session.closed();
        session.verdict().exit_code
    };
    assert_eq!(exit_after(Outcome::Passed, &[0, 5]), 0, "a worker without tests says 5");
    assert_eq!(exit_after(Outcome::Passed, &[0, 17]), 17);
    assert_eq!(exit_after(Outcome::Passed, &[1, 0]), 1);
    assert_eq!(exit_after(Outcome::Failed, &[1, 0]), 1);
    assert_eq!(exit_after(Outcome::Failed, &[17, 1]), 17);
}
