//! Hosts that do not let anybody in, or that are no place to run the suite.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Project, Running, Told};

use super::machines::Machines;

/// A run on the first machine and this host, which begins when it is known what comes of both.
fn together(machines: &Machines, project: &Project, second: &str) -> Told {
    let mut command = machines.command(project, &["--tx", "ssh=n1", "--tx", second]);
    command.env("CALLSHEET_MIN_WORKERS", "2");
    Running::start(command).end()
}

#[test]
fn an_unknown_host_key_is_refused() {
    let Some(machines) = Machines::start(1) else { return };
    machines.write_client_configuration(false);
    let project = super::suite();
    let running = Running::start(machines.command(&project, &["--tx", "2*ssh=n1"]));
    let told = super::part_of_alone(running.end(), 7, &project, &[]);
    told.says("its host key is not known, so ssh refuses it").says("run `ssh n1` once by hand");
    machines.assert_clean();
}

#[test]
fn a_wrong_key_is_told_at_once() {
    let Some(machines) = Machines::start(1) else { return };
    machines.lose_key();
    let project = super::suite();
    let running = Running::start(machines.command(&project, &["--tx", "ssh=n1"]));
    let told = super::part_of_alone(running.end(), 7, &project, &[]);
    told.says("ssh is not let in").says("`ssh n1` must work by hand");
    machines.assert_clean();
}

#[test]
fn a_host_without_the_interpreter_or_its_pytest_is_left_out() {
    let Some(machines) = Machines::start(2) else { return };
    let project = super::suite();
    let bare = machines.home(2).join("bare");
    let script = format!("#!/bin/sh\nexec '{}' -S \"$@\"\n", project.python().display());
    fs::write(&bare, script).unwrap();
    fs::set_permissions(&bare, fs::Permissions::from_mode(0o755)).unwrap();
    let bare = bare.to_str().unwrap();
    for (python, why) in [
        ("/nowhere/python", "there is no interpreter `/nowhere/python`"),
        (bare, &format!("the interpreter `{bare}`")),
    ] {
        let second = format!("ssh=n2//python={python}");
        let told = together(&machines, &project, &second);
        let told = super::as_alone(told, &project, &[]);
        told.says(&format!("host n2: given up: {why}"));
        if python == bare {
            told.says("has no pytest");
        }
        machines.assert_clean();
    }
}

#[test]
fn without_any_host_that_can_run_the_suite_the_reason_is_the_verdict() {
    let Some(machines) = Machines::start(1) else { return };
    let project = super::suite();
    let args = ["--tx", "2*ssh=n1//python=/nowhere/python"];
    let running = Running::start(machines.command(&project, &args));
    let told = super::part_of_alone(running.end(), 4, &project, &[]);
    told.says("there is no interpreter `/nowhere/python`");
    machines.assert_clean();
}

#[test]
fn what_a_shell_profile_prints_is_passed_over() {
    let Some(machines) = Machines::start(1) else { return };
    fs::write(machines.home(1).join(".bashrc"), "echo welcome; printf 'no newline'\n").unwrap();
    let project = super::suite();
    let told = Running::start(machines.command(&project, &["--tx", "2*ssh=n1"])).end();
    told.assert(1, super::COUNTS);
    machines.assert_clean();
}

#[test]
fn a_host_that_comes_late_joins() {
    let Some(mut machines) = Machines::start(2) else { return };
    machines.power_off(2);
    let text = "import pathlib, socket, time, pytest\n\
        root, host = pathlib.Path(__file__).parent, socket.gethostname()\n\
        @pytest.mark.parametrize('n', range(6))\n\
        def test_waits(n):\n\
        \x20   (root / f'on-{host}').touch()\n\
        \x20   while not (root / 'on-n2').exists(): time.sleep(0.01)\n";
    let project = Project::new(&[("test_a.py", text), ("test_b.py", text)]);
    for dist in ["stream", "load"] {
        let args = ["--tx", "ssh=n1", "--tx", "ssh=n2", "--dist", dist];
        let running = Running::start(machines.command(&project, &args));
        running.wait_for(&project.path().join("on-n1"));
        machines.power_on(2);
        running.end().assert(0, "12 passed");
        machines.assert_clean();
        machines.power_off(2);
        for host in ["n1", "n2"] {
            fs::remove_file(project.path().join(format!("on-{host}"))).unwrap();
        }
    }
}

/// A command of the machine's user that stands before the real one; both see the same PATH otherwise.
fn put_before(machines: &Machines, number: usize, name: &str, script: &str) {
    let bin = machines.home(number).join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(machines.home(number).join(".bashrc"), "PATH=$HOME/bin:$PATH\n").unwrap();
}

