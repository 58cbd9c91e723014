use std::fmt::Write as _;

use insta::assert_snapshot;

use super::*;
use crate::model::{Outcome, RunEvent};

/// From the first result on.
fn results(options: TerminalOptions, script: &Script) -> String {
    let text = shown(options, script);
    let (_, text) = text.split_once("LoadScheduling\n").unwrap();
    text.to_owned()
}

#[test]
fn a_crash_is_told_when_it_happens_and_explained_at_the_end() {
    let script = Script::begun(3)
        .pass(0, "test_c.py::test_a")
        .start(0, "test_c.py::test_b")
        .segfault(0, Some("test_c.py::test_b"), "Fatal Python error: Segmentation fault\n")
        .end(0, "test_c.py::test_b", Outcome::Crashed, 0.0)
        .replaced(0, 2)
        .up(2, 3, "wfE")
        .pass(2, "test_c.py::test_c")
        .wait(1300)
        .finish(1, None);
    assert_snapshot!(results(plain(), &script), @r"
    .
    [gw0] node down: killed by signal 11 (SIGSEGV)
    F
    replacing crashed worker gw0
    .                                                                        [100%]
    =================================== FAILURES ===================================
    ____________________________________ test_b ____________________________________
    [gw0] linux -- Python 3.11.7 /srv/.venv/bin/python
    worker 'gw0' crashed while running 'test_c.py::test_b'
    killed by signal 11 (SIGSEGV), during call
    ------------------------------ Last output of gw0 ------------------------------
    Fatal Python error: Segmentation fault
    =============================== crashed workers ================================
    gw0 killed by signal 11 (SIGSEGV) while running test_c.py::test_b; replaced by gw2
    =========================== short test summary info ============================
    FAILED test_c.py::test_b - worker 'gw0' crashed: killed by signal 11 (SIGSEGV)
    ========================= 1 failed, 2 passed in 1.30s ==========================
    ");
}

#[test]
fn a_host_that_was_lost_is_told_at_the_end() {
    let script = Script::begun(2)
        .on_host(1, "n2")
        .pass(0, "a.py::t")
        .start(1, "a.py::u")
        .host_lost("n2", "its agent said nothing for 15 s")
        .lost(1, "a.py::u")
        .pass(0, "a.py::u")
        .finish(0, None);
    assert_snapshot!(ending(plain(), &script), @r"
    ================================== lost hosts ==================================
    n2 lost: its agent said nothing for 15 s; 1 test that it was running was run again; it did not come back
    ============================== 2 passed in 0.00s ===============================
    ");
}

#[test]
fn verbosely_a_crash_has_its_own_word() {
    let script = Script::begun(1)
        .start(0, "a.py::t")
        .segfault(0, Some("a.py::t"), "")
        .end(0, "a.py::t", Outcome::Crashed, 0.0)
        .finish(1, None);
    let options = TerminalOptions { verbosity: 1, ..plain() };
    assert!(shown(options, &script).contains("\n[gw0] [100%] CRASHED a.py::t\n"));
}

#[test]
fn when_no_worker_is_left_the_lost_tests_are_named() {
    let script = Script::begun(3)
        .segfault(0, None, "")
        .denied(0, "worker restarting disabled")
        .segfault(1, None, "")
        .denied(1, "worker restarting disabled")
        .not_run("a.py::t", "no worker is left", true)
        .not_run("a.py::u", "no worker is left", true)
        .not_run("a.py::v", "no worker is left", true)
        .finish(7, Some("3 tests were lost"));
    assert_snapshot!(results(plain(), &script), @r"
    [gw0] node down: killed by signal 11 (SIGSEGV)
    worker restarting disabled
    [gw1] node down: killed by signal 11 (SIGSEGV)
    worker restarting disabled

    =============================== crashed workers ================================
    gw0 killed by signal 11 (SIGSEGV); not replaced: worker restarting disabled
    gw1 killed by signal 11 (SIGSEGV); not replaced: worker restarting disabled
    ================================ tests not run =================================
    3 lost: no worker is left
        a.py::t
        a.py::u
        a.py::v
    3 tests were lost
    ============================== 3 not run in 0.00s ==============================
    ");
}

#[test]
fn the_last_output_of_a_worker_is_cut_at_its_head_and_told_once() {
    let tail = (0..50).fold(String::new(), |mut tail, number| {
        writeln!(tail, "line {number}").unwrap();
        tail
    });
    let script = Script::run(2).segfault(0, None, &tail).segfault(1, None, &tail).finish(7, None);
    let text = shown(plain(), &script);
    assert!(text.contains("(SIGSEGV)\n    … 10 lines before\n    line 10\n"), "{text}");
    assert!(text.contains("    line 49\n[gw1] node down"), "{text}");
    assert!(text.contains("    (its last output is that of gw0)\n"), "{text}");
}

#[test]
fn verbosely_each_worker_introduces_itself() {
    let options = TerminalOptions { verbosity: 1, ..plain() };
    assert_snapshot!(shown(options, &Script::run(1).up(0, 1, "wfE")), @r"
    ============================= test session starts ==============================
    gw0 I
    platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0
    rootdir: /srv
    [gw0] linux Python 3.11.7 cwd: /srv
    [gw0] Python 3.11.7 -- pytest 9.2.0
    ");
}

#[test]
fn steps_and_notices_are_told() {
    let script = Script::run(1)
        .push(RunEvent::Progress("installing 3 packages".to_owned()))
        .push(RunEvent::Notice("xdist is kept inactive".to_owned()));
    let text = shown(plain(), &script);
    assert!(text.ends_with("installing 3 packages\nnote: xdist is kept inactive\n"));
}
