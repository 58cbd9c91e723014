//! Hosts and links that fail in the middle of a run. After each, every test has one result, as many as without the failure,
//! and nothing is left on any host.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::support::{Project, Running, Told};

use super::machines::Machines;

/// Twelve tests that tell where they begin and end, leave a process behind, and wait in between until they are let go.
const WAITING: &str = "import os, pathlib, socket, subprocess, time, pytest\n\
    root, host = pathlib.Path(os.environ['PROJECT']), socket.gethostname()\n\
    def note(what):\n\
    \x20   with open(root / 'log', 'a') as log: log.write(f'{what} {host}\\n')\n\
    @pytest.mark.parametrize('n', range(4))\n\
    def test_waits(n):\n\
    \x20   note(f'begun {__name__}:{n}')\n\
    \x20   subprocess.Popen(['sleep', '1000'], stdout=-3, stderr=-3, start_new_session=True)\n\
    \x20   (root / f'on-{host}').touch()\n\
    \x20   while not (root / 'go').exists(): time.sleep(0.01)\n\
    \x20   note(f'ended {__name__}:{n}')\n";

/// How long a host may be silent here: enough for a machine that is busy with other tests.
const SILENCE: (&str, &str) = ("CALLSHEET_DEADLINES_SILENCE", "4s");

struct Drill {
    project: Project,
    machines: Machines,
}

impl Drill {
    fn new(machines: usize) -> Option<Self> {
        let files = ["test_a.py", "test_b.py", "test_c.py"].map(|name| (name, WAITING));
        let machines = Machines::start(machines)?;
        Some(Self { project: Project::new(&files), machines })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.machines.command(&self.project, args);
        command.env(SILENCE.0, SILENCE.1).env("PROJECT", self.project.path());
        command
    }

    /// A run with one worker on each of two hosts, which has begun on both.
    fn begun(&self) -> Running {
        self.begun_with(&[])
    }

    fn begun_with(&self, variables: &[(&str, &str)]) -> Running {
        let root = format!("env:PROJECT={}", self.project.path().display());
        let hosts = ["n1", "n2"].map(|host| format!("ssh={host}//{root}"));
        let mut command = self.command(&["--tx", &hosts[0], "--tx", &hosts[1]]);
        command.envs(variables.iter().copied());
        let running = Running::start(command);
        for host in ["n1", "n2"] {
            running.wait_for(&self.file(&format!("on-{host}")));
        }
        running
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.project.path().join(name)
    }

    /// The end of a run that no test is missing from: as without the failure, and nothing is left on any machine.
    fn settle(&self, running: Running) -> Told {
        let variables = [("PROJECT", self.project.path().to_str().unwrap())];
        let told = super::as_alone(running.end(), &self.project, &variables);
        self.machines.assert_clean();
        told
    }

    /// What waits goes on.
    fn let_go(&self) {
        fs::write(self.file("go"), "").unwrap();
    }

    /// How many tests have come to their end on a host.
    fn ended_on(&self, host: &str) -> usize {
        let log = self.project.read("log");
        log.lines().filter(|line| line.starts_with("ended") && line.ends_with(host)).count()
    }
}

/// Kills the processes of a machine whose command line holds this, one by one.
fn kill_on(machines: &Machines, number: usize, part: &str) {
    let script = "for p in /proc/[0-9]*; do c=$(tr '\\0' ' ' <$p/cmdline 2>/dev/null); \
        case \"$c\" in *\"$1\"*) case \"$c\" in sh*) ;; *) kill -9 ${p#/proc/};; esac;; esac; done";
    machines.on(number, &["sh", "-c", script, "sh", part]);
}

#[test]
fn a_link_that_is_cut_for_two_seconds_is_nothing_but_a_pause() {
    let Some(drill) = Drill::new(2) else { return };
    // As long as it is where nobody sets it.
    let running = drill.begun_with(&[(SILENCE.0, "15s")]);
    drill.machines.cut(2);
    thread::sleep(Duration::from_secs(2));
    drill.machines.mend(2);
    drill.let_go();
    drill.settle(running).assert(0, "12 passed").is_silent_on("lost");
    assert!(drill.ended_on("n2") > 0);
}

#[test]
fn a_link_that_is_cut_for_good_costs_no_test_and_none_runs_on() {
    let Some(drill) = Drill::new(2) else { return };
    let mut running = drill.begun();
    drill.machines.cut(2);
    running.wait_for_stdout("host n2: lost: its agent said nothing for 4 s");
    // By now nobody on the other side runs a test.
    drill.let_go();
    // A cut line is nothing that its ends are told of; the agent and its workers end without it.
    drill.machines.mend(2);
    drill.settle(running).assert(0, "12 passed").says("is run again");
    assert_eq!(drill.ended_on("n2"), 0);
}

#[test]
fn a_host_that_is_back_takes_part_again() {
    let Some(drill) = Drill::new(2) else { return };
    let mut running = drill.begun();
    drill.machines.cut(2);
    running.wait_for_stdout("host n2: lost");
    fs::remove_file(drill.file("on-n2")).unwrap();
    drill.machines.mend(2);
    running.wait_for(&drill.file("on-n2"));
    drill.let_go();
    drill.settle(running).assert(0, "12 passed");
    assert!(drill.ended_on("n2") > 0);
}

