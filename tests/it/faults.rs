//! The faults of other distributed runners that are none of ours. Each test is named as the sentence that it proves.

use crate::support::{Project, Told};

/// Notes each test that begins, in `ran`, one id a line.
const NOTES: (&str, &str) = (
    "conftest.py",
    "def pytest_runtest_logstart(nodeid):\n    open('ran', 'a').write(nodeid + '\\n')\n",
);

/// The ids that began, sorted.
fn began(project: &Project) -> Vec<String> {
    let mut ids: Vec<String> = project.read("ran").lines().map(str::to_owned).collect();
    ids.sort_unstable();
    ids
}

const SCOPE_MODES: [&str; 3] = ["loadscope", "loadfile", "loadgroup"];

#[test]
fn groups_work_on_pytest_9_2_and_node_ids_are_not_rewritten() {
    let project = Project::new(&[(
        "test_it.py",
        "import pytest\n\
         @pytest.mark.parametrize('n', range(8))\n\
         @pytest.mark.xdist_group('db')\n\
         def test_db(n, request, worker_id):\n\
        \x20   assert '@' not in request.node.nodeid\n\
        \x20   open('db', 'a').write(worker_id + '\\n')\n\
        \x20   assert n != 7\n\
         @pytest.mark.parametrize('n', range(8))\n\
         def test_free(n): pass\n",
    )]);
    let told = project.run(&["-n", "2", "--dist", "loadgroup", "-v"]);
    told.assert(1, "1 failed, 15 passed").says("FAILED test_it.py::test_db[7]").is_silent_on("@db");
    let notes = project.read("db");
    let first = notes.lines().next().unwrap();
    assert!(notes.lines().all(|worker| worker == first), "{notes}");
}

#[test]
fn a_crash_in_the_last_scope_neither_hangs_nor_loses_what_comes_after_it() {
    for dist in SCOPE_MODES {
        let project = Project::new(&[
            NOTES,
            ("test_a.py", "def test_1(): pass\ndef test_2(): pass\n"),
            ("test_b.py", "import os\ndef test_crash(): os._exit(3)\ndef test_after(): pass\n"),
        ]);
        let told = project.run(&["-n", "1", "--dist", dist]);
        told.assert(1, "1 failed, 3 passed");
        told.says("worker 'gw0' crashed while running 'test_b.py::test_crash'")
            .says("exited with code 3");
        assert_eq!(
            began(&project),
            [
                "test_a.py::test_1",
                "test_a.py::test_2",
                "test_b.py::test_after",
                "test_b.py::test_crash"
            ]
        );
    }
}

#[test]
fn a_test_that_crashes_is_not_run_again_and_again() {
    for dist in SCOPE_MODES {
        let project = Project::new(&[
            NOTES,
            ("test_a.py", "import os\ndef test_1(): pass\ndef test_crash(): os._exit(3)\n"),
        ]);
        project.run(&["-n", "1", "--dist", dist]).assert(1, "1 failed, 1 passed");
        assert_eq!(began(&project), ["test_a.py::test_1", "test_a.py::test_crash"]);
    }
}

#[test]
fn the_restart_limit_leaves_the_survivors_working() {
    for dist in ["load", "loadscope", "loadfile", "loadgroup", "worksteal"] {
        // The worker dies when the other one has run what it was given at first, and has nothing to do in the scope modes.
        let project = Project::new(&[
            (
                "conftest.py",
                "def pytest_runtest_makereport(item, call):\n\
                \x20   if call.when == 'call': open('ran', 'a').write(item.nodeid + '\\n')\n",
            ),
            (
                "test_a.py",
                "import os, time\n\
                 def test_crash():\n\
                \x20   limit = time.monotonic() + 60\n\
                \x20   while not os.path.exists('ran') or len(open('ran').readlines()) < 3:\n\
                \x20       assert time.monotonic() < limit\n\
                \x20       time.sleep(0.005)\n\
                \x20   os._exit(3)\n\
                 def test_1(): pass\ndef test_2(): pass\ndef test_3(): pass\n",
            ),
            ("test_b.py", "def test_4(): pass\ndef test_5(): pass\ndef test_6(): pass\n"),
        ]);
        let told = project.run(&["-n", "2", "--dist", dist, "--max-worker-restart", "0"]);
        told.assert(1, "1 failed, 6 passed").says("worker restarting disabled");
        assert_eq!(began(&project).len(), 6, "{told}");
    }
}

