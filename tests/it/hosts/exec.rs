//! Hosts that are reached by any command.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Project, Running};

use super::machines::missing;

/// The command under test as an agent.
fn agent() -> String {
    format!("{} agent", env!("CARGO_BIN_EXE_callsheet"))
}

#[test]
fn any_command_that_gives_an_agent_is_a_host() {
    let project = super::suite();
    let first = format!("2*exec={}//name=first", agent());
    let second = format!("exec=sh -c 'echo noise; exec {} <&0'//name=second", agent());
    let told = project.run(&["--tx", &first, "--tx", &second]);
    told.assert(1, super::COUNTS).says("host first: pytest").says("host second: pytest");
}

#[test]
fn workers_of_another_host_are_forked_where_that_is_safe() {
    let project = super::suite();
    let first = format!("2*exec={}//name=first", agent());
    let told = project.run(&["--tx", &first, "-v"]);
    told.assert(1, super::COUNTS).is_silent_on("without the template");
    // One of its workers is not: that is told of.
    let told = project.run(&["--tx", &format!("{first}//env:PYTHONUTF8=1"), "-v"]);
    told.assert(1, super::COUNTS)
        .says("host first: starting workers without the template: `PYTHONUTF8`");
}

#[test]
fn workers_are_ordered_before_anything_is_heard_of_their_host() {
    let begins = "import pathlib\n(pathlib.Path(__file__).parent / 'begun').touch()\n";
    let project =
        Project::new(&[("conftest.py", begins), ("test_it.py", "def test_passes(): pass\n")]);
    // Nothing comes back before a worker has loaded the conftest.
    let script =
        format!("#!/bin/sh\n{} | {{ until [ -e begun ]; do sleep 0.01; done; cat; }}\n", agent());
    project.write("held", &script);
    project.run(&["--tx", "exec=sh held//name=far"]).assert(0, "1 passed");
}

#[test]
fn a_number_in_the_command_makes_as_many_hosts() {
    let text = "import os\ndef test_which(): open('seen-' + os.environ['NUMBER'], 'w')\n";
    let project = Project::new(&[("test_it.py", text)]);
    let spec = format!("3*exec=env NUMBER={{n}} {}//workers=2", agent());
    let told = project.run(&["--tx", &spec, "--dist", "each"]);
    told.assert(0, "6 passed").says("host env-2: pytest");
    for number in 0..3 {
        assert!(project.path().join(format!("seen-{number}")).exists());
    }
}

#[test]
fn tests_are_listed_by_one_host_alone() {
    let project = Project::new(&[("test_it.py", "def test_passes(): pass\n")]);
    let table = |name: &str| {
        let script = format!("touch reached-{name}; exec {}", agent());
        format!("[[host]]\nexec = ['sh', '-c', '{script}']\nworkers = 2\nname = '{name}'\n")
    };
    project.write("callsheet.toml", &(table("one") + &table("two")));
    let told = project.run(&["list"]);
    assert_eq!(told.code, Some(0), "{told}");
    told.says("test_it.py::test_passes");
    assert!(project.path().join("reached-one").exists());
    assert!(!project.path().join("reached-two").exists());
}

#[test]
fn tests_run_where_there_is_what_they_require() {
    let text = "import os, pytest\n\
        @pytest.mark.requires('gpu')\n\
        @pytest.mark.parametrize('number', range(6))\n\
        def test_gpu(number): assert os.environ['KIND'] == 'big'\n\
        @pytest.mark.parametrize('number', range(6))\n\
        def test_any(number): pass\n";
    let project = Project::new(&[("test_it.py", text)]);
    let host = |kind: &str, tags: &str| {
        format!("exec=env KIND={kind} {}//workers=2//name={kind}{tags}", agent())
    };
    let run = |big_tags: &str, more: &[&str]| {
        let (small, big) = (host("small", "//tags=disk"), host("big", big_tags));
        project.run(&[&["--tx", &small, "--tx", &big], more].concat())
    };
    for dist in ["stream", "load", "worksteal", "loadscope"] {
        run("//tags=gpu,net", &["--dist", dist]).assert(0, "12 passed");
    }
    let told = run("", &[]);
    assert_ne!(told.says("no host offers `gpu`").code, Some(0), "{told}");
    let told = run("//tags=gpu", &["--dist", "each"]);
    told.assert(7, "36 passed, 12 not run").says("the host of this worker does not offer `gpu`");
}

