//! A test that runs for longer than a test should is told while it runs.

use crate::support::{Project, Running};

/// A test that waits to be told to end, beside others.
const WAITS: &str = "import os, time\n\
    def test_waits():\n\
    \x20   while not os.path.exists('go'): time.sleep(0.01)\n\
    def test_other(): pass\n";

fn is_told(config: &str, native: bool) {
    let project = Project::new(&[("test_it.py", WAITS)]);
    project.write("callsheet.toml", config);
    let (args, line): (&[&str], &str) = if native {
        project.write("callsheet-commands.toml", "[[test]]\nname = 'waits'\ncommand = ['sh', '-c', 'while ! test -e go; do sleep 0.01; done']\n");
        (&["--suite", "command", "-n", "1"], "[gw0] slow: waits, ")
    } else {
        (&["-n", "1"], "[gw0] slow: test_it.py::test_waits, ")
    };
    let mut command = project.command(args);
    command.env("CALLSHEET_EVENTS", project.path().join("events.jsonl"));
    let mut run = Running::start(command);
    run.wait_for_stdout(line);
    project.write("go", "");
    let told = run.end();
    told.assert(0, if native { "1 passed" } else { "2 passed" });
    let events = project.read("events.jsonl");
    assert_eq!(events.matches(r#""event":"test-slow""#).count(), 1, "{events}");
}

#[test]
fn a_test_above_the_time_of_all_tests_is_told_once() {
    is_told("[deadlines]\nslow = '2s'\n", false);
}

#[test]
fn a_test_above_its_own_time_is_told() {
    is_told("[[override]]\nfilter = 'test_waits'\nslow = '1s'\n", false);
    is_told("[deadlines]\nslow = '1h'\n[[override]]\nfilter = 'test_waits'\nslow = '1s'\n", false);
}

#[test]
fn a_command_is_told_as_slow_too() {
    is_told("[deadlines]\nslow = '2s'\n", true);
}

#[test]
fn a_test_that_is_never_slow_is_not_told() {
    let project = Project::new(&[("test_it.py", "def test_it(): pass\n")]);
    let config = "[deadlines]\nslow = '1ms'\n[[override]]\nfilter = 'test_it'\nslow = 'none'\n";
    project.write("callsheet.toml", config);
    project.run(&["-n", "1"]).assert(0, "1 passed").is_silent_on("slow:");
}
