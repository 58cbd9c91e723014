//! Idle workers take what others have, and what takes long begins early.

use super::streamed;
use crate::support::Project;

/// Ends a run in which two tests wait for each other on one worker.
const LIMIT: [&str; 2] = ["--timeout", "60s"];

/// Two tests of this file can only end if both run at once, each on a worker of its own.
fn meeting(first: &str, second: &str, fillers: usize) -> String {
    let meets = |own: &str, other: &str| {
        format!(
            "def test_{own}():\n\
            \x20   pathlib.Path('here_{own}').write_text(os.environ['PYTEST_XDIST_WORKER'])\n\
            \x20   while not os.path.exists('here_{other}'): time.sleep(0.005)\n"
        )
    };
    format!(
        "import os, pathlib, time, pytest\n{}\
         @pytest.mark.parametrize('n', range({fillers}))\ndef test_filler(n): pass\n{}",
        meets(first, second),
        meets(second, first)
    )
}

#[test]
fn tests_of_one_long_file_run_on_both_workers() {
    for fillers in [0, 1, 60] {
        let project = Project::new(&[("test_it.py", &meeting("first", "last", fillers))]);
        let total = fillers.max(1) + 2;
        let counts =
            if fillers == 0 { "2 passed, 1 skipped".to_owned() } else { format!("{total} passed") };
        // The first run knows no durations, the others do.
        for _run in 0..2 {
            for name in ["here_first", "here_last"] {
                let _none = std::fs::remove_file(project.path().join(name));
            }
            streamed(&project, "2", &LIMIT, &[]).assert(0, &counts);
            assert_ne!(project.read("here_first"), project.read("here_last"));
        }
    }
}

#[test]
fn a_worker_that_has_nothing_takes_files_that_were_not_begun() {
    // Whoever gets the first file has others in reserve, which the test of the first file waits for.
    let waits = "import os, time\ndef test_waits():\n    while len(os.listdir('ran')) < 6: time.sleep(0.005)\n";
    let notes = "import pathlib\ndef test_it(): pathlib.Path('ran', __name__).write_text('')\n";
    let mut files = vec![("test_a.py".to_owned(), format!("{waits}{}", "# long\n".repeat(1000)))];
    files.extend((0..6).map(|n| (format!("test_b{n}.py"), notes.to_owned())));
    let project = Project::new(&[]);
    for (name, text) in &files {
        project.write(name, text);
    }
    std::fs::create_dir(project.path().join("ran")).unwrap();
    streamed(&project, "2", &LIMIT, &[]).assert(0, "7 passed");
}

#[test]
fn a_stolen_test_finds_the_fixtures_of_its_module_and_class() {
    let project = Project::new(&[(
        "test_it.py",
        "import os, pathlib, time, pytest\n\
         worker = os.environ.get('PYTEST_XDIST_WORKER')\n\
         def note(text): open(f'log.{worker}', 'a').write(text + '\\n')\n\
         @pytest.fixture(scope='module')\n\
         def module():\n    note('module')\n    yield worker\n    note('end of module')\n\
         @pytest.fixture(scope='class')\n\
         def of_class(module):\n    note('class')\n    yield worker\n    note('end of class')\n\
         class TestIt:\n\
        \x20   def test_first(self, of_class, module):\n\
        \x20       pathlib.Path('begun').write_text('')\n\
        \x20       assert of_class == module == worker\n\
        \x20       while not [name for name in os.listdir('.') if name.startswith('other.')]: time.sleep(0.005)\n\
        \x20   @pytest.mark.parametrize('n', range(20))\n\
        \x20   def test_more(self, n, of_class, module):\n\
        \x20       pathlib.Path('other.' + worker).write_text('')\n\
        \x20       assert of_class == module == worker\n",
    )]);
    streamed(&project, "2", &LIMIT, &[]).assert(0, "21 passed");
    for worker in ["gw0", "gw1"] {
        assert_eq!(
            project.read(&format!("log.{worker}")),
            "module\nclass\nend of class\nend of module\n",
            "{worker}"
        );
    }
}

#[test]
fn the_longest_test_of_the_runs_before_begins_first() {
    let short =
        "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_short(n): pass\n";
    let long = format!(
        "{short}def test_long():\n    import time\n    end = time.monotonic() + 0.5\n    while time.monotonic() < end: pass\n"
    );
    let conftest = "import os, pytest\n\
        @pytest.hookimpl(tryfirst=True)\n\
        def pytest_runtest_setup(item):\n\
        \x20   open(os.environ['PYTEST_XDIST_WORKER'] + '.log', 'a').write(item.nodeid + '\\n')\n";
    let project = Project::new(&[
        ("conftest.py", conftest),
        // Without durations the biggest file goes out first.
        ("test_a.py", &format!("{short}{}", "# long\n".repeat(1000))),
        ("test_b.py", &format!("{short}{}", "# long\n".repeat(900))),
        ("test_c.py", &long),
    ]);
    let firsts = || {
        ["gw0.log", "gw1.log"].map(|log| {
            let first = project.read(log).lines().next().unwrap_or_default().to_owned();
            project.write(log, "");
            first
        })
    };
    streamed(&project, "2", &[], &[]).assert(0, "61 passed");
    let before = firsts();
    // One of the two may have found nothing left to do.
    assert!(before.iter().all(|first| !first.ends_with("test_long")), "{before:?}");
    streamed(&project, "2", &[], &[]).assert(0, "61 passed");
    let after = firsts();
    assert!(after.contains(&"test_c.py::test_long".to_owned()), "{after:?}");
}

#[test]
fn tests_that_are_marked_as_slow_begin_before_quick_ones_of_other_workers_are_taken() {
    let slow = "import os, pathlib, time, pytest\n\
        def note(text): open(os.environ['PYTEST_XDIST_WORKER'] + '.log', 'a').write(text + '\\n')\n\
        def test_first():\n\
        \x20   note('first')\n\
        \x20   while not pathlib.Path('slow').exists(): time.sleep(0.005)\n\
        def test_second(): note('second')\n\
        @pytest.mark.slow\n\
        def test_slow():\n\x20   note('slow')\n\x20   pathlib.Path('slow').touch()\n\
        @pytest.mark.parametrize('n', range(200))\n\
        def test_quick(n): note('quick')\n";
    let other = "import os\n\
        def test_other(): open(os.environ['PYTEST_XDIST_WORKER'] + '.log', 'a').write('other\\n')\n";
    let files = [
        ("test_a.py", slow),
        ("test_b.py", other),
        ("pytest.ini", "[pytest]\nmarkers = slow: takes long\n"),
    ];
    let project = Project::new(&files);
    streamed(&project, "2", &[], &[]).assert(0, "204 passed");
    let logs = ["gw0.log", "gw1.log"].map(|log| project.read(log));
    let idle =
        logs.iter().find(|log| !log.contains("first")).expect("one was not in the first test");
    let before = idle.split("quick").next().unwrap_or_default();
    assert!(before.contains("slow"), "{logs:?}");
    // One worker alone keeps to the order of the file.
    let project = Project::new(&files);
    streamed(&project, "1", &[], &["-k", "not first"]).assert(0, "203 passed, 1 deselected");
    let log = project.read("gw0.log");
    assert!(log.starts_with("second\nslow\nquick\n"), "{log}");
}
