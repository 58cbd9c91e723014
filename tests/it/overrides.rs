//! What the configuration says of some tests holds for them and for no other, whatever the mode: every key, on real suites.

use super::resources::CONFTEST;
use crate::support::Project;

/// Tests that hold a lock file while they run and fail if another one has it, and tests that want none; no marks.
const LOCKED: &str = "import pytest, time\n\
    @pytest.mark.parametrize('n', range(8))\n\
    def test_db(n, lock): time.sleep(0.01)\n\
    @pytest.mark.parametrize('n', range(2))\n\
    def test_alone(n, lock): time.sleep(0.01)\n\
    @pytest.mark.parametrize('n', range(20))\n\
    def test_free(n): pass\n";

/// Both ways in which a file's tests get to their worker: with the file, and from the scheduler.
const MODES: [&str; 2] = ["stream", "load"];

#[test]
fn what_an_override_says_that_tests_need_holds_as_a_mark_does() {
    for dist in MODES {
        let project = Project::new(&[CONFTEST, ("test_a.py", LOCKED), ("test_b.py", LOCKED)]);
        project.write(
            "callsheet.toml",
            "resources = { db = 1 }\n\
             [[override]]\nfilter = 'test_db'\nresources = ['db']\n\
             [[override]]\nfilter = 'test_alone'\nexclusive = true\n",
        );
        project.run(&["-n", "3", "--dist", dist]).assert(0, "60 passed");
    }
}

#[test]
fn a_limit_of_time_holds_for_its_test_alone() {
    let body = "import signal, time, pytest\n\
        @pytest.mark.parametrize('n', range(10))\n\
        def test_before(n): pass\n\
        def test_hangs(): signal.pause()\n\
        def test_long(): time.sleep(3)\n\
        @pytest.mark.parametrize('n', range(10))\n\
        def test_after(n): pass\n";
    for dist in MODES {
        let project = Project::new(&[("test_it.py", body)]);
        project.write("callsheet.toml", "[[override]]\nfilter = 'test_hangs'\ntimeout = '2s'\n");
        let told = project.run(&["-n", "1", "--dist", dist]);
        told.assert(1, "1 failed, 21 passed").says("the test ran past its deadline of 2 s");
        assert_eq!(told.ids("FAILED"), ["test_it.py::test_hangs"]);
    }
}

#[test]
fn what_a_test_took_before_decides_what_holds_for_it() {
    let body = "import pathlib, signal, time\n\
        def test_long():\n\
        \x20   if pathlib.Path('hang').exists(): signal.pause()\n\
        \x20   time.sleep(0.5)\n\
        def test_quick(): pass\n";
    for dist in MODES {
        let project = Project::new(&[("test_it.py", body)]);
        project.write(
            "callsheet.toml",
            "[[override]]\nfilter = 'duration(>= 500ms)'\ntimeout = '2s'\n",
        );
        project.run(&["-n", "1", "--dist", dist]).assert(0, "2 passed");
        project.write("hang", "");
        let told = project.run(&["-n", "1", "--dist", dist]);
        told.assert(1, "1 failed, 1 passed").says("the test ran past its deadline of 2 s");
        assert_eq!(told.ids("FAILED"), ["test_it.py::test_long"]);
    }
}

#[test]
fn the_number_of_retries_is_that_of_the_last_override_that_says_one() {
    let body = "import pathlib\n\
        def fails_once(name):\n\
        \x20   path = pathlib.Path(name)\n\
        \x20   tried = path.exists()\n\
        \x20   path.touch()\n\
        \x20   assert tried\n\
        def test_weak(): fails_once('weak')\n\
        def test_strict(): fails_once('strict')\n\
        def test_free(): pass\n";
    for dist in MODES {
        let project = Project::new(&[("test_it.py", body)]);
        project.write(
            "callsheet.toml",
            "[[override]]\nfilter = 'file(test_it.py)'\nretries = 2\n\
             [[override]]\nfilter = 'strict'\nretries = 0\n",
        );
        let told = project.run(&["-n", "2", "--dist", dist]);
        told.assert(1, "1 failed, 2 passed, 1 rerun, 1 flaky");
        assert_eq!(told.ids("FAILED"), ["test_it.py::test_strict"]);
    }
}