#[test]
fn a_container_is_a_host() {
    if missing(&["unshare"]) {
        return;
    }
    let project = super::suite();
    let text = "import os\ndef test_where():\n\
        \x20   for kind in 'pid', 'uts', 'net':\n\
        \x20       with open('in-' + kind, 'w') as file: file.write(os.readlink('/proc/self/ns/' + kind))\n";
    project.write("test_where.py", text);
    let spec =
        format!("2*exec=unshare --pid --fork --kill-child --mount-proc --uts --net {}", agent());
    let counts = super::COUNTS.replace("60 passed", "61 passed");
    project.run(&["--tx", &spec]).assert(1, &counts);
    for kind in ["pid", "uts", "net"] {
        let (there, own) = (project.read(&format!("in-{kind}")), format!("/proc/self/ns/{kind}"));
        assert!(there.starts_with(kind), "{there}");
        assert_ne!(there, fs::read_link(own).unwrap().to_str().unwrap());
    }
}

#[test]
fn a_command_that_is_killed_takes_along_what_is_no_agent() {
    let project = super::suite();
    project.write("leads", "touch begun; exec sleep 1000");
    let running = Running::start(project.command(&["--tx", "exec=sh leads"]));
    running.wait_for(&project.path().join("begun"));
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().code, None);
}

#[test]
fn an_agent_that_is_told_to_end_takes_along_what_its_tests_have_started() {
    let text = "import pathlib, signal, subprocess\n\
        def test_waits():\n\
        \x20   subprocess.Popen(['sleep', '1000'], start_new_session=True)\n\
        \x20   pathlib.Path('begun').touch()\n\
        \x20   signal.pause()\n";
    let project = Project::new(&[("test_it.py", text)]);
    for spec in [format!("exec={}", agent()), format!("exec=sh -c '{}; exit'", agent())] {
        let running = Running::start(project.command(&["--tx", &spec]));
        running.wait_for(&project.path().join("begun"));
        running.signal(Signal::SIGKILL);
        assert_eq!(running.end().code, None);
        fs::remove_file(project.path().join("begun")).unwrap();
    }
}

#[test]
fn an_agent_that_stands_still_is_killed_with_what_its_tests_have_started() {
    let text = "import pathlib, signal, subprocess, time\n\
        def test_waits():\n\
        \x20   subprocess.Popen(['sleep', '1000'], start_new_session=True)\n\
        \x20   pathlib.Path('begun').touch()\n\
        \x20   while not pathlib.Path('go').exists(): time.sleep(0.01)\n";
    let project = Project::new(&[("test_it.py", text)]);
    let spec = format!("exec=sh -c 'echo $$ >> agents; exec {}'//name=far", agent());
    let mut command = project.command(&["--tx", &spec]);
    command.env("CALLSHEET_DEADLINES_SILENCE", "4s");
    let mut running = Running::start(command);
    running.wait_for(&project.path().join("begun"));
    let agent = Pid::from_raw(project.read("agents").trim().parse().unwrap());
    kill(agent, Signal::SIGSTOP).unwrap();
    running.wait_for_stdout("host far: lost: its agent said nothing for 4 s");
    project.write("go", "");
    running.end().assert(0, "1 passed");
}

#[test]
fn a_run_is_stopped_while_its_host_still_prepares() {
    let project = super::suite();
    project.write("silent", "#!/bin/sh\ntouch begun\nexec sleep 1000\n");
    let silent = project.path().join("silent");
    fs::set_permissions(&silent, fs::Permissions::from_mode(0o755)).unwrap();
    let spec = format!("2*exec={}//name=far//python={}", agent(), silent.display());
    let running = Running::start(project.command(&["--tx", &spec]));
    running.wait_for(&project.path().join("begun"));
    running.signal(Signal::SIGINT);
    let told = running.end();
    assert_eq!(told.code, Some(2), "{told}");
}

#[test]
fn a_command_that_gives_no_agent_is_told() {
    let project = super::suite();
    let run = |command: &str| {
        let told = project.run_with(
            &[("CALLSHEET_DEADLINES_AGENT", "2s"), ("CALLSHEET_DEADLINES_HOST", "1s")],
            &["--tx", &format!("exec={command}//name=box")],
        );
        assert_eq!(told.code, Some(7), "{told}");
        told
    };
    run("/nowhere/to/be/found").says("failed to start `/nowhere/to/be/found`");
    run("sh -c 'echo hello'").says("the other side is no callsheet");
    run("sh -c 'echo no route >&2; exit 3'").says("exit status: 3; it said: no route");
    run("sleep 1000").says("did not answer for 2 s");
}

