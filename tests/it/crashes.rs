//! Drills: a worker, its agent or its host program dies in every way; the account adds up all the same.

mod agents;
mod exits;
mod killed;
mod output;

use crate::support::{Project, Told};

/// A test file of ten tests, then this text, then ten tests.
fn between_twenty(text: &str) -> Project {
    Project::new(&[(
        "test_it.py",
        &format!(
            "import os, signal, sys, pytest\n\
             @pytest.mark.parametrize('n', range(10))\n\
             def test_before(n): pass\n\
             {text}\n\
             @pytest.mark.parametrize('n', range(10))\n\
             def test_after(n): pass\n"
        ),
    )])
}

/// Asserts that twenty tests passed, that this one took its worker with it, how and in which phase.
fn assert_crash<'a>(told: &'a Told, test: &str, how: &str, phase: &str) -> &'a Told {
    told.assert(1, "1 failed, 20 passed");
    assert_eq!(told.ids("FAILED"), [test], "{told}");
    told.says(&format!("crashed while running '{test}'")).says(&format!("{how}, during {phase}"))
}

#[test]
fn a_segfault_is_a_crash_item_and_its_worker_is_cloned() {
    let test = "def test_dies(capfd):\n\
        \x20   with capfd.disabled(): print('last words', flush=True)\n\
        \x20   os.kill(os.getpid(), signal.SIGSEGV)";
    let told = between_twenty(test).run(&["-n", "1"]);
    assert_crash(&told, "test_it.py::test_dies", "killed by signal 11 (SIGSEGV)", "call");
    told.says("last words").says("Fatal Python error: Segmentation fault");
    told.says("replacing crashed worker gw0")
        .says("while running test_it.py::test_dies; replaced by gw1");
}
