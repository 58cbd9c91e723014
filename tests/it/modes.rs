//! Every way to distribute a suite gives plain pytest's results, and keeps the promise of its name.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Project, Running, Told};

/// One line of the medley's `ran.txt`.
#[derive(Debug)]
struct Ran {
    worker: String,
    id: String,
    scope: String,
    file: String,
    group: String,
}

impl Ran {
    /// Its group, or the test alone.
    fn unit(&self) -> &str {
        if self.group.is_empty() { &self.id } else { &self.group }
    }
}

/// What ran where, in the order in which it began.
fn ran(project: &Project) -> Vec<Ran> {
    let lines = project.read("ran.txt");
    let ran = lines.lines().map(|line| {
        let mut words = line.split('\t').map(str::to_owned);
        let mut word = || words.next().unwrap();
        Ran { worker: word(), id: word(), scope: word(), file: word(), group: word() }
    });
    ran.collect()
}

/// The workers that ran each unit, units being what `key` says.
fn workers_of<'a>(
    ran: &'a [Ran],
    key: impl Fn(&'a Ran) -> &'a str,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut units: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for test in ran {
        units.entry(key(test)).or_default().insert(&test.worker);
    }
    units
}

fn sorted_ids(ran: &[Ran]) -> Vec<&str> {
    let mut ids: Vec<&str> = ran.iter().map(|test| &*test.id).collect();
    ids.sort_unstable();
    ids
}

/// The medley under plain pytest and then, for 1, 2 and 4 workers, under a mode: what both must agree on is asserted, what is
/// the mode's own is for `look`.
fn medley(dist: &str, look: impl Fn(usize, &[Ran])) {
    let project = Project::suite("medley");
    let plain = project.run_python(&["-m", "pytest", "-p", "no:cacheprovider"]);
    assert_eq!(plain.code, Some(1), "{plain}");
    let expected = ran(&project);
    assert_eq!(expected.len(), 80, "{plain}");
    for workers in [1, 2, 4] {
        project.write("ran.txt", "");
        project.write("fixtures.txt", "");
        let told = project.run(&["-n", &workers.to_string(), "--dist", dist]);
        told.assert(1, plain.counts());
        assert_eq!(told.ids("FAILED"), plain.ids("FAILED"), "{told}");
        assert_eq!(told.ids("ERROR"), plain.ids("ERROR"), "{told}");
        let tests = ran(&project);
        assert_eq!(sorted_ids(&tests), sorted_ids(&expected), "each test exactly once\n{told}");
        fixtures_are_paired(&project, &told);
        look(workers, &tests);
    }
}

/// Every fixture that was set up was torn down by the same worker, and the session's once a worker at most.
fn fixtures_are_paired(project: &Project, told: &Told) {
    let lines = project.read("fixtures.txt");
    let mut open: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    let mut sessions = BTreeSet::new();
    for line in lines.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        let fixture = (words[0], words[2], words[3]);
        if words[1] == "setup" {
            assert!(open.insert(fixture), "{fixture:?} is set up twice\n{lines}\n{told}");
            assert!(
                words[2] != "session" || sessions.insert(words[0]),
                "{fixture:?} again\n{lines}"
            );
        } else {
            assert!(
                open.remove(&fixture),
                "{fixture:?} is torn down without a set-up\n{lines}\n{told}"
            );
        }
    }
    assert!(open.is_empty(), "{open:?} were never torn down\n{lines}\n{told}");
}

fn each_unit_stays_on_one_worker<'a>(tests: &'a [Ran], key: impl Fn(&'a Ran) -> &'a str) {
    for (unit, workers) in workers_of(tests, key) {
        assert_eq!(workers.len(), 1, "{unit} ran on {workers:?}");
    }
}

fn all_workers_had_tests(workers: usize, tests: &[Ran]) {
    let used: BTreeSet<&str> = tests.iter().map(|test| &*test.worker).collect();
    let named: BTreeSet<String> = (0..workers).map(|number| format!("gw{number}")).collect();
    assert!(used.iter().copied().eq(named.iter().map(String::as_str)), "{used:?}");
}

