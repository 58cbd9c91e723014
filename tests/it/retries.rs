//! Tests that fail are run again: with real pytest, on real workers.

use std::fmt::Write as _;
use std::path::Path;

use crate::support::{Project, lines};

/// A test that fails so many times, by a counter that all workers share, beside 20 that pass.
fn flaky(failures: u32) -> Project {
    Project::new(&[(
        "test_it.py",
        &format!(
            "import os, pathlib, pytest\n\
             @pytest.mark.parametrize('n', range(20))\n\
             def test_quick(n): pass\n\
             def test_flaky():\n\
            \x20   count = pathlib.Path('count')\n\
            \x20   seen = len(count.read_text()) if count.exists() else 0\n\
            \x20   count.write_text('x' * (seen + 1))\n\
            \x20   assert seen >= {failures}, 'not yet'\n"
        ),
    )])
}

#[test]
fn a_test_that_passes_at_a_later_attempt_is_flaky_and_passes() {
    for dist in ["stream", "load", "worksteal", "loadfile"] {
        for workers in ["1", "2"] {
            let told = flaky(1).run(&["-n", workers, "--dist", dist, "--retries", "2"]);
            told.assert(0, "21 passed, 1 rerun, 1 flaky");
            told.says("flaky tests").says("test_it.py::test_flaky: AssertionError: not yet");
        }
    }
}

#[test]
fn the_last_attempt_is_alone_in_a_fresh_process() {
    for workers in ["1", "2"] {
        let told = flaky(1).run(&["-n", workers, "--retries", "1"]);
        told.assert(0, "21 passed, 1 rerun, 1 flaky").says("(passed alone in a fresh process)");
    }
}

#[test]
fn a_test_that_failed_is_run_again_by_another_worker() {
    // Where the test first ran, the other test of its file is over when the other worker still has something to do.
    let picky = "import os, pathlib\n\
                 def test_picky():\n\
                 \x20   me = os.environ['PYTEST_XDIST_WORKER']\n\
                 \x20   print(me, file=open('tried', 'a'))\n\
                 \x20   assert not open('tried').readline().startswith(me), 'not here'\n\
                 def test_other(): pathlib.Path('other').touch()\n";
    let long = "import pathlib, time\n\
                def test_long():\n\
                \x20   while not pathlib.Path('other').exists(): time.sleep(0.05)\n";
    for dist in ["stream", "load", "worksteal", "loadfile"] {
        for retries in ["1", "2"] {
            let project = Project::new(&[("test_a.py", picky), ("test_b.py", long)]);
            let told = project.run(&["-n", "2", "--dist", dist, "--retries", retries]);
            told.assert(0, "3 passed, 1 rerun, 1 flaky").says("not here");
            let tried = project.read("tried");
            let tried: Vec<&str> = tried.lines().collect();
            assert!(tried.len() == 2 && tried[0] != tried[1], "{dist} {retries}: {tried:?}");
        }
    }
    let alone = Project::new(&[("test_a.py", picky)]);
    let told = alone.run(&["-n", "1", "--retries", "2"]);
    told.assert(0, "2 passed, 2 rerun, 1 flaky").says("(passed alone in a fresh process)");
    assert_eq!(alone.read("tried"), "gw0\ngw0\ngw1\n", "there was no other one");
}

#[test]
fn a_test_that_fails_every_time_fails_once() {
    let told = flaky(9).run(&["-n", "2", "--retries", "2", "-x"]);
    told.assert(1, "1 failed, 20 passed, 2 rerun");
    assert_eq!(told.ids("FAILED"), ["test_it.py::test_flaky"]);
}

