//! Tests that break their process, or do not end; binaries that do not answer; code that does not build.

use nix::sys::signal::Signal;

use super::{manifest, package};
use crate::support::{Project, Running};

/// A package of forty quick tests with one among them that does this.
fn between_forty(name: &str, body: &str) -> Project {
    let quick = (0..40).map(|n| format!("#[test] fn t{n:02}() {{}}\n"));
    let breaks = format!("#[test] fn t20_breaks() {{ {body} }}\n");
    package(name, &quick.chain([breaks]).collect::<Vec<_>>().concat())
}

#[test]
fn a_test_that_ends_its_process_is_blamed_and_the_others_are_run() {
    for (name, body, how) in [
        (
            "aborts",
            "println!(\"last words\"); std::process::abort()",
            "killed by signal 6 (SIGABRT)",
        ),
        ("exits", "std::process::exit(0)", "exited with code 0"),
        ("exits-badly", "std::process::exit(101)", "exited with code 101"),
        ("segfaults", "unsafe { std::ptr::null_mut::<u8>().write_volatile(1) }", "(SIGSEGV)"),
    ] {
        let told = between_forty(name, body).run(&["-n", "1"]);
        told.assert(1, "1 failed, 40 passed");
        assert_eq!(told.ids("CRASHED"), [format!("{name}/lib::tests::t20_breaks")]);
        told.says(how).is_silent_on("replacing");
        if name == "aborts" {
            told.says("last words");
        }
    }
}

#[test]
fn a_test_that_hangs_is_ended_alone_with_all_that_it_started() {
    let body = "let _child = std::process::Command::new(\"sleep\").arg(\"600\").spawn().unwrap();\n\
                println!(\"so far\"); loop { std::thread::park() }";
    let told = between_forty("hangs", body).run(&["-n", "2", "--timeout", "2s"]);
    told.assert(1, "1 failed, 40 passed");
    told.says("TIMED OUT").says("the test ran past its deadline of 2s").says("so far");
    told.is_silent_on("replacing");
}

#[test]
fn what_a_test_leaves_behind_is_ended_and_told() {
    let body = "std::process::Command::new(\"sleep\").arg(\"600\").spawn().unwrap();";
    let project = between_forty("leaks", body);
    let told = project.run(&["-n", "1"]);
    told.assert(0, "41 passed, 1 warning").says("left a process behind").says("sleep 600");
    let told = project.run(&["-n", "2", "--isolation", "process"]);
    told.assert(0, "41 passed, 1 warning").says("it left a process behind").says("sleep 600");
    assert!(told.stdout.contains("\nleaks/lib::tests::t20_breaks\n"), "{told}");
    // Where several ran in the time that the system tells apart, all of them are named.
    let tests =
        "#[test] fn a_leak() { LEAKS }\n#[test] fn b() {}\n#[test] fn c() {}\n#[test] fn d() {}";
    let told = package("grains", &tests.replace("LEAKS", body)).run(&["-n", "1"]);
    told.assert(0, "4 passed, 1 warning").says("grains/lib::tests::a_leak");
}

#[test]
fn a_worker_that_dies_takes_its_test_with_it_and_is_replaced() {
    let body = "let worker = std::os::unix::process::parent_id().to_string();\n\
                std::process::Command::new(\"kill\").args([\"-9\", &worker]).status().unwrap();\n\
                loop { std::thread::park() }";
    let told = between_forty("widowed", body).run(&["-n", "1", "--isolation", "process"]);
    told.assert(1, "1 failed, 40 passed");
    told.says("worker 'gw0' crashed while running 'widowed/lib::tests::t20_breaks'");
    told.says("replacing crashed worker gw0");
}

#[test]
fn nothing_is_left_of_a_run_whose_command_is_killed() {
    let body = "std::process::Command::new(\"sleep\").arg(\"600\").spawn().unwrap();\n\
                std::fs::write(\"begun\", \"\").unwrap(); loop { std::thread::park() }";
    let project = between_forty("orphaned", body);
    let running = Running::start(project.command(&["-n", "2"]));
    running.wait_for(&project.path().join("begun"));
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().code, None);
}

#[test]
fn an_interrupt_lets_the_running_test_end_and_begins_no_other() {
    let body = "std::fs::write(\"begun\", \"\").unwrap();\n\
                while !std::path::Path::new(\"go\").exists() { std::thread::yield_now() }";
    let project = between_forty("interrupted", body);
    let running = Running::start(project.command(&["-n", "1"]));
    running.wait_for(&project.path().join("begun"));
    running.signal(Signal::SIGINT);
    project.write("go", "");
    let told = running.end();
    assert_eq!(told.code, Some(2), "{told}");
    told.is_silent_on("failed").says("passed");
}

#[test]
fn a_binary_that_hangs_when_it_is_asked_for_its_tests_is_named() {
    let files = [
        (
            "Cargo.toml",
            format!("{}[[test]]\nname = \"deaf\"\nharness = false\n", manifest("hanging")),
        ),
        ("src/lib.rs", "#[test] fn fine() {}".to_owned()),
        ("tests/deaf.rs", "fn main() { loop { std::thread::park() } }".to_owned()),
    ];
    let project = Project::cargo(&files.each_ref().map(|(name, text)| (*name, text.as_str())));
    let told = project.run_with(&[("CALLSHEET_DEADLINES_COLLECT", "2s")], &["-n", "1"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("the test binary `hanging/tests/deaf` did not list its tests within 2s");
}

#[test]
fn code_that_does_not_build_is_shown_as_cargo_shows_it() {
    let told = package("wrong", "#[test] fn t() { let x: u32 = \"text\"; }").run(&["-n", "2"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("error[E0308]: mismatched types").says("src/lib.rs:3:").says("could not compile");
    let told = package("right", "#[test] fn t() {}").run(&["--", "--no-such-flag"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("unexpected argument '--no-such-flag'");
}
