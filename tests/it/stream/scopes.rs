//! Fixtures live as long as they do under plain pytest, on every worker, whatever was stolen.

use std::collections::BTreeMap;

use super::{assert_same, plain, streamed};
use crate::support::{Project, Told};

/// One line of the suite's `log.txt`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    worker: String,
    what: String,
    node: String,
    name: String,
}

impl Note {
    fn file(&self) -> &str {
        self.node.split("::").next().unwrap_or_default()
    }

    /// Whether a fixture of this node is shared by that test.
    fn holds(&self, test: &str) -> bool {
        let rest = test.strip_prefix(&*self.node);
        rest.is_some_and(|rest| {
            self.node.is_empty() || rest.is_empty() || rest.starts_with(['/', ':'])
        })
    }
}

impl Note {
    fn is_doctest(&self) -> bool {
        self.node.rsplit("::").next().is_some_and(|name| name.contains('.') && !name.contains('['))
    }
}

fn notes(project: &Project) -> Vec<Note> {
    let text = project.read("log.txt");
    let notes = text.lines().map(|line| {
        let mut words = line.split('\t').map(str::to_owned);
        let mut word = || words.next().unwrap();
        Note { worker: word(), what: word(), node: word(), name: word() }
    });
    notes.collect()
}

/// What happened in each file, without who did it.
fn by_file(notes: &[Note]) -> BTreeMap<&str, Vec<(&str, &str, &str)>> {
    let mut files: BTreeMap<&str, Vec<(&str, &str, &str)>> = BTreeMap::new();
    for note in notes {
        files.entry(note.file()).or_default().push((&note.what, &note.node, &note.name));
    }
    files
}

/// Every set-up has its teardown, none lives twice, and none is torn down between two tests in a row that share it.
fn assert_scopes(notes: &[Note], told: &Told) {
    let mut workers: BTreeMap<&str, Vec<&Note>> = BTreeMap::new();
    for note in notes {
        workers.entry(&note.worker).or_default().push(note);
    }
    for (worker, notes) in workers {
        let mut living: Vec<(&str, &str)> = Vec::new();
        let mut before: Option<&Note> = None;
        for (place, note) in notes.iter().enumerate() {
            let fixture = (&*note.node, &*note.name);
            match &*note.what {
                "setup" => {
                    assert!(
                        !living.contains(&fixture),
                        "{worker}: {fixture:?} lives twice\n{told}"
                    );
                    living.push(fixture);
                }
                "teardown" => {
                    let known = living.iter().position(|known| *known == fixture);
                    living
                        .remove(known.unwrap_or_else(|| {
                            panic!("{worker}: {fixture:?} never lived\n{told}")
                        }));
                    let after = notes[place..].iter().find(|note| note.what == "test");
                    if let (Some(before), Some(after)) = (before, after) {
                        // The doctests of a file are collected by another node of the same name.
                        let alike = before.is_doctest() == after.is_doctest();
                        let shared = alike && note.holds(&before.node) && note.holds(&after.node);
                        assert!(
                            !shared,
                            "{worker}: {fixture:?} is torn down between {before:?} and {after:?}\n{told}"
                        );
                    }
                }
                _test => before = Some(note),
            }
        }
        assert!(living.is_empty(), "{worker}: {living:?} were never torn down\n{told}");
    }
}

fn tests(notes: &[Note]) -> Vec<&str> {
    let mut tests: Vec<&str> =
        notes.iter().filter(|note| note.what == "test").map(|note| &*note.node).collect();
    tests.sort_unstable();
    tests
}

/// The suite under plain pytest and streamed by 1, 2 and 8 workers, with these arguments for pytest.
fn scopes(own: &[&str], args: &[&str]) {
    let project = Project::suite("scopes");
    let expected = plain(&project, args);
    let plain_notes = notes(&project);
    assert_scopes(&plain_notes, &expected);
    for workers in ["1", "2", "8"] {
        project.write("log.txt", "");
        let told = streamed(&project, workers, own, args);
        assert_same(&told, &expected);
        let notes = notes(&project);
        assert_scopes(&notes, &told);
        assert_eq!(tests(&notes), tests(&plain_notes), "\n{told}");
        if workers == "1" {
            assert_eq!(by_file(&notes), by_file(&plain_notes), "\n{told}");
        }
    }
}

