//! What programs are told of a run: `JUnit`, the stream of events, annotations, and files that can not be written.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

mod commands;

use super::support::{Project, Running, Told, assert_valid, lines, schema};

const MIXED: &str = "import os, sys, pytest, warnings
def test_pass(): pass
def test_fail():
    print('on stdout'); print('on stderr \\x1b[31mred\\x00', file=sys.stderr)
    assert 'a < b & c' == 'é\\x01'
@pytest.mark.skip(reason='not now')
def test_skip(): pass
@pytest.mark.xfail(reason='a bug')
def test_xfail(): assert 0
class TestGroup:
    @pytest.mark.parametrize('x', ['p::q'])
    def test_x(self, x): pass
@pytest.fixture
def broken(): raise ValueError('no fixture')
def test_error(broken): pass
@pytest.fixture
def late():
    yield
    raise KeyError('late')
def test_both(late): assert 1 == 2
def test_crash(): os.kill(os.getpid(), 11)
";

fn mixed() -> Project {
    // xmlschema is a real validator of XML schemas.
    Project::with(
        &["pytest==9.2.0", "xmlschema==4.1.0"],
        &[("sub/test_a.py", MIXED), ("sub/test_bad.py", "import nothing_like_it\n")],
    )
}

/// Reads a `JUnit` file as a program does, after holding it against the schema: suites with their cases, as JSON.
fn junit(project: &Project, file: &str) -> Value {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/junit.xsd");
    let script = "import json, sys, xmlschema, xml.etree.ElementTree as ET
xmlschema.XMLSchema(sys.argv[1]).validate(sys.argv[2])
root = ET.parse(sys.argv[2]).getroot()
def tree(e): return {'tag': e.tag, **e.attrib, 'text': (e.text or '').strip(), 'all': [tree(c) for c in e if c.tag != 'properties'],
    'properties': {p.get('name'): p.get('value') for p in e.findall('properties/property')}}
print(json.dumps(tree(root)))";
    let told = project.run_python(&["-c", script, schema.to_str().unwrap(), file]);
    assert_eq!(told.code, Some(0), "{told}\n{}", project.read(file));
    serde_json::from_str(&told.stdout).unwrap()
}

/// Every case as `name tag type message`.
fn cases(document: &Value) -> Vec<String> {
    let mut cases = Vec::new();
    for suite in document["all"].as_array().unwrap() {
        for case in suite["all"].as_array().unwrap() {
            let mut words = vec![case["name"].as_str().unwrap().to_owned()];
            for part in case["all"].as_array().unwrap() {
                let word = |key: &str| part[key].as_str().unwrap_or_default();
                words.push(
                    format!("{} {} {}", word("tag"), word("type"), word("message"))
                        .trim()
                        .to_owned(),
                );
            }
            cases.push(words.join("; "));
        }
    }
    cases.sort();
    cases
}