#[test]
fn a_machine_of_another_kind_is_refused_by_name_and_gets_nothing() {
    let Some(machines) = Machines::start(2) else { return };
    put_before(
        &machines,
        2,
        "uname",
        "case $1 in -m) echo riscv64;; *) exec /bin/uname \"$@\";; esac",
    );
    let project = super::suite();
    let told = together(&machines, &project, "ssh=n2");
    told.assert(1, super::COUNTS)
        .says("host n2: given up: it is a machine of another kind (Linux riscv64,")
        .says("name it with `agent=/path/to/callsheet`");
    machines.assert_clean();
    let agents = machines.home(2).join(".cache/callsheet/agents");
    assert_eq!(fs::read_dir(agents).unwrap().count(), 0);
}

#[test]
fn a_machine_on_which_the_agent_does_not_start_is_refused_and_keeps_no_copy() {
    let Some(machines) = Machines::start(2) else { return };
    // As where nothing may be started from there; as where the C library is another one, as the program's loader says.
    let loader = "s|/ld-linux\\([a-z0-9_-]*\\)\\.so\\.[0-9]|/ld-linux\\1.so.0|g";
    for (chmod, why, way_out) in [
        (
            "exec /bin/chmod 600 \"$2\"".to_owned(),
            "the agent can not be installed there: it does not start there (",
            "set XDG_CACHE_HOME there",
        ),
        (
            format!("LC_ALL=C sed -i '{loader}' \"$2\"; exec /bin/chmod \"$@\""),
            "the agent does not start there (",
            "the host probably has another C library",
        ),
    ] {
        put_before(&machines, 2, "chmod", &chmod);
        let project = super::suite();
        let told = together(&machines, &project, "ssh=n2");
        told.assert(1, super::COUNTS)
            .says(&format!("host n2: given up: {why}"))
            .says(way_out)
            .says("name it with `agent=/path/to/callsheet`");
        let agents = machines.home(2).join(".cache/callsheet/agents");
        assert_eq!(fs::read_dir(agents).unwrap().count(), 0);
        machines.assert_clean();
    }
}

#[test]
fn what_a_host_says_is_not_taken_for_the_words_of_ssh() {
    let Some(machines) = Machines::start(1) else { return };
    let says = "echo 'account: Permission denied' >&2; exit 3\n";
    fs::write(machines.home(1).join(".bashrc"), says).unwrap();
    let project = super::suite();
    let mut command = machines.command(&project, &["--tx", "ssh=n1"]);
    command.env("CALLSHEET_DEADLINES_HOST", "1s");
    let told = super::part_of_alone(Running::start(command).end(), 7, &project, &[]);
    told.says("account: Permission denied").is_silent_on("ssh is not let in");
    machines.assert_clean();
}

#[test]
fn secrets_are_seen_by_tests_alone() {
    const SECRET: &str = "xyzzy-42";
    let Some(machines) = Machines::start(1) else { return };
    let text = "import os, pathlib, time\n\
        def test_sees():\n\
        \x20   secret = os.environ['TOKEN']\n\
        \x20   assert secret == 'xyz' + 'zy-42' and os.environ['PASSED'] == 'on'\n\
        \x20   for process in pathlib.Path('/proc').glob('[0-9]*/cmdline'):\n\
        \x20       assert secret.encode() not in process.read_bytes(), process\n\
        \x20   root = pathlib.Path(__file__).parent\n\
        \x20   (root / 'begun').touch()\n\
        \x20   while not (root / 'go').exists(): time.sleep(0.01)\n";
    let hosts = format!(
        "[[host]]\nssh = \"n1\"\nworkers = 2\nenv = {{ TOKEN = {SECRET:?} }}\npass_env = [\"PASSED\"]\n"
    );
    let project = Project::new(&[("test_it.py", text), ("callsheet.toml", &hosts)]);
    let args = ["-v", "--junit", "junit.xml", "--events", "events.jsonl"];
    let mut command = machines.command(&project, &args);
    command.env("PASSED", "on").env("CALLSHEET_LOG", "trace");
    let running = Running::start(command);
    running.wait_for(&project.path().join("begun"));
    // What everybody on this machine sees: the command, its `ssh`, and what runs behind it.
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let shows = line.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(!shows, "{}", String::from_utf8_lossy(&line));
    }
    // Nor is there a door beside that of ssh.
    let listeners = ["ss", "-Hltun"];
    assert_eq!(machines.at_control(&listeners), "");
    let there = machines.on(1, &listeners);
    assert!(there.lines().all(|line| line.contains(":2222 ")) && !there.is_empty(), "{there}");
    fs::write(project.path().join("go"), "").unwrap();
    let told = running.end();
    told.assert(0, "1 passed").is_silent_on(SECRET);
    for file in ["junit.xml", "events.jsonl"] {
        assert!(!project.read(file).contains(SECRET), "{file}");
    }
    let kept = fs::read(project.path().join(".callsheet/history.db"));
    let shows = |kept: Vec<u8>| kept.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
    assert!(!kept.is_ok_and(shows));
    machines.assert_clean();
}
