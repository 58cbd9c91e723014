//! Workers that go on from one collection of the suite: the same results as ever, and who must not be forked is not.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Project, Running, Told};

const COLLECTED: &[&str] = &["--template", "collected"];
const TOLD: &str = "starting workers without the collected template: ";

/// Runs with a collected template, `-v` and these arguments.
fn run(project: &Project, args: &[&str]) -> Told {
    project.run(&[COLLECTED, &["-v"], args].concat())
}

/// The outcome of every test, whoever ran it.
fn outcomes(told: &Told) -> Vec<&str> {
    let mut found = Vec::new();
    for word in ["PASSED", "FAILED", "ERROR", "SKIPPED", "XFAIL", "CRASHED"] {
        found.extend(told.ids(word));
    }
    found.sort_unstable();
    found
}

/// That workers were forked from the collection.
fn is_forked(told: &Told) {
    told.is_silent_on("starting workers without");
}

const SUITE: &[(&str, &str)] = &[
    (
        "conftest.py",
        "import os, pytest\n\
         @pytest.fixture(scope='session')\n\
         def base(tmp_path_factory, worker_id, testrun_uid):\n\
         \x20   base = tmp_path_factory.getbasetemp()\n\
         \x20   assert base.name == 'popen-' + worker_id and testrun_uid\n\
         \x20   (base / 'own').mkdir()\n\
         \x20   yield base\n\
         \x20   (base / 'own').rmdir()\n\
         @pytest.fixture(scope='package')\n\
         def package(base): yield base\n\
         @pytest.fixture(scope='module')\n\
         def module(package, request): yield request.module.__name__\n\
         @pytest.fixture(scope='class')\n\
         def klass(module): yield module\n",
    ),
    (
        "test_a.py",
        "import os, sys, unittest, pytest\n\
         print('printed at import')\n\
         @pytest.fixture(autouse=True)\n\
         def each(klass, base, tmp_path): assert base in tmp_path.parents and klass == __name__\n\
         @pytest.mark.parametrize('n', range(20))\n\
         def test_many(n, worker_id, pytestconfig):\n\
         \x20   assert os.environ['PYTEST_XDIST_WORKER'] == worker_id == pytestconfig.workerinput['workerid']\n\
         \x20   assert pytestconfig.option.basetemp.endswith('popen-' + worker_id)\n\
         \x20   assert dict(os.environ)['PYTEST_XDIST_WORKER'] == worker_id\n\
         class Test:\n\
         \x20   def test_in_class(self): pass\n\
         class TestCase(unittest.TestCase):\n\
         \x20   def test_case(self): pass\n\
         def test_child(capfd):\n\
         \x20   os.system('echo of a child')\n\
         \x20   assert capfd.readouterr().out == 'of a child\\n'\n\
         def test_fails(capsys):\n\
         \x20   print('of the failure')\n\
         \x20   os.write(2, b'of the descriptor')\n\
         \x20   assert 0\n\
         @pytest.mark.xfail\n\
         def test_xfail(): assert 0\n",
    ),
    ("test_b.py", "import pytest\npytest.skip('whole', allow_module_level=True)\n"),
    (
        "test_c.py",
        "import os\ndef test_dies(): os._exit(3)\ndef test_1(base): pass\ndef test_2(base): pass\n",
    ),
    ("test_d.py", "def test_broken(missing): pass\n"),
];

#[test]
fn results_are_those_of_workers_that_collect_by_themselves() {
    let project = Project::new(SUITE);
    for args in [
        &["-n", "3"][..],
        &["-n", "2", "--dist", "load"],
        &["-n", "2", "--dist", "each"],
        &["-n", "2", "-k", "many or dies", "-s"],
        &["-n", "1", "--", "-p", "no:terminal", "--capture=sys"],
    ] {
        let off = project.run(&[&["-v", "--template", "off"], args].concat());
        let told = run(&project, args);
        is_forked(&told);
        assert_eq!((told.code, told.counts()), (off.code, off.counts()), "{args:?}\n{told}");
        assert_eq!(outcomes(&told), outcomes(&off), "{args:?}");
        told.says("exited with code 3");
    }
}

#[test]
fn output_is_captured_for_each_worker() {
    let project = Project::new(&[(
        "test_it.py",
        "import os, pytest\nprint('printed at import')\n\
         @pytest.mark.parametrize('n', range(40))\n\
         def test_it(n, capfd):\n\
         \x20   for each in range(50): os.write(1, f'{n} '.encode())\n\
         \x20   assert capfd.readouterr().out == f'{n} ' * 50\n\
         \x20   print('left', n)\n\
         \x20   assert n != 7\n",
    )]);
    let told = run(&project, &["-n", "4"]);
    is_forked(&told);
    told.assert(1, "1 failed, 39 passed").says("left 7").is_silent_on("left 8");
    let told = run(&project, &["-n", "4", "-s", "--", "-k", "test_it"]);
    told.says("left 39");
    assert_eq!(told.stdout.matches("printed at import").count(), 4, "{told}");
}