#[test]
fn fixtures_of_every_scope_live_as_long_as_under_plain_pytest() {
    scopes(&[], &[]);
}

#[test]
fn so_they_do_where_modules_are_imported_when_their_turn_comes() {
    scopes(&["--lazy-import"], &[]);
}

#[test]
fn so_they_do_with_importlib() {
    scopes(&[], &["--import-mode=importlib"]);
}

#[test]
fn so_they_do_with_durations_of_a_run_before() {
    let project = Project::suite("scopes");
    let expected = plain(&project, &[]);
    for workers in ["2", "8", "2", "8", "1"] {
        project.write("log.txt", "");
        let told = streamed(&project, workers, &[], &[]);
        assert_same(&told, &expected);
        assert_scopes(&notes(&project), &told);
    }
}

#[test]
fn on_one_worker_all_is_in_the_order_of_plain_pytest() {
    let project = Project::suite("scopes");
    plain(&project, &[]);
    let expected = project.read("log.txt").replace("plain\t", "gw0\t");
    for _before in 0..2 {
        project.write("log.txt", "");
        let told = streamed(&project, "1", &[], &[]);
        assert_lines(&project.read("log.txt"), &expected, &told);
    }
}

/// pytest brings the tests of one parameter together, whatever their files.
#[test]
fn what_is_parametrized_for_the_session_is_set_up_once_a_parameter() {
    let test = "def test_it(db): pass\n";
    let project = Project::new(&[("test_a.py", test), ("test_b.py", test), ("p/test_c.py", test)]);
    for (scope, params, setups) in
        [("session", "['a', 'b']", 2), ("package", "['a', 'b']", 4), ("module", "['a', 'b']", 6)]
    {
        project.write(
            "conftest.py",
            &format!(
                "import pytest\n@pytest.fixture(scope='{scope}', params={params})\n\
                 def db(request):\n    with open('log.txt', 'a') as log: log.write(request.param + '\\n')\n"
            ),
        );
        project.write("log.txt", "");
        plain(&project, &[]).assert(0, "6 passed");
        let expected = project.read("log.txt");
        assert_eq!(expected.lines().count(), setups, "{scope}");
        project.write("log.txt", "");
        let told = project.run(&["-n", "1"]);
        told.assert(0, "6 passed");
        assert_eq!(project.read("log.txt"), expected, "{scope}\n{told}");
        let why = format!("fixture `db` is parametrized for more than one file (scope {scope})");
        if scope == "module" {
            told.says("scheduling tests via StreamScheduling");
        } else {
            told.says(&why);
        }
    }
    // In one file the order is that of one file.
    project.write("conftest.py", &project.read("conftest.py").replace("module", "session"));
    streamed(&project, "1", &[], &["test_a.py"]).assert(0, "2 passed");
}

/// Shows the first line that differs.
fn assert_lines(found: &str, expected: &str, told: &Told) {
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "\n{told}");
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "\n{told}");
}

/// With `import = "lazy"` a module is imported by the workers that run its tests, else by all.
#[test]
fn modules_are_imported_first_or_when_their_turn_comes() {
    // Each file's only test waits for the other's, so each of the two workers runs one.
    let module = "import os, pathlib, time\n\
        worker = os.environ['PYTEST_XDIST_WORKER']\n\
        pathlib.Path(f'imported.{worker}.{__name__}').write_text('')\n\
        def test_it():\n\
        \x20   pathlib.Path(f'ran.{__name__}').write_text('')\n\
        \x20   while len(list(pathlib.Path('.').glob('ran.*'))) < 2: time.sleep(0.005)\n";
    for (own, file, imports) in [
        (&[][..], "", 4),
        (&["--lazy-import"], "", 2),
        (&[], "import = 'lazy'\n", 2),
        (&["--lazy-import"], "import = 'first'\n", 2),
    ] {
        let project =
            Project::new(&[("test_a.py", module), ("test_b.py", module), ("callsheet.toml", file)]);
        streamed(&project, "2", &[own, &["--timeout", "60s"]].concat(), &[]).assert(0, "2 passed");
        let imported = std::fs::read_dir(project.path()).unwrap().filter(|entry| {
            entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("imported.")
        });
        assert_eq!(imported.count(), imports, "{own:?} {file:?}");
    }
}
