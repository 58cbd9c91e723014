//! Suites of commands: real shells and programs, by a manifest, a list of lines, or a pattern of executables.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;

use crate::support::{Project, Running};

fn project(files: &[(&str, &str)]) -> Project {
    Project::new(files)
}

fn manifest(text: &str) -> Project {
    project(&[("callsheet-commands.toml", text)])
}

#[test]
fn a_manifest_alone_is_found_and_run() {
    let project = manifest(
        r#"
[defaults]
env = { GREETING = "hello" }

[[test]]
name = "greets"
command = ["sh", "-c", "test \"$GREETING $NAME\" = 'hello world'"]
env = { NAME = "world" }

[[test]]
name = "fails"
command = "echo some output; echo some error >&2; exit 3"

[[test]]
name = "may end so"
command = "exit 3"
exit = [3, 4]

[[test]]
name = "has no database"
command = "exit 77"

[[test]]
name = "skips in its own way"
command = "exit 9"
skip = 9

[[test]]
name = "works elsewhere"
directory = "sub"
command = "test -f here && test \"$CALLSHEET_TEST\" = 'works elsewhere' && test -n \"$CALLSHEET_WORKER\""

[[test]]
name = "hears nothing"
command = "test -z \"$(cat)$CALLSHEET_QUEUE_FD$CALLSHEET_EVENTS_FD$CALLSHEET_ROLE\""
"#,
    );
    project.write("sub/here", "");
    for dist in ["stream", "load"] {
        let told = project.run(&["-n2", "--dist", dist]);
        told.assert(1, "1 failed, 4 passed, 2 skipped");
        told.says("FAILED fails - exit code 3, expected 0")
            .says("$ echo some output; echo some error >&2; exit 3")
            .says("Captured stdout call")
            .says("some output")
            .says("Captured stderr call")
            .says("some error")
            .says("callsheet-commands.toml:10");
    }
}

#[test]
fn each_test_is_told_by_its_name() {
    let project = manifest(
        "[[test]]\nname = 'db::one'\ncommand = 'true'\n[[test]]\nname = 'b'\ncommand = 'false'\n\
         [[test]]\nname = 'db::two'\ncommand = 'exit 77'\n",
    );
    let told = project.run(&["-n1", "-v"]);
    told.assert(1, "1 failed, 1 passed, 1 skipped");
    told.says("] FAILED b\n").says("] PASSED db::one\n").says("] SKIPPED (exit code 77) db::two\n");
    let list = project.run(&["list"]);
    assert_eq!(list.code, Some(0), "{list}");
    list.says("db::one\n").says("db::two\n").says("b\n");
    project.run(&["-n1", "db"]).assert(0, "1 passed, 1 skipped, 1 deselected");
    project.run(&["-n1", "-k", "two"]).assert(0, "1 skipped, 2 deselected");
    let none = project.run(&["-n1", "nothing"]);
    assert_eq!(none.code, Some(5), "{none}");
}

#[test]
fn a_deadline_ends_the_command_and_all_that_it_started() {
    let project = manifest(
        "[[test]]\nname = 'hangs'\ntimeout = '1s'\n\
         command = \"trap '' TERM; echo begun; sleep 1000 & while :; do sleep 1000; done\"\n\
         [[test]]\nname = 'longer than all'\ntimeout = '60s'\ncommand = 'sleep 3'\n\
         [[test]]\nname = 'by default'\ncommand = 'sleep 1000'\n",
    );
    let told = project.run(&["-n3", "--timeout", "2s"]);
    told.assert(1, "2 failed, 1 passed");
    told.says("TIMED OUT hangs - it did not end within 1s and was ended")
        .says("TIMED OUT by default - it did not end within 2s and was ended")
        .says("begun")
        .is_silent_on("node down");
}