#[test]
fn an_attempt_counts_once_whatever_fails_in_it() {
    let body = "import pathlib, pytest\n\
                @pytest.fixture\n\
                def always():\n\
                \x20   yield\n\
                \x20   assert 0, 'in the teardown'\n\
                @pytest.fixture\n\
                def once():\n\
                \x20   yield\n\
                \x20   assert len(open('tried').read()) > 2, 'in the teardown, once'\n\
                def test_twice_bad(always): assert 0, 'in the call'\n\
                def test_bad_at_last(once):\n\
                \x20   print('something')\n\
                \x20   print('x', file=open('tried', 'a'))\n";
    for dist in ["stream", "load"] {
        let project = Project::new(&[("test_it.py", body)]);
        let told = project.run(&["-n", "2", "--dist", dist, "--retries", "2", "--junit", "j.xml"]);
        told.assert(1, "1 failed, 1 passed, 1 error, 3 rerun, 1 flaky");
        let xml = project.read("j.xml");
        assert_eq!(xml.matches("<rerunFailure").count(), 2, "{xml}");
        assert_eq!(xml.matches("<flakyFailure").count(), 1, "{xml}");
        assert_eq!(xml.matches("error at teardown of test_twice_bad").count(), 3, "{xml}");
    }
}

#[test]
fn flaky_tests_fail_the_run_where_the_project_says_so() {
    let project = flaky(1);
    project.write("callsheet.toml", "flaky = 'fail'\nretries = 1\n");
    let told = project.run(&["-n", "2"]);
    told.assert(1, "21 passed, 1 rerun, 1 flaky").says("1 test is flaky");
}

#[test]
fn a_run_makes_no_more_attempts_than_its_budget() {
    let project = Project::new(&[(
        "test_it.py",
        "import pytest\n@pytest.mark.parametrize('n', range(10))\ndef test_bad(n): assert 0\n",
    )]);
    project.write("callsheet.toml", "retry_budget = 3\nretries = 1\n");
    let told = project.run(&["-n", "2"]);
    told.assert(1, "10 failed, 3 rerun").says("3 further attempts were made");
}

#[test]
fn a_crash_is_run_again_only_where_the_project_says_so() {
    let body = "import os, pathlib\n\
                def test_crash():\n\
                \x20   once = pathlib.Path('once')\n\
                \x20   if not once.exists():\n\
                \x20       once.write_text('')\n\
                \x20       os.abort()\n\
                def test_other(): pass\n";
    let project = Project::new(&[("test_it.py", body)]);
    project.run(&["-n", "2", "--retries", "2"]).assert(1, "1 failed, 1 passed");
    let project = Project::new(&[("test_it.py", body)]);
    project.write("callsheet.toml", "retry_crashed = true\n");
    let told = project.run(&["-n", "2", "--retries", "2"]);
    told.assert(0, "2 passed, 1 rerun, 1 flaky");
}

#[test]
fn a_test_that_fails_because_of_another_passes_alone() {
    let body = "state = []\n\
                def test_leaves_something(): state.append(1)\n\
                def test_wants_none(): assert not state, 'something was left'\n\
                def test_other(): pass\n";
    for dist in ["stream", "load"] {
        let project = Project::new(&[("test_it.py", body)]);
        let told = project.run(&["-n", "1", "--dist", dist, "--retries", "1"]);
        told.assert(0, "3 passed, 1 rerun, 1 flaky")
            .says("test_it.py::test_wants_none: AssertionError: something was left")
            .says("(passed alone in a fresh process)");
        let project = Project::new(&[("test_it.py", body)]);
        project.run(&["-n", "1", "--dist", dist]).assert(1, "1 failed, 2 passed");
    }
}

#[test]
fn what_past_runs_have_seen_decides_who_is_run_again() {
    for filter in ["last(failed)", "last(bad) and duration(>= 0s)"] {
        let project = flaky(2);
        let config = format!("[[override]]\nfilter = '{filter}'\nretries = 1\n");
        project.write("callsheet.toml", &config);
        project.run(&["-n", "2"]).assert(1, "1 failed, 20 passed");
        project.run(&["-n", "2"]).assert(0, "21 passed, 1 rerun, 1 flaky");
    }
}

/// A suite of commands: one that fails so many times, by a file that all workers share, beside ten that pass.
fn flaky_commands(failures: u32) -> Project {
    let mut manifest = format!(
        "[[test]]\nname = 'flaky'\n\
         command = 'echo $PPID >> tried; test $(wc -l < tried) -gt {failures} || {{ echo not yet; exit 3; }}'\n"
    );
    for number in 0..10 {
        writeln!(manifest, "[[test]]\nname = 'quick {number}'\ncommand = 'true'").unwrap();
    }
    Project::new(&[("callsheet-commands.toml", &manifest)])
}

