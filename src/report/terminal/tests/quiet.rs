use insta::assert_snapshot;

use super::*;
use crate::model::Outcome;
use crate::report::script::failure;

fn script() -> Script {
    Script::begun(2)
        .pass(0, "a.py::t")
        .test(1, "a.py::f", [failure("f", "no", "")], Outcome::Failed)
        .finish(1, None)
}

#[test]
fn quietly_there_is_no_header_and_no_frame() {
    let options = TerminalOptions { verbosity: -1, ..plain() };
    assert_snapshot!(shown(options, &script()), @r"
    .F                                                                       [100%]
    =================================== FAILURES ===================================
    ______________________________________ f _______________________________________
    [gw1] linux -- Python 3.11.7 /srv/.venv/bin/python

    >   assert 1 == 2
    E   no

    test_a.py:3: AssertionError
    =========================== short test summary info ============================
    FAILED a.py::f - no
    1 failed, 1 passed in 0.00s
    ");
}

#[test]
fn twice_quietly_there_are_no_counts() {
    let options = TerminalOptions { verbosity: -2, ..plain() };
    assert!(shown(options, &script()).ends_with("FAILED a.py::f - no\n"));
}

#[test]
fn a_run_without_tests_says_so() {
    assert_snapshot!(shown(plain(), &Script::begun(0).finish(5, None)), @r"
    ============================= test session starts ==============================
    gw0 I / gw1 I
    platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0
    rootdir: /srv
    gw0 [0] / gw1 [0]

    scheduling tests via LoadScheduling

    ============================ no tests ran in 0.00s =============================
    ");
}
