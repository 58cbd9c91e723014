//! The Python worker's own tests, which speak the worker protocol with it line by line.

use std::path::Path;

use super::plugins::with_plugins;
use super::support::{Project, Told};

fn run(project: &Project, file: &str) -> Told {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worker_py").join(file);
    let tests = tests.to_str().unwrap();
    let cache = format!("cache_dir={}", project.path().join("cache").display());
    project.run_python(&["-m", "pytest", "-p", "no:randomly", "-o", &cache, tests])
}

/// The number before the word in the counts.
fn count(told: &Told, word: &str) -> usize {
    let part = told.counts().split(", ").find_map(|part| part.strip_suffix(word));
    part.map_or(0, |number| number.trim().parse().unwrap())
}

#[test]
fn the_worker_keeps_to_its_protocol() {
    let told = run(&Project::new(&[]), "test_worker.py");
    assert_eq!((told.code, count(&told, "skipped")), (Some(0), 0), "{told}");
    assert!(count(&told, "passed") >= 20, "{told}");
}

#[test]
fn the_worker_tells_its_collection_as_pytest_makes_it() {
    let told = run(&Project::new(&[]), "test_collection.py");
    assert_eq!((told.code, count(&told, "skipped")), (Some(0), 0), "{told}");
    assert!(count(&told, "passed") >= 7, "{told}");
}

#[test]
fn fixtures_of_the_worker_come_and_go_as_in_plain_pytest() {
    let told = run(&Project::new(&[]), "test_fixtures.py");
    assert_eq!((told.code, count(&told, "skipped")), (Some(0), 0), "{told}");
    assert!(count(&told, "passed") >= 8, "{told}");
}

#[test]
fn what_ends_a_session_early_is_told_by_the_worker() {
    let told = run(&Project::new(&[]), "test_stops.py");
    assert_eq!((told.code, count(&told, "skipped")), (Some(0), 0), "{told}");
    assert!(count(&told, "passed") >= 15, "{told}");
}

#[test]
fn the_worker_makes_file_by_file_what_pytest_makes_at_once() {
    let told = run(&Project::new(&[]), "test_stream.py");
    assert_eq!((told.code, count(&told, "skipped")), (Some(0), 0), "{told}");
    assert!(count(&told, "passed") >= 40, "{told}");
}

#[test]
fn the_worker_knows_what_can_not_be_made_file_by_file() {
    let told = run(&Project::new(&[]), "test_reach.py");
    assert_eq!((told.code, count(&told, "skipped")), (Some(0), 0), "{told}");
    assert!(count(&told, "passed") >= 35, "{told}");
}

#[test]
fn what_the_worker_does_in_a_cheaper_way_comes_to_the_same() {
    let told = run(&Project::new(&[]), "test_lean.py");
    assert_eq!((told.code, count(&told, "skipped")), (Some(0), 0), "{told}");
}

#[test]
fn the_worker_bears_with_plugins() {
    let told = run(&with_plugins(&[]), "test_plugins.py");
    // Two plugins are not in the environment: pytest-html and flaky.
    assert_eq!((told.code, count(&told, "skipped")), (Some(0), 2), "{told}");
    assert!(count(&told, "passed") >= 12, "{told}");
}
