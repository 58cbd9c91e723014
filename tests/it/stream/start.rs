//! When the first files go out.

use crate::support::{Project, Running, Told, lines};

/// A project of which no worker but the first comes up before that one has listed its files, and the last one perhaps never.
fn project() -> Project {
    let conftest = "import os, time\n\
        def pytest_configure(config):\n\
        \x20   worker = os.environ.get('PYTEST_XDIST_WORKER', 'gw0')\n\
        \x20   if worker == 'gw2' and os.path.exists('dies'): os._exit(3)\n\
        \x20   while worker != 'gw0' and '\"worker-listed\"' not in open('events.jsonl').read(): time.sleep(0.01)\n";
    let test = "def test_it(): pass\n";
    Project::new(&[("conftest.py", conftest), ("test_a.py", test), ("test_b.py", test)])
}

/// How the run ended, and how many workers had listed their files when they began to be handed out.
fn run(project: &Project, args: &[&str]) -> (Told, usize) {
    let mut command = project.command(&[&["--max-worker-restart", "0"], args].concat());
    command.env("CALLSHEET_EVENTS", project.path().join("events.jsonl"));
    let told = Running::start(command).end();
    let events = lines(&project.read("events.jsonl"));
    let before = events.iter().take_while(|event| event["event"] != "scheduling-started");
    let listed = before.filter(|event| event["event"] == "worker-listed").count();
    (told, listed)
}

#[test]
fn files_go_out_to_the_first_worker_or_wait_for_as_many_as_are_asked_for() {
    let (told, listed) = run(&project(), &["-n", "3"]);
    told.assert(0, "2 passed");
    assert_eq!(listed, 1, "{told}");
    for workers in [2, 3] {
        let project = project();
        project.write("callsheet.toml", &format!("min_workers = {workers}\n"));
        let (told, listed) = run(&project, &["-n", "3"]);
        told.assert(0, "2 passed");
        assert_eq!(listed, workers, "{told}");
    }
}

#[test]
fn files_do_not_wait_for_workers_that_will_not_come() {
    let project = project();
    project.write("callsheet.toml", "min_workers = 3\n");
    project.write("dies", "");
    let (told, listed) = run(&project, &["-n", "3"]);
    told.assert(0, "2 passed").says("gw2 exited with code 3");
    assert_eq!(listed, 2, "{told}");
}