#[test]
fn the_restart_limit_names_what_was_not_run_and_is_no_success() {
    let project = Project::new(&[(
        "test_a.py",
        "import os, pytest\n\
         @pytest.mark.parametrize('n', range(5))\n\
         def test_crash(n):\n    if n in (1, 3): os._exit(3)\n",
    )]);
    let told = project.run(&["-n", "1", "--max-worker-restart", "1"]);
    told.assert(7, "2 failed, 1 passed, 2 not run");
    told.says("maximum crashed workers reached: 1");
    told.says("    test_a.py::test_crash[2]\n    test_a.py::test_crash[4]\n");
    told.says("2 tests were not run because workers failed; the results are incomplete");
}

#[test]
fn a_worker_that_dies_at_session_finish_is_not_exit_code_0() {
    let conftest = "import os\ndef pytest_sessionfinish(): os._exit(0)\n";
    let project = Project::new(&[("conftest.py", conftest), ("test_a.py", "def test_1(): pass\n")]);
    let told = project.run(&["-n", "1"]);
    told.assert(7, "1 passed").says("worker 'gw0' died outside of any test: exited with code 0");
}

#[test]
fn a_worker_that_dies_in_atexit_is_not_exit_code_0() {
    for (act, told_as) in
        [("os._exit(9)", "exited with code 9"), ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV")]
    {
        let conftest = format!("import atexit, os, signal\natexit.register(lambda: {act})\n");
        let project =
            Project::new(&[("conftest.py", &conftest), ("test_a.py", "def test_1(): pass\n")]);
        let told = project.run(&["-n", "1"]);
        told.assert(7, "1 passed").says("worker 'gw0' died outside of any test").says(told_as);
    }
}

/// Collects in reverse where a file of this name is there.
const TURNING: (&str, &str) = (
    "conftest.py",
    "import os\n\
     def pytest_collection_modifyitems(items):\n    if os.path.exists('turn'): items.reverse()\n\
     def pytest_runtest_logstart(nodeid):\n    open('ran', 'a').write(nodeid + '\\n')\n",
);

#[test]
fn a_replacement_that_collects_in_another_order_runs_the_right_tests() {
    for dist in ["load", "each", "loadscope", "loadfile", "loadgroup", "worksteal"] {
        let project = Project::new(&[
            TURNING,
            (
                "test_a.py",
                "import os, pytest\n\
                 @pytest.mark.parametrize('n', range(8))\n\
                 def test_it(n):\n    if n == 2:\n        open('turn', 'w').close()\n        os._exit(3)\n",
            ),
        ]);
        let told = project.run(&["-n", "1", "--dist", dist]);
        told.assert(1, "1 failed, 7 passed");
        assert_eq!(told.ids("FAILED"), ["test_a.py::test_it[2]"]);
        let expected: Vec<String> = (0..8).map(|n| format!("test_a.py::test_it[{n}]")).collect();
        assert_eq!(began(&project), expected, "{told}");
    }
}

#[test]
fn a_replacement_that_collects_other_tests_is_turned_away() {
    let project = Project::new(&[
        NOTES,
        (
            "test_a.py",
            "import os, pytest\n\
             @pytest.mark.parametrize('n', range(3 if os.path.exists('less') else 6))\n\
             def test_it(n):\n    if n == 2:\n        open('less', 'w').close()\n        os._exit(3)\n",
        ),
    ]);
    let told = project.run(&["-n", "1"]);
    told.assert(7, "1 failed, 2 passed, 3 not run");
    told.says("worker 'gw1' is sent away, because it collected other tests");
    told.says("-test_a.py::test_it[5]");
    assert_eq!(
        began(&project),
        ["test_a.py::test_it[0]", "test_a.py::test_it[1]", "test_a.py::test_it[2]"]
    );
}

#[test]
fn duplicate_ids_are_kept() {
    for dist in ["load", "each", "loadscope", "loadfile", "loadgroup", "worksteal"] {
        let project =
            Project::new(&[NOTES, ("test_a.py", "def test_1(): pass\ndef test_2(): assert 0\n")]);
        let plain =
            project.run_python(&["-m", "pytest", "--keep-duplicates", "test_a.py", "test_a.py"]);
        plain.assert(1, "2 failed, 2 passed");
        project.write("ran", "");
        let told = project.run(&[
            "-n",
            "1",
            "--dist",
            dist,
            "test_a.py",
            "test_a.py",
            "--",
            "--keep-duplicates",
        ]);
        told.assert(1, "2 failed, 2 passed");
        assert_eq!(told.ids("FAILED"), ["test_a.py::test_2", "test_a.py::test_2"]);
        assert_eq!(began(&project).len(), 4, "{told}");
    }
}

#[test]
fn pytest_exit_in_a_test_is_a_clean_interrupt() {
    for (call, code) in
        [("pytest.exit('enough of it')", 2), ("pytest.exit('enough of it', 42)", 42)]
    {
        let project = Project::new(&[(
            "test_a.py",
            &*format!(
                "import pytest\ndef test_1(): assert 0\ndef test_2(): {call}\n\
                 @pytest.mark.parametrize('n', range(20))\ndef test_3(n): pass\n"
            ),
        )]);
        let told = project.run(&["-n", "1"]);
        told.assert(code, "1 failed, 21 not run").says("enough of it").is_silent_on("INTERNAL");
        told.says("assert 0");
    }
}

#[test]
fn pytest_exit_in_a_teardown_leaves_the_result_of_the_call() {
    for (body, counts) in [("pass", "1 passed, 1 not run"), ("assert 0", "1 failed, 1 not run")] {
        let project = Project::new(&[(
            "test_a.py",
            &*format!(
                "import pytest\n\
                 @pytest.fixture\ndef thing():\n    yield\n    pytest.exit('enough of it')\n\
                 def test_1(thing): {body}\ndef test_2(): pass\n"
            ),
        )]);
        let told = project.run(&["-n", "1", "-v"]);
        told.assert(2, counts)
            .says("    test_a.py::test_2\n")
            .is_silent_on("    test_a.py::test_1\n");
    }
}

#[test]
fn exitfirst_does_not_run_more_than_what_was_running() {
    let failing =
        "import pytest\n@pytest.mark.parametrize('n', range(40))\ndef test_it(n): assert 0\n";
    for (flags, most) in [
        (&["-x"][..], 4),
        (&["--maxfail", "2"], 5),
        (&["--", "-x"], 4),
        (&["--", "--maxfail=2"], 5),
    ] {
        let project = Project::new(&[NOTES, ("test_a.py", failing)]);
        let args: Vec<&str> = ["-n", "4"].iter().chain(flags).copied().collect();
        let told = project.run(&args);
        assert_eq!(told.code, Some(1), "{told}");
        let ran = began(&project).len();
        assert!((1..=most).contains(&ran), "{flags:?}: {ran} began\n{told}");
        told.assert(1, &format!("{ran} failed, {} not run", 40 - ran)).says("!! stopping after ");
    }
}

#[test]
fn exitfirst_on_one_worker_runs_what_plain_pytest_runs() {
    let project = Project::new(&[
        NOTES,
        (
            "test_a.py",
            "import pytest\n\
             @pytest.fixture(scope='module')\ndef thing():\n    yield\n    open('torn', 'a').write('x')\n\
             def test_1(thing): pass\ndef test_2(thing): assert 0\ndef test_3(thing): pass\n",
        ),
    ]);
    let told = project.run(&["-n", "1", "-x"]);
    told.assert(1, "1 failed, 1 passed, 1 not run");
    assert_eq!(began(&project), ["test_a.py::test_1", "test_a.py::test_2"]);
    assert_eq!(project.read("torn"), "x");
}

#[test]
fn exitfirst_counts_errors_and_crashes() {
    let tests = |first: &str| {
        format!(
            "import os, pytest\n@pytest.fixture\ndef broken(): raise OSError\n{first}\n\
             @pytest.mark.parametrize('n', range(20))\ndef test_after(n): pass\n"
        )
    };
    for (first, counts) in [
        ("def test_error(broken): pass", "20 not run, 1 error"),
        ("def test_crash(): os._exit(3)", "1 failed, 20 not run"),
    ] {
        let project = Project::new(&[NOTES, ("test_a.py", &*tests(first))]);
        let told = project.run(&["-n", "1", "-x"]);
        assert_eq!(told.code, Some(1), "{told}");
        let mut parts: Vec<&str> = told.counts().split(", ").collect();
        parts.sort_unstable();
        let mut expected: Vec<&str> = counts.split(", ").collect();
        expected.sort_unstable();
        assert_eq!(parts, expected, "{told}");
        assert_eq!(began(&project).len(), 1);
    }
}

const BROKEN_MODULE: [(&str, &str); 3] = [
    NOTES,
    ("test_a.py", "import no_such_module_anywhere\n"),
    ("test_b.py", "def test_1(): pass\ndef test_2(): pass\n"),
];

#[test]
fn a_collection_error_is_reported_once_and_nothing_is_run() {
    let project = Project::new(&BROKEN_MODULE);
    let plain = project.run_python(&["-m", "pytest"]);
    for workers in ["1", "2", "4"] {
        let told = project.run(&["-n", workers]);
        told.assert(2, plain.counts());
        assert_eq!(told.stdout.matches("ERROR collecting test_a.py").count(), 1, "{told}");
        assert_eq!(told.ids("ERROR"), plain.ids("ERROR"), "{told}");
        told.says("Interrupted: 1 error during collection");
        assert_eq!(began(&project), <[String; 0]>::default());
    }
}

#[test]
fn tests_beside_a_collection_error_are_run_if_asked_for() {
    let project = Project::new(&BROKEN_MODULE);
    let plain = project.run_python(&["-m", "pytest", "--continue-on-collection-errors"]);
    assert_eq!(plain.code, Some(1), "{plain}");
    for workers in ["1", "2", "4"] {
        project.write("ran", "");
        let told = project.run(&["-n", workers, "--", "--continue-on-collection-errors"]);
        told.assert(1, plain.counts());
        assert_eq!(told.stdout.matches("ERROR collecting test_a.py").count(), 1, "{told}");
        assert_eq!(began(&project), ["test_b.py::test_1", "test_b.py::test_2"]);
    }
}

#[test]
fn different_collections_are_shown_as_a_diff_and_nothing_is_run() {
    let project = Project::new(&[
        NOTES,
        (
            "test_a.py",
            "import os, pytest\n\
             @pytest.mark.parametrize('who', ['both', os.environ['PYTEST_XDIST_WORKER']])\n\
             def test_it(who): pass\n",
        ),
    ]);
    let told = project.run(&["-n", "2"]);
    assert_eq!(told.code, Some(2), "{told}");
    told.says("Different tests were collected between gw0 and gw1");
    for line in [
        "--- gw0",
        "+++ gw1",
        " test_a.py::test_it[both]",
        "-test_a.py::test_it[gw0]",
        "+test_a.py::test_it[gw1]",
    ] {
        assert!(told.stdout.lines().any(|it| it.trim_end() == line), "no line {line:?}\n{told}");
    }
    assert_eq!(began(&project), <[String; 0]>::default());
}

#[test]
fn no_tests_are_exit_code_5() {
    let project = Project::new(&[("test_a.py", "x = 1\n")]);
    project.run(&["-n", "2"]).assert(5, "no tests ran");
    let project = Project::new(&[("test_a.py", "def test_1(): pass\n")]);
    project.run(&["-n", "2", "-k", "nothing"]).assert(5, "1 deselected");
}

/// A refusal: exit code 4, and pytest's words for it exactly once however many workers there are.
fn is_refused_once(told: &Told, words: &str) {
    assert_eq!(told.code, Some(4), "{told}");
    let all = format!("{}{}", told.stdout, told.stderr);
    assert_eq!(all.matches(words).count(), 1, "{words:?}\n{told}");
}

#[test]
fn what_pytest_does_not_find_is_exit_code_4_with_its_words() {
    let project = Project::new(&[("test_a.py", "def test_1(): pass\n")]);
    is_refused_once(
        &project.run(&["-n", "2", "nowhere.py"]),
        "file or directory not found: nowhere.py",
    );
    is_refused_once(&project.run(&["-n", "2", "test_a.py::test_9"]), "not found: ");
}

#[test]
fn an_option_unknown_to_pytest_is_exit_code_4_with_its_words() {
    let project = Project::new(&[("test_a.py", "def test_1(): pass\n")]);
    is_refused_once(
        &project.run(&["-n", "2", "--", "--no-such-option"]),
        "unrecognized arguments: --no-such-option",
    );
    is_refused_once(
        &project.run(&["-n", "2", "-k", "a b"]),
        "Wrong expression passed to '-k': a b",
    );
}

#[test]
fn a_conftest_that_raises_is_exit_code_4_with_its_traceback() {
    let project = Project::new(&[
        ("conftest.py", "raise OSError('no disk today')\n"),
        ("test_a.py", "def test_1(): pass\n"),
    ]);
    let told = project.run(&["-n", "2"]);
    is_refused_once(&told, "E   OSError: no disk today");
    told.says("ImportError while loading conftest");
}

#[test]
fn a_broken_hook_is_an_internal_error_and_no_hang() {
    for hook in [
        "def pytest_collection_modifyitems(items): raise OSError('of the hook')\n",
        "def pytest_runtest_logreport(report): raise OSError('of the hook')\n",
        "def pytest_sessionstart(session): raise OSError('of the hook')\n",
        "def pytest_sessionfinish(session): raise OSError('of the hook')\n",
    ] {
        let project = Project::new(&[
            ("conftest.py", hook),
            (
                "test_a.py",
                "import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_1(n): pass\n",
            ),
        ]);
        let plain = project.run_python(&["-m", "pytest"]);
        let told = project.run(&["-n", "2"]);
        assert_eq!(
            (plain.code.is_some_and(|code| code != 0), told.code),
            (true, Some(3)),
            "{hook}\n{plain}\n{told}"
        );
        told.says("OSError: of the hook");
    }
}

#[test]
fn what_is_deselected_and_warned_of_is_counted_as_plain_pytest_does() {
    let project = Project::new(&[
        (
            "test_a.py",
            "import warnings, pytest\n\
             warnings.warn('at import')\n\
             @pytest.mark.parametrize('n', range(6))\n\
             def test_warns(n): warnings.warn('the same from all')\n\
             def test_once(): warnings.warn(DeprecationWarning('from one'))\n\
             def test_left_out(): pass\n",
        ),
        ("test_b.py", "import warnings\nwarnings.warn('at another import')\ndef test_1(): pass\n"),
    ]);
    let plain = project.run_python(&["-m", "pytest", "-k", "not left_out"]);
    plain.assert(0, "8 passed, 1 deselected, 9 warnings");
    for workers in ["1", "2", "4"] {
        let told = project.run(&["-n", workers, "-k", "not left_out"]);
        told.assert(0, plain.counts());
        for text in ["at import", "at another import", "from one"] {
            let count = |told: &Told| told.stdout.matches(&format!("Warning: {text}")).count();
            assert_eq!(count(&told), count(&plain), "{text}\n{plain}\n{told}");
        }
    }
}

#[test]
fn an_exit_code_that_a_plugin_sets_is_the_runs() {
    let project = Project::new(&[
        ("test_it.py", "def test_it(): pass\n"),
        ("conftest.py", "def pytest_sessionfinish(session):\n    session.exitstatus = 17\n"),
    ]);
    project.run(&["-n", "2"]).assert(17, "1 passed").says("ended with exit code 17");
}