#[test]
fn commands_are_run_again_and_the_last_time_by_a_fresh_worker() {
    for dist in ["stream", "load"] {
        let project = flaky_commands(2);
        let told = project.run(&["-n", "2", "--dist", dist, "--retries", "2"]);
        told.assert(0, "11 passed, 2 rerun, 1 flaky")
            .says("flaky tests")
            .says("flaky: exit code 3");
        told.says("(passed alone in a fresh process)");
        let workers = project.read("tried");
        let workers: Vec<&str> = workers.lines().collect();
        let (last, before) = workers.split_last().unwrap();
        assert_eq!(before.len(), 2, "{workers:?}");
        assert!(!before.contains(last), "{workers:?}");

        let project = flaky_commands(9);
        let told = project.run(&["-n", "1", "--dist", dist, "--retries", "2"]);
        told.assert(1, "1 failed, 10 passed, 2 rerun").says("not yet");
        assert_eq!(told.ids("FAILED"), ["flaky"]);
    }
}

#[test]
fn commands_are_not_run_again_beyond_the_budget() {
    let mut manifest = String::new();
    for number in 0..6 {
        writeln!(manifest, "[[test]]\nname = 'bad {number}'\ncommand = 'exit 1'").unwrap();
    }
    let project = Project::new(&[("callsheet-commands.toml", &manifest)]);
    project.write("callsheet.toml", "retry_budget = 2\nretries = 3\nflaky = 'fail'\n");
    let told = project.run(&["-n", "2"]);
    told.assert(1, "6 failed, 2 rerun").says("2 further attempts were made");
}

#[test]
fn a_command_that_crashes_or_takes_too_long_is_run_again_where_the_project_says_so() {
    let once = |act: &str| format!("command = 'test -e once-{act} && exit 0; touch once-{act}; ");
    let manifest = format!(
        "[[test]]\nname = 'crashes'\n{}kill -SEGV $$'\n\
         [[test]]\nname = 'hangs'\ntimeout = '1s'\n{}exec sleep 1000'\n",
        once("crash"),
        once("hang")
    );
    let project = Project::new(&[("callsheet-commands.toml", &manifest)]);
    project.run(&["-n", "1", "--retries", "1"]).assert(1, "2 failed");
    let project = Project::new(&[("callsheet-commands.toml", &manifest)]);
    project.write("callsheet.toml", "retry_crashed = true\n");
    let told = project.run(&["-n", "1", "--retries", "1"]);
    told.assert(0, "2 passed, 2 rerun, 2 flaky");
}

/// A worker of the user's own that runs what the files of its directory say: so often does each of its tests fail. It writes
/// down what it was told of every attempt.
const WORKER: &str = r"
import json, os, sys
setup = json.load(os.fdopen(int(os.environ['CALLSHEET_SETUP_FD'])))
events, queue = os.fdopen(int(os.environ['CALLSHEET_EVENTS_FD']), 'w'), int(os.environ['CALLSHEET_QUEUE_FD'])
def say(**event):
    print(json.dumps(event), file=events, flush=True)
say(t='ready', protocol=setup['protocol'], pid=os.getpid(), executable='x', runtime='', framework='own', platform='p', cwd='/')
names = json.load(open('names'))
say(t='items', items=[[name, 1] for name in names])
say(t='collected', count=len(names), deselected=0)
while True:
    message = json.loads(os.read(queue, 65536) or sys.exit(71))
    if 'run' not in message:
        break
    i = message['run']
    name, attempt = list(names)[i], message.get('attempt', 1)
    say(t='start', i=i)
    with open('told', 'a') as told:
        print(name, attempt, message.get('alone', False), os.getpid(), file=told)
    failed = attempt <= names[name]
    if failed:
        say(t='report', i=i, phase='call', category='failed', letter='F', word='FAILED', failed=True, headline=name, brief='attempt %d' % attempt)
    say(t='end', i=i, o='failed' if failed else 'passed', d=[0, 0, 0], s=0)
say(t='finished', exit_code=0)
";

fn own(names: &str, args: &[&str]) -> (Project, crate::support::Told) {
    let project = Project::new(&[("worker.py", WORKER), ("names", names)]);
    let worker = format!("{} worker.py", project.python().display());
    let base = ["-n", "2", "--worker-command", &worker, "--events", "events.jsonl"];
    let told = project.run(&[&base[..], args].concat());
    (project, told)
}