#[test]
fn modules_are_imported_once() {
    let project = Project::new(&[(
        "test_it.py",
        "import os, pytest\npid = os.getpid()\n\
         def test_it(): assert pid != os.getpid()\n",
    )]);
    for args in [&["--dist", "each"][..], &["--dist", "stream"]] {
        let told = run(&project, &[args, &["-n", "3"]].concat());
        is_forked(&told);
        assert_eq!(told.code, Some(0), "{told}");
    }
    let told = project.run(&["-n", "1"]);
    told.assert(1, "1 failed");
}

#[test]
fn old_pytests_are_forked_too() {
    for pytest in ["pytest==7.0.1", "pytest==8.4.2"] {
        let project = Project::with(
            &[pytest],
            &[(
                "test_it.py",
                "def test_it(tmp_path, worker_id): assert worker_id in str(tmp_path)\n",
            )],
        );
        let told = run(&project, &["-n", "2", "--dist", "each"]);
        told.assert(0, "2 passed");
        is_forked(&told);
    }
}

#[test]
fn what_forbids_a_fork_is_told_and_changes_nothing() {
    for (source, reason) in [
        (
            "import os\nos.environ.get('PYTEST_XDIST_WORKER')\n",
            "conftest.py:2 reads `PYTEST_XDIST_WORKER`",
        ),
        (
            "import os\nos.getenvb(b'PYTEST_XDIST_WORKER')\n",
            "conftest.py:2 reads `PYTEST_XDIST_WORKER`",
        ),
        ("import os\ncopy = dict(os.environ)\n", "conftest.py:2 reads the whole environment"),
        (
            "def pytest_configure(config): config.workerinput['workerid']\n",
            "conftest.py:1 reads the worker's id",
        ),
        (
            "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n",
            "it leaves a thread running",
        ),
        ("import socket; held = socket.socket()\n", "it holds socket:["),
        ("import subprocess; subprocess.run(['true'])\n", "conftest.py:1 starts a process"),
        ("import os; os.system('true')\n", "conftest.py:1 starts a process"),
        ("import tempfile; tempfile.mkdtemp()\n", "conftest.py:1 makes a temporary file"),
        ("open('written', 'w').close()\n", "conftest.py:1 writes `written`"),
        ("held = open(__file__)\n", "it holds "),
        ("import sqlite3; sqlite3.connect('here.db')\n", "conftest.py:1 opens a database"),
        ("import random; random.random()\n", "random numbers were drawn"),
        ("import mmap; held = mmap.mmap(-1, 4096)\n", "it holds memory that workers would share"),
        ("import signal; signal.setitimer(signal.ITIMER_REAL, 1000)\n", "a timer of it is running"),
        (
            "def pytest_sessionstart(session): session.config._tmp_path_factory.getbasetemp()\n",
            "its temporary directory is in use",
        ),
    ] {
        let project = Project::new(&[
            ("conftest.py", source),
            ("test_it.py", "def test_1(): pass\ndef test_2(): pass\n"),
        ]);
        let told = run(&project, &["-n", "2"]);
        told.assert(0, "2 passed").says(&format!("{TOLD}{reason}"));
        assert_eq!(told.stdout.matches("starting workers without").count(), 1, "{told}");
    }
    let project = Project::new(&[("test_it.py", "def test_1(): pass\n")]);
    project.write("pytest.ini", "[pytest]\nlog_file = run.log\n");
    let told = run(&project, &["-n", "1"]);
    told.assert(0, "1 passed").says(&format!("{TOLD}each worker writes a log file of its own"));
    let told = project.run(&[COLLECTED, &["-n", "1"]].concat());
    told.assert(0, "1 passed").is_silent_on("without the");
}

#[test]
fn a_collection_that_does_not_succeed_is_told_as_ever() {
    for (files, args) in [
        (&[("test_it.py", "import nowhere\n"), ("test_b.py", "def test_b(): pass\n")][..], &[][..]),
        (&[("conftest.py", "import nowhere\n"), ("test_b.py", "def test_b(): pass\n")], &[]),
        (&[("conftest.py", "import pytest\npytest.exit('enough', 3)\n"), ("test_b.py", "")], &[]),
        (&[("test_b.py", "def test_b(): pass\n")], &["--", "--no-such-option"]),
        (&[("test_b.py", "def test_b(): pass\n")], &["test_b.py::test_missing"]),
        (&[("test_b.py", "import sys\nsys.exit(5)\n")], &[]),
        (&[("test_b.py", "raise KeyboardInterrupt\n")], &[]),
        (
            &[("conftest.py", "import os\nos._exit(9)\n"), ("test_b.py", "")],
            &["--max-worker-restart", "0"],
        ),
    ] {
        for mode in ["load", "stream"] {
            let project = Project::new(files);
            let args = [&["-n", "1", "--dist", mode], args].concat();
            let off = project.run(&[&["--template", "off"], &args[..]].concat());
            let told = project.run(&[COLLECTED, &args[..]].concat());
            assert_eq!(told.code, off.code, "{told}\n{off}");
            let ends = [&told, &off].map(|told| {
                let lines = told.stdout.lines().filter(|line| !line.contains(" in "));
                lines.map(str::to_owned).collect::<Vec<_>>()
            });
            assert_eq!(ends[0], ends[1]);
        }
    }
}

