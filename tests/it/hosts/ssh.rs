//! Hosts that are reached by ssh, while nothing fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Project, Running};

use super::machines::Machines;

#[test]
fn two_hosts_run_what_one_machine_runs() {
    let Some(machines) = Machines::start(2) else { return };
    let project = super::suite();
    let alone = project.run(&["-n", "2", "-v"]);
    let args = ["--tx", "2*ssh=n1", "--tx", "2*ssh=n2", "-v"];
    let mut command = machines.command(&project, &args);
    // The suite is so short that one might do it before the other is there.
    command.env("CALLSHEET_MIN_WORKERS", "4");
    let told = Running::start(command).end();
    told.assert(alone.code.unwrap(), alone.counts());
    told.says("host n1: copying the agent").says("host n2: pytest");
    machines.assert_clean();
    // The second time the agent is there.
    let told = Running::start(machines.command(&project, &args)).end();
    told.assert(alone.code.unwrap(), alone.counts()).is_silent_on("copying");
    machines.assert_clean();
}

#[test]
fn tests_write_files_for_whom_a_login_there_writes_them() {
    let Some(machines) = Machines::start(1) else { return };
    fs::write(machines.home(1).join(".bashrc"), "umask 027\n").unwrap();
    let text = "import os\ndef test_umask(): assert os.umask(0) == 0o027\n";
    let project = Project::new(&[("test_it.py", text)]);
    for copies in [true, false] {
        let told = Running::start(machines.command(&project, &["--tx", "ssh=n1"])).end();
        told.assert(0, "1 passed");
        assert_eq!(told.stdout.contains("copying the agent"), copies, "{told}");
        // The copy itself is for its owner alone.
        let agents = machines.home(1).join(".cache/callsheet/agents");
        let mode = fs::metadata(agents).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    machines.assert_clean();
}

#[test]
fn a_host_that_has_the_agent_is_reached_by_one_call_of_ssh() {
    let Some(machines) = Machines::start(1) else { return };
    let project = super::suite();
    project.write("counted", "#!/bin/sh\necho call >>\"$0.calls\"\nexec \"$@\"\n");
    let counted = project.path().join("counted");
    // The first time it gets the agent by the same call.
    for calls in 1..=2 {
        let mut command = machines.command(&project, &["--tx", "2*ssh=n1"]);
        command.env("CALLSHEET_SSH", format!("sh {} {}", counted.display(), machines.ssh()));
        Running::start(command).end().assert(1, super::COUNTS);
        assert_eq!(project.read("counted.calls").lines().count(), calls);
    }
    machines.assert_clean();
}

#[test]
fn a_slow_link_changes_nothing_but_the_time() {
    let Some(machines) = Machines::start(2) else { return };
    let project = super::suite();
    // The agent is there already: it is not what is looked at.
    let args = ["--tx", "2*ssh=n1", "--tx", "2*ssh=n2"];
    Running::start(machines.command(&project, &args)).end().assert(1, super::COUNTS);
    for (delay, rate) in [(0.025, 1e7), (0.1, 125e3)] {
        machines.write_client_configuration(true);
        machines.slow_down(delay, rate);
        for dist in ["stream", "load", "worksteal"] {
            let args = [&args[..], &["--dist", dist]].concat();
            let running = Running::start(machines.command(&project, &args));
            super::as_alone(running.end(), &project, &[]).is_silent_on("lost");
            machines.assert_clean();
        }
    }
}

/// A directory's name with all that a shell would act on.
pub(super) const WEIRD: &str = "we $(touch pwned) `touch pwned` 'q' \"d\" \\ & ; \n touch pwned #x";

#[test]
fn an_agent_that_is_installed_is_started_where_it_is_named() {
    let Some(machines) = Machines::start(1) else { return };
    let place = machines.home(1).join("my tools");
    fs::create_dir_all(&place).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_callsheet"), place.join("call sheet")).unwrap();
    let project = super::suite();
    let args = ["--tx", "2*ssh=n1//agent=~/my tools/call sheet"];
    let told = Running::start(machines.command(&project, &args)).end();
    told.assert(1, super::COUNTS).is_silent_on("copying");
    let told =
        Running::start(machines.command(&project, &["--tx", "ssh=n1//agent=/nowhere"])).end();
    assert_eq!(told.code, Some(7), "{told}");
    told.says("there is no agent /nowhere");
    machines.assert_clean();
}

#[test]
fn a_copy_that_is_damaged_there_is_made_anew() {
    let Some(machines) = Machines::start(1) else { return };
    let project = super::suite();
    let args = ["--tx", "2*ssh=n1"];
    Running::start(machines.command(&project, &args)).end().assert(1, super::COUNTS);
    let agents = machines.home(1).join(".cache/callsheet/agents");
    let copies: Vec<_> =
        fs::read_dir(&agents).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(copies.len(), 1, "{copies:?}");
    fs::write(&copies[0], "cut").unwrap();
    Running::start(machines.command(&project, &args))
        .end()
        .assert(1, super::COUNTS)
        .says("copying");
    machines.assert_clean();
}

#[test]
fn names_and_values_that_a_shell_would_act_on_reach_tests_as_they_are() {
    let Some(machines) = Machines::start(1) else { return };
    let home = machines.home(1);
    let tools = home.join(WEIRD);
    fs::create_dir_all(tools.join("app")).unwrap();
    let text = format!(
        "import os, pathlib\n\
         def test_sees():\n\
         \x20   weird = {WEIRD:?}\n\
         \x20   assert os.environ['VALUE'] == os.environ['BY'] == weird\n\
         \x20   assert pathlib.Path.cwd().parent.name == weird\n"
    );
    fs::write(tools.join("app/test_it.py"), &text).unwrap();
    let project = Project::new(&[("test_it.py", &text)]);
    let script = format!(
        "#!/bin/sh\nBY=$(cat {:?}; echo .); BY=${{BY%.}}; export BY; exec {} \"$@\"\n",
        home.join("by"),
        project.python().display()
    );
    fs::write(home.join("by"), WEIRD).unwrap();
    let python = tools.join("python");
    fs::write(&python, script).unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    let agent = tools.join("agent");
    fs::copy(env!("CARGO_BIN_EXE_callsheet"), &agent).unwrap();
    let word = |path: &std::path::Path| format!("{:?}", path.to_str().unwrap());
    for own_agent in ["", &format!("agent = {}\n", word(&agent))] {
        let hosts = format!(
            "[[host]]\nssh = \"n1\"\nchdir = {}\npython = {}\nenv = {{ VALUE = {WEIRD:?} }}\n{own_agent}",
            word(&tools.join("app")),
            word(&python)
        );
        project.write("callsheet.toml", &hosts);
        Running::start(machines.command(&project, &[])).end().assert(0, "1 passed");
        machines.assert_clean();
    }
    let places = [home, tools.join("app"), tools, project.path().to_owned()];
    assert!(places.iter().all(|place| !place.join("pwned").exists()), "a shell acted on a name");
}

#[test]
fn the_environment_is_made_there() {
    let Some(machines) = Machines::start(1) else { return };
    let text = "import os, sys\n\
        def test_where(): assert sys.executable.startswith(os.environ['HOME'] + '/.cache/callsheet/venvs/')\n";
    let files = [("test_it.py", text), ("requirements.txt", "pytest==9.2.0\n")];
    let project = Project::new(&files);
    // The machines have no way to a registry: what is to be installed is there already.
    let wheels = machines.home(1).join("wheels");
    let python = project.python().to_str().unwrap();
    let download = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "-d"];
    let status = std::process::Command::new(python)
        .args(download)
        .args([wheels.to_str().unwrap(), "pytest==9.2.0"])
        .status();
    assert!(status.unwrap().success());
    fs::create_dir_all(machines.home(1).join(".config/pip")).unwrap();
    let pip = format!("[global]\nno-index = true\nfind-links = {}\n", wheels.display());
    fs::write(machines.home(1).join(".config/pip/pip.conf"), pip).unwrap();
    let args = ["--tx", "2*ssh=n1//sync=rsync//provision=requirements.txt"];
    let told = Running::start(machines.command(&project, &args)).end();
    told.assert(0, "1 passed").says("host n1: making an environment from");
    machines.assert_clean();
    let told = Running::start(machines.command(&project, &args)).end();
    told.assert(0, "1 passed").is_silent_on("making an environment");
    machines.assert_clean();
}

#[test]
fn what_was_covered_on_two_hosts_is_one_report() {
    let Some(machines) = Machines::start(2) else { return };
    let project = crate::plugins::covered();
    let plain = project.run(&["-n", "2", "--", "--cov=package", "--cov-report=term-missing"]);
    let table = |told: &crate::support::Told| {
        let is_row = |line: &&str| line.starts_with("package") || line.starts_with("TOTAL");
        told.stdout.lines().filter(is_row).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(table(&plain).len(), 4, "{plain}");
    let apart = ["--tx", "ssh=n1//sync=rsync", "--tx", "ssh=n2//sync=rsync//chdir=other"];
    let cov = ["--dist", "loadfile", "--", "--cov=package", "--cov-report=term-missing"];
    for hosts in [&apart[..], &["--tx", "popen", apart[2], apart[3]]] {
        let told = Running::start(machines.command(&project, &[hosts, &cov].concat())).end();
        told.assert(0, "2 passed");
        assert_eq!(table(&told), table(&plain), "{told}");
        machines.assert_clean();
    }
}
