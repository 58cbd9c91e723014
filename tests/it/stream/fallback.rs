//! Where tests are ordered or left out across files, every worker collects everything, and says why.

use super::{PYTEST, plain, streamed};
use crate::support::{Project, Told, python};

fn project() -> Project {
    Project::new(&[
        ("test_a.py", "def test_1(): pass\ndef test_2(): assert 0\n"),
        ("test_b.py", "def test_3(): pass\n"),
    ])
}

/// Asserts that it said once, in one line, why every worker collects all tests.
fn assert_whole(told: &Told, why: &str) {
    let line = format!("every worker collects all tests, as under `--dist load`: {why}");
    assert_eq!(
        told.stdout.matches(&line).count() + told.stderr.matches(&line).count(),
        1,
        "{line}\n{told}"
    );
    told.says("scheduling tests via LoadScheduling");
}

#[test]
fn options_that_look_at_all_tests_have_all_collected() {
    for (option, why) in [
        ("--lf", "--last-failed selects among all tests"),
        ("--ff", "--failed-first orders all tests"),
        ("--nf", "--new-first orders all tests"),
        ("--sw", "--stepwise orders all tests"),
    ] {
        let project = project();
        let told = project.run(&["-n", "2", "--", option]);
        assert_whole(&told, why);
        assert_eq!(told.code, Some(if option == "--sw" { 2 } else { 1 }), "{told}");
    }
}

#[test]
fn plugins_that_order_tests_have_all_collected() {
    let randomly = [
        "pytest==9.2.0",
        "pytest-cov==7.1.0",
        "pytest-randomly==5.1.0",
        "pytest-rerunfailures==16.7",
        "pytest-timeout==2.4.0",
        "pytest-mock==3.17.0",
        "pytest-asyncio==1.5.0",
        "hypothesis==6.170.15",
    ];
    python(&randomly);
    let project =
        Project::with(&randomly, &[("test_a.py", "def test_1(): pass\ndef test_2(): pass\n")]);
    let told = project.run(&["-n", "2"]);
    told.assert(0, "2 passed");
    assert_whole(&told, "pytest-randomly may reorder or deselect tests across files");
    streamed(&project, "2", &[], &["-p", "no:randomly"]).assert(0, "2 passed");
}

#[test]
fn tests_that_say_their_place_among_all_have_all_collected() {
    let project = Project::with(
        &["pytest==9.2.0", "pytest-order==1.5.0"],
        &[
            (
                "test_a.py",
                "import pytest\n@pytest.mark.order(2)\ndef test_1(): assert open('first')\n",
            ),
            (
                "test_b.py",
                "import pytest\n@pytest.mark.order(1)\ndef test_2(): open('first', 'x')\n",
            ),
        ],
    );
    let told = project.run(&["-n", "1"]);
    told.assert(0, "2 passed");
    assert_whole(&told, "pytest-order may reorder or deselect tests across files");
}

#[test]
fn conftests_that_order_or_leave_out_tests_have_all_collected() {
    for (hook, counts) in [
        ("items.sort(key=lambda item: item.name)", "1 failed, 2 passed"),
        ("items[:] = list(reversed(items))", "1 failed, 2 passed"),
        ("items.reverse()", "1 failed, 2 passed"),
        ("del items[1:2]", "2 passed"),
        (
            "left = [item for item in items if 'test_1' not in item.name]\n    config.hook.pytest_deselected(items=items[:1])\n    items[:] = left",
            "1 failed, 1 passed, 1 deselected",
        ),
        ("import random\n    random.Random(1).shuffle(items)", "1 failed, 2 passed"),
    ] {
        let project = project();
        let conftest =
            format!("def pytest_collection_modifyitems(session, config, items):\n    {hook}\n");
        project.write("conftest.py", &conftest);
        let told = project.run(&["-n", "2"]);
        assert_eq!(told.counts(), counts, "{hook}\n{told}");
        assert_eq!(plain(&project, &[]).counts(), counts, "{hook}");
        assert_whole(
            &told,
            "conftest.py may reorder or deselect tests across files (pytest_collection_modifyitems)",
        );
    }
}

#[test]
fn conftests_that_look_at_one_test_at_a_time_do_not() {
    for hook in [
        "for item in items:\n        if 'test_2' in item.nodeid: item.add_marker(pytest.mark.xfail)",
        "skip = pytest.mark.skip(reason='slow')\n    if config.getoption('verbose') < 5: return\n    items.clear()",
        "[item.add_marker('fast') for item in items]",
        "for item in items:\n        item.user_properties.append(('name', item.name))",
    ] {
        let project = project();
        let conftest = format!(
            "import pytest\ndef pytest_configure(config):\n    config.addinivalue_line('markers', 'fast')\n\
             def pytest_collection_modifyitems(session, config, items):\n    {hook}\n"
        );
        project.write("conftest.py", &conftest);
        let expected = plain(&project, &[]);
        for workers in ["1", "2"] {
            super::assert_same(&streamed(&project, workers, &[], &[]), &expected);
        }
    }
}

