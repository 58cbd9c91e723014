//! What test binaries have listed is kept until they change.

use std::fs;
use std::path::PathBuf;

use super::package;
use crate::support::{Project, Told};

/// A run with a directory of its own for all that is built.
fn run(project: &Project) -> Told {
    let target = project.path().join("target");
    project.run_with(&[("CARGO_TARGET_DIR", target.to_str().unwrap())], &["-n", "1"])
}

/// What is kept of the only binary, which is not before it is old enough to be trusted.
fn kept(project: &Project) -> PathBuf {
    for _ in 0..30 {
        run(project).assert(0, "1 passed");
        let kept = fs::read_dir(project.path().join("target/callsheet/listings"));
        if let Some(kept) = kept.ok().and_then(|mut kept| kept.next()) {
            return kept.unwrap().path();
        }
    }
    panic!("no listing is kept");
}

#[test]
fn a_binary_is_asked_again_when_it_has_changed_or_what_is_kept_makes_no_sense() {
    let project = package("remembered", "#[test] fn one() {}");
    let file = kept(&project);
    let text = fs::read_to_string(&file).unwrap();
    // Nobody would know this name but from there.
    fs::write(&file, text.replace("tests::one", "tests::two")).unwrap();
    run(&project).assert(1, "1 error").says("did not run it");
    for damage in ["", "{\"stamp\":", "[1]"] {
        fs::write(&file, damage).unwrap();
        run(&project).assert(0, "1 passed");
    }
    fs::write(&file, text.replace("tests::one", "tests::two")).unwrap();
    project.write("src/lib.rs", "#[test] fn three() {}\n#[test] fn four() {}\n");
    run(&project).assert(0, "2 passed");
}