#[test]
fn a_host_that_is_switched_off_costs_no_test() {
    let Some(mut drill) = Drill::new(2) else { return };
    let mut running = drill.begun();
    drill.machines.power_off(2);
    running.wait_for_stdout("host n2: lost");
    drill.let_go();
    drill.settle(running).assert(0, "12 passed").says("is run again");
}

#[test]
fn a_host_that_is_started_anew_takes_part_again() {
    let Some(mut drill) = Drill::new(2) else { return };
    let mut running = drill.begun();
    drill.machines.power_off(2);
    running.wait_for_stdout("host n2: lost");
    fs::remove_file(drill.file("on-n2")).unwrap();
    drill.machines.power_on(2);
    running.wait_for(&drill.file("on-n2"));
    drill.let_go();
    drill.settle(running).assert(0, "12 passed");
}

#[test]
fn an_sshd_that_is_killed_costs_no_test() {
    let Some(drill) = Drill::new(2) else { return };
    let mut running = drill.begun();
    kill_on(&drill.machines, 2, "sshd: root");
    running.wait_for_stdout("host n2: lost");
    drill.let_go();
    drill.settle(running).assert(0, "12 passed");
}

#[test]
fn an_agent_that_is_killed_costs_no_test_and_leaves_nothing() {
    let Some(drill) = Drill::new(2) else { return };
    let mut running = drill.begun();
    kill_on(&drill.machines, 2, "callsheet/agents/");
    running.wait_for_stdout("host n2: lost");
    drill.let_go();
    drill.settle(running).assert(0, "12 passed");
}

#[test]
fn when_all_hosts_are_gone_the_account_says_exactly_what_is_missing() {
    let Some(mut drill) = Drill::new(2) else { return };
    let mut running = drill.begun_with(&[("CALLSHEET_DEADLINES_HOST", "2s")]);
    drill.machines.power_off(1);
    drill.machines.power_off(2);
    running.wait_for_stdout("host n1: given up");
    let told = running.end();
    drill.let_go();
    let variables = [("PROJECT", drill.project.path().to_str().unwrap())];
    let told = super::part_of_alone(told, 7, &drill.project, &variables);
    // What a host had listed and nobody had looked into is a file, not a number of tests.
    told.says("8 tests and those of 1 more file were not run").says("out of reach");
    drill.machines.assert_clean();
}

#[test]
fn a_command_that_is_killed_leaves_nothing_on_any_host() {
    let Some(drill) = Drill::new(2) else { return };
    let mut running = drill.begun();
    running.signal(nix::sys::signal::Signal::SIGKILL);
    running.wait();
    drill.machines.assert_clean();
}

#[test]
fn a_test_that_takes_its_host_down_is_given_to_no_third() {
    let Some(machines) = Machines::start(3) else { return };
    let text = "import os, signal, time, pytest\n\
        @pytest.mark.parametrize('n', range(8))\n\
        def test_n(n):\n\
        \x20   if n == 3:\n\
        \x20       time.sleep(0.5)\n\
        \x20       os.kill(os.getppid(), signal.SIGKILL)\n\
        \x20       signal.pause()\n";
    let project = Project::new(&[("test_it.py", text)]);
    let args = ["--tx", "ssh=n1", "--tx", "ssh=n2", "--tx", "ssh=n3"];
    let told = Running::start(machines.command(&project, &args)).end();
    told.assert(7, "7 passed, 1 not run").says("2 hosts were lost while they ran it");
    machines.assert_clean();
}

#[test]
fn a_failure_on_a_host_that_is_lost_before_its_end_counts_once() {
    let Some(mut drill) = Drill::new(2) else { return };
    let text = "import os, pathlib, socket, time, pytest\n\
        root, host = pathlib.Path(os.environ['PROJECT']), socket.gethostname()\n\
        @pytest.fixture\n\
        def slow():\n\
        \x20   yield\n\
        \x20   (root / f'on-{host}').touch()\n\
        \x20   while not (root / 'go').exists(): time.sleep(0.01)\n\
        def test_fails(slow): assert 0\n";
    for name in ["test_a.py", "test_b.py", "test_c.py"] {
        drill.project.write(name, text);
    }
    let mut running = drill.begun();
    drill.machines.power_off(2);
    running.wait_for_stdout("host n2: lost");
    drill.let_go();
    drill.settle(running).assert(1, "3 failed");
}

#[test]
fn a_full_disk_is_told_and_the_others_go_on() {
    let Some(machines) = Machines::start(2) else { return };
    let home = machines.home(2);
    let home: &Path = &home;
    machines.on(2, &["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", home.to_str().unwrap()]);
    let project = super::suite();
    let running = Running::start(machines.command(&project, &["--tx", "ssh=n1", "--tx", "ssh=n2"]));
    let told = super::as_alone(running.end(), &project, &[]);
    told.assert(1, super::COUNTS).says("host n2: given up").says("No space left on device");
    let left = machines.on(2, &["find", home.to_str().unwrap(), "-type", "f", "-path", "*agents*"]);
    assert_eq!(left, "", "a copy that broke off leaves nothing");
    machines.assert_clean();
}
