//! What is run: by kind of suite, by names, by arguments.

use callsheet::config::Config;
use callsheet::launch::AgentCommand;
use callsheet::model::{Outcome, RunEvent, SuiteKind};

use super::{manifest, package};
use crate::support::Project;

#[test]
fn tests_are_chosen_by_parts_of_their_ids() {
    let tests = "#[test] fn red_one() {}\n#[test] fn red_two() {}\n#[test] fn blue_one() {}\n";
    let project = package("chosen", tests);
    project.run(&["-n", "1", "red"]).assert(0, "2 passed, 1 deselected");
    project.run(&["-n", "1", "-k", "one"]).assert(0, "2 passed, 1 deselected");
    project.run(&["-n", "1", "red", "-k", "one"]).assert(0, "1 passed, 2 deselected");
    assert_eq!(project.run(&["-n", "1", "green"]).code, Some(5));
    let listed = project.run(&["list", "one"]);
    assert_eq!(listed.stdout, "chosen/lib::tests::blue_one\nchosen/lib::tests::red_one\n");
    for mode in ["load", "worksteal", "loadscope", "loadfile"] {
        project.run(&["-n", "2", "--dist", mode]).assert(0, "3 passed");
    }
    project.run(&["-n", "2", "--dist", "each"]).assert(0, "6 passed");
}

#[test]
fn what_stands_in_the_directory_says_what_runs_it_unless_somebody_does() {
    let project = package("mixed", "#[test] fn rust() {}");
    project.run(&["-n", "1"]).assert(0, "1 passed").says("libtest, rustc");
    project.write("tests/test_python.py", "def test_python(): pass\n");
    let told = project.run(&["-n", "1", "--suite", "libtest", "-v"]);
    told.assert(0, "1 passed").says("mixed/lib::tests::rust");
    project.write("callsheet.toml", "suite = \"libtest\"\n");
    project.run(&["-n", "1"]).assert(0, "1 passed").says("libtest, rustc");

    let both = Project::new(&[
        ("Cargo.toml", &manifest("both")),
        ("src/lib.rs", ""),
        ("tests/test_python.py", "def test_python(): pass\n"),
    ]);
    let told = both.run(&["-n", "1"]);
    told.assert(0, "1 passed").says("a Cargo.toml stands beside files of pytest: pytest is run");
}

#[test]
fn a_program_hosts_the_tests_of_a_rust_project_too() {
    let project = package("hosted", "#[test] fn fine() {}\n#[test] fn wrong() { panic!() }");
    let agent = AgentCommand::Program(env!("CARGO_BIN_EXE_callsheet").into(), vec!["agent".into()]);
    let target = concat!("build.target-dir=\"", env!("CARGO_TARGET_TMPDIR"), "/rust-projects\"");
    let config = Config::builder()
        .root(project.path())
        .suite(SuiteKind::Libtest)
        .cargo_args(["--lib", "--offline", "--config", target])
        .workers(1)
        .agent(agent)
        .build()
        .unwrap();
    let verdict = callsheet::run(config, |_event: &RunEvent| {}).unwrap();
    assert_eq!((verdict.count(Outcome::Passed), verdict.count(Outcome::Failed)), (1, 1));
    assert_eq!(verdict.status(), 1);
}

#[test]
fn what_is_for_pytest_alone_is_refused() {
    let project = package("refused", "#[test] fn t() {}");
    let told = project.run(&["-m", "slow"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("Rust tests have no marks");
    let told = project.run(&["--tx", "popen//chdir=elsewhere"]);
    assert_ne!(told.code, Some(0), "{told}");
    told.says("`chdir=` of a worker's specification is for pytest");
    let told = project.run(&["--suite", "nonsense"]);
    assert_eq!(told.code, Some(4), "{told}");
}

#[test]
fn a_thousand_tests_are_run_once_each() {
    let tests = (0..1000).map(|n| format!("#[test] fn t{n}() {{}}\n"));
    let tests = tests.collect::<Vec<_>>().concat();
    let project = package("thousand", &tests);
    project.run(&["-n", "3"]).assert(0, "1000 passed");
    // With what the first run took.
    project.run(&["-n", "2"]).assert(0, "1000 passed");
}

#[test]
fn what_is_for_test_binaries_is_refused_among_the_arguments_for_cargo() {
    let library = "/// ```\n/// ```\npub fn one() {}\n#[test] fn unit() {}\n";
    let project = Project::cargo(&[("Cargo.toml", &manifest("words")), ("src/lib.rs", library)]);
    for (args, word) in [
        (&["--", "--", "--nocapture"][..], "`--`"),
        (&["--", "--", "--skip", "x"], "`--`"),
        (&["--", "unit"], "`unit`"),
        (&["--", "-p", "words", "unit"], "`unit`"),
    ] {
        let told = project.run(args);
        assert_eq!(told.code, Some(4), "{told}");
        told.says(&format!("{word} among the arguments for cargo")).says("`callsheet NAME`");
    }
    for args in [&["-q"][..], &["--quiet", "-p", "words"], &["--all-features", "--quiet"]] {
        project.run(&[&["-n", "1", "--"], args].concat()).assert(0, "2 passed");
    }
    project.run_with(&[("CARGO_TERM_QUIET", "true")], &["-n", "1"]).assert(0, "2 passed");
    project.write(".cargo/config.toml", "[term]\nquiet = true\n");
    project.run(&["-n", "1"]).assert(0, "2 passed");
}
