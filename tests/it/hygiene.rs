//! Workers that make way for fresh ones between tests.

use crate::support::{Project, Running};

#[test]
fn a_worker_makes_way_after_so_many_tests_and_nothing_is_lost() {
    // The eleventh test of a process waits until its worker is known to make way. How many more it begins before it hears of that
    // is for the machine to say: there are many left.
    let body = "import os, pytest\n\
        worker, count = '\"' + os.environ['PYTEST_XDIST_WORKER'] + '\"', 0\n\
        def makes_way():\n\
        \x20   return any('\"worker-recycled\"' in line and worker in line for line in open('events.jsonl'))\n\
        @pytest.mark.parametrize('n', range(300))\n\
        def test_it(n):\n\
        \x20   global count\n\
        \x20   count += 1\n\
        \x20   while count > 10 and not makes_way(): pass\n\
        \x20   with open('ran', 'a') as ran: print(os.getpid(), file=ran)\n";
    for dist in ["stream", "load", "worksteal"] {
        let project = Project::new(&[("test_it.py", body)]);
        project.write("callsheet.toml", "recycle_after = 10\nmax_worker_restart = 0\n");
        let (told, events) = told(&project, dist);
        told.assert(0, "300 passed");
        assert!(events.contains(r#""worker":"gw0","reason":"it has run 10 tests""#), "{events}");
        let ran = project.read("ran");
        let mut pids: Vec<&str> = ran.lines().collect();
        pids.dedup();
        assert!(pids.len() > 1, "{dist} {pids:?}");
    }
}

#[test]
fn several_workers_make_way_and_nothing_is_lost() {
    let body = "import pytest\n@pytest.mark.parametrize('n', range(60))\ndef test_it(n): pass\n";
    for dist in ["stream", "load", "worksteal"] {
        let project = Project::new(&[("test_it.py", body)]);
        project.write("callsheet.toml", "recycle_after = 10\nmax_worker_restart = 0\n");
        project.run(&["-n", "2", "--dist", dist]).assert(0, "60 passed");
    }
}

/// Tests that write down in which process they ran, the first with this body.
fn project(first: &str, config: &str) -> Project {
    let project = Project::new(&[(
        "test_it.py",
        &format!(
            "import os, pytest, time\n\
             kept = []\n\
             def until(what):\n\
             \x20   while what not in open('events.jsonl').read(): time.sleep(0.01)\n\
             @pytest.fixture(autouse=True)\n\
             def pid(request): open(request.node.name, 'w').write(str(os.getpid()))\n\
             def test_first():\n\
             \x20   {first}\n\
             def test_a():\n\
             \x20   if os.path.exists('wait'): until('\"event\":\"worker-recycled\"')\n\
             @pytest.mark.parametrize('n', range(300))\n\
             def test_b(n): pass\n\
             def test_c(): pass\n"
        ),
    )]);
    project.write("callsheet.toml", &format!("max_worker_restart = 0\n{config}\n"));
    project
}

/// What a run on one worker told as events, and how it ended.
fn told(project: &Project, dist: &str) -> (crate::support::Told, String) {
    let mut command = project.command(&["-n", "1", "--dist", dist]);
    command.env("CALLSHEET_EVENTS", project.path().join("events.jsonl"));
    let told = Running::start(command).end();
    (told, project.read("events.jsonl"))
}

#[test]
fn a_worker_makes_way_after_a_test_that_failed() {
    for dist in ["stream", "load"] {
        for (first, makes_way) in [("assert 0", true), ("pass", false)] {
            let project = project(first, "recycle_failed = true");
            if makes_way {
                // It may have begun before the end of the first was known.
                project.write("wait", "");
            }
            let (told, events) = told(&project, dist);
            let (code, counts) =
                if makes_way { (1, "1 failed, 302 passed") } else { (0, "303 passed") };
            told.assert(code, counts);
            assert_eq!(events.contains("a test failed in it"), makes_way, "{events}");
            let same = project.read("test_first") == project.read("test_c");
            assert_eq!(same, !makes_way, "{told}");
        }
    }
}

#[test]
fn a_worker_that_has_grown_makes_way_after_its_test() {
    let first = "kept.append(b'x' * (400 << 20)); until('\"event\":\"worker-recycled\"')";
    let project = project(first, "recycle_memory = '300MiB'");
    let (told, events) = told(&project, "load");
    told.assert(0, "303 passed");
    assert!(events.contains(" MiB of memory, more than 300 MiB"), "{events}");
    assert_ne!(project.read("test_c"), project.read("test_first"), "{told}");
}

#[test]
fn what_a_worker_uses_is_told_while_it_runs() {
    let project = project("until('\"event\":\"worker-usage\"')", "");
    let (told, events) = told(&project, "load");
    told.assert(0, "303 passed");
    let usage =
        crate::support::lines(&events).into_iter().find(|line| line["event"] == "worker-usage");
    let usage = usage.unwrap();
    assert_eq!(usage["worker"], "gw0", "{usage}");
    assert!(usage["memory"].as_u64().unwrap() > 0, "{usage}");
    assert!(usage["cpu_ms"].is_u64(), "{usage}");
}
