use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::model::{
    Dist, Durations, Lane, Outcome, PytestSuite, RunEvent, TestEnd, TestIndex, TestName, WorkerId,
};

/// A project's directory and the history of its suite.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join(FOLDER).join(FILE)
    }

    fn named(&self, file: &str) -> History {
        self.of(self.directory.path().join(file), "")
    }

    fn of(&self, file: PathBuf, root: &str) -> History {
        let project = self.directory.path();
        let pytest = PytestSuite { root: project.join(root), ..PytestSuite::default() };
        History::new(file, &Suite::Pytest(pytest), project)
    }

    fn history(&self) -> History {
        self.of(self.file(), "")
    }

    /// Keeps a run; gives what it complains of.
    fn keep(&self, tests: &[(&str, Outcome, f64)]) -> Option<String> {
        self.history().store(&run(tests))
    }

    /// What is known, if nothing is wrong.
    fn known(&self) -> Estimates {
        let (estimates, problem) = self.history().load();
        assert_eq!(problem, None);
        estimates
    }

    fn call(&self, id: &str) -> Option<f64> {
        self.known().test(id).map(|test| test.call)
    }

    fn sql(&self, statement: &str) {
        Connection::open(self.file()).unwrap().execute_batch(statement).unwrap();
    }

    fn ask(&self, query: &str) -> String {
        let connection = Connection::open(self.file()).unwrap();
        connection.query_row(query, [], |row| row.get(0)).unwrap()
    }
}

fn run(tests: &[(&str, Outcome, f64)]) -> Record {
    let mut recorder = Recorder::new();
    let begun = Instant::now();
    let started = RunEvent::RunStarted {
        run_id: "run".to_owned(),
        dist: Dist::Load,
        workers: vec![(WorkerId(0), "popen".to_owned()), (WorkerId(1), "popen".to_owned())],
    };
    recorder.event(&started, begun);
    for (id, outcome, call) in tests {
        let (worker, lane, index) = (WorkerId(0), Lane(0), TestIndex(0));
        let test = TestName { id: (*id).into(), occurrence: 0 };
        recorder.event(&RunEvent::TestStarted { worker, lane, index, test: test.clone() }, begun);
        // A clock shows what a test took that did not live to tell.
        let shown = if *outcome == Outcome::TimedOut { *call } else { 1000.0 };
        let call = if *outcome == Outcome::TimedOut { 0.0 } else { *call };
        let finished = RunEvent::TestFinished {
            worker,
            lane,
            index,
            test,
            end: TestEnd {
                outcome: *outcome,
                durations: Durations { setup: 0.25, call, teardown: 0.5 },
                started: 1.0,
            },
            attempt: 1,
            alone: false,
        };
        recorder.event(&finished, begun + Duration::from_secs_f64(shown));
    }
    recorder.finish()
}

const PASSED: Outcome = Outcome::Passed;

#[test]
fn a_run_is_known_to_the_next_one() {
    let place = Place::new();
    assert!(place.known().is_empty());
    assert!(!place.file().exists(), "reading makes no file");
    assert_eq!(place.keep(&[("a.py::t", PASSED, 2.0), ("a.py::u", Outcome::Failed, 4.0)]), None);
    let known = place.known();
    let seconds = Durations { setup: 0.25, call: 2.0, teardown: 0.5 };
    assert_eq!(known.test("a.py::t"), Some(seconds));
    assert_eq!(known.file("a.py").map(|file| (file.tests, file.seconds)), Some((2, 7.5)));
    assert_eq!(place.ask("SELECT id || ' ' || workers || ' ' || tests FROM runs"), "run 2 2");
    let ignore = fs::read_to_string(place.file().with_file_name(".gitignore")).unwrap();
    assert_eq!(ignore, "*\n");
}

#[test]
fn what_is_known_moves_half_of_the_way() {
    let place = Place::new();
    for call in [8.0, 4.0, 8.0] {
        assert_eq!(place.keep(&[("a.py::t", PASSED, call)]), None);
    }
    assert_eq!(place.call("a.py::t"), Some(7.0));
}

