use insta::assert_snapshot;

use super::*;
use crate::model::{Outcome, StopReason};
use crate::report::script::failure;

fn live() -> TerminalOptions {
    TerminalOptions { live: true, columns: 60, slowest: 3, ..plain() }
}

/// What a terminal shows after a script and a tick two seconds later.
fn screen(options: TerminalOptions, script: &Script) -> String {
    screen_after(options, script, Duration::from_secs(2))
}

fn screen_after(options: TerminalOptions, script: &Script, later: Duration) -> String {
    let rows = 40;
    let columns = options.columns;
    let mut report = TerminalReport::new(options, Vec::new());
    report.resize(columns, rows);
    let mut last = Duration::ZERO;
    for (at, event) in &script.events {
        report.event(*at, event).unwrap();
        last = *at;
    }
    report.tick(last + later).unwrap();
    let mut terminal = vt100::Parser::new(rows, columns, 0);
    // The line discipline of a terminal makes the carriage return.
    for line in report.out.split_inclusive(|byte| *byte == b'\n') {
        terminal.process(line);
        if line.ends_with(b"\n") {
            terminal.process(b"\r");
        }
    }
    let rows: Vec<String> = terminal.screen().rows(0, columns).collect();
    let lines: Vec<&str> = rows.iter().map(|row| row.trim_end()).collect();
    lines.join("\n").trim_end().to_owned()
}

