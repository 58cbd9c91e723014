use insta::assert_snapshot;

use super::*;
use crate::model::WarningStage::{Collect, Run};
use crate::model::{Outcome, Phase, PhaseReport, StopReason, WorkerId};
use crate::report::script::{failure, report, warning};

fn mixed() -> Script {
    let teardown = PhaseReport {
        text: "E   RuntimeError: broke".to_owned(),
        brief: "RuntimeError: broke".to_owned(),
        ..report(Phase::Teardown, "error")
    };
    let skip =
        || PhaseReport { brief: "Skipped: why not".to_owned(), ..report(Phase::Call, "skipped") };
    let foretold = PhaseReport { brief: "a bug".to_owned(), ..report(Phase::Call, "xfailed") };
    let long = "AssertionError: a long message that will certainly be cut because it is long";
    Script::run(2)
        .up(0, 7, "wsxfE")
        .up(1, 7, "wsxfE")
        .scheduled(7, 2)
        .pass(0, "test_a.py::test_p[0]")
        .test(1, "test_a.py::test_fail", [failure("test_fail", long, "hello\n")], Outcome::Failed)
        .test(0, "test_a.py::test_td", [teardown], Outcome::Error)
        .test(0, "test_a.py::test_s[0]", [skip()], Outcome::Skipped)
        .test(0, "test_a.py::test_s[1]", [skip()], Outcome::Skipped)
        .test(0, "test_a.py::test_x", [foretold], Outcome::XFailed)
        .warn(0, warning(Collect, "", "test_a.py:1"))
        .warn(1, warning(Collect, "", "test_a.py:1"))
        .warn(1, warning(Run, "test_a.py::test_w", "test_a.py:9"))
        .pass(1, "test_a.py::test_w")
        .wait(3200)
        .finish(1, None)
}

#[test]
fn a_slow_test_is_told_on_a_line_of_its_own() {
    let script = || {
        let begun = Script::begun(3).pass(1, "a.py::quick").start(0, "a.py::long");
        begun.slow(0, "a.py::long", 61.4).pass(0, "a.py::long")
    };
    let text = shown(plain(), &script());
    assert!(text.contains("\n[gw0] slow: a.py::long, 61 s so far\n"), "{text}");
    let text = shown(TerminalOptions { verbosity: -1, ..plain() }, &script());
    assert!(!text.contains("slow"), "{text}");
}