#[test]
fn junit_says_what_the_run_says() {
    let project = mixed();
    let told = project.run(&["-n2", "--junit", "out/new/junit.xml", "--run-id-is-not-known"]);
    assert_eq!(told.code, Some(4), "{told}");
    assert!(!project.path().join("out").exists(), "nothing was run");

    let told = project.run(&["-n2", "--junit", "out/new/junit.xml", "--testrunuid", "run-1"]);
    assert_eq!(told.code, Some(1), "{told}");
    let document = junit(&project, "out/new/junit.xml");
    let found = cases(&document);
    let crash = found.iter().find(|case| case.starts_with("test_crash")).unwrap();
    assert!(crash.starts_with("test_crash; error crashed worker 'gw"), "{crash}");
    assert!(crash.contains("signal 11 (SIGSEGV)"), "{crash}");
    let others: Vec<&str> =
        found.iter().map(|case| &**case).filter(|case| !case.starts_with("test_crash")).collect();
    assert_eq!(
        others,
        [
            "sub/test_bad.py; error collection ModuleNotFoundError: No module named 'nothing_like_it'",
            "test_both; failure AssertionError assert 1 == 2",
            "test_error; error ValueError ValueError: no fixture",
            "test_fail; failure AssertionError AssertionError: assert 'a < b & c' == 'é\\x01'; system-out; system-err",
            "test_pass",
            "test_skip; skipped pytest.skip not now",
            "test_x[p::q]",
            "test_xfail; skipped pytest.xfail a bug",
        ]
    );
    let count = |key: &str| document[key].as_str().unwrap().parse::<u32>().unwrap();
    assert_eq!(["tests", "failures", "errors", "skipped"].map(count), [9, 2, 3, 2]);
    let suites = document["all"].as_array().unwrap();
    assert_eq!(suites[0]["name"], "sub/test_a.py");
    assert_eq!(suites[0]["properties"]["run-id"], "run-1");
    let case = |name: &str| {
        suites[0]["all"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap()
    };
    assert_eq!(case("test_x[p::q]")["classname"], "sub.test_a.TestGroup");
    assert_eq!(case("test_x[p::q]")["properties"]["id"], "sub/test_a.py::TestGroup::test_x[p::q]");
    let both = case("test_both")["all"][0]["text"].as_str().unwrap();
    assert!(both.contains("assert 1 == 2") && both.contains("KeyError"), "{both}");
    let printed = case("test_fail")["all"].as_array().unwrap();
    assert_eq!(printed[1]["text"], "--- Captured stdout call ---\non stdout");
    assert_eq!(printed[2]["text"], "--- Captured stderr call ---\non stderr red");
    let left: Vec<_> = fs::read_dir(project.path().join("out/new")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let mode = fs::metadata(project.path().join("out/new/junit.xml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o444, 0o444 & !umask(), "{mode:o}");
}

/// The bits that new files do not get.
fn umask() -> u32 {
    let probe = tempfile::tempdir().unwrap();
    fs::write(probe.path().join("probe"), "").unwrap();
    !fs::metadata(probe.path().join("probe")).unwrap().permissions().mode() & 0o777
}

#[test]
fn junit_is_whole_under_every_mode_and_after_an_interrupt() {
    let project = mixed();
    project.write("sub/test_bad.py", "def test_other(): pass\n");
    for mode in ["load", "each", "loadfile"] {
        let told = project.run(&["-n2", "--dist", mode, "--junit", "junit.xml"]);
        assert_eq!(told.code, Some(1), "{told}");
        let document = junit(&project, "junit.xml");
        let times = if mode == "each" { 2 } else { 1 };
        assert_eq!(cases(&document).len(), 9 * times, "{mode}");
    }
    project.write(
        "sub/test_a.py",
        "import pathlib, time\ndef test_quick(): pass\ndef test_long():\n    pathlib.Path('begun').touch()\n    \
         while not pathlib.Path('go').exists(): time.sleep(0.01)\ndef test_never(): pass\n",
    );
    fs::remove_file(project.path().join("junit.xml")).unwrap();
    let mut running =
        Running::start(project.command(&["-n1", "--junit", "junit.xml", "sub/test_a.py"]));
    running.wait_for(&project.path().join("begun"));
    running.signal(Signal::SIGINT);
    running.wait_for_stdout("SIGINT");
    project.write("go", "");
    let told = running.end();
    assert_eq!(told.code, Some(2), "{told}");
    let found = cases(&junit(&project, "junit.xml"));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().any(|case| case.starts_with("test_never; skipped not-run")), "{found:?}");
}

#[test]
fn junit_says_on_which_host_a_test_ran() {
    let body = "import os\ndef test_dies(): os.kill(os.getpid(), 9)\ndef test_lives(): pass\n";
    let requirements = ["pytest==9.2.0", "xmlschema==4.1.0"];
    let project = Project::with(&requirements, &[("test_a.py", body)]);
    let host = |name: &str| format!("exec={} agent//name={name}", env!("CARGO_BIN_EXE_callsheet"));
    let args = ["--tx", &host("big"), "--tx", &host("small"), "--dist", "each"];
    let told = project.run(&[&args[..], &["--junit", "junit.xml"]].concat());
    assert_eq!(told.code, Some(1), "{told}");
    let document = junit(&project, "junit.xml");
    let suites = document["all"].as_array().unwrap();
    let of_suite = |suite: &Value| {
        let cases = suite["all"].as_array().unwrap().iter();
        cases.map(|case| case["properties"]["host"].as_str().unwrap().to_owned()).collect()
    };
    let mut hosts: Vec<Vec<String>> = suites.iter().map(of_suite).collect();
    hosts.sort();
    // The second test ran on the worker that came in place of the dead one.
    assert_eq!(hosts, [["big", "big"], ["small", "small"]]);

    let told = project.run(&["-n1", "--junit", "junit.xml", "test_a.py::test_lives"]);
    assert_eq!(told.code, Some(0), "{told}");
    let document = junit(&project, "junit.xml");
    assert_eq!(document["all"][0]["all"][0]["properties"]["host"], "local");
}

#[test]
fn flaky_tests_are_told_apart_in_junit() {
    let project = Project::with(
        &["pytest==9.2.0", "xmlschema==4.1.0", "pytest-rerunfailures==16.1"],
        &[(
            "test_a.py",
            "import pathlib\ndef test_flaky():\n    print('tried')\n    path = pathlib.Path('tried')\n    \
             seen = path.exists()\n    path.touch()\n    assert seen\ndef test_broken(): assert 0\n",
        )],
    );
    let told = project.run(&["-n1", "--junit", "junit.xml", "--", "--reruns", "2"]);
    assert_eq!(told.code, Some(1), "{told}");
    let found = cases(&junit(&project, "junit.xml"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("test_broken; failure AssertionError assert 0; rerunFailure"),
        "{found:?}"
    );
    assert_eq!(found[0].matches("rerunFailure").count(), 2, "{found:?}");
    assert!(found[1].starts_with("test_flaky; flakyFailure"), "{found:?}");
}

#[test]
fn what_was_run_again_is_told_apart_in_every_report() {
    let body = "import pathlib\ndef test_flaky():\n    path = pathlib.Path('tried')\n    \
                seen = path.exists()\n    path.touch()\n    assert seen, 'not yet'\n\
                def test_broken(): assert 0\n";
    let requirements = ["pytest==9.2.0", "xmlschema==4.1.0"];
    let project = Project::with(&requirements, &[("test_a.py", body)]);
    let summary = project.path().join("summary.md");
    fs::write(&summary, "").unwrap();
    let variables =
        [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
    let args = ["-n1", "--retries", "1", "--junit", "junit.xml", "--events", "-"];
    let told = project.run_with(&variables, &args);
    assert_eq!(told.code, Some(1), "{told}");
    let found = cases(&junit(&project, "junit.xml"));
    assert_eq!(
        found,
        [
            "test_broken; failure AssertionError assert 0; rerunFailure AssertionError assert 0",
            "test_flaky; flakyFailure AssertionError AssertionError: not yet",
        ]
    );
    let events = events_of(&told);
    let again = events.iter().filter(|event| event["event"] == "test-retried");
    assert_eq!(again.count(), 2);
    let flaky = |event: &&Value| {
        event["event"] == "test-finished" && event["id"] == "test_a.py::test_flaky"
    };
    let flaky = events.iter().find(flaky).unwrap();
    assert_eq!((&flaky["attempt"], &flaky["outcome"]), (&2.into(), &"passed".into()));
    assert_eq!(events.last().unwrap()["flaky"], 1);
    let summary = project.read("summary.md");
    assert!(summary.contains("**1 passed, 1 failed, 1 flaky** in "), "{summary}");
    assert!(summary.contains("<code>test_a.py::test_flaky</code>: flaky"), "{summary}");
    assert!(summary.contains("not yet"), "{summary}");
}

/// The events of a run, from its standard output.
fn events_of(told: &Told) -> Vec<Value> {
    assert_valid(&told.stdout);
    lines(&told.stdout)
}

#[test]
fn events_stream_to_standard_output_while_people_read_the_other() {
    let project = mixed();
    let told = project.run(&["-n2", "--events", "-"]);
    assert_eq!(told.code, Some(1), "{told}");
    let events = events_of(&told);
    assert_eq!((&events[0]["event"], &events[0]["version"]), (&"run-started".into(), &1.into()));
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["exit_code"], &last["tests"]),
        (&"run-finished".into(), &1.into(), &8.into())
    );
    assert_eq!(last["outcomes"]["crashed"], 1);
    assert!(told.stderr.contains("passed"), "{told}");
    let whole = jsonschema::validator_for(&schema()).unwrap();
    for event in &events {
        assert!(whole.is_valid(event), "{event}");
    }
    assert!(!whole.is_valid(&serde_json::json!({ "time": 1.0, "event": "unheard-of" })));
    // Every event that is documented is an event of the schema's, and none has a colour.
    assert!(!told.stdout.contains("\\u001b"), "{told}");
    let failed = events.iter().find(|event| {
        event["event"] == "test-reported" && event["id"] == "sub/test_a.py::test_fail"
    });
    assert_eq!(failed.unwrap()["location"], "sub/test_a.py:5");
}

#[test]
fn a_killed_run_leaves_its_events_complete() {
    let project = Project::new(&[(
        "test_a.py",
        "import pathlib, time\ndef test_1(): pass\ndef test_2(): pass\ndef test_3():\n    \
         pathlib.Path('begun').touch()\n    time.sleep(600)\n",
    )]);
    let mut running = Running::start(project.command(&["-n1", "--events", "events.jsonl"]));
    running.wait_for(&project.path().join("begun"));
    // What the worker has said so far may still be on its way.
    while !project.read("events.jsonl").contains("test_3") {
        std::thread::yield_now();
    }
    running.signal(Signal::SIGKILL);
    assert!(running.wait().is_some());
    let stream = project.read("events.jsonl");
    assert_valid(&stream);
    let ended = lines(&stream).iter().filter(|event| event["event"] == "test-finished").count();
    assert_eq!(ended, 2, "{stream}");
    running.end();
}

#[test]
fn outputs_that_can_not_be_written_are_told_before_anything_is_run() {
    let project = Project::new(&[(
        "test_a.py",
        "import pathlib\ndef test_1(): pathlib.Path('ran').touch()\n",
    )]);
    project.write("file", "");
    fs::create_dir(project.path().join("directory")).unwrap();
    for flag in ["--junit", "--events"] {
        for (path, cause) in [
            ("file/below.xml", "not a directory"),
            ("directory", "directory"),
            // There nobody can make a file, not even root.
            ("/proc/nope.xml", "No such file"),
        ] {
            let told = project.run(&["-n1", flag, path]);
            assert_eq!(told.code, Some(4), "{flag} {path}\n{told}");
            told.says("the output file `").says(path).says(cause);
        }
    }
    for summary in ["directory/no/such/summary.md", "directory", "file/summary.md", "/proc/nope.md"]
    {
        let told = project
            .run_with(&[("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary)], &["-n1"]);
        assert_eq!(told.code, Some(4), "{told}");
        told.says("the output file `").says(summary).says("can not be written");
    }
    assert!(!project.path().join("ran").exists());
}

/// The same by a root that is bound by the permissions of files, where there is a program for that.
fn without_override(command: &Command) -> Option<Command> {
    let mut lesser = Command::new("setpriv");
    lesser.args(["--bounding-set", "-dac_override"]);
    Command::new("setpriv").arg("--version").output().ok()?;
    lesser.arg(command.get_program()).args(command.get_args());
    lesser.current_dir(command.get_current_dir()?);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => lesser.env(name, value),
            None => lesser.env_remove(name),
        };
    }
    Some(lesser)
}

#[test]
fn an_output_that_may_not_be_written_is_told_before_anything_is_run() {
    let project = Project::new(&[(
        "test_a.py",
        "import pathlib\ndef test_1(): pathlib.Path('ran').touch()\n",
    )]);
    let file = project.path().join("kept");
    fs::write(&file, "kept").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    for flag in ["--junit", "--events"] {
        let mut command = project.command(&["-n1", flag, "kept"]);
        if fs::OpenOptions::new().append(true).open(&file).is_ok() {
            // Root may write anything, unless it gives that up.
            let Some(lesser) = without_override(&command) else {
                let _unheard = writeln!(io::stderr(), "skipped: no file is read-only here");
                return;
            };
            command = lesser;
        }
        let told = Running::start(command).end();
        assert_eq!(told.code, Some(4), "{flag}\n{told}");
        told.says("the output file `").says("ermission denied");
    }
    assert_eq!(project.read("kept"), "kept");
    assert!(!project.path().join("ran").exists());
}

#[test]
fn an_output_that_fails_on_the_way_fails_the_run() {
    let project = Project::new(&[("test_a.py", "def test_1(): pass\n")]);
    let told = project.run(&["-n1", "--events", "/dev/full"]);
    assert_eq!(told.code, Some(7), "{told}");
    told.says("the events file `/dev/full` can not be written any more").says("1 passed");
    let told = project.run(&["-n1", "--junit", "/dev/full"]);
    assert_eq!(told.code, Some(7), "{told}");
    told.says("the JUnit file `/dev/full` could not be written").says("1 passed");
    assert_eq!(project.run(&["-n1", "--junit", "/dev/null"]).code, Some(0));
}

#[test]
fn github_shows_failures_where_they_are() {
    let project = mixed();
    project
        .write("sub/test_bad.py", "def test_more():\n    raise ValueError('50%,\\nthen: more')\n");
    project.write("summary.md", "# before\n");
    let root = project.path().parent().unwrap().to_str().unwrap();
    let name = project.path().file_name().unwrap().to_str().unwrap();
    let summary = project.path().join("summary.md");
    let told = project.run_with(
        &[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
            ("GITHUB_WORKSPACE", root),
        ],
        &["-n2"],
    );
    assert_eq!(told.code, Some(1), "{told}");
    let commands: Vec<&str> = told.stderr.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(commands.len(), 5, "{told}");
    assert!(
        commands.contains(&&*format!(
            "::error file={name}/sub/test_bad.py,line=2,title=sub/test_bad.py%3A%3Atest_more (failed)::ValueError: 50%25,"
        )),
        "{told}"
    );
    assert!(
        commands.iter().any(|line| line.contains("test_crash (crashed)::worker 'gw")),
        "{told}"
    );
    let summary = project.read("summary.md");
    assert!(summary.starts_with("# before\n## callsheet\n\n**2 passed, 3 failed,"), "{summary}");
    assert!(summary.contains("<code>sub/test_a.py::test_fail</code>: failed"), "{summary}");
    assert!(summary.contains("a &lt; b &amp; c"), "{summary}");
    let quiet = project.run(&["-n2"]);
    assert!(!quiet.stderr.contains("::error"), "{quiet}");
}

#[test]
fn the_slowest_tests_are_listed_when_asked_for() {
    let project = Project::new(&[(
        "test_a.py",
        "import time\ndef test_quick(): pass\ndef test_slow(): time.sleep(0.2)\n",
    )]);
    let told = project.run(&["-n1", "--durations", "1"]);
    told.assert(0, "2 passed").says("slowest").says("test_a.py::test_slow");
    told.is_silent_on("test_a.py::test_quick");
}
