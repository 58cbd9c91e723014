//! Drills: the run is asked to end, by a signal to the command or by the tests themselves.

use std::process::Command;

use nix::sys::signal::{Signal, kill};

use crate::support::{Project, Running};

/// Two tests that run at the same time and wait for `go`, and 20 more.
fn project() -> Project {
    let waits = "import os, pathlib, time\n\
        def test_waits():\n\
        \x20   pathlib.Path('begun-' + os.environ['PYTEST_XDIST_WORKER']).write_text('')\n\
        \x20   while not os.path.exists('go'): time.sleep(0.01)\n";
    Project::new(&[
        ("test_a.py", waits),
        ("test_b.py", waits),
        (
            "test_more.py",
            "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_more(n): pass\n",
        ),
    ])
}

/// The run of that project, at the moment when both tests run.
fn begun(project: &Project) -> Running {
    let running = Running::start(project.command(&[
        "-n",
        "2",
        "--dist",
        "loadfile",
        "--no-loadscope-reorder",
    ]));
    running.wait_for(&project.path().join("begun-gw0"));
    running.wait_for(&project.path().join("begun-gw1"));
    running
}

#[test]
fn the_first_signal_finishes_what_runs_and_reports() {
    for (signal, name) in [(Signal::SIGINT, "SIGINT"), (Signal::SIGTERM, "SIGTERM")] {
        let project = project();
        let mut running = begun(&project);
        running.signal(signal);
        running.wait_for_stdout(name);
        project.write("go", "");
        running.end().assert(2, "2 passed, 20 not run").says(&format!("interrupted by {name}"));
    }
}

#[test]
fn the_second_signal_kills_what_runs_and_reports() {
    for (first, second) in [(Signal::SIGINT, Signal::SIGINT), (Signal::SIGTERM, Signal::SIGINT)] {
        let project = project();
        let mut running = begun(&project);
        running.signal(first);
        running.wait_for_stdout(first.as_str());
        running.signal(second);
        running.end().assert(2, "22 not run").says("running when the run was killed");
    }
}

#[test]
fn the_third_signal_waits_for_nobody() {
    let project = project();
    let mut running = begun(&project);
    // An agent that hears nothing can not carry out what the first two ask for.
    let agent = running.mark().find("callsheet-agent")[0];
    kill(agent, Signal::SIGSTOP).unwrap();
    running.signal(Signal::SIGINT);
    running.wait_for_stdout("SIGINT");
    // Another signal each time: equal ones that have not arrived yet are one.
    running.signal(Signal::SIGTERM);
    running.signal(Signal::SIGINT);
    running.wait();
    kill(agent, Signal::SIGCONT).unwrap();
    let told = running.end();
    assert_eq!(told.code, Some(2), "{told}");
    told.is_silent_on("not run");
}

#[test]
fn a_signal_while_workers_collect_ends_the_collection() {
    let conftest = "import os, pathlib, signal, time\n\
        def pytest_collection():\n\
        \x20   pathlib.Path('begun').write_text('')\n\
        \x20   while True: time.sleep(0.01)\n";
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let project =
            Project::new(&[("conftest.py", conftest), ("test_a.py", "def test_a(): pass\n")]);
        let running = Running::start(project.command(&["-n", "1"]));
        running.wait_for(&project.path().join("begun"));
        running.signal(signal);
        running.end().assert(2, "no tests ran");
    }
}

#[test]
fn a_command_in_the_background_interrupts_its_workers_all_the_same() {
    let conftest = "import pathlib, time\n\
        def pytest_collection():\n\
        \x20   pathlib.Path('begun').write_text('')\n\
        \x20   while True: time.sleep(0.01)\n";
    let project = Project::new(&[("conftest.py", conftest), ("test_a.py", "def test_a(): pass\n")]);
    let plain = project.command(&["-n", "1"]);
    // As a shell does it that has no terminal.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT; exec \"$@\"", "sh"]).arg(plain.get_program());
    command.args(plain.get_args()).current_dir(project.path());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("CALLSHEET_DEADLINES_SHUTDOWN", "1h");
    let running = Running::start(command);
    running.wait_for(&project.path().join("begun"));
    running.signal(Signal::SIGTERM);
    running.end().assert(2, "no tests ran");
}