#[test]
fn a_crash_tells_no_duration_and_a_deadline_that_it_took_until_then() {
    let place = Place::new();
    place.keep(&[("a.py::t", PASSED, 8.0), ("a.py::new", Outcome::Crashed, 0.0)]);
    place.keep(&[("a.py::t", Outcome::Crashed, 0.0), ("a.py::slow", Outcome::TimedOut, 60.0)]);
    assert_eq!(place.call("a.py::t"), Some(8.0));
    assert_eq!(place.call("a.py::new"), None);
    assert_eq!(place.call("a.py::slow"), Some(60.0));
    assert_eq!(place.ask("SELECT outcome FROM tests WHERE id = 'a.py::t'"), "crashed");
    place.keep(&[("a.py::new", PASSED, 3.0)]);
    assert_eq!(place.call("a.py::new"), Some(3.0));
}

#[test]
fn tests_of_one_id_count_as_their_mean_and_as_the_worst_of_them() {
    let place = Place::new();
    let lanes =
        [("a.py::t", PASSED, 1.0), ("a.py::t", Outcome::Failed, 2.0), ("a.py::t", PASSED, 6.0)];
    place.keep(&lanes);
    assert_eq!(place.call("a.py::t"), Some(3.0));
    assert_eq!(place.ask("SELECT outcome FROM tests"), "failed");
}

#[test]
fn suites_of_one_project_are_kept_apart() {
    let place = Place::new();
    for (root, call) in [("one", 1.0), ("two", 2.0)] {
        assert_eq!(place.of(place.file(), root).store(&run(&[("a.py::t", PASSED, call)])), None);
    }
    for (root, call) in [("one", Some(1.0)), ("two", Some(2.0)), ("", None)] {
        let (known, _) = place.of(place.file(), root).load();
        assert_eq!(known.test("a.py::t").map(|test| test.call), call, "{root}");
    }
}

#[test]
fn what_was_not_seen_for_long_is_forgotten() {
    let place = Place::new();
    place.keep(&[("a.py::old", PASSED, 1.0), ("a.py::t", PASSED, 1.0)]);
    let days = |days: u64| seconds_since_1970() - days * 86_400;
    place.sql(&format!("UPDATE tests SET last_run = {} WHERE id = 'a.py::old'", days(91)));
    place.sql(&format!("UPDATE tests SET last_run = {} WHERE id = 'a.py::t'", days(89)));
    place.sql(&format!("UPDATE runs SET started = {}", days(91)));
    place.keep(&[("b.py::t", PASSED, 1.0)]);
    assert_eq!(place.known().len(), 2);
    assert_eq!(place.call("a.py::old"), None);
    assert_eq!(place.ask("SELECT count(*) || '' FROM runs"), "1");
}

#[test]
fn a_run_without_tests_leaves_no_file() {
    let place = Place::new();
    assert_eq!(place.keep(&[]), None);
    assert!(!place.file().parent().unwrap().exists());
}

#[test]
fn a_damaged_file_of_ours_is_moved_aside_and_begun_anew() {
    let place = Place::new();
    fs::create_dir(place.file().parent().unwrap()).unwrap();
    fs::write(place.file(), "this is no database at all, whatever its name says").unwrap();
    let (known, problem) = place.history().load();
    assert!(known.is_empty());
    let problem = problem.unwrap();
    assert!(problem.contains("history.db was damaged and is now"), "{problem}");
    assert!(place.file().with_extension("db.damaged").exists());
    assert_eq!(place.keep(&[("a.py::t", PASSED, 1.0)]), None);
    assert_eq!(place.known().len(), 1);
}

#[test]
fn a_file_damaged_in_the_middle_is_found_out_at_the_latest_when_written() {
    let place = Place::new();
    let many: Vec<String> = (0..2000).map(|number| format!("a.py::test_{number}")).collect();
    let many: Vec<_> = many.iter().map(|id| (&**id, PASSED, 1.0)).collect();
    place.keep(&many);
    let mut bytes = fs::read(place.file()).unwrap();
    bytes[8 * 1024..].fill(0xa5);
    fs::write(place.file(), bytes).unwrap();
    let problem = place.keep(&many).unwrap();
    assert!(problem.contains("durations are recorded anew"), "{problem}");
    assert_eq!(place.known().len(), 2000);
}

