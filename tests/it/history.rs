//! What is kept between runs: where, that the next run has it, and that nothing wrong with it ever fails a run.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rusqlite::Connection;

use crate::support::{Project, Running, Told};

/// Two tests that pass and one that fails.
const TESTS: &str = "def test_a(): pass\ndef test_b(): pass\ndef test_c(): assert 0\n";

/// What every run of them must come to, whatever becomes of the history.
const COUNTS: &str = "1 failed, 2 passed";

const ARGS: [&str; 2] = ["-n", "2"];

fn project() -> Project {
    Project::new(&[("test_it.py", TESTS)])
}

fn file(project: &Project) -> PathBuf {
    project.path().join(".callsheet/history.db")
}

fn ask(project: &Project, query: &str) -> String {
    let connection = Connection::open(file(project)).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

/// How many tests the run knew from those before, by its log.
fn known(told: &Told) -> &str {
    let line = told.stderr.lines().find_map(|line| line.split_once(" tests are known"));
    line.map_or("", |(before, _)| before.rsplit(' ').next().unwrap())
}

#[test]
fn a_run_keeps_its_durations_out_of_version_control_and_the_next_one_has_them() {
    let project = project();
    let logged = [("CALLSHEET_LOG", "callsheet=debug")];
    let first = project.run_with(&logged, &ARGS);
    first.assert(1, COUNTS);
    assert_eq!(known(&first), "0", "\n{first}");
    assert_eq!(
        ask(&project, "SELECT group_concat(id || ' ' || outcome) FROM tests"),
        "test_it.py::test_a passed,test_it.py::test_b passed,test_it.py::test_c failed"
    );
    let second = project.run_with(&logged, &ARGS);
    second.assert(1, COUNTS);
    assert_eq!(known(&second), "3", "\n{second}");
    assert_eq!(ask(&project, "SELECT count(*) || ' of ' || max(workers) FROM runs"), "2 of 2");

    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(project.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "--quiet"]);
    let untracked = git(&["status", "--porcelain", "--untracked-files=all"]);
    assert!(untracked.contains("test_it.py") && !untracked.contains(".callsheet"), "{untracked}");
}

#[test]
fn a_folder_that_is_there_already_is_kept_out_of_version_control_too() {
    let project = project();
    project.write(".callsheet/notes.txt", "");
    project.run(&ARGS).assert(1, COUNTS);
    assert_eq!(project.read(".callsheet/.gitignore"), "*\n");
}

#[test]
fn a_test_that_was_ended_at_its_own_deadline_counts_with_that() {
    let hangs = "import signal\ndef test_hangs(): signal.pause()\n";
    let project = Project::new(&[("test_it.py", hangs)]);
    for global in ["", "deadlines = { test = '10m' }\n"] {
        let own = "[[override]]\nfilter = 'test_hangs'\ntimeout = '1s'\n";
        project.write("callsheet.toml", &format!("{global}{own}"));
        project.run(&["-n", "1"]).assert(1, "1 failed");
        let kept =
            ask(&project, "SELECT (call >= 1.0 AND call < 600.0) || ' ' || outcome FROM tests");
        assert_eq!(kept, "1 timed-out", "{global}");
        fs::remove_file(file(&project)).unwrap();
    }
}

#[test]
fn it_stands_beside_the_projects_file_wherever_the_run_was_started() {
    let project = Project::new(&[("callsheet.toml", ""), ("sub/test_it.py", TESTS)]);
    let mut command = project.command(&ARGS);
    command.current_dir(project.path().join("sub"));
    Running::start(command).end().assert(1, COUNTS);
    assert!(file(&project).exists());
    assert!(!project.path().join("sub/.callsheet").exists());
}

#[test]
fn without_a_history_and_with_one_elsewhere_the_project_stays_as_it_is() {
    let project = project();
    project.run(&["-n", "2", "--no-history"]).assert(1, COUNTS);
    project.run(&["list"]);
    project.run(&["-n", "2", "--history", "kept/durations.db"]).assert(1, COUNTS);
    assert!(!project.path().join(".callsheet").exists());
    assert!(project.path().join("kept/durations.db").exists());
}

#[test]
fn a_damaged_file_is_moved_aside_and_told_of_once() {
    let project = project();
    project.write(".callsheet/history.db", "this is no database, whatever its name may say of it");
    project.run(&ARGS).assert(1, COUNTS).says("history.db was damaged and is now ");
    assert!(project.path().join(".callsheet/history.db.damaged").exists());
    project.run(&ARGS).assert(1, COUNTS).is_silent_on("note:");
    assert_eq!(ask(&project, "SELECT count(*) || '' FROM runs"), "2");
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let project = project();
    project.run(&ARGS).assert(1, COUNTS);
    Connection::open(file(&project)).unwrap().execute_batch("PRAGMA user_version = 9").unwrap();
    let before = fs::read(file(&project)).unwrap();
    project
        .run(&ARGS)
        .assert(1, COUNTS)
        .says("is of a newer callsheet (format 9, this one knows 1)");
    assert_eq!(fs::read(file(&project)).unwrap(), before);
}

#[test]
fn a_file_that_another_program_holds_is_told_of() {
    let project = project();
    project.run(&ARGS).assert(1, COUNTS);
    let holder = Connection::open(file(&project)).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    project
        .run(&ARGS)
        .assert(1, COUNTS)
        .says("note: durations are not used: another program holds ")
        .says("note: durations are not recorded: another program holds ");
    holder.execute_batch("ROLLBACK").unwrap();
    assert_eq!(ask(&project, "SELECT count(*) || '' FROM runs"), "1");
}

#[test]
fn a_place_where_nothing_can_be_made_is_told_of() {
    let project = project();
    // Nobody can, not even the superuser, under whom a mode of 0555 would say nothing.
    let told = project.run(&["-n", "2", "--history", "/proc/callsheet/history.db"]);
    told.assert(1, COUNTS).says("note: durations are not recorded: /proc/callsheet/history.db: ");
    told.says("--no-history goes without");
}

#[test]
fn two_runs_at_once_are_both_kept() {
    let project = project();
    let runs = [(); 2].map(|()| Running::start(project.command(&ARGS)));
    for run in runs {
        run.end().assert(1, COUNTS).is_silent_on("note:");
    }
    assert_eq!(ask(&project, "SELECT count(*) || '' FROM runs"), "2");
}

#[test]
fn the_summary_tells_how_near_to_the_bound_a_run_came() {
    let project = Project::new(&[(
        "test_it.py",
        "import time\ndef test_long(): time.sleep(1.2)\ndef test_short(): time.sleep(0.1)\n",
    )]);
    let told = project.run(&ARGS);
    told.assert(0, "2 passed");
    told.says(" s on 2 workers: ").says(" % of the bound; longest: test_it.py::test_long, ");
    told.says("more workers would not help");
    project.run(&["-n", "2", "-q"]).is_silent_on("of the bound");
}