#[test]
fn a_worker_of_ones_own_is_told_which_attempt_it_is() {
    for dist in ["stream", "load"] {
        let names = r#"{"good": 0, "once": 1, "twice": 2, "never": 9}"#;
        let (project, told) = own(names, &["--dist", dist, "--retries", "2"]);
        told.assert(1, "1 failed, 3 passed, 5 rerun, 2 flaky");
        told.says("once: attempt 1").says("twice: attempt 1").says("FAILED never - attempt 3");
        let mut attempts: Vec<String> = Vec::new();
        let mut fresh = Vec::new();
        for line in project.read("told").lines() {
            let (what, pid) = line.rsplit_once(' ').unwrap();
            attempts.push(what.to_owned());
            fresh.extend(what.ends_with("True").then(|| pid.to_owned()));
        }
        attempts.sort();
        assert_eq!(
            attempts,
            [
                "good 1 False",
                "never 1 False",
                "never 2 False",
                "never 3 True",
                "once 1 False",
                "once 2 False",
                "twice 1 False",
                "twice 2 False",
                "twice 3 True",
            ]
        );
        // Each last attempt was the first thing that its process did.
        assert_eq!(fresh.len(), 2);
        for pid in fresh {
            let told = project.read("told");
            let first = told.lines().find(|line| line.ends_with(&pid)).unwrap();
            assert!(first.contains(" 3 True "), "{told}");
        }
    }
}

#[test]
fn attempts_wait_longer_each_time() {
    let names = r#"{"twice": 2, "thrice": 3}"#;
    let project = Project::new(&[("worker.py", WORKER), ("names", names)]);
    project.write("callsheet.toml", "retry_delay = '100ms'\n");
    let worker = format!("{} worker.py", project.python().display());
    let args = ["-n", "2", "--worker-command", &worker, "--events", "events.jsonl"];
    let told = project.run(&[&args[..], &["--retries", "3"]].concat());
    told.assert(0, "2 passed, 5 rerun, 2 flaky");
    let waits = waits(&project.path().join("events.jsonl"), "thrice");
    assert_eq!(waits.len(), 3);
    for (wait, most) in waits.iter().zip([0.1, 0.2, 0.4]) {
        assert!((most / 2.0..=most).contains(wait), "{waits:?}");
    }
}

/// How long each further attempt at a test was put off, by the events.
fn waits(events: &Path, id: &str) -> Vec<f64> {
    let text = std::fs::read_to_string(events).unwrap();
    let retried = |line: &serde_json::Value| line["event"] == "test-retried" && line["id"] == id;
    let waits = lines(&text).into_iter().filter(retried);
    waits.map(|line| line["delay"].as_f64().unwrap()).collect()
}

#[test]
fn a_test_that_waits_for_its_next_attempt_when_the_run_stops_says_why_it_failed() {
    let manifest = "[[test]]\nname = 'a'\ncommand = 'echo of a; exit 3'\n[[test]]\nname = 'b'\ncommand = 'echo of b; exit 1'\n";
    let config = "retries = 3\nretry_delay = '1h'\nretry_backoff_max = '1h'\nmaxfail = 1\njunit = 'j.xml'\n\
                  [[override]]\nfilter = 'name(b)'\nretries = 0\n";
    let project =
        Project::new(&[("callsheet-commands.toml", manifest), ("callsheet.toml", config)]);
    let summary = project.path().join("summary.md");
    let env = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
    let told = project.run_with(&env, &["-n", "1", "--dist", "load"]);
    assert_eq!(told.code, Some(1), "{told}");
    assert_eq!(told.ids("FAILED"), ["a", "b"], "{told}");
    told.says("FAILED a - exit code 3").says("of a");
    told.says("title=a (failed)::exit code 3");
    let xml = project.read("j.xml");
    assert!(xml.contains("message=\"exit code 3") && !xml.contains("the test failed"), "{xml}");
    assert!(!xml.contains("<rerunFailure"), "{xml}");
    let summary = project.read("summary.md");
    assert!(summary.contains("<pre>$ echo of a; exit 3\nexit code 3"), "{summary}");
}
