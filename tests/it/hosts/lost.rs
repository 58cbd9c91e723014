//! What is told of a host that was lost, when the run is over.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Project, Running};

#[test]
fn a_lost_host_is_told_at_the_end_and_in_the_results() {
    let text = "import os, pathlib, time\n\
        def test_waits():\n\
        \x20   while not pathlib.Path('go').exists(): time.sleep(0.01)\n\
        def test_passes(): pass\n";
    let project = Project::new(&[("test_it.py", text)]);
    let agent = env!("CARGO_BIN_EXE_callsheet");
    let spec = format!("exec=sh -c 'echo $$ >> agents; exec {agent} agent'//name=far");
    let args = ["--tx", &spec, "--junit", "junit.xml", "--events", "events.jsonl"];
    let mut running = Running::start(project.command(&args));
    let waits = |events: &str| {
        let started = |line: &&str| line.contains("test-started") && line.contains("test_waits");
        events.lines().any(|line| started(&line))
    };
    running.wait_for(&project.path().join("agents"));
    running.wait_for(&project.path().join("events.jsonl"));
    while !waits(&project.read("events.jsonl")) {
        std::thread::yield_now();
    }
    let first = project.read("agents").trim().parse().unwrap();
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    running.wait_for_stdout("is run again");
    project.write("go", "");
    let told = running.end();
    told.assert(0, "2 passed").says("= lost hosts =").says("\nfar lost: ");
    told.says("; 1 test that it was running was run again; it came back\n");
    let junit = project.read("junit.xml");
    assert!(junit.contains("<property name=\"lost-host\" value=\"far lost: "), "{junit}");
    let lost = "<property name=\"lost-with-host\" value=\"far\"/>";
    assert_eq!(junit.matches(lost).count(), 1, "{junit}");
}

#[test]
fn a_host_that_was_left_out_is_not_reached_again() {
    let text = "import pathlib, time\n\
        def test_waits():\n\
        \x20   while not pathlib.Path('go').exists(): time.sleep(0.01)\n";
    let project = Project::new(&[("test_it.py", text)]);
    let agent = env!("CARGO_BIN_EXE_callsheet");
    let spec = format!(
        "exec=sh -c 'echo $$ >> agents; exec {agent} agent'//name=far//python=/nowhere/python"
    );
    let mut running = Running::start(project.command(&["--tx", "popen", "--tx", &spec]));
    running.wait_for_stdout("host far: given up");
    let agent = Pid::from_raw(project.read("agents").trim().parse().unwrap());
    kill(agent, Signal::SIGKILL).unwrap();
    // Until its end is known to the command, which has waited for it.
    while kill(agent, None).is_ok() {
        std::thread::yield_now();
    }
    project.write("go", "");
    let told = running.end();
    told.assert(0, "1 passed").is_silent_on("host far: lost");
    assert_eq!(told.stdout.matches("host far: given up").count(), 1, "{told}");
    assert_eq!(project.read("agents").lines().count(), 1);
}