/// Runs the suite beside this conftest: what plain pytest says of it, and why all tests are collected.
#[track_caller]
fn all_collected(conftest: &str, files: &[(&str, &str)], counts: &str, why: &str) {
    let project = Project::new(files);
    project.write("conftest.py", conftest);
    let expected = plain(&project, &[]);
    expected.assert(0, counts);
    let told = project.run(&[&["-n", "1", "--"][..], &PYTEST].concat());
    super::assert_same(&told, &expected);
    assert_whole(&told, why);
}

#[test]
fn hooks_that_keep_what_they_saw_have_all_collected() {
    let files = [
        ("test_a.py", "def test_1(needs): assert needs\n"),
        ("test_b.py", "def test_2(db): pass\n"),
    ];
    let why =
        "conftest.py may reorder or deselect tests across files (pytest_collection_modifyitems)";
    let fixtures = "import functools, pytest\n\
        @pytest.fixture\ndef db(): pass\n\
        @pytest.fixture(scope='session')\ndef needs(request): return request.config.needs_db\n";
    let on_the_way = "def pytest_collection_modifyitems(config, items):\n\
        \x20   config.needs_db = False\n\
        \x20   for item in items:\n\
        \x20       if 'db' in item.fixturenames: config.needs_db = True\n";
    let at_the_end = "def pytest_collection_modifyitems(config, items):\n\
        \x20   needs = []\n\
        \x20   for item in items:\n\
        \x20       if 'db' in item.fixturenames: needs.append(item)\n\
        \x20   config.needs_db = needs\n";
    let decorated = "def quietly(function):\n\
        \x20   @functools.wraps(function)\n\
        \x20   def inner(*args, **keywords): return function(*args, **keywords)\n\
        \x20   return inner\n\
        @quietly\n\
        def pytest_collection_modifyitems(config, items):\n\
        \x20   config.needs_db = any('db' in item.fixturenames for item in items)\n";
    for hook in [on_the_way, at_the_end, decorated] {
        all_collected(&format!("{fixtures}{hook}"), &files, "2 passed", why);
    }
}

#[test]
fn wrappers_that_leave_out_tests_have_all_collected() {
    let files = [("test_a.py", "def test_1(): pass\n"), ("test_b.py", "def test_2(): assert 0\n")];
    for (hook, change) in [
        ("pytest_collection", "yield\n    del session.items[1:]"),
        ("pytest_runtestloop", "del session.items[1:]\n    yield"),
    ] {
        let conftest = format!(
            "import pytest\n@pytest.hookimpl(hookwrapper=True, tryfirst=True)\ndef {hook}(session):\n    {change}\n"
        );
        let why = format!("conftest.py looks at the tests of all files ({hook})");
        all_collected(&conftest, &files, "1 passed", &why);
    }
}

#[test]
fn fixtures_that_look_at_all_tests_have_all_collected() {
    let test = "def test_it(tests): assert len(tests) == 2\n";
    let files = [("test_a.py", test), ("sub/test_b.py", test)];
    all_collected(
        "import pytest\n@pytest.fixture(scope='session')\ndef tests(request):\n    return list(request.session.items)\n",
        &files,
        "2 passed",
        "fixture `tests` looks at the tests of all files (session.items)",
    );
    all_collected(
        "import pytest\n@pytest.fixture\ndef tests(): return [1, *{1: 2}.items()]\n\
         def pytest_runtest_setup(item):\n    assert len(item.session.items) == 2\n",
        &files,
        "2 passed",
        "conftest.py looks at the tests of all files (pytest_runtest_setup)",
    );
}

#[test]
fn what_may_be_selected_is_selected_after_all() {
    // The hook leaves out tests by an option that only some runs are given.
    let project = project();
    project.write(
        "conftest.py",
        "def pytest_addoption(parser):\n    parser.addoption('--only')\n\
         def pytest_collection_modifyitems(config, items):\n\
        \x20   only = config.getoption('--only')\n\
        \x20   if only is None:\n        return\n\
        \x20   items[:] = [item for item in items if item.name == only]\n",
    );
    streamed(&project, "2", &[], &[]).assert(1, "1 failed, 2 passed");
    let told = project.run(&[&["-n", "2", "--", "--only=test_3"][..], &PYTEST].concat());
    told.assert(0, "1 passed");
    assert_whole(&told, "conftest.py may reorder or deselect tests across files");
}

#[test]
fn an_early_pytest_collects_everything() {
    let project = Project::with(
        &["pytest==7.0.1"],
        &[("test_a.py", "def test_1(): pass\ndef test_2(): pass\n")],
    );
    let told = project.run(&["-n", "2"]);
    told.assert(0, "2 passed");
    assert_whole(&told, "pytest 7.0.1 collects all files at once");
}
