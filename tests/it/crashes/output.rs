//! Floods of output, descriptors closed or kept, children that live on: what tests do to the worker they run in.

use super::{assert_crash, between_twenty};
use crate::support::Project;

/// Writes 100 MB to descriptor 1, then a last line.
const FLOOD: &str = "line = b'x' * 99 + b'\\\\n'\\nfor _ in range(1000): os.write(1, line * 1000)\\nos.write(1, b'the last line\\\\n')\\n";

/// A test whose body is this code, run in the worker or in a child of it.
fn flooding(body: &str, dies: bool) -> Project {
    let die = if dies { "    os._exit(3)\n" } else { "" };
    between_twenty(&format!(
        "FLOOD = \"import os\\n{FLOOD}\"\ndef test_floods(capfd):\n    with capfd.disabled():\n        {body}\n{die}"
    ))
}

const BY_ITSELF: &str = "exec(FLOOD)";
const BY_A_CHILD: &str =
    "import subprocess; subprocess.run([sys.executable, '-c', FLOOD], check=True)";

#[test]
fn a_flood_of_output_is_no_hindrance() {
    for body in [BY_ITSELF, BY_A_CHILD] {
        let told = flooding(body, false).run(&["-n", "2"]);
        told.assert(0, "21 passed").is_silent_on("the last line");
    }
}

#[test]
fn the_end_of_a_flood_is_told_with_the_death() {
    for body in [BY_ITSELF, BY_A_CHILD] {
        let told = flooding(body, true).run(&["-n", "2"]);
        told.assert(1, "1 failed, 20 passed")
            .says("the last line")
            .says("exited with code 3, during call");
        assert!(told.stdout.len() < 1 << 20, "the tail is bounded: {} bytes", told.stdout.len());
    }
}

#[test]
fn a_flood_is_shown_live_when_asked_for() {
    let told = flooding(BY_A_CHILD, false).run(&["-n", "2", "-s"]);
    assert_eq!((told.code, told.counts()), (Some(0), "21 passed"));
    assert!(told.stdout.contains("the last line"));
    let shown = told.stdout.lines().filter(|line| line.ends_with("xxxxxxxxxx")).count();
    assert_eq!(shown, 1_000_000);
}

#[test]
fn a_flood_within_pytests_own_capture_is_cut_in_the_report() {
    let project = between_twenty(&format!(
        "FLOOD = \"import os\\n{FLOOD}\"\ndef test_floods():\n    exec(FLOOD)\n    assert False"
    ));
    let told = project.run(&["-n", "2"]);
    told.assert(1, "1 failed, 20 passed").says("the last line");
    assert!(told.stdout.len() < 4 << 20, "the report is bounded: {} bytes", told.stdout.len());
}

#[test]
fn a_test_that_closes_all_descriptors_harms_itself_alone() {
    for first in [3, 0] {
        let test = format!("def test_dies(): os.closerange({first}, 1 << 16)");
        let told = between_twenty(&test).run(&["-n", "2"]);
        let how =
            "the descriptors of the worker protocol were closed under it (exited with code 70)";
        assert_crash(&told, "test_it.py::test_dies", how, "call");
    }
}

#[test]
fn a_forked_child_that_goes_on_says_nothing_in_its_parents_name() {
    let fork = "def test_forks():\n    if os.fork(): os.wait()";
    between_twenty(fork).run(&["-n", "2"]).assert(0, "21 passed");
    let raises = "def test_forks():\n    if os.fork() == 0: raise ValueError\n    os.wait()";
    between_twenty(raises).run(&["-n", "2"]).assert(0, "21 passed");
}

#[test]
fn a_child_that_keeps_the_descriptors_does_not_keep_the_run() {
    let stays = "def test_leaves():\n    import subprocess\n    subprocess.Popen(['sleep', '1000'], close_fds=False)";
    between_twenty(stays).run(&["-n", "2"]).assert(0, "21 passed");
    let leaves = "def test_leaves():\n    import subprocess\n    subprocess.Popen(['sleep', '1000'], start_new_session=True)";
    between_twenty(leaves).run(&["-n", "2", "-s"]).assert(0, "21 passed");
    let dies = "def test_leaves():\n    import subprocess\n    subprocess.Popen(['sleep', '1000'], start_new_session=True)\n    os._exit(3)";
    between_twenty(dies).run(&["-n", "2"]).assert(1, "1 failed, 20 passed");
}

#[test]
fn a_flood_that_goes_on_after_the_death_does_not_keep_the_run() {
    let yes = "def test_leaves(capfd):\n    import subprocess\n    with capfd.disabled():\n        subprocess.Popen(['yes'], start_new_session=True)\n    os._exit(3)";
    between_twenty(yes).run(&["-n", "2"]).assert(1, "1 failed, 20 passed");
}
