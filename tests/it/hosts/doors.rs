//! Hosts that do not let anybody in, or that are no place to run the suite.

use std::fs;

use crate::support::Running;

use super::machines::Machines;

#[test]
fn an_unknown_host_key_is_refused() {
    let Some(machines) = Machines::start(1) else { return };
    machines.write_client_configuration(false);
    let project = super::suite();
    let told = Running::start(machines.command(&project, &["--tx", "2*ssh=n1"])).end();
    assert_eq!(told.code, Some(7), "{told}");
    told.says("its host key is not known, so ssh refuses it").says("run `ssh n1` once by hand");
    machines.assert_clean();
}

#[test]
fn a_wrong_key_is_told_at_once() {
    let Some(machines) = Machines::start(1) else { return };
    machines.lose_key();
    let project = super::suite();
    let told = Running::start(machines.command(&project, &["--tx", "ssh=n1"])).end();
    assert_eq!(told.code, Some(7), "{told}");
    told.says("ssh is not let in").says("`ssh n1` must work by hand");
}

#[test]
fn a_host_without_the_interpreter_is_left_out() {
    let Some(machines) = Machines::start(2) else { return };
    let project = super::suite();
    let args = ["--tx", "ssh=n1", "--tx", "ssh=n2//python=/nowhere/python"];
    let told = Running::start(machines.command(&project, &args)).end();
    told.assert(1, super::COUNTS)
        .says("host n2: given up: there is no interpreter `/nowhere/python`");
    machines.assert_clean();
}

#[test]
fn without_any_host_that_can_run_the_suite_the_reason_is_the_verdict() {
    let Some(machines) = Machines::start(1) else { return };
    let project = super::suite();
    let args = ["--tx", "2*ssh=n1//python=/nowhere/python"];
    let told = Running::start(machines.command(&project, &args)).end();
    assert_eq!(told.code, Some(4), "{told}");
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
    let project = crate::support::Project::new(&[("test_a.py", text), ("test_b.py", text)]);
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

#[test]
fn secrets_are_seen_by_tests_alone() {
    let Some(machines) = Machines::start(1) else { return };
    let text = "import os, pathlib\n\
        def test_sees():\n\
        \x20   secret = os.environ['TOKEN']\n\
        \x20   assert secret == 'xyz' + 'zy-42' and os.environ['PASSED'] == 'on'\n\
        \x20   for process in pathlib.Path('/proc').glob('[0-9]*/cmdline'):\n\
        \x20       assert secret.encode() not in process.read_bytes(), process\n";
    let hosts = "[[host]]\nssh = \"n1\"\nworkers = 2\nenv = { TOKEN = \"xyzzy-42\" }\npass_env = [\"PASSED\"]\n";
    let project = crate::support::Project::new(&[("test_it.py", text), ("callsheet.toml", hosts)]);
    let mut command = machines.command(&project, &["-v"]);
    command.env("PASSED", "on").env("CALLSHEET_LOG", "trace");
    let told = Running::start(command).end();
    told.assert(0, "1 passed").is_silent_on("xyzzy-42");
    machines.assert_clean();
}