#[test]
fn a_run_with_every_kind_of_result() {
    assert_snapshot!(shown(plain(), &mixed()), @r#"
    ============================= test session starts ==============================
    gw0 I / gw1 I
    platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0
    rootdir: /srv
    gw0 [7] / gw1 [7]

    scheduling tests via LoadScheduling
    .F.Essx.                                                                 [100%]
    ==================================== ERRORS ====================================
    _________________________ ERROR at teardown of test_it _________________________
    [gw0] linux -- Python 3.11.7 /srv/.venv/bin/python
    E   RuntimeError: broke
    =================================== FAILURES ===================================
    __________________________________ test_fail ___________________________________
    [gw1] linux -- Python 3.11.7 /srv/.venv/bin/python

    >   assert 1 == 2
    E   AssertionError: a long message that will certainly be cut because it is long

    test_a.py:3: AssertionError
    ----------------------------- Captured stdout call -----------------------------
    hello
    =============================== warnings summary ===============================
    test_a.py:1
    test_a.py::test_w
      /srv/test_a.py:9: UserWarning: careful
        warn("careful")

    -- Docs: https://docs.pytest.org/en/stable/how-to/capture-warnings.html
    =========================== short test summary info ============================
    SKIPPED [2] test_a.py:3: why not
    XFAIL test_a.py::test_x - a bug
    FAILED test_a.py::test_fail - AssertionError: a long message that will certai...
    ERROR test_a.py::test_td - RuntimeError: broke
    ==== 1 failed, 3 passed, 2 skipped, 1 xfailed, 2 warnings, 1 error in 3.20s ====
    "#);
}

#[test]
fn verbosely_each_result_is_a_line() {
    let options = TerminalOptions { verbosity: 1, ..plain() };
    let text = shown(options, &mixed());
    let (results, _) = text.split_once("\n=== ").unwrap_or((&text, ""));
    let results = results.split_once("= ERRORS").map_or(results, |(results, _)| results);
    assert_snapshot!(results, @r"
    ============================= test session starts ==============================
    gw0 I / gw1 I
    platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0
    rootdir: /srv
    [gw0] linux Python 3.11.7 cwd: /srv
    [gw0] Python 3.11.7 -- pytest 9.2.0
    [gw1] linux Python 3.11.7 cwd: /srv
    [gw1] Python 3.11.7 -- pytest 9.2.0
    gw0 [7] / gw1 [7]

    scheduling tests via LoadScheduling
    [gw0] [ 14%] PASSED test_a.py::test_p[0]
    [gw1] [ 28%] FAILED test_a.py::test_fail
    [gw0] [ 42%] PASSED test_a.py::test_td
    [gw0] [ 42%] ERROR test_a.py::test_td
    [gw0] [ 57%] SKIPPED (why not) test_a.py::test_s[0]
    [gw0] [ 71%] SKIPPED (why not) test_a.py::test_s[1]
    [gw0] [ 85%] XFAIL (a bug) test_a.py::test_x
    [gw1] [100%] PASSED test_a.py::test_w

    ===================================
    ");
}

#[test]
fn of_many_workers_the_status_line_gives_counts() {
    let script = Script::run(64).up(0, 7, "fE").up(5, 7, "fE");
    let text = shown(plain(), &script.scheduled(7, 64));
    assert!(text.contains("\n64 workers: 64 I\n"), "{text}");
    assert!(text.contains("\n64 workers: 2 [7], 62 I\n"), "{text}");
}

#[test]
fn letters_wrap_where_pytest_wraps_them() {
    let script =
        (0..100).fold(Script::begun(100), |script, number| script.pass(number % 2, "test_a.py::t"));
    let text = shown(plain(), &script.wait(67_012).finish(0, None));
    let (_, text) = text.split_once("LoadScheduling\n").unwrap();
    assert_snapshot!(text, @r"
    ........................................................................ [ 72%]
    ............................                                             [100%]
    ======================== 100 passed in 67.01s (0:01:07) ========================
    ");
}

#[test]
fn a_collection_error_stops_the_run_with_pytests_sentence() {
    let script = Script::run(1)
        .ready(0, "wfE")
        .bad_collector("test_bad.py")
        .stop(StopReason::CollectionFailed)
        .wait(100)
        .finish(2, None);
    assert_snapshot!(shown(plain(), &script), @r"
    ============================= test session starts ==============================
    gw0 I
    platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0
    rootdir: /srv

    ==================================== ERRORS ====================================
    _________________________ ERROR collecting test_bad.py _________________________
    E   ModuleNotFoundError: No module named 'missing'
    =========================== short test summary info ============================
    ERROR test_bad.py - ModuleNotFoundError: No module named 'missing'
    !!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!
    =============================== 1 error in 0.10s ===============================
    ");
}

#[test]
fn maxfail_says_what_was_left_out() {
    let script = (0..12).fold(
        Script::begun(13)
            .test(0, "a.py::f", [failure("f", "no", "")], Outcome::Failed)
            .stop(StopReason::MaxFail(1)),
        |script, number| {
            script.not_run(&format!("a.py::t{number}"), "stopped after 1 failure", false)
        },
    );
    let script = script.wait(10).finish(1, None);
    let verbose = shown(TerminalOptions { verbosity: 1, ..plain() }, &script);
    assert!(verbose.contains("= tests not run ="), "{verbose}");
    assert!(verbose.contains("\n12 not run: stopped after 1 failure\n    a.py::t0\n"), "{verbose}");
    assert!(verbose.contains("\n    a.py::t11\n"), "{verbose}");
    let text = shown(plain(), &script);
    let (_, text) = text.split_once("short test summary").unwrap();
    assert_snapshot!(text, @r"
     info ============================
    FAILED a.py::f - no
    12 not run: stopped after 1 failure
    !!!!!!!!!!!!!!!!!!!!!!!!!! stopping after 1 failures !!!!!!!!!!!!!!!!!!!!!!!!!!!
    ======================== 1 failed, 12 not run in 0.01s =========================
    ");
}

#[test]
fn an_interrupt_is_told_at_once_and_at_the_end() {
    let script = Script::begun(2)
        .pass(0, "a.py::t")
        .stop(StopReason::Requested("SIGINT".to_owned()))
        .not_run("a.py::u", "interrupted", false)
        .finish(2, Some("interrupted by SIGINT"));
    let text = shown(plain(), &script);
    let (_, text) = text.split_once("LoadScheduling\n").unwrap();
    assert_snapshot!(text, @r"
    .
    SIGINT: running tests are finished first; once more kills them
                                                                             [ 50%]
    1 not run: interrupted
    !!!!!!!!!!!!!!!!!!!!!!!!!!!!! Interrupted: SIGINT !!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
    ========================= 1 passed, 1 not run in 0.00s =========================
    ");
}

#[test]
fn a_worker_that_asks_to_stop_is_quoted() {
    let script = Script::begun(1).stop(StopReason::Worker {
        worker: WorkerId(0),
        reason: "_pytest.outcomes.Exit: enough".to_owned(),
        exit_code: None,
    });
    let text = ending(plain(), &script.finish(2, None));
    assert!(text.contains("!! gw0: _pytest.outcomes.Exit: enough !!"), "{text}");
}

#[test]
fn output_stands_under_its_workers_name_and_apart_from_letters() {
    let options = TerminalOptions { live_output: true, ..plain() };
    let script = Script::begun(3)
        .pass(0, "a.py::t")
        .output(0, "one\ntwo\r\n")
        .pass(1, "a.py::u")
        .output(1, "10%\r20%\n\nno newline")
        .pass(1, "a.py::v")
        .finish(0, None);
    let text = shown(options, &script);
    let (_, text) = text.split_once("LoadScheduling\n").unwrap();
    assert_snapshot!(text, @r"
    .
    gw0 │ one
    gw0 │ two
    .
    gw1 │ 10%
    gw1 │ 20%
    gw1 │
    gw1 │ no newline
    .
    ============================== 3 passed in 0.00s ===============================
    ");
}

#[test]
fn passes_are_listed_and_their_output_shown_when_asked_for() {
    let said = PhaseReport {
        sections: failure("", "", "said\n").sections,
        ..report(Phase::Call, "passed")
    };
    let script = Script::run(1)
        .up(0, 2, "A")
        .scheduled(2, 1)
        .test(0, "a.py::said", [said], Outcome::Passed)
        .pass(0, "a.py::silent")
        .finish(0, None);
    assert_snapshot!(ending(plain(), &script), @r"
    ==================================== PASSES ====================================
    ___________________________________ test_it ____________________________________
    [gw0] linux -- Python 3.11.7 /srv/.venv/bin/python
    ----------------------------- Captured stdout call -----------------------------
    said
    =========================== short test summary info ============================
    PASSED a.py::said
    PASSED a.py::silent
    ============================== 2 passed in 0.00s ===============================
    ");
}

#[test]
fn the_slowest_tests_and_the_conclusion_come_before_the_short_summary() {
    let script = Script::begun(2)
        .start(0, "a.py::slow")
        .end(0, "a.py::slow", Outcome::Passed, 1.25)
        .test(0, "a.py::f", [failure("f", "no", "")], Outcome::Failed)
        .push(crate::model::RunEvent::Conclusion {
            text: "TOTAL   10   5   50%\n".to_owned(),
            failure: Some("coverage 50 is below 80".to_owned()),
        })
        .finish(1, Some("the coverage is too low"));
    let options = TerminalOptions { slowest: 3, ..plain() };
    let text = ending(options, &script);
    let (_, text) = text.split_once("AssertionError\n").unwrap();
    assert_snapshot!(text, @r"
    =============================== slowest 3 tests ================================
    1.25s a.py::slow
    TOTAL   10   5   50%
    coverage 50 is below 80
    =========================== short test summary info ============================
    FAILED a.py::f - no
    the coverage is too low
    ========================= 1 failed, 1 passed in 0.00s ==========================
    ");
}

#[test]
fn without_colour_no_control_character_is_written() {
    for verbosity in [-1, 0, 1] {
        let text = shown(TerminalOptions { verbosity, ..plain() }, &mixed());
        assert!(!text.contains(|char: char| char.is_control() && char != '\n'));
    }
}

#[test]
fn colour_follows_pytests_rules() {
    let options = TerminalOptions { color: true, ..plain() };
    let text = shown(options, &mixed());
    let last = text.lines().last().unwrap().replace('\x1b', "ESC");
    assert_snapshot!(last, @"ESC[31m==== ESC[0mESC[1mESC[31m1 failedESC[0m, ESC[32m3 passedESC[0m, ESC[33m2 skippedESC[0m, ESC[33m1 xfailedESC[0m, ESC[33m2 warningsESC[0m, ESC[1mESC[31m1 errorESC[0mESC[31m in 3.20sESC[0mESC[31m ====ESC[0m");
}

#[test]
fn failures_without_a_text_are_in_the_short_summary_alone() {
    let script = Script::begun(1)
        .test(0, "a.py::f", [report(Phase::Call, "failed")], Outcome::Failed)
        .finish(1, None);
    let text = ending(plain(), &script);
    assert!(text.starts_with("=========================== short test summary info"));
    assert!(text.contains("\nFAILED a.py::f\n"), "{text}");
}

#[test]
fn what_a_worker_stops_for_is_said_once_and_long_words_in_a_block() {
    let shown = |reason: &str, code: i32| {
        let script = Script::begun(1).stop(StopReason::Worker {
            worker: WorkerId(0),
            reason: reason.to_owned(),
            exit_code: Some(code),
        });
        ending(plain(), &script.finish(code, Some("gw0: the gist")))
    };
    let usage = shown("usage: -c\n-c: error: unrecognized arguments: --lost", 4);
    assert!(usage.contains("\nERROR: usage: -c\n-c: error: unrecognized"), "{usage}");
    assert_eq!(usage.matches("unrecognized").count(), 1, "{usage}");
    let broken = shown("Traceback:\n  File \"a.py\"\nOSError: x\n", 3);
    assert!(broken.contains("!! gw0 stopped the run !!"), "{broken}");
    assert!(broken.contains("\nTraceback:\n  File \"a.py\"\nOSError: x\n="), "{broken}");
    assert_eq!(broken.matches("OSError").count(), 1, "{broken}");
    assert!(!usage.contains("the gist") && !broken.contains("the gist"), "{usage}{broken}");
}

#[test]
fn the_summary_tells_how_near_to_the_bound_the_run_came_and_what_more_workers_would_do() {
    let line = |options, seconds| {
        let script = Script::begun(3)
            .took(0, "test_a.py::test_x", 100.0, 30.0)
            .took(0, "test_a.py::test_y", 130.0, 20.0)
            .took(1, "test_a.py::test_z", 100.0, seconds);
        let text = shown(options, &script.finish(0, None));
        text.lines().rev().nth(1).unwrap_or_default().to_owned()
    };
    assert_snapshot!(line(plain(), 75.0), @"1m 15s on 2 workers: 100 % of the bound; longest: test_a.py::test_z, 1m 15s; more workers would not help");
    assert_snapshot!(line(plain(), 22.0), @"50.0 s on 2 workers: 72 % of the bound; longest: test_a.py::test_x, 30.0 s; up to 3 workers would help, given the CPUs");
    let quiet = TerminalOptions { verbosity: -1, ..plain() };
    assert!(!line(quiet, 75.0).contains("workers"));
}

#[test]
fn no_number_of_workers_is_named_where_it_is_not_the_tests_that_take_the_time() {
    let script = Script::begun(2).took(0, "test_a.py::test_x", 100.0, 1.0).took(
        1,
        "test_a.py::test_y",
        109.0,
        1.0,
    );
    let text = shown(plain(), &script.finish(0, None));
    assert_snapshot!(text.lines().rev().nth(1).unwrap_or_default(), @"10.0 s on 2 workers: 10 % of the bound; longest: test_a.py::test_x, 1.0 s; most of the time was not spent in tests");
}

#[test]
fn a_run_that_was_stopped_is_not_held_against_its_bound() {
    let script = Script::begun(2)
        .took(0, "test_a.py::test_x", 100.0, 30.0)
        .stop(StopReason::Requested("SIGINT".to_owned()))
        .not_run("test_a.py::test_y", "the run was interrupted by SIGINT", false);
    assert!(!shown(plain(), &script.finish(2, None)).contains("of the bound"));
}
