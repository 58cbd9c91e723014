//! What cargo's configuration says of running tests holds as it does under `cargo test`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::manifest;
use crate::support::Project;

/// A package of this name below the directory whose configuration this is. Those of one name are built in one place.
fn project(name: &str, configuration: &str, tests: &str) -> Project {
    let library = format!("#[cfg(test)]\nmod tests {{\n{tests}\n}}\n");
    Project::cargo(&[
        (".cargo/config.toml", configuration),
        ("Cargo.toml", &manifest(name)),
        ("src/lib.rs", &library),
    ])
}

/// The names of tests that `cargo test` lets pass: what it says is the measure.
fn passed_by_cargo(project: &Project, variables: &[(&str, &str)]) -> usize {
    let mut cargo = Command::new("cargo");
    let target = project.path().join("target");
    cargo.args(["test", "--lib", "--no-fail-fast"]).current_dir(project.path());
    cargo.env("CARGO_TARGET_DIR", target).envs(variables.iter().copied());
    let told = cargo.output().unwrap();
    String::from_utf8_lossy(&told.stdout).lines().filter(|line| line.ends_with("... ok")).count()
}

#[test]
fn the_table_of_variables_holds_for_tests() {
    let configuration = "[env]\nPLAIN = 'of the file'\nSET = 'of the file'\n\
        FORCED = { value = 'of the file', force = true }\n\
        PLACE = { value = 'data', relative = true }\n\
        CARGO_PKG_NAME = { value = 'of the file', force = true }\n";
    let tests = "fn is(name: &str, value: &str) { assert_eq!(std::env::var(name).unwrap(), value); }\n\
        #[test] fn plain() { is(\"PLAIN\", \"of the file\"); }\n\
        #[test] fn set() { is(\"SET\", \"outside\"); }\n\
        #[test] fn forced() { is(\"FORCED\", \"of the file\"); }\n\
        #[test] fn relative() { is(\"PLACE\", concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/data\")); }\n\
        #[test] fn of_cargo() { is(\"CARGO_PKG_NAME\", \"configured\"); }\n\
        #[test] fn given() { is(\"GIVEN\", \"as an argument\"); }\n";
    let project = project("configured", configuration, tests);
    let outside = [("SET", "outside"), ("FORCED", "outside"), ("GIVEN", "as an argument")];
    assert_eq!(passed_by_cargo(&project, &outside), 6);
    let args = ["-n", "1", "--", "--lib", "--config", "env.GIVEN='as an argument'"];
    project.run_with(&outside[..2], &args).assert(0, "6 passed");
}

#[test]
fn what_a_file_includes_holds_before_what_stands_in_files_above() {
    let configuration = "include = ['first.toml', 'deep/second.toml', { path = 'none.toml', optional = true }]\n\
        [env]\nA = 'of the file'\n";
    let one = |name: &str, value: &str| {
        let test = name.to_lowercase();
        format!(
            "#[test] fn {test}() {{ assert_eq!(std::env::var(\"{name}\").ok().as_deref(), {value}); }}\n"
        )
    };
    let root = "concat!(env!(\"CARGO_MANIFEST_DIR\"), \"";
    let tests = [
        one("A", "Some(\"of the file\")"),
        one("B", "Some(\"of the second\")"),
        one("C", "Some(\"of the first\")"),
        one("PLACE", &format!("Some({root}/.cargo/data\"))")),
        one("FIRST_PLACE", &format!("Some({root}/data\"))")),
        one("DEEP", "Some(\"of the deepest\")"),
    ];
    let project = project("including", configuration, &tests.concat());
    let first = "[env]\nA = 'of the first'\nB = 'of the first'\nC = 'of the first'\n\
        FIRST_PLACE = { value = 'data', relative = true }\n";
    let second = "include = ['more.toml']\n[env]\nA = 'of the second'\nB = 'of the second'\n\
        PLACE = { value = 'data', relative = true }\n";
    let deepest = "[env]\nB = 'of the deepest'\nDEEP = 'of the deepest'\n";
    project.write(".cargo/first.toml", first);
    project.write(".cargo/deep/second.toml", second);
    project.write(".cargo/deep/more.toml", deepest);
    let told = project.run(&["-n", "1", "--", "--lib"]);
    // Versions of cargo before 1.94 do not read them.
    let passed = passed_by_cargo(&project, &[]);
    assert!(passed == 1 || passed == 6, "{passed}");
    if passed == 6 {
        told.assert(0, "6 passed");
    } else {
        told.assert(1, "5 failed, 1 passed");
    }
}

#[test]
fn a_runner_starts_test_binaries() {
    let configuration = "[target.'cfg(unix)']\nrunner = ['./run', 'of all']\n\
        [target.'cfg(windows)']\nrunner = 'nobody'\n";
    let tests = "#[test] fn all() { assert_eq!(std::env::var(\"RUN_BY\").unwrap(), \"of all\"); }\n\
        #[test] fn one() { assert_eq!(std::env::var(\"RUN_BY\").unwrap(), \"of_one\"); }\n";
    let project = project("started", configuration, tests);
    project.write("run", "#!/bin/sh\nRUN_BY=$1; export RUN_BY; shift; exec \"$@\"\n");
    let run = project.path().join("run");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
    let about = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let about = String::from_utf8(about).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let host = host.to_uppercase().replace(['-', '.'], "_");
    let (name, line) = (format!("CARGO_TARGET_{host}_RUNNER"), format!("{} of_one", run.display()));
    for variables in [&[][..], &[(name.as_str(), line.as_str())][..]] {
        assert_eq!(passed_by_cargo(&project, variables), 1);
        let told = project.run_with(variables, &["-n", "2", "--", "--lib"]);
        told.assert(1, "1 failed, 1 passed");
        let failed = if variables.is_empty() { "one" } else { "all" };
        assert_eq!(told.ids("FAILED"), [format!("started/lib::tests::{failed}")]);
    }
}
