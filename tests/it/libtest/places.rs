//! What tests find around them is what cargo gives them; and which binaries hold tests.

use super::manifest;
use crate::support::{Project, Running};

#[test]
fn the_environment_and_the_directory_are_those_of_cargo() {
    let show = "#[test] fn show() {\n\
        let mut all: Vec<_> = std::env::vars().filter(|(name, _)| name != \"CARGO_HOME\" && name.starts_with(\"CARGO_\") || [\"OUT_DIR\", \"OF_SCRIPT\", \"CARGO\"].contains(&name.as_str())).collect();\n\
        all.sort();\n\
        let place = std::env::var(\"SHOWN\").unwrap();\n\
        std::fs::write(place, format!(\"{all:#?} {:?}\", std::env::current_dir())).unwrap(); }";
    let project = Project::cargo(&[
        ("Cargo.toml", &manifest("around").replace("1.2.3", "1.2.3-beta.1")),
        ("build.rs", "fn main() { println!(\"cargo:rustc-env=OF_SCRIPT=yes\"); }"),
        ("src/lib.rs", "pub fn nothing() {}"),
        ("src/main.rs", "fn main() {}"),
        ("tests/show.rs", show),
    ]);
    let (ours, theirs) = (project.path().join("ours"), project.path().join("theirs"));
    let told =
        project.run_with(&[("SHOWN", ours.to_str().unwrap())], &["-n", "1", "--", "--tests"]);
    told.assert(0, "1 passed");
    let mut cargo = std::process::Command::new("cargo");
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/rust-projects");
    cargo
        .args(["test", "--quiet", "--tests"])
        .current_dir(project.path())
        .env("SHOWN", &theirs)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TERM_COLOR", "never");
    assert!(cargo.output().unwrap().status.success());
    assert_eq!(project.read("ours"), project.read("theirs"));
}

#[test]
fn all_binaries_of_all_packages_are_run_and_equal_names_are_told_apart() {
    let one = "#[test] fn same() {}";
    let fails = "#[test] fn same() { panic!(\"of b\") }";
    let example = "[package]\nname = \"first\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[[example]]\nname = \"shown\"\ntest = true\n";
    let project = Project::cargo(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"first\", \"second\"]\nresolver = \"2\"\n"),
        ("first/Cargo.toml", example),
        ("first/src/lib.rs", one),
        ("first/src/main.rs", "fn main() {}\n#[test] fn same() {}"),
        ("first/examples/shown.rs", "fn main() {}\n#[test] fn same() {}"),
        ("first/tests/a.rs", one),
        ("first/tests/b.rs", fails),
        (
            "second/Cargo.toml",
            "[package]\nname = \"second\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        ("second/src/lib.rs", one),
    ]);
    let told = project.run(&["-n", "2", "-v", "--", "--workspace", "--all-targets"]);
    told.assert(1, "1 failed, 5 passed");
    assert_eq!(told.ids("FAILED"), ["first/tests/b::same"]);
    for id in [
        "first/lib::same",
        "first/bin/first::same",
        "first/examples/shown::same",
        "first/tests/a::same",
        "second/lib::same",
    ] {
        told.says(&format!("PASSED {id}"));
    }
    project.run(&["-n", "1", "--", "-p", "second"]).assert(0, "1 passed");
}

#[test]
fn doctests_are_run_through_cargo_each_with_its_outcome() {
    let library = "/// ```\n/// assert_eq!(documented::one(), 1);\n/// ```\npub fn one() -> u32 { 1 }\n\
        /// ```\n/// panic!(\"of the documentation\");\n/// ```\npub fn two() {}\n\
        /// ```ignore\n/// x\n/// ```\npub fn three() {}\n\
        /// ```compile_fail\n/// x\n/// ```\npub fn four() {}\n\
        #[test] fn unit() {}\n";
    let project =
        Project::cargo(&[("Cargo.toml", &manifest("documented")), ("src/lib.rs", library)]);
    let told = project.run(&["-n", "2"]);
    told.assert(1, "1 failed, 3 passed, 1 skipped");
    assert_eq!(told.ids("FAILED"), ["documented/doc::src/lib.rs"]);
    told.says("src/lib.rs - two (line 5)").says("of the documentation");
    project.run(&["-n", "1", "--", "--lib"]).assert(0, "1 passed");
    project.run(&["-n", "1", "--", "--doc"]).assert(1, "1 failed, 2 passed, 1 skipped");
}

#[test]
fn a_test_without_the_harness_is_one_test() {
    let manifest = format!(
        "{}[[test]]\nname = \"good\"\nharness = false\n[[test]]\nname = \"bad\"\nharness = false\n",
        manifest("plain")
    );
    let project = Project::cargo(&[
        ("Cargo.toml", &manifest),
        ("src/lib.rs", ""),
        ("tests/good.rs", "fn main() { println!(\"hello\"); }"),
        ("tests/bad.rs", "fn main() { println!(\"what a pity\"); std::process::exit(3); }"),
    ]);
    let told = project.run(&["-n", "2"]);
    told.assert(1, "1 failed, 1 passed").says("what a pity").says("it exited with code 3");
    assert_eq!(told.ids("FAILED"), ["plain/tests/bad"]);
}

#[test]
fn packages_without_a_library_are_run_beside_one_that_has_one() {
    let package = |name: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")
    };
    let project = Project::cargo(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"2\"\n"),
        ("a/Cargo.toml", &package("a")),
        ("a/src/lib.rs", "/// ```\n/// ```\npub fn one() {}\n"),
        ("b/Cargo.toml", &(package("b") + "[dependencies]\na = { path = \"../a\" }\n")),
        ("b/src/main.rs", "fn main() { a::one() }\n#[test] fn of_b() {}"),
    ]);
    let told = project.run(&["-n", "1", "-v", "--", "-p", "b"]);
    told.assert(0, "1 passed").says("b/bin/b::of_b");
    project.run(&["-n", "1"]).assert(0, "2 passed");
    let mut inside = project.command(&["-n", "1"]);
    inside.current_dir(project.path().join("b"));
    Running::start(inside).end().assert(0, "1 passed");
    let told = project.run(&["-n", "1", "--", "--doc", "-p", "b"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("no library targets found");
}
