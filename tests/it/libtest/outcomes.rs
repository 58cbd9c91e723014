//! What comes of tests is what libtest says of them, each with its own output.

use super::package;

const MEDLEY: &str = r#"
    #[test] fn a_passes() { println!("a says nothing of use"); }
    #[test] fn b_fails() { print!("no newline"); eprintln!("b on stderr"); assert_eq!(1, 2, "one is not two"); }
    #[test] fn c_passes_too() { println!("c says FAILED\ntest tests::z ... FAILED"); }
    #[test] #[should_panic] fn d_panics() { panic!("as it should"); }
    #[test] #[should_panic(expected = "this")] fn e_panics_otherwise() { panic!("that"); }
    #[test] #[ignore = "takes a day"] fn f_is_ignored() { panic!("it ran"); }
    #[test] fn g_returns_an_error() -> Result<(), String> { Err("bad luck".to_owned()) }
    #[test] fn h_passes_last() {}
"#;

#[test]
fn outcomes_are_those_of_libtest_and_output_is_each_tests_own() {
    let project = package("medley", MEDLEY);
    let told = project.run(&["-n", "2"]);
    told.assert(1, "3 failed, 4 passed, 1 skipped");
    assert_eq!(
        told.ids("FAILED"),
        [
            "medley/lib::tests::b_fails",
            "medley/lib::tests::e_panics_otherwise",
            "medley/lib::tests::g_returns_an_error"
        ]
    );
    told.says("no newline").says("b on stderr").says("one is not two").says("Error: \"bad luck\"");
    told.says("assertion `left == right` failed: one is not two");
    told.is_silent_on("a says nothing of use").is_silent_on("c says FAILED");
    told.is_silent_on("as it should").is_silent_on("it ran");
    // All in one process, and each in one of its own.
    project.run(&["-n", "1"]).assert(1, "3 failed, 4 passed, 1 skipped");
    let alone = project.run(&["-n", "2", "--isolation", "process", "-v"]);
    alone.assert(1, "3 failed, 4 passed, 1 skipped");
    alone.says("SKIPPED (takes a day)").says("note: panic did not contain expected string");
}

#[test]
fn ignored_tests_are_run_when_they_are_asked_for() {
    let tests = "#[test] fn usual() {}\n#[test] #[ignore] fn unusual() {}";
    let project = package("patience", tests);
    project.run(&["-n", "1"]).assert(0, "1 passed, 1 skipped");
    project.run(&["-n", "1", "--run-ignored", "all"]).assert(0, "2 passed");
    let told = project.run(&["-n", "1", "--run-ignored", "only", "-v"]);
    told.assert(0, "1 passed").says("PASSED patience/lib::tests::unusual");
    project.write("callsheet.toml", "[libtest]\nrun_ignored = \"all\"\n");
    project.run(&["-n", "1"]).assert(0, "2 passed");
}

#[test]
fn output_is_shown_as_it_comes_when_it_is_asked_for() {
    let told =
        package("loud", "#[test] fn loud() { println!(\"hear me\"); }").run(&["-n", "1", "-s"]);
    told.assert(0, "1 passed").says("hear me");
}

#[test]
fn a_run_that_stops_at_the_first_failure_begins_nothing_more() {
    let tests = (0..30).map(|n| format!("#[test] fn t{n:02}() {{ assert!({n} != 3); }}\n"));
    let tests = tests.collect::<Vec<_>>().concat();
    let told = package("strict", &tests).run(&["-n", "1", "-x"]);
    told.assert(1, "1 failed, 3 passed, 26 not run");
}

#[test]
fn bytes_that_are_no_text_do_not_hide_that_the_test_before_failed() {
    let tests = r#"
        #[test] fn a_fails() { panic!("lost") }
        #[test] fn b_bytes() { std::io::Write::write_all(&mut std::io::stdout(), b"\xff\xfe\n").unwrap(); }
        #[test] fn c() {}
    "#;
    let told = package("bytes", tests).run(&["-n", "1"]);
    told.assert(1, "1 failed, 2 passed").says("lost");
    assert_eq!(told.ids("FAILED"), ["bytes/lib::tests::a_fails"]);
}

#[test]
fn a_test_may_start_its_own_binary_again() {
    let tests = r#"
        fn again(name: &str) {
            let mut own = std::process::Command::new(std::env::current_exe().unwrap());
            assert!(own.args(["--exact", name, "--nocapture"]).status().unwrap().success());
        }
        #[test] fn a_child() {}
        #[test] fn b_starts_one_that_is_over() { again("tests::a_child") }
        #[test] fn c_starts_one_that_is_next() { again("tests::d_child") }
        #[test] fn d_child() {}
        #[test] fn e_fails() { again("tests::a_child"); panic!("of e") }
        #[test] fn f_starts_one_that_is_over() { again("tests::a_child") }
    "#;
    let project = package("again", tests);
    for more in [&["-n", "1"][..], &["-n", "1", "--isolation", "process"]] {
        let told = project.run(more);
        told.assert(1, "1 failed, 5 passed").says("of e").is_silent_on("warning");
        assert_eq!(told.ids("FAILED"), ["again/lib::tests::e_fails"]);
    }
}
