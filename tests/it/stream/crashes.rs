//! Drills under streaming: whatever dies, each file and each test has one end, and the sums are right.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::streamed;
use crate::support::{Project, Running};

/// Ends a run in which something waits for what never comes.
const LIMIT: [&str; 2] = ["--timeout", "60s"];

const MANY: &str =
    "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_it(n): pass\n";

/// Five files of 20 tests, and this one between them.
fn among_five(text: &str) -> Project {
    let project = Project::new(&[("test_c.py", text)]);
    for name in ["a", "b", "d", "e", "f"] {
        project.write(&format!("test_{name}.py"), MANY);
    }
    project
}

#[test]
fn a_test_that_kills_its_worker_is_one_failure() {
    let dies = format!(
        "{MANY}def test_dies():\n    import os\n    os.kill(os.getpid(), 9)\n{}",
        MANY.replace("test_it", "test_more")
    );
    for workers in ["1", "2", "8"] {
        let told = streamed(&among_five(&dies), workers, &[], &[]);
        told.assert(1, "1 failed, 140 passed");
        assert_eq!(told.ids("FAILED"), ["test_c.py::test_dies"], "{told}");
    }
}

#[test]
fn a_file_that_kills_its_worker_when_it_is_imported_is_one_error_and_the_others_run() {
    let dies = "import os\nos.kill(os.getpid(), 9)\ndef test_never(): pass\n";
    for workers in ["1", "2", "8"] {
        for own in [&[][..], &["--lazy-import"]] {
            let told = streamed(&among_five(dies), workers, own, &[]);
            told.assert(1, "100 passed, 1 error");
            assert_eq!(told.ids("ERROR"), ["test_c.py"], "{told}");
            told.says("died while it collected this file: killed by signal 9 (SIGKILL)");
        }
    }
}

#[test]
fn a_file_that_kills_its_worker_when_its_tests_are_made_is_one_error_and_the_others_run() {
    let dies = "import os\ndef pytest_generate_tests(metafunc): os.kill(os.getpid(), 9)\ndef test_never(): pass\n";
    for workers in ["1", "2", "8"] {
        let told = streamed(&among_five(dies), workers, &[], &[]);
        told.assert(1, "100 passed, 1 error");
        assert_eq!(told.ids("ERROR"), ["test_c.py"], "{told}");
        told.says("died while it collected this file");
    }
}

#[test]
fn several_files_that_kill_their_workers_are_an_error_each() {
    let at_import = "import os\nos._exit(3)\n";
    let when_made =
        "import os\ndef pytest_generate_tests(metafunc): os._exit(4)\ndef test_never(): pass\n";
    let project = among_five(at_import);
    project.write("test_b2.py", at_import);
    project.write("test_g.py", when_made);
    for workers in ["1", "2"] {
        let told = streamed(&project, workers, &["--max-worker-restart=unlimited"], &[]);
        told.assert(1, "100 passed, 3 errors");
        assert_eq!(told.ids("ERROR"), ["test_b2.py", "test_c.py", "test_g.py"], "{told}");
    }
}

#[test]
fn without_restarts_files_that_nobody_looked_into_are_told() {
    let dies = "import os\ndef pytest_generate_tests(metafunc): os.kill(os.getpid(), 9)\ndef test_never(): pass\n";
    let project = among_five(dies);
    let told = streamed(&project, "1", &["--max-worker-restart=0"], &[]);
    assert_eq!(told.code, Some(7), "{told}");
    assert_eq!(told.counts(), "40 passed, 1 error", "{told}");
    assert_eq!(told.ids("ERROR"), ["test_c.py"], "{told}");
    told.says("the results are incomplete");
    for file in ["test_d.py", "test_e.py", "test_f.py"] {
        told.says(file);
    }
    told.says("3 files");
}

#[test]
fn a_thief_that_dies_making_a_stolen_file_costs_no_test() {
    // gw0 is in the first test of a long file; gw1 takes the rest and dies of it, once.
    let project = Project::new(&[(
        "test_it.py",
        "import os, pathlib, time, pytest\n\
         def pytest_generate_tests(metafunc):\n\
        \x20   maker = pathlib.Path('maker')\n\
        \x20   if not maker.exists():\n\
        \x20       maker.write_text(str(os.getpid()))\n\
        \x20   elif maker.read_text() != str(os.getpid()) and not os.path.exists('died'):\n\
        \x20       pathlib.Path('died').write_text('')\n\
        \x20       os.kill(os.getpid(), 9)\n\
         def test_first():\n\
        \x20   while not os.path.exists('died'): time.sleep(0.005)\n\
         @pytest.mark.parametrize('n', range(20))\n\
         def test_more(n): pass\n",
    )]);
    let told = streamed(&project, "2", &LIMIT, &[]);
    told.assert(0, "21 passed").says("killed by signal 9 (SIGKILL)");
    assert!(told.ids("ERROR").is_empty(), "{told}");
}