#[test]
fn a_signal_while_the_suite_is_prepared_ends_the_preparation() {
    let project = Project::new(&[
        ("python", "#!/bin/sh\ntouch begun\nexec sleep 1000\n"),
        ("test_a.py", "def test_a(): pass\n"),
    ]);
    let python = project.path().join("python");
    std::fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let running = Running::start(project.command(&["-n", "1", "--python", "./python"]));
    running.wait_for(&project.path().join("begun"));
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().code, Some(2));
}

#[test]
fn a_signal_while_workers_start_ends_the_start() {
    let conftest = "import pathlib, time\n\
        pathlib.Path('begun').write_text('')\n\
        while True: time.sleep(0.01)\n";
    let project = Project::new(&[("conftest.py", conftest), ("test_a.py", "def test_a(): pass\n")]);
    let running = Running::start(project.command(&["-n", "2"]));
    running.wait_for(&project.path().join("begun"));
    running.signal(Signal::SIGINT);
    running.end().assert(2, "no tests ran");
}

#[test]
fn a_worker_that_does_not_hear_the_interrupt_is_killed_when_the_time_for_it_is_over() {
    let conftest = "import pathlib, signal\n\
        def pytest_collection():\n\
        \x20   signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n\
        \x20   pathlib.Path('begun').write_text('')\n\
        \x20   signal.sigwait([signal.SIGUSR2])\n";
    let project = Project::new(&[("conftest.py", conftest), ("test_a.py", "def test_a(): pass\n")]);
    let mut command = project.command(&["-n", "1"]);
    command.env("CALLSHEET_DEADLINES_SHUTDOWN", "2s");
    let running = Running::start(command);
    running.wait_for(&project.path().join("begun"));
    running.signal(Signal::SIGINT);
    running.end().assert(2, "no tests ran");
}

#[test]
fn a_test_that_hangs_does_not_outlive_an_interrupt_for_ever() {
    let project = project();
    let mut command = project.command(&["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]);
    command.env("CALLSHEET_DEADLINES_TEST", "3s");
    let running = Running::start(command);
    running.wait_for(&project.path().join("begun-gw0"));
    running.wait_for(&project.path().join("begun-gw1"));
    running.signal(Signal::SIGINT);
    let told = running.end();
    assert_eq!(told.code, Some(2), "{told}");
}

#[test]
fn pytest_exit_in_a_test_is_a_clean_interrupt() {
    for (call, code) in [("pytest.exit('enough')", 2), ("pytest.exit('enough', returncode=42)", 42)]
    {
        let test = format!("import pytest\ndef test_a(): pass\ndef test_exits(): {call}\n");
        let more =
            "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_more(n): pass\n";
        let project = Project::new(&[("test_a.py", &test), ("test_more.py", more)]);
        let told = project.run(&["-n", "1", "--dist", "load"]);
        told.assert(code, "1 passed, 21 not run").says("enough").is_silent_on("crashed");
    }
}

#[test]
fn a_keyboard_interrupt_in_a_test_is_an_interrupt() {
    let test =
        "def test_a(): pass\ndef test_interrupts(): raise KeyboardInterrupt\ndef test_c(): pass\n";
    let told = Project::new(&[("test_a.py", test)]).run(&["-n", "1"]);
    told.assert(2, "1 passed, 2 not run").says("KeyboardInterrupt").is_silent_on("crashed");
}

#[test]
fn an_interrupt_of_a_worker_alone_is_an_interrupt_of_the_run() {
    let test = "import os, signal\ndef test_a(): pass\ndef test_interrupts():\n    os.kill(os.getpid(), signal.SIGINT)\n    signal.pause()\ndef test_c(): pass\n";
    let told = Project::new(&[("test_a.py", test)]).run(&["-n", "1"]);
    told.assert(2, "1 passed, 2 not run").says("KeyboardInterrupt").is_silent_on("crashed");
}