#[test]
fn load_gives_the_results_of_plain_pytest() {
    medley("load", all_workers_had_tests);
}

#[test]
fn worksteal_gives_the_results_of_plain_pytest() {
    medley("worksteal", |_, _| {});
}

#[test]
fn loadscope_keeps_a_class_or_module_on_one_worker() {
    medley("loadscope", |workers, tests| {
        each_unit_stays_on_one_worker(tests, |test| &test.scope);
        all_workers_had_tests(workers, tests);
    });
}

#[test]
fn loadfile_keeps_a_file_on_one_worker() {
    medley("loadfile", |workers, tests| {
        each_unit_stays_on_one_worker(tests, |test| &test.file);
        all_workers_had_tests(workers, tests);
    });
}

#[test]
fn loadgroup_keeps_a_group_on_one_worker() {
    medley("loadgroup", |workers, tests| {
        let grouped = |test: &'_ &Ran| !test.group.is_empty();
        let units: BTreeSet<&str> = tests.iter().filter(grouped).map(|test| &*test.group).collect();
        assert_eq!(units, BTreeSet::from(["one", "one_three", "two"]));
        each_unit_stays_on_one_worker(tests, Ran::unit);
        all_workers_had_tests(workers, tests);
    });
}

#[test]
fn each_runs_every_test_once_on_every_worker() {
    let project = Project::suite("medley");
    let plain = project.run_python(&["-m", "pytest", "-p", "no:cacheprovider"]);
    let expected = ran(&project);
    for workers in [1, 2, 4] {
        project.write("ran.txt", "");
        let told = project.run(&["-n", &workers.to_string(), "--dist", "each"]);
        told.assert(1, &times(plain.counts(), workers));
        let repeated: Vec<&str> =
            plain.ids("FAILED").into_iter().flat_map(|id| vec![id; workers]).collect();
        assert_eq!(told.ids("FAILED"), repeated, "{told}");
        let tests = ran(&project);
        for number in 0..workers {
            let name = format!("gw{number}");
            let mut ids: Vec<&str> =
                tests.iter().filter(|test| test.worker == name).map(|test| &*test.id).collect();
            ids.sort_unstable();
            assert_eq!(ids, sorted_ids(&expected), "{name}\n{told}");
        }
    }
}