#[test]
fn what_a_command_leaves_behind_is_killed_and_told() {
    let project = manifest(
        "[[test]]\nname = 'leaves'\ncommand = 'setsid sleep 1000 >/dev/null & sleep 2000 & exit 0'\n\
         [[test]]\nname = 'writes late'\ncommand = 'exec > /dev/null; (sleep 0.05; echo late >&2) & exit 1'\n",
    );
    let told = project.run(&["-n1"]);
    told.assert(1, "1 failed, 1 passed, 1 warning");
    told.says("it left processes behind, which were killed").says("`sleep 2000`").says("late");
}

#[test]
fn a_signal_is_named_and_what_can_not_be_started_too() {
    let project = manifest(
        "[[test]]\nname = 'crashes'\ncommand = ['sh', '-c', 'kill -SEGV $$']\n\
         [[test]]\nname = 'crashes inside'\ncommand = \"sh -c 'kill -KILL $$'; exit $?\"\n\
         [[test]]\nname = 'missing'\ncommand = ['./nothing']\n\
         [[test]]\nname = 'unknown'\ncommand = ['no-such-program-at-all']\n\
         [[test]]\nname = 'nowhere'\ncommand = 'true'\ndirectory = 'nowhere'\n\
         [[test]]\nname = 'fine'\ncommand = 'true'\n",
    );
    let told = project.run(&["-n2"]);
    told.assert(1, "2 failed, 1 passed, 3 errors");
    told.says("CRASHED crashes - it was killed by SIGSEGV")
        .says("exit code 137 (the shell's word for SIGKILL), expected 0")
        .says("`./nothing` could not be started: No such file or directory")
        .says("its path is meant from the directory of the test")
        .says("it is looked for in PATH")
        .says("there is no directory `")
        .is_silent_on("node down");
}

#[test]
fn tap_is_told_as_subtests() {
    let project = manifest(
        "[defaults]\ntap = true\n\
         [[test]]\nname = 'good'\ncommand = 'cat good.tap'\n\
         [[test]]\nname = 'bad'\ncommand = 'cat bad.tap; exit 1'\n\
         [[test]]\nname = 'short'\ncommand = 'echo 1..2; echo ok 1'\n\
         [[test]]\nname = 'bails'\ncommand = 'echo 1..2; echo Bail out! no disk'\n\
         [[test]]\nname = 'skips'\ncommand = 'echo 1..0 \"# SKIP\" no database'\n\
         [[test]]\nname = 'lies'\ncommand = 'echo 1..1; echo ok 1; exit 2'\n",
    );
    project.write(
        "good.tap",
        "TAP version 14\n1..3\nok 1 - a # SKIP no net\nnot ok 2 - b # TODO later\n    ok 1 - deep\n    1..1\nok 3 - c\n",
    );
    project.write("bad.tap", "1..2\nok 1 - x\nnot ok 2 - y\n  ---\n  message: 'boo'\n  ...\n");
    let told = project.run(&["-n2"]);
    // A subtest that fails is counted beside the test that holds it, as by pytest.
    told.assert(1, "5 failed, 1 passed, 2 skipped, 1 xfailed, 4 subtests passed");
    told.says("SUBFAILED[y] bad - boo")
        .says("FAILED bad - contains 1 failed subtest; exit code 1, expected 0")
        .says("FAILED short - it planned 2 points and wrote 1")
        .says("FAILED bails - it bailed out: no disk")
        .says("FAILED lies - exit code 2, expected 0");
    let told = project.run(&["-n1", "-v", "good"]);
    told.says("SUBPASSED[c > deep]").says("SUBXFAIL[b]").says("PASSED");
}

#[test]
fn a_flood_of_output_is_cut_in_the_middle() {
    let project = manifest(
        "[[test]]\nname = 'floods'\ncommand = 'echo first; yes | head -c 50000000; echo last; exit 1'\n",
    );
    let told = project.run(&["-n1"]);
    told.assert(1, "1 failed");
    told.says("first").says("last").says("bytes left out");
    assert!(told.stdout.len() < 3_000_000, "{}", told.stdout.len());
}

