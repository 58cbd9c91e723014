//! Hosts that are reached by ssh, while nothing fails.

use std::fs;

use crate::support::{Project, Running};

use super::machines::Machines;

#[test]
fn two_hosts_run_what_one_machine_runs() {
    let Some(machines) = Machines::start(2) else { return };
    let project = super::suite();
    let alone = project.run(&["-n", "2", "-v"]);
    let args = ["--tx", "2*ssh=n1", "--tx", "2*ssh=n2", "-v"];
    let told = Running::start(machines.command(&project, &args)).end();
    told.assert(alone.code.unwrap(), alone.counts());
    told.says("host n1: copying the agent").says("host n2: pytest");
    machines.assert_clean();
    // The second time the agent is there.
    let told = Running::start(machines.command(&project, &args)).end();
    told.assert(alone.code.unwrap(), alone.counts()).is_silent_on("copying");
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
            let told = Running::start(machines.command(&project, &args)).end();
            told.assert(1, super::COUNTS).is_silent_on("lost");
        }
        machines.assert_clean();
    }
}

/// A directory's name with all that a shell would act on.
const WEIRD: &str = "we $(touch /tmp/x) `id` 'q' \"d\" \\ & ;x";

#[test]
fn the_project_is_brought_there_without_what_git_ignores() {
    let Some(machines) = Machines::start(2) else { return };
    let text = "import os, pathlib\n\
        def test_place():\n\
        \x20   here = pathlib.Path(__file__).parent\n\
        \x20   assert here == pathlib.Path.cwd() and here != pathlib.Path(os.environ['HERE'])\n\
        \x20   assert sorted(p.name for p in here.iterdir() if p.name[0] != '.' and p.name[0] != '_') == ['deep', 'test_it.py']\n\
        \x20   assert (here / 'deep' / 'kept.txt').read_text() == 'kept'\n";
    let files = [
        ("test_it.py", text),
        ("deep/kept.txt", "kept"),
        ("built.bin", "x"),
        (".gitignore", "*.bin\n"),
        (".git/config", "x"),
    ];
    let project = Project::new(&files);
    let here = format!("env:HERE={}", project.path().display());
    let first = format!("ssh=n1//sync=rsync//{here}");
    let second = format!("ssh=n2//sync=rsync//chdir=~/{WEIRD}/app//{here}");
    for _ in 0..2 {
        let args = ["--tx", &first, "--tx", &second, "--dist", "each"];
        let told = Running::start(machines.command(&project, &args)).end();
        told.assert(0, "2 passed").says("host n1: bringing the project there");
        machines.assert_clean();
        // What is gone here must not run there.
        fs::write(machines.home(2).join(WEIRD).join("app/test_gone.py"), "def test(): assert 0")
            .unwrap();
    }
}

#[test]
fn a_directory_of_somebody_else_is_not_overwritten() {
    let Some(machines) = Machines::start(1) else { return };
    let own = machines.home(1).join("thesis");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("chapter"), "all of it").unwrap();
    let project = super::suite();
    let args = ["--tx", "ssh=n1//sync=rsync//chdir=thesis"];
    let told = Running::start(machines.command(&project, &args)).end();
    assert_eq!(told.code, Some(7), "{told}");
    told.says("`thesis` there holds files that callsheet has not brought");
    assert_eq!(fs::read_dir(&own).unwrap().count(), 1);
    machines.assert_clean();
}

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