#[test]
fn before_tests_run_the_seeds_status_line_is_rewritten_in_place() {
    let script = Script::run(3).up(0, 120, "wfE").wait(500).ready(1, "wfE");
    assert_snapshot!(screen(live(), &script), @r"
    =================== test session starts ====================
    platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0
    rootdir: /srv
    gw0 [120] / gw1 ok / gw2 I
    ");
}

#[test]
fn a_slow_test_is_told_in_the_line_of_its_worker() {
    let script = Script::begun(3).start(0, "a.py::long").slow(0, "a.py::long", 61.4);
    let screen = screen_after(live(), &script, Duration::from_secs(62));
    let line = "gw0  a.py::long                                 slow 1m 02s";
    assert!(screen.contains(line), "{screen}");
    assert!(!screen.contains("so far"), "{screen}");
}

#[test]
fn while_tests_run_each_worker_has_a_line() {
    let script = Script::begun(40).wait(1000);
    let script = (0..20).fold(script, |script, number| script.pass(0, &format!("a.py::t{number}")));
    let long = "tests/unit/some/deep/folder/test_module.py::TestClass::test_that_is_slow";
    let script = script
        .wait(1500)
        .start(0, long)
        .wait(600)
        .segfault(1, Some("a.py::boom"), "")
        .end(1, "a.py::boom", Outcome::Crashed, 0.0)
        .replaced(1, 2);
    assert_snapshot!(screen(live(), &script), @r"
    =================== test session starts ====================
    platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0
    rootdir: /srv

    scheduling tests via LoadScheduling
    [gw1] node down: killed by signal 11 (SIGSEGV)
    ___________________________ boom ___________________________
    [gw1] linux -- Python 3.11.7 /srv/.venv/bin/python
    worker 'gw1' crashed while running 'a.py::boom'
    killed by signal 11 (SIGSEGV), during call
    replacing crashed worker gw1
    gw0  …er/test_module.py::TestClass::test_that_is_slow  2.6s
    gw2  I
    1 failed, 20 passed
    [==========>         ]  52% 21/40, about 4s left
    ");
}

#[test]
fn failures_are_shown_as_they_happen_and_not_again_at_the_end() {
    let script = Script::begun(2)
        .test(0, "a.py::f", [failure("f", "no", "said\n")], Outcome::Failed)
        .start(0, "a.py::t")
        .wait(200);
    assert_snapshot!(screen(live(), &script), @r"
    =================== test session starts ====================
    platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0
    rootdir: /srv

    scheduling tests via LoadScheduling
    ____________________________ f _____________________________
    [gw0] linux -- Python 3.11.7 /srv/.venv/bin/python

    >   assert 1 == 2
    E   no

    test_a.py:3: AssertionError
    ------------------- Captured stdout call -------------------
    said
    gw0  a.py::t                                           2.0s
    gw1  idle
    1 failed
    [==========>         ]  50% 1/2, about 2s left
    ");
    let script = script.end(0, "a.py::t", Outcome::Passed, 0.2).wait(10).finish(1, None);
    assert_snapshot!(screen(live(), &script), @r"
    =================== test session starts ====================
    platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0
    rootdir: /srv

    scheduling tests via LoadScheduling
    ____________________________ f _____________________________
    [gw0] linux -- Python 3.11.7 /srv/.venv/bin/python

    >   assert 1 == 2
    E   no

    test_a.py:3: AssertionError
    ------------------- Captured stdout call -------------------
    said
    ===================== slowest 3 tests ======================
    0.20s a.py::t
    ================= short test summary info ==================
    FAILED a.py::f - no
    =============== 1 failed, 1 passed in 0.21s ================
    ");
}

#[test]
fn many_workers_do_not_fill_the_screen() {
    let script = (0..64).fold(Script::run(64), |script, worker| script.up(worker, 9, "wfE"));
    let text = screen(live(), &script.scheduled(9, 64));
    assert_eq!(text.matches("idle").count(), 16);
    assert!(text.contains("… and 48 more"), "{text}");
}

#[test]
fn nothing_is_estimated_before_there_is_something_to_go_by() {
    let script = Script::begun(1000).pass(0, "a.py::t");
    let text = screen_after(live(), &script, Duration::from_secs(5));
    assert!(text.contains("0% 1/1000") && !text.contains("left"), "{text}");
    let text = screen_after(live(), &Script::begun(2).pass(0, "a.py::t"), Duration::from_secs(1));
    assert!(text.contains("50% 1/2") && !text.contains("left"), "{text}");
}

#[test]
fn the_region_is_drawn_at_most_ten_times_a_second() {
    let mut report = TerminalReport::new(live(), Vec::new());
    let script = (0..5000).fold(Script::begun(5000).wait(1), |script, _| script.pass(0, "a.py::t"));
    for (at, event) in &script.events {
        report.event(*at, event).unwrap();
    }
    let drawn = String::from_utf8(report.out).unwrap();
    assert!(drawn.len() < 1000, "{} bytes", drawn.len());
}

#[test]
fn verbosely_each_result_is_a_line_above_the_region() {
    let options = TerminalOptions { verbosity: 1, ..live() };
    let script = Script::begun(3).pass(0, "a.py::t").pass(1, "a.py::u");
    let text = screen(options, &script);
    assert!(text.contains("\n[gw1] [ 66%] PASSED a.py::u\ngw0  idle\n"), "{text}");
}

#[test]
fn output_stands_above_the_region() {
    let options = TerminalOptions { live_output: true, ..live() };
    let text = screen(options, &Script::begun(3).output(1, "one\ntwo"));
    assert!(text.contains("\ngw1 │ one\ngw1 │ two\ngw0  idle\n"), "{text}");
}

#[test]
fn a_run_that_breaks_off_leaves_no_region_behind() {
    let mut report = TerminalReport::new(live(), Vec::new());
    let script = Script::begun(3).stop(StopReason::Requested("SIGTERM".to_owned()));
    for (at, event) in &script.events {
        report.event(*at, event).unwrap();
    }
    report.close().unwrap();
    let mut terminal = vt100::Parser::new(40, 60, 0);
    terminal.process(&report.out);
    let text = terminal.screen().contents();
    assert!(!text.contains("idle"), "{text}");
    assert!(text.contains("SIGTERM: running tests are finished first"), "{text}");
}

#[test]
fn what_a_test_prints_neither_clears_the_screen_nor_colours_the_rest() {
    let options = TerminalOptions { color: true, ..live() };
    let said = failure("f", "no", "\x1b[2J\x1b[Hgone?\x1b[41m red\n");
    let script = Script::begun(2).test(0, "a.py::f", [said], Outcome::Failed);
    let mut report = TerminalReport::new(options, Vec::new());
    for (at, event) in &script.wait(200).pass(1, "a.py::t").events {
        report.event(*at, event).unwrap();
    }
    let drawn = String::from_utf8(report.out).unwrap();
    assert!(drawn.contains("\ngone?\x1b[41m red\x1b[0m\n"), "{drawn:?}");
    assert!(!drawn.contains("\x1b[2J") && !drawn.contains("\x1b[H"), "{drawn:?}");
}

#[test]
fn on_a_narrower_terminal_the_broken_region_is_removed() {
    let mut report = TerminalReport::new(live(), Vec::new());
    let script = Script::begun(2).wait(200).start(0, "a.py::t");
    for (at, event) in &script.events {
        report.event(*at, event).unwrap();
    }
    report.resize(30, 40);
    report.tick(Duration::from_secs(1)).unwrap();
    let drawn = String::from_utf8(report.out).unwrap();
    // The three rows of 60 columns above the bar are six now.
    assert!(drawn.contains("\r\x1b[6A\r\x1b[J\n\n\n"), "{drawn:?}");
}
