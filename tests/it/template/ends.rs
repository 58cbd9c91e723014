//! How forked workers end, and that nothing is left of them, whoever is killed.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Project, Running};

/// A module whose tests tell their processes by a file and then wait for `go`.
const WAITS: &str = "import os, pathlib, subprocess, time, pytest\n\
    @pytest.mark.parametrize('n', range(2))\n\
    def test_waits(n):\n\
    \x20   worker = os.environ['PYTEST_XDIST_WORKER']\n\
    \x20   subprocess.Popen(['sleep', '1000'], start_new_session=True)\n\
    \x20   pathlib.Path(worker + '.new').write_text(str(os.getpid()))\n\
    \x20   os.rename(worker + '.new', worker)\n\
    \x20   while not os.path.exists('go'): time.sleep(0.01)\n";

/// Two workers in the middle of a test each.
fn waiting() -> (Project, Running) {
    let project = Project::new(&[("test_it.py", WAITS)]);
    let running = Running::start(project.command(&["-n", "2"]));
    running.wait_for(&project.path().join("gw0"));
    running.wait_for(&project.path().join("gw1"));
    (project, running)
}

/// The template's process: the interpreter that is no worker.
fn template(project: &Project, running: &Running) -> Pid {
    let workers = ["gw0", "gw1"].map(|worker| project.read(worker).parse().unwrap());
    let interpreters = running.mark().find("import_module");
    let mut others = interpreters.into_iter().filter(|pid| !workers.contains(&pid.as_raw()));
    let template = others.next().unwrap();
    assert_eq!(others.next(), None, "{:?}", running.mark().alive());
    template
}

#[test]
fn every_end_is_told_as_of_a_worker_that_started_alone() {
    let ends = [
        ("os._exit(3)", "exited with code 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "killed by signal 11 (SIGSEGV)"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by signal 9 (SIGKILL)"),
        ("signal.raise_signal(signal.SIGABRT)", "killed by signal 6 (SIGABRT)"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "killed by signal 15 (SIGTERM)"),
    ];
    for (how, told_as) in ends {
        let project = Project::new(&[(
            "test_it.py",
            &format!("import os, signal\ndef test_dies(): {how}\ndef test_lives(): pass\n"),
        )]);
        for template in ["pytest", "off"] {
            let told = project.run(&["-n", "1", "--template", template]);
            told.assert(1, "1 failed, 1 passed").says(told_as).says("replaced by gw1");
        }
    }
}

#[test]
fn the_stacks_of_a_crash_are_shown() {
    let project = Project::new(&[(
        "test_it.py",
        "import ctypes\ndef test_dies(): ctypes.string_at(0)\ndef test_lives(): pass\n",
    )]);
    let told = project.run(&["-n", "1"]);
    told.assert(1, "1 failed, 1 passed").says("Fatal Python error: Segmentation fault");
}

#[test]
fn workers_outlive_their_template() {
    let (project, running) = waiting();
    kill(template(&project, &running), Signal::SIGKILL).unwrap();
    project.write("go", "");
    running.end().assert(0, "2 passed").is_silent_on("crashed");
}

#[test]
fn without_their_template_workers_are_replaced_by_others() {
    let (project, running) = waiting();
    kill(template(&project, &running), Signal::SIGKILL).unwrap();
    kill(Pid::from_raw(project.read("gw0").parse().unwrap()), Signal::SIGKILL).unwrap();
    running.wait_for(&project.path().join("gw0"));
    project.write("go", "");
    let told = running.end();
    told.assert(1, "1 failed, 1 passed").says("killed by signal 9 (SIGKILL)");
}

#[test]
fn nothing_is_left_when_the_agent_is_killed() {
    let (_project, running) = waiting();
    let agent = running.mark().find("callsheet-agent")[0];
    kill(agent, Signal::SIGKILL).unwrap();
    let told = running.end();
    assert!(matches!(told.code, Some(1 | 7)), "{told}");
}

#[test]
fn nothing_is_left_when_agent_and_controller_are_killed_at_once() {
    let (project, mut running) = waiting();
    let known = ["gw0", "gw1"].map(|worker| project.read(worker));
    let template = template(&project, &running);
    let agent = running.mark().find("callsheet-agent")[0];
    kill(agent, Signal::SIGSTOP).unwrap();
    running.signal(Signal::SIGKILL);
    kill(agent, Signal::SIGKILL).unwrap();
    running.wait().unwrap();
    // What tests have started in sessions of their own is nobody's then.
    let gone = |pid: &str| !std::path::Path::new("/proc").join(pid).join("exe").exists();
    while !known.iter().all(|pid| gone(pid)) || !gone(&template.to_string()) {
        std::thread::yield_now();
    }
}

#[test]
fn nothing_is_left_when_the_controller_is_killed() {
    let (_project, running) = waiting();
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().code, None);
}

#[test]
fn a_run_that_dies_at_once_in_every_worker_comes_to_its_end() {
    let project = Project::new(&[
        ("conftest.py", "import os\nos._exit(9)\n"),
        ("test_it.py", "def test_it(): pass\n"),
    ]);
    let told = project.run(&["-n", "4", "--max-worker-restart", "20"]);
    assert_eq!(told.code, Some(7), "{told}");
    told.says("exited with code 9");
}

#[test]
fn orphans_of_tests_are_reaped_while_workers_come_and_go() {
    // Each test leaves a process without a parent and dies; its worker's replacement is forked just then.
    let project = Project::new(&[(
        "test_it.py",
        "import os, pathlib, time, pytest\n\
         @pytest.mark.parametrize('n', range(30))\n\
         def test_dies(n):\n\
         \x20   for each in range(3):\n\
         \x20       if not os.fork():\n\
         \x20           for deep in range(5):\n\
         \x20               if os.fork(): os._exit(0)\n\
         \x20           os._exit(0)\n\
         \x20   os._exit(1)\n\
         def zombies():\n\
         \x20   agent = os.environ['CALLSHEET_AGENT_PID']\n\
         \x20   for task in os.listdir(f'/proc/{agent}/task'):\n\
         \x20       for pid in pathlib.Path(f'/proc/{agent}/task/{task}/children').read_text().split():\n\
         \x20           try: stat = pathlib.Path(f'/proc/{pid}/stat').read_text()\n\
         \x20           except OSError: continue\n\
         \x20           if stat.rpartition(')')[2].split()[0] == 'Z': yield pid\n\
         def test_zombies():\n\
         \x20   while list(zombies()): time.sleep(0.01)\n",
    )]);
    project.write("callsheet.toml", "restart_backoff = '0s'\n");
    let told = project.run(&["-n", "2", "--max-worker-restart", "40", "--timeout", "60"]);
    told.assert(1, "30 failed, 1 passed");
}
