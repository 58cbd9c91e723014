//! Crates as they are published: the same tests with the same outcomes as under `cargo test`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Project, lines};

/// Crates that this project depends on itself, as on all that they need, so that cargo has their sources, tests included. Larger ones
/// are for `tests/parity_libtest.py`, which is run by hand.
const CRATES: [&str; 4] = ["strsim", "shlex", "heck", "globset"];

/// What can be left out of them, and is not there.
const OPTIONAL: &str = "arbitrary";

/// Where cargo keeps the source of one of our own dependencies.
fn source(name: &str) -> PathBuf {
    let about = Command::new("rustc").arg("-vV").output().unwrap();
    let about = String::from_utf8(about.stdout).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // What is for other platforms alone may not be there.
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == name).unwrap();
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

/// A copy of the crate, a workspace of its own.
fn copy(name: &str) -> Project {
    let project = Project::cargo(&[]);
    let root = source(name);
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "rs" || extension == "md")
            {
                let place = path.strip_prefix(&root).unwrap().to_str().unwrap();
                project.write(place, &fs::read_to_string(&path).unwrap());
            }
        }
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let mut manifest: toml::Table = manifest.parse().unwrap();
    for table in ["dependencies", "features"] {
        if let Some(table) = manifest.get_mut(table).and_then(toml::Value::as_table_mut) {
            table.remove(OPTIONAL);
        }
    }
    manifest.insert("workspace".to_owned(), toml::Table::new().into());
    project.write("Cargo.toml", &manifest.to_string());
    // The versions that are there.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    project.write("Cargo.lock", &fs::read_to_string(lock).unwrap());
    project
}

/// What `cargo test` says of each test, by name; how many binaries have one of this name does not matter here.
fn of_cargo(project: &Project) -> BTreeMap<String, String> {
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/rust-projects");
    let output = Command::new("cargo")
        .args(["test", "--no-fail-fast", "--offline"])
        .current_dir(project.path())
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_TERM_COLOR", "never")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let mut outcomes = BTreeMap::new();
    for line in said.lines() {
        let test = line.strip_prefix("test ").and_then(|line| line.split_once(" ... "));
        let Some((name, word)) = test else { continue };
        let name = [" - should panic", " - compile fail", " - compile"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name);
        let outcome = match word {
            "ok" => "passed",
            "FAILED" => "failed",
            _ => "skipped",
        };
        let before = outcomes.insert(name.to_owned(), outcome.to_owned());
        assert_eq!(before, None, "{name} is there twice");
    }
    outcomes
}

#[test]
fn published_crates_have_the_outcomes_of_cargo_test() {
    for name in CRATES {
        let project = copy(name);
        let events = project.path().join("events.jsonl");
        let told =
            project.run_with(&[("CALLSHEET_EVENTS", events.to_str().unwrap())], &["-n", "2"]);
        let ends: Vec<(String, String)> = lines(&project.read("events.jsonl"))
            .into_iter()
            .filter(|line| line["event"] == "test-finished")
            .map(|line| {
                let (_, test) = line["id"].as_str().unwrap().split_once("::").unwrap();
                (test.to_owned(), line["outcome"].as_str().unwrap().to_owned())
            })
            .collect();
        let count = ends.len();
        let ours: BTreeMap<String, String> = ends.into_iter().collect();
        assert_eq!(ours.len(), count, "{name}: a test came to an end twice\n{told}");
        let theirs = of_cargo(&project);
        assert!(theirs.len() > 5, "{name}: {theirs:?}");
        assert_eq!(ours, theirs, "{name}\n{told}");
        assert_eq!(told.code, Some(0), "{name}\n{told}");
    }
}