#[test]
fn a_file_that_somebody_named_is_never_moved_nor_written_to_if_it_is_not_ours() {
    let place = Place::new();
    place.keep(&[("a.py::t", PASSED, 1.0)]);
    fs::write(place.directory.path().join("notes.txt"), "what I must not forget, and more")
        .unwrap();
    let other = Connection::open(place.directory.path().join("other.db")).unwrap();
    other.execute_batch("CREATE TABLE mine (it)").unwrap();
    for (name, says) in [("notes.txt", "is damaged"), ("other.db", "is no history of callsheet")] {
        let before = fs::read(place.directory.path().join(name)).unwrap();
        let mut history = place.named(name);
        let (_, problem) = history.load();
        assert!(problem.as_ref().is_some_and(|problem| problem.contains(says)), "{problem:?}");
        history.store(&run(&[("a.py::t", PASSED, 1.0)]));
        assert_eq!(fs::read(place.directory.path().join(name)).unwrap(), before);
    }
}

#[test]
fn a_file_of_a_newer_version_is_left_alone_and_told_of_once() {
    let place = Place::new();
    place.keep(&[("a.py::t", PASSED, 1.0)]);
    place.sql("PRAGMA user_version = 7");
    let before = fs::read(place.file()).unwrap();
    let mut history = place.history();
    let (known, problem) = history.load();
    assert!(known.is_empty());
    assert!(problem.unwrap().contains("of a newer callsheet (format 7, this one knows 1)"));
    assert_eq!(history.store(&run(&[("a.py::t", PASSED, 1.0)])), None);
    assert_eq!(fs::read(place.file()).unwrap(), before);
}

#[test]
fn a_file_that_another_program_holds_is_told_of() {
    let place = Place::new();
    place.keep(&[("a.py::t", PASSED, 1.0)]);
    let holder = Connection::open(place.file()).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let (known, problem) = place.history().load();
    assert!(known.is_empty());
    assert!(problem.unwrap().starts_with("durations are not used: another program holds "));
    let problem = place.keep(&[("a.py::t", PASSED, 9.0)]).unwrap();
    assert!(problem.starts_with("durations are not recorded: another program holds "), "{problem}");
    holder.execute_batch("ROLLBACK").unwrap();
    assert_eq!(place.call("a.py::t"), Some(1.0));
}

#[test]
fn a_place_that_can_not_be_written_is_told_of() {
    let place = Place::new();
    fs::write(place.directory.path().join(FOLDER), "a file where the folder should be").unwrap();
    let problem = place.keep(&[("a.py::t", PASSED, 1.0)]).unwrap();
    assert!(problem.starts_with("durations are not recorded: "), "{problem}");
    assert!(problem.ends_with("--no-history goes without"), "{problem}");
}

#[test]
fn the_ignoring_of_our_folder_is_the_users_to_undo() {
    let place = Place::new();
    place.keep(&[("a.py::t", PASSED, 1.0)]);
    let ignore = place.file().with_file_name(".gitignore");
    fs::remove_file(&ignore).unwrap();
    place.keep(&[("a.py::t", PASSED, 1.0)]);
    assert!(!ignore.exists());
    assert_eq!(place.named("ci/durations.db").store(&run(&[("a.py::t", PASSED, 1.0)])), None);
    assert!(place.directory.path().join("ci/durations.db").exists());
    assert!(!place.directory.path().join("ci/.gitignore").exists());
}

#[test]
fn runs_that_end_together_are_both_kept() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let place = &place;
            scope.spawn(move || {
                let ids: Vec<String> =
                    (0..200).map(|test| format!("{thread}.py::test_{test}")).collect();
                let tests: Vec<_> = ids.iter().map(|id| (&**id, PASSED, 1.0)).collect();
                assert_eq!(place.keep(&tests), None);
            });
        }
    });
    assert_eq!(place.known().len(), 800);
}