/// `2 failed, 1 error` three times is `6 failed, 3 errors`.
fn times(counts: &str, factor: usize) -> String {
    let parts = counts.split(", ").map(|part| {
        let (count, word) = part.split_once(' ').unwrap();
        format!("{} {word}", count.parse::<usize>().unwrap() * factor)
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Tests that number themselves, note their end in `done`, and of which the first waits for `others` of them to be over.
fn waiting_suite(count: usize, others: usize) -> String {
    format!(
        "import os, time, pytest\n\
         @pytest.mark.parametrize('n', range({count}))\n\
         def test_it(n):\n\
        \x20   if n == 0:\n\
        \x20       limit = time.monotonic() + 60\n\
        \x20       while len(os.listdir('done')) < {others}:\n\
        \x20           assert time.monotonic() < limit, os.listdir('done')\n\
        \x20           time.sleep(0.005)\n\
        \x20   open(f'done/{{n}}', 'w').close()\n"
    )
}

#[test]
fn a_slow_test_keeps_none_behind_it_under_worksteal() {
    let project = Project::new(&[("test_it.py", &waiting_suite(40, 39)), ("done/.keep", "")]);
    std::fs::remove_file(project.path().join("done/.keep")).unwrap();
    project.run(&["-n", "2", "--dist", "worksteal"]).assert(0, "40 passed");
}

#[test]
fn maxschedchunk_limits_what_waits_behind_a_slow_test_under_load() {
    // Without the limit five tests are dealt to each worker at the start; with it two.
    let project = Project::new(&[("test_it.py", &waiting_suite(40, 38)), ("done/.keep", "")]);
    std::fs::remove_file(project.path().join("done/.keep")).unwrap();
    project.run(&["-n", "2", "--maxschedchunk", "1"]).assert(0, "40 passed");
}

/// A module of one test and one of three.
const UNEVEN: [(&str, &str); 3] = [
    (
        "conftest.py",
        "def pytest_runtest_setup(item):\n    open('order', 'a').write(item.nodeid + ' ')\n",
    ),
    ("test_a.py", "def test_1(): pass\n"),
    ("test_b.py", "def test_2(): pass\ndef test_3(): pass\ndef test_4(): pass\n"),
];

#[test]
fn big_scopes_go_first_unless_the_order_is_to_be_kept() {
    for dist in ["loadscope", "loadfile"] {
        let project = Project::new(&UNEVEN);
        project.run(&["-n", "1", "--dist", dist]).assert(0, "4 passed");
        let order = "test_b.py::test_2 test_b.py::test_3 test_b.py::test_4 test_a.py::test_1 ";
        assert_eq!(project.read("order"), order);

        let project = Project::new(&UNEVEN);
        project.run(&["-n", "1", "--dist", dist, "--no-loadscope-reorder"]).assert(0, "4 passed");
        let order = "test_a.py::test_1 test_b.py::test_2 test_b.py::test_3 test_b.py::test_4 ";
        assert_eq!(project.read("order"), order);
    }
}

/// Tests that note what a worker knows of itself: one line a test, one file a worker.
const FACTS: &str = "import os, sys, pytest\n\
    @pytest.mark.parametrize('n', range(8))\n\
    def test_facts(n, worker_id, testrun_uid, request):\n\
    \x20   env = os.environ\n\
    \x20   assert env['PYTEST_XDIST_WORKER'] == worker_id == request.config.workerinput['workerid']\n\
    \x20   assert env['PYTEST_XDIST_TESTRUNUID'] == testrun_uid == request.config.workerinput['testrunuid']\n\
    \x20   assert int(env['PYTEST_XDIST_WORKER_COUNT']) == request.config.workerinput['workercount']\n\
    \x20   facts = [worker_id, env['PYTEST_XDIST_WORKER_COUNT'], testrun_uid, env.get('WISH', '-'), os.getcwd()]\n\
    \x20   open(os.path.join(env['FACTS'], worker_id), 'w').write(' '.join(facts))\n";

/// Runs the suite above; what each worker told, by its name.
fn facts(args: &[&str]) -> (Project, BTreeMap<String, Vec<String>>) {
    facts_with(args, &[])
}

fn facts_with(
    args: &[&str],
    variables: &[(&str, &str)],
) -> (Project, BTreeMap<String, Vec<String>>) {
    let project =
        Project::new(&[("test_it.py", FACTS), ("below/test_it.py", FACTS), ("facts/.keep", "")]);
    let directory = project.path().join("facts");
    std::fs::remove_file(directory.join(".keep")).unwrap();
    let mut command = project.command(args);
    command.env("FACTS", &directory).envs(variables.iter().copied());
    let told = Running::start(command).end();
    assert_eq!(told.code, Some(0), "{told}");
    let files = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path());
    let facts = files.map(|file| {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        (name, text.split(' ').map(str::to_owned).collect())
    });
    let facts = facts.collect();
    (project, facts)
}

#[test]
fn tests_know_their_worker_their_number_and_their_run() {
    let (project, facts) = facts(&["-n", "2", "--dist", "load", "test_it.py"]);
    assert_eq!(facts.keys().collect::<Vec<_>>(), ["gw0", "gw1"]);
    let here = project.path().canonicalize().unwrap();
    for (worker, facts) in &facts {
        assert_eq!((&facts[0], &*facts[1], &*facts[3]), (worker, "2", "-"));
        assert_eq!(std::path::Path::new(&facts[4]), here);
    }
    assert_eq!(facts["gw0"][2], facts["gw1"][2]);
}

#[test]
fn the_run_s_id_can_be_given() {
    let (_project, facts) = facts(&["-n", "2", "--testrunuid", "nightly-7", "test_it.py"]);
    assert!(facts.values().all(|facts| facts[2] == "nightly-7"), "{facts:?}");
}

#[test]
fn maxprocesses_caps_the_number_of_workers() {
    let (_project, facts) =
        facts(&["-n", "4", "--maxprocesses", "2", "--dist", "load", "test_it.py"]);
    assert_eq!(facts.keys().collect::<Vec<_>>(), ["gw0", "gw1"]);
    assert!(facts.values().all(|facts| facts[1] == "2"), "{facts:?}");
}

#[test]
fn auto_follows_the_variable_of_xdist() {
    let (_project, facts) = facts_with(
        &["-n", "auto", "--dist", "load", "test_it.py"],
        &[("PYTEST_XDIST_AUTO_NUM_WORKERS", "3")],
    );
    assert_eq!(facts.keys().collect::<Vec<_>>(), ["gw0", "gw1", "gw2"]);
}

#[test]
fn a_worker_s_specification_can_give_it_variables_and_a_directory() {
    let (project, facts) = facts(&[
        "--tx",
        "2*popen//env:WISH=granted",
        "--tx",
        "popen//chdir=below",
        "--dist",
        "load",
        "test_it.py",
    ]);
    let here = project.path().canonicalize().unwrap();
    let place =
        |worker: &str| (facts[worker][3].clone(), std::path::PathBuf::from(&facts[worker][4]));
    assert_eq!(place("gw0"), ("granted".to_owned(), here.clone()));
    assert_eq!(place("gw1"), ("granted".to_owned(), here.clone()));
    assert_eq!(place("gw2"), ("-".to_owned(), here.join("below")));
}

#[test]
fn a_worker_s_specification_can_give_it_an_interpreter() {
    let project = Project::new(&[(
        "test_it.py",
        "import os\ndef test_it(worker_id):\n    assert ('WRAPPED' in os.environ) == (worker_id == 'gw0')\n",
    )]);
    let wrapper = project.path().join("wrapper");
    let python = project.python().display().to_string();
    project.write("wrapper", &format!("#!/bin/sh\nWRAPPED=1 exec '{python}' \"$@\"\n"));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&wrapper, mode).unwrap();
    let spec = format!("popen//python={}", wrapper.display());
    project.run(&["--dist", "each", "--tx", &spec, "--tx", "popen"]).assert(0, "2 passed");
}

#[test]
fn tests_are_selected_by_keyword_mark_and_id() {
    let project = Project::suite("medley");
    let selected = |args: &[&str]| {
        project.write("ran.txt", "");
        let told = project.run(args);
        let ids: Vec<String> = sorted_ids(&ran(&project)).into_iter().map(str::to_owned).collect();
        (told, ids)
    };
    let (told, ids) = selected(&["-n", "2", "-k", "same_name and not many_2"]);
    told.assert(0, "2 passed, 78 deselected");
    assert_eq!(
        ids,
        ["tests/test_many_1.py::test_same_name", "tests/test_many_3.py::test_same_name"]
    );

    let (told, ids) = selected(&["-n", "2", "-m", "slow"]);
    told.assert(0, "1 passed, 79 deselected");
    assert_eq!(ids, ["tests/test_groups.py::test_slow"]);

    let (told, ids) = selected(&[
        "-n",
        "2",
        "tests/test_names.py::test_parameters[a::b]",
        "tests/test_names.py::TestOuter::TestInner",
        "tests/deep/test_fixtures.py",
    ]);
    told.assert(1, "2 failed, 10 passed, 1 skipped, 1 xfailed, 1 xpassed, 2 errors");
    assert!(
        ids.contains(&"tests/test_names.py::TestOuter::TestInner::test_deep[z@w]".to_owned()),
        "{ids:?}"
    );

    let (told, ids) =
        selected(&["-n", "2", "tests", "--", "--deselect", "tests/deep", "-k", "test_deep"]);
    told.assert(1, "1 failed, 1 passed, 78 deselected");
    assert_eq!(ids.len(), 2);
}
