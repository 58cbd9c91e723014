//! What the documentation says is there is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every name of the seed: classes, functions, methods, and the state that its rules are made of.
const SEED: &str = "EachScheduling nodes hasnodes haspending addnode tests_finished addnode_collection remove_item \
    remove_node _removed2pending init_distribute _started LoadScheduling collection_is_completed check_schedule \
    _send_tests _check_nodes_have_same_collection report_collection_diff Interrupted session_finished report_line \
    pytest_sessionstart pytest_sessionfinish pytest_collection pytest_runtestloop loop_once slave_slaveready \
    slave_slavefinished slave_errordown slave_collectionfinish slave_logstart slave_testreport slave_collectreport \
    _clone_node _failed_slave_collectreport _handlefailures triggershutdown handle_crashitem write_line \
    ensure_show_status setstatus getstatus rewrite pytest_xdist_setupnodes pytest_xdist_newgateway \
    pytest_testnodeready pytest_testnodedown";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of the tables of `docs/seed.md`, as what stands in backticks in the first, the last but one and the last cell.
fn rows() -> Vec<[Vec<String>; 3]> {
    let page = fs::read_to_string(root().join("docs/seed.md")).unwrap();
    let lines = page.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<[Vec<String>; 3]> = lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
            [cells[0], cells[cells.len() - 2], cells[cells.len() - 1]].map(quoted)
        })
        .collect();
    assert!(rows.len() > 40, "the tables of docs/seed.md were not found");
    rows
}

/// What stands in backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The Rust sources below a directory.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of all tests: functions that follow the attribute `test`, or stand in a `proptest!`.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for directory in ["src", "actors", "tests"] {
        sources(&root().join(directory), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            let name = line
                .trim_start_matches("async ")
                .strip_prefix("fn ")
                .and_then(|rest| rest.split(['(', '<']).next());
            match name {
                Some(name) if is_test => {
                    names.insert(name.to_owned());
                    is_test = false;
                }
                Some(_) => is_test = false,
                None => is_test |= line.starts_with("#[") && line.contains("test"),
            }
        }
    }
    names
}

#[test]
fn every_piece_of_the_seed_has_a_row() {
    let named: BTreeSet<String> = rows().into_iter().flat_map(|[seed, _, _]| seed).collect();
    let missing: Vec<&str> =
        SEED.split_whitespace().filter(|name| !named.contains(*name)).collect();
    assert_eq!(missing, <[&str; 0]>::default());
}

#[test]
fn every_file_and_item_of_the_table_is_there() {
    for [seed, places, _] in rows() {
        let (files, items): (Vec<String>, Vec<String>) =
            places.into_iter().partition(|name| name.contains('/'));
        assert!(!files.is_empty(), "no file for {seed:?}");
        let text: String = files
            .iter()
            .map(|file| {
                fs::read_to_string(root().join(file))
                    .unwrap_or_else(|error| panic!("{file}: {error}"))
            })
            .collect();
        for item in items {
            let words: BTreeSet<&str> =
                text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            assert!(words.contains(&*item), "no `{item}` in {files:?}");
        }
    }
}

#[test]
fn every_test_of_the_table_is_there() {
    let tests = tests();
    for [seed, _, shown] in rows() {
        assert!(!shown.is_empty(), "no test for {seed:?}");
        let missing: Vec<String> = shown.into_iter().filter(|test| !tests.contains(test)).collect();
        assert!(missing.is_empty(), "{seed:?}: no test is called {missing:?}");
    }
}