#[test]
fn a_collection_that_hangs_is_given_up_and_its_workers_too() {
    let project = Project::new(&[("test_it.py", "import signal\nsignal.pause()\n")]);
    project.write("callsheet.toml", "[deadlines]\nstartup = '1s'\ncollect = '1s'\n");
    let told = run(&project, &["-n", "1", "--dist", "load", "--max-worker-restart", "0"]);
    told.says(&format!("{TOLD}it did not answer within 2 s"));
    told.says("it did not finish collecting within 1 s");
}

#[test]
fn an_interrupt_does_not_wait_for_the_collection() {
    let project = Project::new(&[(
        "test_it.py",
        "import os, signal\nos.rename('beginning', 'begun')\nsignal.pause()\n",
    )]);
    project.write("beginning", "");
    let running = Running::start(project.command(&[COLLECTED, &["-n", "2"]].concat()));
    running.wait_for(&project.path().join("begun"));
    running.signal(Signal::SIGINT);
    let told = running.end();
    assert_eq!(told.code, Some(2), "{told}");
}

#[test]
fn who_is_specified_otherwise_starts_otherwise() {
    let project = Project::new(&[("test_it.py", "def test_it(): pass\n")]);
    let specs = ["--tx", "popen", "--tx", "popen//env:MODE=1", "--dist", "each"];
    let told = run(&project, &specs);
    told.assert(0, "2 passed");
    told.says(&format!("{TOLD}its specification is not that of the first worker"));
}

#[test]
fn a_seed_of_the_suite_is_that_of_all_workers() {
    let project = Project::new(&[
        ("conftest.py", "import random\nrandom.seed(7)\n"),
        (
            "test_it.py",
            "import random\n\
             def test_it(): assert random.random() == random.Random(7).random()\n",
        ),
    ]);
    let told = run(&project, &["-n", "2", "--dist", "each"]);
    told.assert(0, "2 passed");
    is_forked(&told);
    project.write("conftest.py", "");
    project.write(
        "test_it.py",
        "import os, pathlib, random\n\
         def test_it(worker_id): pathlib.Path(worker_id).write_text(str(random.random()))\n",
    );
    is_forked(&run(&project, &["-n", "2", "--dist", "each"]));
    assert_ne!(project.read("gw0"), project.read("gw1"));
}

#[test]
fn what_the_suite_changes_stays_changed() {
    let project = Project::new(&[
        ("deep/file", ""),
        (
            "conftest.py",
            "import gc, os, signal, sys\n\
             os.chdir('deep')\n\
             os.umask(0o077)\n\
             gc.disable()\n\
             os.environ['MODE'] = 'slow'\n\
             del os.environ['GONE']\n\
             os.environ['PYTEST_XDIST_TESTRUNUID'] = 'own'\n\
             signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n",
        ),
        (
            "test_it.py",
            "import gc, os, signal\n\
             def test_it(worker_id):\n\
             \x20   assert os.path.exists('file') and os.umask(0) == 0o077 and not gc.isenabled()\n\
             \x20   assert os.environ['MODE'] == 'slow' and 'GONE' not in os.environ\n\
             \x20   assert os.environ['PYTEST_XDIST_TESTRUNUID'] == 'own'\n\
             \x20   assert os.environ['PYTEST_XDIST_WORKER'] == worker_id\n\
             \x20   assert os.getenvb(b'PYTEST_XDIST_WORKER') == worker_id.encode()\n\
             \x20   assert dict(os.environb) == {os.fsencode(k): os.fsencode(v) for k, v in os.environ.items()}\n\
             \x20   assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN\n",
        ),
    ]);
    let specs = ["--tx", "2*popen//env:MODE=fast//env:GONE=no", "--dist", "each"];
    let told = run(&project, &specs);
    told.assert(0, "2 passed");
    is_forked(&told);
}