#[test]
fn interpreters_of_two_hosts_run_all_tests_each() {
    let text = "import pytest\ndef test_passes(): pass\ndef test_new(): assert pytest.version_tuple >= (9,)\n";
    let project = Project::new(&[("test_it.py", text)]);
    let other = crate::support::python(&["pytest==8.4.2"]);
    let one = format!("exec={}//name=new", agent());
    let two = format!("exec={}//name=old//python={}", agent(), other.display());
    let args = ["--tx", &one, "--tx", &two, "--tx", &two, "--dist", "each", "--junit", "j.xml"];
    let told = project.run(&args);
    told.assert(1, "2 failed, 4 passed")
        .says("host new: pytest 9.2.0")
        .says("host old: pytest 8.4.2");
    // Each apart.
    let line = |part: &str| {
        let found = told.stdout.lines().find(|line| line.contains(part) && line.ends_with("ed"));
        found.unwrap_or_else(|| panic!("{part}: {told}"))
    };
    assert!(line("exec=new (Python").ends_with("pytest 9.2.0): 2 passed"), "{told}");
    assert!(line("exec=old//").ends_with("pytest 8.4.2, 2 workers): 2 passed, 2 failed"), "{told}");
    let junit = project.read("j.xml");
    assert_eq!(junit.matches(", pytest 8.4.2\"/>").count(), 2, "{junit}");
    assert_eq!(junit.matches("name=\"test_it.py (lane ").count(), 3, "{junit}");
}

/// Passes everywhere; fails on the other version alone; is skipped there alone.
const APART: &str = "import os, sys, pytest\n\
    there = '%d.%d.%d' % sys.version_info[:3] == os.environ['OTHER']\n\
    def test_passes(): pass\n\
    def test_fails_there(): assert not there\n\
    @pytest.mark.skipif(there, reason='not for that one')\n\
    def test_skipped_there(): pass\n";

/// The suites of a `JUnit` file, each with what it ran with.
fn suites<'a>(junit: &'a str, with: &str) -> Vec<&'a str> {
    let with = format!("name=\"runs-with\" value=\"{with}\"");
    junit.split("<testsuite ").filter(|suite| suite.contains(&with)).collect()
}

#[test]
fn two_versions_of_python_run_all_tests_each_and_are_reported_apart() {
    let Some((other, version)) = crate::support::other_python(&["pytest==9.2.0"]) else { return };
    let project = Project::new(&[("test_it.py", APART)]);
    let own = project.python();
    let here = |python: &std::path::Path| format!("popen//python={}", python.display());
    let there = |python: &std::path::Path, name: &str| {
        format!("exec={}//name={name}//python={}", agent(), python.display())
    };
    // On this machine; on another.
    for (one, two) in [
        (here(own), here(&other)),
        (here(&other), there(own, "far")),
        (there(own, "near"), there(&other, "far")),
    ] {
        let args = ["--tx", &one, "--tx", &two, "--dist", "each", "--junit", "j.xml"];
        let mut command = project.command(&args);
        // What each specification names is enough: no other interpreter need have pytest.
        command.env_remove("CALLSHEET_PYTEST_PYTHON").env("OTHER", &version);
        let told = crate::support::Running::start(command).end();
        told.assert(1, "1 failed, 4 passed, 1 skipped");
        let with = format!("Python {version}, pytest 9.2.0");
        told.says(&format!("({with}): 1 passed, 1 failed, 1 skipped"))
            .says("pytest 9.2.0): 3 passed");
        let junit = project.read("j.xml");
        let [suite] = suites(&junit, &with)[..] else { panic!("{junit}") };
        assert!(suite.contains("tests=\"3\" skipped=\"1\" errors=\"0\" failures=\"1\""), "{junit}");
        assert_eq!(junit.matches("<testsuite ").count(), 2, "{junit}");
        assert_eq!(junit.matches("<failure ").count(), 1, "{junit}");
    }
}

#[test]
fn an_interpreter_of_several_that_is_not_there_makes_the_results_incomplete() {
    let project = Project::new(&[("test_it.py", "def test_passes(): pass\n")]);
    for missing in
        ["popen//python=python9.9", &format!("exec={}//name=far//python=python9.9", agent())]
    {
        let one = format!("exec={}//name=near", agent());
        let told = project.run(&["--tx", &one, "--tx", missing, "--dist", "each"]);
        told.assert(7, "1 passed").says("there is no interpreter `python9.9`");
        told.says("did not come as far as running tests; the results are incomplete");
    }
}