/// Tests that say on which host they run, on two of which one has a tag.
fn on_two_hosts(config: &str, marks: &str) -> Project {
    let body = format!(
        "import os, pytest, time\n\
         def note(name):\n\
         \x20   with open('ran', 'a') as ran: ran.write(name + ' ' + os.environ['HOST'] + '\\n')\n\
         {marks}\
         @pytest.mark.parametrize('n', range(6))\n\
         def test_gpu(n): note('gpu')\n\
         @pytest.mark.parametrize('n', range(30))\n\
         def test_free(n): note('free'); time.sleep(0.01)\n"
    );
    let project = Project::new(&[("test_a.py", &body), ("test_b.py", &body)]);
    let hosts = "[[host]]\nname = 'plain'\nworkers = 1\nenv = { HOST = 'plain' }\n\
                 [[host]]\nname = 'fast'\nworkers = 1\ntags = ['gpu']\nenv = { HOST = 'fast' }\n";
    project.write("callsheet.toml", &format!("{config}{hosts}"));
    project
}

#[test]
fn what_tests_require_is_where_they_run() {
    let own = "[[override]]\nfilter = 'test_gpu'\nrequires = ['gpu']\n";
    for (config, marks) in [(own, ""), ("", "@pytest.mark.requires('gpu')\n")] {
        for dist in MODES {
            let project = on_two_hosts(config, marks);
            project.run(&["--dist", dist]).assert(0, "72 passed");
            let ran = project.read("ran");
            assert_eq!(ran.matches("gpu fast").count(), 12, "{dist} {ran}");
            assert!(ran.contains("free plain"), "{dist} {ran}");
        }
    }
}

#[test]
fn what_no_host_offers_is_told_with_the_test() {
    let own = "[[override]]\nfilter = 'test_gpu and 3'\nrequires = ['tpu']\n";
    for dist in MODES {
        let told = on_two_hosts(own, "").run(&["--dist", dist]);
        told.assert(7, "70 passed, 2 not run").says("no host offers `tpu`");
        told.says("test_a.py::test_gpu[3]").says("test_b.py::test_gpu[3]");
    }
}

#[test]
fn the_last_override_decides_whether_a_test_is_exclusive() {
    // Each ends only if the other runs beside it.
    let test = |own: &str, other: &str, more: &str| {
        let command = format!(": > {own}.begun; until [ -e {other}.begun ]; do :; done");
        format!("[[test]]\nname = '{own}'\ncommand = '{command}'\ntimeout = '60s'\n{more}")
    };
    let says = |exclusive| {
        format!("[[override]]\nfilter = 'name(one) or name(two)'\nexclusive = {exclusive}\n")
    };
    for (more, config) in
        [("exclusive = true\n", says(false)), ("", says(true) + &says(false)), ("", String::new())]
    {
        let manifest = test("one", "two", more) + &test("two", "one", more);
        for dist in ["stream", "load"] {
            let files = [("callsheet-commands.toml", &*manifest), ("callsheet.toml", &*config)];
            Project::new(&files).run(&["-n", "2", "--dist", dist]).assert(0, "2 passed");
        }
    }
}

#[test]
fn an_override_that_does_not_say_it_leaves_a_test_exclusive() {
    // Whoever finds the other at work fails.
    let test = |own: &str, other: &str| {
        format!(
            "[[test]]\nname = '{own}'\nexclusive = true\n\
             command = ': > {own}.runs; [ ! -e {other}.runs ]; was=$?; rm {own}.runs; exit $was'\n"
        )
    };
    let manifest = test("one", "two") + &test("two", "one");
    let config = "[[override]]\nfilter = 'name(one) or name(two)'\ntimeout = '60s'\n";
    let files = [("callsheet-commands.toml", &*manifest), ("callsheet.toml", config)];
    Project::new(&files).run(&["-n", "2"]).assert(0, "2 passed");
}