#[test]
fn lines_of_a_file_are_commands() {
    let project = project(&[("commands.txt", "# what there is\ntrue\n\n  exit 1  \ntrue\n")]);
    let told = project.run(&["-n1", "--manifest", "commands.txt", "-v"]);
    told.assert(1, "1 failed, 2 passed");
    told.says("] PASSED true\n").says("] PASSED true #2\n").says("] FAILED exit 1\n");
    told.says("commands.txt:4");
}

#[test]
fn executables_are_tests_named_by_their_paths() {
    let script = "#!/bin/sh\ntest -f marker\n";
    let project = project(&[
        ("tests/a.sh", script),
        ("tests/deep/b.sh", "#!/bin/sh\nexit 5\n"),
        ("marker", ""),
        ("tests/c.txt", ""),
    ]);
    for name in ["tests/a.sh", "tests/deep/b.sh"] {
        let path = project.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let told = project.run(&["-n2", "--manifest", "tests/**/*.sh", "-v"]);
    told.assert(1, "1 failed, 1 passed");
    told.says("] PASSED tests/a.sh\n").says("] FAILED tests/deep/b.sh\n");
    project.run(&["-n1", "--manifest", "tests/a.sh"]).assert(0, "1 passed");
    let refused = project.run(&["-n1", "--manifest", "tests/*"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    refused.says("`tests/c.txt` is to be run and is not executable");
    let none = project.run(&["-n1", "--manifest", "tests/*.py"]);
    assert_eq!(none.code, Some(4), "{none}");
    none.says("no file matches `tests/*.py`");
}

#[test]
fn an_executable_whose_name_is_no_text_is_named_and_nothing_is_run() {
    let project = project(&[("tests/a.sh", "#!/bin/sh\n"), ("other/b.sh", "#!/bin/sh\n")]);
    let odd = |name: &[u8]| std::ffi::OsStr::from_bytes(name).to_owned();
    for path in [project.path().join("tests/a.sh"), project.path().join("other/b.sh")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(project.path().join("tests").join(odd(b"c\xff.sh")), "").unwrap();
    fs::create_dir(project.path().join(odd(b"d\xff"))).unwrap();
    fs::write(project.path().join(odd(b"d\xff")).join("e.py"), "").unwrap();
    for (pattern, name) in [
        ("tests/*.sh", "tests/c\u{fffd}.sh"),
        ("**/*.sh", "tests/c\u{fffd}.sh"),
        ("**/e.py", "d\u{fffd}/e.py"),
        ("d*/*.py", "d\u{fffd}/e.py"),
    ] {
        let told = project.run(&["-n1", "--manifest", pattern]);
        assert_eq!(told.code, Some(4), "{told}");
        told.says(&format!("the name of the file `{name}` is not UTF-8"));
    }
    project.run(&["-n1", "--manifest", "**/b.sh"]).assert(0, "1 passed");
    project.run(&["-n1", "--manifest", "tests/a*"]).assert(0, "1 passed");
}

#[test]
fn the_run_stops_after_a_failure_where_it_is_told_to() {
    let project = manifest(
        "[[test]]\nname = 'a'\ncommand = 'false'\n[[test]]\nname = 'b'\ncommand = 'touch b'\n\
         [[test]]\nname = 'c'\ncommand = 'touch c'\n",
    );
    let told = project.run(&["-n1", "-x", "--no-history"]);
    // Nobody has looked into those.
    told.assert(1, "1 failed").says("2 uncollected files not run: the run stopped after 1 failure");
    let told = project.run(&["-n1", "-x", "--dist", "load"]);
    told.assert(1, "1 failed, 2 not run");
    assert!(!project.path().join("b").exists(), "{told}");
}

#[test]
fn live_output_is_shown_as_it_comes() {
    let project = manifest("[[test]]\nname = 'a'\ncommand = 'echo to out; echo to err >&2'\n");
    project.run(&["-n1", "-s"]).says("to out").says("to err").assert(0, "1 passed");
}

#[test]
fn what_is_wrong_with_a_manifest_is_told_before_anything_is_run() {
    let mark = "[[test]]\nname = 'a'\ncommand = 'touch ran'\n";
    for (text, says) in [
        (
            format!("{mark}timout = '3s'\n"),
            "callsheet-commands.toml:4: unknown key `timout`; the nearest known key is `timeout`",
        ),
        (
            format!("[defaults]\nenvironment = {{}}\n{mark}"),
            "callsheet-commands.toml:2: unknown key `environment`; the nearest known key is `env`",
        ),
        (
            mark.replace("[test]", "[tests]"),
            "callsheet-commands.toml:1: unknown key `tests`; the nearest known key is `test`",
        ),
        (format!("{mark}tags = \n"), "callsheet-commands.toml:4: this is not valid TOML"),
        (
            format!("{mark}{mark}"),
            "callsheet-commands.toml:4: there is another test `a` in line 1; each needs a name of its own",
        ),
        (
            format!("{mark}exit = 999\n"),
            "callsheet-commands.toml:4: `999` is no value for `exit`; expected an exit code from 0 to 255",
        ),
    ] {
        let project = manifest(&text);
        let told = project.run(&["-n2"]);
        assert_eq!(told.code, Some(4), "{told}");
        told.says(says);
        assert!(!project.path().join("ran").exists(), "{told}");
    }
    let project = project(&[]);
    let told = project.run(&["--suite", "command"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("failed to read `callsheet-commands.toml`").says("`--manifest FILE` names another");
    let project = manifest(mark);
    let told = project.run(&["-m", "slow"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("this is for pytest, and the tests here are commands");
}

#[test]
fn a_manifest_beside_tests_of_pytest_is_told_of() {
    let project = manifest("[[test]]\nname = 'a'\ncommand = 'true'\n");
    project.write("test_it.py", "def test_it(): pass\ndef test_too(): pass\n");
    let told = project.run(&["-n1"]);
    told.assert(0, "2 passed").says("a callsheet-commands.toml stands beside files of pytest");
    project.run(&["-n1", "--suite", "command"]).assert(0, "1 passed");
}

#[test]
fn nothing_is_left_of_a_command_when_the_run_is_killed() {
    let project = manifest(
        "[[test]]\nname = 'waits'\ncommand = 'sleep 1000 & setsid sleep 2000 & touch begun; wait'\n",
    );
    let running = Running::start(project.command(&["-n1"]));
    running.wait_for(&project.path().join("begun"));
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().code, None);
}

#[test]
fn what_runs_is_finished_when_the_run_is_interrupted() {
    let mut text = "[[test]]\nname = 'a'\ncommand = 'touch begun; until test -e go; do sleep 0.01; done; touch done'\n".to_owned();
    for number in 0..50 {
        text.push_str("[[test]]\ncommand = 'sleep 0.2'\n");
        text.push_str(&["name = 't", &number.to_string(), "'\n"].concat());
    }
    let project = manifest(&text);
    let mut running = Running::start(project.command(&["-n1", "--no-history"]));
    running.wait_for(&project.path().join("begun"));
    running.signal(Signal::SIGINT);
    running.wait_for_stdout("SIGINT");
    project.write("go", "");
    let told = running.end();
    assert_eq!(told.code, Some(2), "{told}");
    told.says("uncollected files not run").says("interrupted by SIGINT");
    assert!(project.path().join("done").exists(), "{told}");
}

#[test]
fn a_command_that_kills_its_worker_is_told_as_crashed_and_the_others_run() {
    let project = manifest(
        "[[test]]\nname = 'a'\ncommand = 'kill -KILL $PPID; sleep 1000'\n\
         [[test]]\nname = 'b'\ncommand = 'true'\n[[test]]\nname = 'c'\ncommand = 'true'\n",
    );
    let told = project.run(&["-n1"]);
    told.assert(1, "1 failed, 2 passed");
    told.says("worker 'gw0' crashed while running 'a'");
}
