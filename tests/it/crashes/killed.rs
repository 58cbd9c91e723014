//! Workers, agents and the command itself are killed from outside, or for their memory.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{assert_crash, between_twenty};
use crate::support::{Project, Running};

/// A test that says by a file which process it is and goes on when another file appears.
const WAITS: &str = "import os, pathlib, subprocess, sys, time, pytest\n\
    def wait():\n\
    \x20   pathlib.Path('pid.new').write_text(str(os.getpid()))\n\
    \x20   os.rename('pid.new', 'pid')\n\
    \x20   while not os.path.exists('go'): time.sleep(0.01)\n";

fn pid_in(project: &Project, file: &str) -> Pid {
    Pid::from_raw(project.read(file).parse().unwrap())
}

/// The agent's process.
fn agent(running: &Running) -> Pid {
    let agents = running.mark().find("callsheet-agent");
    assert_eq!(agents.len(), 1, "{:?}", running.mark().alive());
    agents[0]
}

/// A project whose first test starts a process that leaves its session, then waits for `go`; nothing in it ends by itself.
fn with_a_runaway() -> Project {
    let test = "def test_waits():\n\
        \x20   if os.path.exists('again'): return\n\
        \x20   pathlib.Path('again').write_text('')\n\
        \x20   subprocess.Popen(['sleep', '1000'], start_new_session=True)\n\
        \x20   wait()\n";
    Project::new(&[
        ("test_it.py", &format!("{WAITS}{test}")),
        (
            "test_more.py",
            "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_more(n): pass\n",
        ),
    ])
}

#[test]
fn a_worker_killed_from_outside_in_a_test_is_a_crash() {
    let project = Project::new(&[
        ("test_it.py", &format!("{WAITS}def test_dies(): wait()\n")),
        (
            "test_more.py",
            "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_more(n): pass\n",
        ),
    ]);
    let running = Running::start(project.command(&["-n", "2"]));
    running.wait_for(&project.path().join("pid"));
    kill(pid_in(&project, "pid"), Signal::SIGKILL).unwrap();
    assert_crash(&running.end(), "test_it.py::test_dies", "killed by signal 9 (SIGKILL)", "call");
}

#[test]
fn a_worker_killed_from_outside_while_it_is_idle_costs_no_test() {
    // gw1 collects until gw0, which has nothing to do before it, is killed and replaced.
    let conftest = "import os, pathlib, pytest, time\n\
        worker = os.environ['PYTEST_XDIST_WORKER']\n\
        @pytest.hookimpl(tryfirst=True)\n\
        def pytest_runtestloop(session):\n\
        \x20   pathlib.Path(worker + '.new').write_text(str(os.getpid()))\n\
        \x20   os.rename(worker + '.new', worker)\n\
        def pytest_collection_modifyitems():\n\
        \x20   while worker == 'gw1' and not os.path.exists('gw2'): time.sleep(0.01)\n";
    let project = Project::new(&[
        ("conftest.py", conftest),
        ("test_it.py", "def test_a(): pass\ndef test_b(): pass\n"),
    ]);
    let running = Running::start(project.command(&["-n", "2"]));
    running.wait_for(&project.path().join("gw0"));
    kill(pid_in(&project, "gw0"), Signal::SIGKILL).unwrap();
    let told = running.end();
    told.assert(0, "2 passed").says("gw0 killed by signal 9 (SIGKILL); replaced by gw2");
}

#[test]
fn a_worker_that_takes_too_much_memory_is_ended_for_it() {
    let project = between_twenty(
        "def test_dies():\n    held = bytearray(1 << 30)\n    held[::4096] = bytes(len(held) // 4096)\n    signal.pause()",
    );
    let told = project.run(&["-n", "2", "--worker-memory", "300MiB"]);
    assert_crash(&told, "test_it.py::test_dies", "(killed by signal 9 (SIGKILL))", "call");
    told.says("more than the 300 MiB a worker may use");
}

#[test]
fn what_a_test_has_started_counts_as_memory_of_its_worker() {
    let project = between_twenty(
        "def test_dies():\n    subprocess.run([sys.executable, '-c', \
         'held = bytearray(1 << 30); held[::4096] = bytes(len(held) // 4096); import signal; signal.pause()'])",
    );
    let told = project.run(&["-n", "2", "--worker-memory", "300MiB"]);
    assert_crash(&told, "test_it.py::test_dies", "(killed by signal 9 (SIGKILL))", "call");
    told.says("more than the 300 MiB a worker may use");
}