/// A file that says by a file which process makes its tests, and waits until another file appears.
const WAITS: &str = "import os, pathlib, time\n\
    def pytest_generate_tests(metafunc):\n\
    \x20   pathlib.Path('pid.new').write_text(str(os.getpid()))\n\
    \x20   os.rename('pid.new', 'pid')\n\
    \x20   while not os.path.exists('go'): time.sleep(0.005)\n\
    def test_late(): pass\n";

#[test]
fn a_killed_agent_while_files_are_made_is_replaced() {
    let project = among_five(WAITS);
    let running = Running::start(project.command(&["-n", "2"]));
    running.wait_for(&project.path().join("pid"));
    let agent = running.mark().find("callsheet-agent")[0];
    project.write("go", "");
    kill(agent, Signal::SIGKILL).unwrap();
    let told = running.end();
    // What was under way is nobody's but that agent's.
    assert_eq!(told.code, Some(1), "{told}");
    told.says("lost with its agent");
}

#[test]
fn a_worker_killed_from_outside_while_it_makes_a_file_is_an_error_of_that_file() {
    let project = among_five(WAITS);
    let running = Running::start(project.command(&["-n", "2"]));
    running.wait_for(&project.path().join("pid"));
    kill(Pid::from_raw(project.read("pid").parse().unwrap()), Signal::SIGKILL).unwrap();
    let told = running.end();
    told.assert(1, "100 passed, 1 error");
    assert_eq!(told.ids("ERROR"), ["test_c.py"], "{told}");
}

#[test]
fn an_interrupt_while_files_are_made_leaves_each_file_with_an_end() {
    for workers in ["1", "2"] {
        let project = among_five(WAITS);
        let mut running = Running::start(project.command(&["-n", workers]));
        running.wait_for(&project.path().join("pid"));
        running.signal(Signal::SIGINT);
        running.wait_for_stdout("SIGINT");
        let told = running.end();
        assert_eq!(told.code, Some(2), "{told}");
        assert!(told.ids("ERROR").is_empty(), "{told}");
        told.says("interrupted by SIGINT").says("not run");
    }
}

#[test]
fn two_interrupts_while_files_are_made_kill_what_runs() {
    let stubborn = WAITS.replace("import os,", "import os, signal,").replace(
        "    pathlib.Path('pid.new')",
        "    signal.signal(signal.SIGINT, signal.SIG_IGN)\n    pathlib.Path('pid.new')",
    );
    let project = among_five(&stubborn);
    let mut running = Running::start(project.command(&["-n", "2"]));
    running.wait_for(&project.path().join("pid"));
    running.signal(Signal::SIGINT);
    running.wait_for_stdout("SIGINT");
    running.signal(Signal::SIGTERM);
    let told = running.end();
    assert_eq!(told.code, Some(2), "{told}");
    told.says("its tests were being collected when the run was killed");
}

#[test]
fn the_first_failure_ends_the_run_while_files_are_made() {
    // One worker makes the tests of a file while the other one's test fails.
    let fails = "import os, time\n\
        def test_fails():\n\
        \x20   while not os.path.exists('pid'): time.sleep(0.005)\n\
        \x20   assert 0\n";
    for stop in ["-x", "--maxfail=1"] {
        let project = Project::new(&[("test_a.py", WAITS), ("test_b.py", fails)]);
        let mut running = Running::start(project.command(&["-n", "2", "-v", stop]));
        running.wait_for_stdout("FAILED test_b.py::test_fails");
        project.write("go", "");
        let told = running.end();
        assert_eq!(told.code, Some(1), "{told}");
        // Its first test may have begun before the word to stop was there.
        assert!(["1 failed, 1 not run", "1 failed, 1 passed"].contains(&told.counts()), "{told}");
        told.says("stopping after 1 failures");
    }
}

#[test]
fn the_sum_of_a_run_that_is_stopped_in_the_middle_is_what_was_found() {
    let fails = "def test_fails(): assert 0\n";
    for workers in ["1", "2", "8"] {
        let project = among_five(&format!("{fails}{MANY}"));
        let told = project.run(&["-n", workers, "-x", "-v"]);
        assert_eq!(told.code, Some(1), "{told}");
        assert_eq!(told.ids("FAILED"), ["test_c.py::test_fails"], "{told}");
        // Each test that was found ended in one way, files that were not made apart.
        let count = |word: &str| -> usize {
            let (number, _) = told
                .counts()
                .split(", ")
                .filter_map(|part| part.split_once(' '))
                .find(|(_, known)| *known == word)
                .unwrap_or(("0", ""));
            number.parse().unwrap()
        };
        assert_eq!(count("passed"), told.stdout.matches("] PASSED ").count(), "{told}");
        assert_eq!(count("failed"), 1, "{told}");
        let found = count("passed") + count("failed") + count("not run");
        assert_eq!((found - 1) % 20, 0, "whole files and the test that fails: {told}");
    }
}
