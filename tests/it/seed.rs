//! What the seed's `DSession` and `TerminalDistReporter` do, seen from outside. `docs/seed.md` says which test shows what.

use std::process::Command;

use crate::support::{Project, Running, Told};

const TWO: (&str, &str) = ("test_a.py", "def test_1(): pass\ndef test_2(): pass\n");

#[test]
fn the_status_of_all_nodes_is_a_line_at_the_start_and_when_tests_go_out() {
    let project = Project::new(&[TWO]);
    let told = project.run(&["-n", "3", "--dist", "load"]);
    told.assert(0, "2 passed");
    told.says("\ngw0 I / gw1 I / gw2 I\n")
        .says("\ngw0 [2] / gw1 [2] / gw2 [2]\n\nscheduling tests via LoadScheduling\n");
    assert!(!told.stdout.contains(['\r', '\u{1b}']), "{told}");
}

#[test]
fn quietly_nothing_is_told_but_results() {
    let project = Project::new(&[TWO]);
    let told = project.run(&["-n", "2", "-q"]);
    told.assert(0, "2 passed").is_silent_on("gw0").is_silent_on("scheduling").is_silent_on("====");
}

#[test]
fn verbosely_each_node_introduces_itself() {
    let project = Project::new(&[TWO]);
    let told = project.run(&["-n", "2", "-v"]);
    let cwd = project.path().canonicalize().unwrap();
    let version =
        project.run_python(&["-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]);
    let version = version.stdout.trim();
    for worker in ["gw0", "gw1"] {
        told.says(&format!("[{worker}] linux Python {version} cwd: {}\n", cwd.display()));
        told.says(&format!("[{worker}] Python {version} -- pytest 9.2.0\n"));
    }
}

#[test]
fn each_mode_is_told_by_the_name_of_its_class() {
    let project = Project::new(&[TWO]);
    for (dist, class) in [
        ("load", "LoadScheduling"),
        ("each", "EachScheduling"),
        ("loadscope", "LoadScopeScheduling"),
        ("loadfile", "LoadFileScheduling"),
        ("loadgroup", "LoadGroupScheduling"),
        ("worksteal", "WorkStealingScheduling"),
    ] {
        project.run(&["-n", "1", "--dist", dist]).says(&format!("scheduling tests via {class}\n"));
    }
}

/// `callsheet ARGS` on a terminal of 80 columns: what it wrote.
fn on_a_terminal(project: &Project, args: &str) -> Told {
    let mut command = Command::new("script");
    let line = format!("stty cols 80 rows 40; '{}' {args}", env!("CARGO_BIN_EXE_callsheet"));
    command.args(["-qec", &line, "/dev/null"]).current_dir(project.path());
    for (name, value) in project.command(&[]).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("TERM", "xterm").env_remove("NO_COLOR").env("SHELL", "/bin/sh");
    Running::start(command).end()
}

/// What stands on the screen, and above it, when all is written.
fn screen(told: &Told) -> String {
    let mut parser = vt100::Parser::new(200, 80, 0);
    parser.process(told.stdout.as_bytes());
    parser.screen().contents()
}

#[test]
fn on_a_terminal_the_status_line_is_rewritten_in_place() {
    let project = Project::new(&[("test_a.py", "def test_1(): pass\ndef test_2(): assert 0\n")]);
    let told = on_a_terminal(&project, "-n 2");
    assert_eq!(told.code, Some(1), "{told}");
    // Bold, and the line is gone in the end.
    told.says("\u{1b}[1mgw0 I / gw1 I").says("\r");
    let screen = screen(&told);
    assert!(!screen.contains("gw0 I") && !screen.contains("gw0 [2]"), "{screen}");
    assert!(screen.contains("FAILED test_a.py::test_2 - assert 0"), "{screen}");
    assert!(screen.contains("1 failed, 1 passed in "), "{screen}");
}

#[test]
fn colour_can_be_refused_on_a_terminal() {
    let project = Project::new(&[TWO]);
    let told = on_a_terminal(&project, "-n 1 --color never");
    assert_eq!(told.code, Some(0), "{told}");
    assert!(!told.stdout.contains("\u{1b}[3"), "{told}");
}

#[test]
fn a_node_that_goes_down_is_told_at_once_with_the_cause() {
    let project = Project::new(&[(
        "test_a.py",
        "import os, signal\ndef test_1(): os.kill(os.getpid(), signal.SIGKILL)\ndef test_2(): pass\n",
    )]);
    let told = project.run(&["-n", "1"]);
    told.assert(1, "1 failed, 1 passed");
    let line = |start: &str| {
        let place = told.stdout.lines().position(|line| line.starts_with(start));
        place.unwrap_or_else(|| panic!("no line {start:?}\n{told}"))
    };
    assert!(line("[gw0] node down: ") < line("replacing crashed worker gw0"));
    assert!(
        line("replacing crashed worker gw0") < line("=================================== FAILURES")
    );
    told.says("SIGKILL");
}

#[test]
fn a_clone_has_the_specification_of_the_dead_and_an_id_of_its_own() {
    let project = Project::new(&[(
        "test_a.py",
        "import os\n\
         def test_1(worker_id):\n    assert (worker_id, os.environ['ROLE']) == ('gw0', 'a')\n    os._exit(3)\n\
         def test_2(worker_id):\n    assert (worker_id, os.environ['ROLE']) == ('gw1', 'a')\n    os._exit(3)\n\
         def test_3(worker_id):\n    assert (worker_id, os.environ['ROLE']) == ('gw2', 'a')\n",
    )]);
    let told = project.run(&["--tx", "popen//env:ROLE=a", "--dist", "loadfile"]);
    told.assert(1, "2 failed, 1 passed");
    told.says("worker 'gw0' crashed while running 'test_a.py::test_1'");
    told.says("worker 'gw1' crashed while running 'test_a.py::test_2'");
}

#[test]
fn under_each_a_clone_runs_what_its_predecessor_left() {
    let project = Project::new(&[(
        "test_a.py",
        "import os, pytest\n\
         @pytest.mark.parametrize('n', range(4))\n\
         def test_it(n, worker_id):\n\
        \x20   open('ran', 'a').write(f\"{os.environ['ROLE']} {n}\\n\")\n\
        \x20   if n == 1 and os.environ['ROLE'] == 'b': os._exit(3)\n",
    )]);
    let told =
        project.run(&["--tx", "popen//env:ROLE=a", "--tx", "popen//env:ROLE=b", "--dist", "each"]);
    told.assert(1, "1 failed, 7 passed");
    let notes = project.read("ran");
    let mut ran: Vec<&str> = notes.lines().collect();
    ran.sort_unstable();
    assert_eq!(ran, ["a 0", "a 1", "a 2", "a 3", "b 0", "b 1", "b 2", "b 3"]);
}

#[test]
fn a_keyboard_interrupt_on_a_node_interrupts_the_run() {
    let project = Project::new(&[(
        "test_a.py",
        "import pytest\ndef test_1(): raise KeyboardInterrupt\n\
         @pytest.mark.parametrize('n', range(9))\ndef test_2(n): pass\n",
    )]);
    let told = project.run(&["-n", "1"]);
    told.assert(2, "10 not run")
        .says("KeyboardInterrupt")
        .is_silent_on("replacing")
        .is_silent_on("node down");
}