#[test]
fn what_is_collected_is_in_memory_once() {
    let project = Project::new(&[
        ("conftest.py", "heavy = bytearray(b'x' * 50_000_000)\n"),
        (
            "test_it.py",
            "import os, pathlib, re, time, conftest\n\
             def test_it(worker_id):\n\
             \x20   pathlib.Path(worker_id).write_text('')\n\
             \x20   while not all(os.path.exists(f'gw{n}') for n in range(4)): time.sleep(0.01)\n\
             \x20   sizes = pathlib.Path('/proc/self/smaps_rollup').read_text()\n\
             \x20   pathlib.Path(worker_id + '.pss').write_text(re.search(r'Pss: +(\\d+)', sizes)[1])\n\
             \x20   while not all(os.path.exists(f'gw{n}.pss') for n in range(4)): time.sleep(0.01)\n",
        ),
    ]);
    let told = run(&project, &["-n", "4", "--dist", "each"]);
    told.assert(0, "4 passed");
    is_forked(&told);
    let sum: u64 =
        (0..4).map(|n| project.read(&format!("gw{n}.pss")).parse::<u64>().unwrap()).sum();
    assert!(sum < 120_000, "4 workers have {sum} KiB in all");
}

#[test]
fn workers_outlive_the_collected_template_and_are_replaced_by_others() {
    let project = Project::new(&[(
        "test_it.py",
        "import os, pathlib, time\n\
         import pytest\n\
         @pytest.mark.parametrize('n', range(8))\n\
         def test_it(n, worker_id): wait(worker_id)\n\
         def wait(worker):\n\
         \x20   pathlib.Path(worker + '.new').write_text(str(os.getpid()))\n\
         \x20   os.rename(worker + '.new', worker)\n\
         \x20   while not os.path.exists('go'): time.sleep(0.01)\n",
    )]);
    let running = Running::start(
        project.command(&[COLLECTED, &["-n", "2", "-v", "--dist", "load"]].concat()),
    );
    let workers = ["gw0", "gw1"].map(|worker| {
        running.wait_for(&project.path().join(worker));
        project.read(worker).parse::<i32>().unwrap()
    });
    let templates: Vec<Pid> = running
        .mark()
        .find("import_module")
        .into_iter()
        .filter(|pid| !workers.contains(&pid.as_raw()))
        .collect();
    assert_eq!(templates.len(), 2, "{:?}", running.mark().alive());
    // The one that has collected prints into a file.
    for pid in templates {
        let output = fs::read_link(format!("/proc/{pid}/fd/1")).unwrap();
        if output.to_string_lossy().contains("callsheet-stdout") {
            kill(pid, Signal::SIGKILL).unwrap();
        }
    }
    kill(Pid::from_raw(workers[0]), Signal::SIGKILL).unwrap();
    running.wait_for(&project.path().join("gw2"));
    project.write("go", "");
    let told = running.end();
    told.assert(1, "1 failed, 7 passed").says("killed by signal 9 (SIGKILL)");
    told.says("replaced by gw2").says(&format!("{TOLD}it has ended"));
}

#[test]
fn many_replacements_come_from_it() {
    let project = Project::new(&[(
        "test_it.py",
        "import os, pytest\nnotes = []\n\
         @pytest.mark.parametrize('n', range(12))\n\
         def test_it(n):\n\
         \x20   if n % 2: os.abort()\n",
    )]);
    project.write("callsheet.toml", "restart_backoff = '0s'\n");
    let told = run(&project, &["-n", "2", "--max-worker-restart", "20"]);
    told.assert(1, "6 failed, 6 passed");
    is_forked(&told);
}

#[test]
fn plugins_of_third_parties_work() {
    let project = super::super::plugins::with_plugins(&[(
        "test_it.py",
        "import asyncio, os, random, pytest\nfrom hypothesis import given, settings, strategies as st\n\
         runs = []\n\
         @pytest.mark.flaky(reruns=2)\n\
         def test_rerun():\n\
         \x20   runs.append(1)\n\
         \x20   assert len(runs) == 2\n\
         @pytest.mark.asyncio\n\
         async def test_async(): await asyncio.sleep(0)\n\
         @pytest.mark.timeout(60)\n\
         def test_timeout(mocker):\n\
         \x20   mocker.patch('os.getcwd', return_value='here')\n\
         \x20   assert os.getcwd() == 'here'\n\
         @settings(max_examples=5)\n\
         @given(st.integers())\n\
         def test_given(n): assert n == n\n",
    )]);
    let counts = |told: &Told| (told.code, told.counts().to_owned());
    for args in [&["-n", "2"][..], &["-n", "2", "--", "-p", "no:randomly"]] {
        let off = project.run(&[&["--template", "off"], args].concat());
        let told = run(&project, args);
        assert_eq!(counts(&told), counts(&off), "{told}");
        assert_eq!(told.code, Some(0), "{told}");
        is_forked(&told);
    }
    let told = run(&project, &["-n", "2", "--", "--cov=."]);
    told.says(&format!("{TOLD}pytest-cov measures each worker from its start"));
    assert_eq!(told.code, Some(0), "{told}");
}