#[test]
fn runs_that_are_given_the_same_id_let_one_another_live() {
    let project = with_a_runaway();
    let uid = ["-n", "1", "--testrunuid", "the-same"];
    let running = Running::start(project.command(&uid));
    running.wait_for(&project.path().join("pid"));
    let other = Project::new(&[("test_it.py", "def test_a(): pass\n")]);
    other.run(&uid).assert(0, "1 passed");
    project.write("go", "");
    running.end().assert(0, "21 passed");
}

#[test]
fn a_killed_agent_takes_its_workers_along_and_another_one_goes_on() {
    let project = with_a_runaway();
    let running = Running::start(project.command(&["-n", "2"]));
    running.wait_for(&project.path().join("pid"));
    assert_eq!(running.mark().find("sleep 1000").len(), 1);
    kill(agent(&running), Signal::SIGKILL).unwrap();
    let told = running.end();
    told.says("lost with its agent").says("SIGKILL");
    assert_eq!(told.code, Some(1), "{told}");
}

#[test]
fn a_killed_controller_leaves_nothing_behind() {
    let project = with_a_runaway();
    let running = Running::start(project.command(&["-n", "2"]));
    running.wait_for(&project.path().join("pid"));
    assert_eq!(running.mark().find("sleep 1000").len(), 1);
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().code, None);
}

#[test]
fn a_killed_controller_leaves_nothing_behind_while_it_collects() {
    let collects = format!(
        "{WAITS}subprocess.Popen(['sleep', '1000'], start_new_session=True)\nwait()\ndef test_a(): pass\n"
    );
    let project = Project::new(&[("test_it.py", &collects)]);
    let running = Running::start(project.command(&["-n", "1"]));
    running.wait_for(&project.path().join("pid"));
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().code, None);
}

#[test]
fn workers_die_even_when_controller_and_agent_are_killed_at_once() {
    let project = Project::new(&[("test_it.py", &format!("{WAITS}def test_waits(): wait()\n"))]);
    let running = Running::start(project.command(&["-n", "2"]));
    running.wait_for(&project.path().join("pid"));
    let agent = agent(&running);
    // Suspended, it has no time to do anything about the agent's end.
    running.signal(Signal::SIGSTOP);
    kill(agent, Signal::SIGKILL).unwrap();
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().code, None);
}

#[test]
fn a_worker_killed_by_the_kernel_for_want_of_memory_says_so() {
    let Some(group) = MemoryGroup::of(400 << 20) else {
        let _unheard = writeln!(io::stderr(), "skipped: no memory cgroup can be made here");
        return;
    };
    let project = between_twenty(
        "def test_dies():\n    held = bytearray(1 << 30)\n    held[::4096] = bytes(len(held) // 4096)\n    signal.pause()",
    );
    let told = Running::start(group.inside(&project.command(&["-n", "1"]))).end();
    assert_crash(&told, "test_it.py::test_dies", "(killed by signal 9 (SIGKILL))", "call");
    told.says("out of memory: the kernel killed it").says("replaced by gw1");
}

/// A memory cgroup that lives as long as this.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// A group with this limit, in bytes; `None` if this user may make none.
    fn of(limit: u64) -> Option<Self> {
        let parents =
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        parents.into_iter().find_map(|(parent, file)| {
            let group = Self(Path::new(parent).join(format!("callsheet-{}", uuid::Uuid::new_v4())));
            fs::create_dir(&group.0).ok()?;
            // The file is there only where the controller is.
            let made = group.0.join(file).exists()
                && fs::write(group.0.join(file), limit.to_string()).is_ok();
            made.then_some(group)
        })
    }

    /// The command as one that begins in the group.
    fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("sh");
        inside.args(["-c", "echo $$ > \"$0\"; exec \"$@\""]).arg(self.0.join("cgroup.procs"));
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside.current_dir(command.get_current_dir().unwrap());
        inside
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // It may not have been made, or not be empty after a failure.
        let _kept = fs::remove_dir(&self.0);
    }
}
