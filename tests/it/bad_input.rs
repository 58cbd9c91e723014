//! Bad input and bad surroundings: a clear cause, the right exit code, no panic, no hang.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::support::{Marked, Project, Running, Told};

const TEST: (&str, &str) = ("test_a.py", "def test_1(tmp_path): pass\n");

/// That it ended with this code and said this, and no test was run.
fn refused(told: &Told, code: i32, cause: &str) {
    assert_eq!(told.code, Some(code), "{told}");
    told.says(cause).is_silent_on("panicked").is_silent_on("passed");
}

#[test]
fn a_configuration_that_can_not_be_read_is_told_with_its_name() {
    let project = Project::new(&[TEST]);
    refused(&project.run(&["--config", "."]), 4, "Is a directory");

    fs::write(project.path().join("callsheet.toml"), b"dist = '\xff'\n").unwrap();
    let told = project.run(&["-n", "2"]);
    refused(&told, 4, "callsheet.toml");
    told.says("UTF-8");

    let project = Project::new(&[TEST, ("pyproject.toml", "[tool.callsheet]\ndist = 7\n")]);
    refused(&project.run(&[]), 4, "pyproject.toml");
}

#[test]
fn words_that_make_no_sense_are_refused() {
    let project = Project::new(&[TEST]);
    for (args, cause) in [
        (&["-P", "nightly"][..], "there is no profile `nightly`"),
        (&["--tx", "3x*popen"], "--tx"),
        (&["--tx", "popen//nonsense"], "--tx"),
        (&["--tx", "popen//chdir"], "--tx"),
        (&["-n", "0"], "use `-n 1`"),
        (&["-n", "x"], "`x` is no value for `workers`"),
        (&["-n", "99999999999"], "is no value for `workers`"),
        (&["--dist", "x"], "invalid value 'x'"),
        (&["--maxfail", "some"], "--maxfail"),
        (&["../nowhere/test_z.py"], "file or directory not found: ../nowhere/test_z.py"),
        (&["/nowhere"], "file or directory not found: /nowhere"),
    ] {
        let told = project.run(args);
        refused(&told, 4, cause);
        assert_eq!(told.stdout, "", "{told}");
    }
}

#[test]
fn an_empty_directory_has_no_tests() {
    let project = Project::new(&[]);
    project.run(&["-n", "2"]).assert(5, "no tests ran");
}

#[test]
fn a_conftest_below_that_raises_is_a_collection_error_as_for_plain_pytest() {
    let project = Project::new(&[
        TEST,
        ("below/conftest.py", "raise OSError('no disk today')\n"),
        ("below/test_b.py", "def test_2(): pass\n"),
    ]);
    let plain = project.run_python(&["-m", "pytest"]);
    let told = project.run(&["-n", "2"]);
    assert_eq!(plain.code, told.code, "{plain}\n{told}");
    assert_eq!(plain.ids("ERROR"), told.ids("ERROR"), "{plain}\n{told}");
    refused(&told, plain.code.unwrap(), "OSError: no disk today");
}

#[test]
fn a_directory_whose_name_is_no_text_is_refused() {
    let project = Project::new(&[]);
    let odd = project.path().join(OsStr::from_bytes(b"odd-\xff"));
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join(TEST.0), TEST.1).unwrap();
    let mut command = project.command(&["-n", "2"]);
    command.current_dir(&odd);
    let told = Running::start(command).end();
    refused(&told, 4, "UTF-8");
    told.says("odd-");
}

#[test]
fn a_path_that_can_not_be_told_to_an_agent_is_no_hang() {
    let project = Project::new(&[TEST]);
    let odd = project.path().join(OsStr::from_bytes(b"odd-\xff"));
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("requirements.txt"), "pytest==9.2.0\n").unwrap();
    fs::write(odd.join("other.toml"), "[pytest]\nprovision = 'requirements.txt'\n").unwrap();
    let mut command = project.command(&["-n", "2", "--config"]);
    command.arg(odd.join("other.toml"));
    refused(&Running::start(command).end(), 7, "UTF-8");
}

#[test]
fn an_argument_that_is_no_text_is_refused() {
    let project = Project::new(&[TEST]);
    for args in [&[&b"\xff"[..]][..], &[b"-k", b"\xff"], &[b"--", b"--tb=\xff"]] {
        let mut command = project.command(&[]);
        command.args(args.iter().map(|arg| OsStr::from_bytes(arg)));
        refused(&Running::start(command).end(), 4, "UTF-8");
    }
}

/// Starts it with a stdout that is closed after the first line was read, and waits for the end.
fn read_one_line(mut command: Command) -> (Option<i32>, String) {
    let mark = Marked::new();
    let (name, value) = mark.variable();
    command.env(name, value).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        let _ = ended.send((child.wait().unwrap().code(), said));
    });
    let end = end.recv_timeout(Duration::from_secs(120));
    let left = mark.alive();
    mark.kill();
    let end = end.unwrap_or_else(|_| panic!("it did not end: {left:?}"));
    assert_eq!(left, [], "{end:?}");
    end
}

#[test]
fn an_output_that_nobody_reads_any_more_is_no_panic_and_no_hang() {
    let many = "import pytest\n@pytest.mark.parametrize('n', range(500))\ndef test_1(n): pass\n";
    let project = Project::new(&[("test_a.py", many)]);
    for args in [&["-n", "2", "-v"][..], &["-n", "2"], &["list"]] {
        let (code, stderr) = read_one_line(project.command(args));
        assert!(!stderr.contains("panicked"), "{args:?} {stderr}");
        assert_eq!(code, Some(0), "{args:?} {stderr}");
    }
}

#[test]
fn standard_streams_that_are_closed_are_no_hindrance() {
    let project = Project::new(&[TEST]);
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        let callsheet = project.command(&[]);
        for (name, value) in callsheet.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let script = script.replace("callsheet", env!("CARGO_BIN_EXE_callsheet"));
        command.args(["-c", &script]).current_dir(project.path());
        Running::start(command).end()
    };
    shell("callsheet -n 2 <&-").assert(0, "1 passed");
    shell("callsheet -n 2 2>&-").assert(0, "1 passed");
    for script in ["callsheet -n 2 >&-", "callsheet -n 2 <&- >&- 2>&-"] {
        let told = shell(script);
        assert_eq!(told.code, Some(0), "{told}");
        told.is_silent_on("panicked");
    }
}

#[test]
fn without_a_home_or_a_cache_that_can_be_written_it_runs_all_the_same() {
    let project = Project::new(&[TEST]);
    let run = |change: &dyn Fn(&mut Command)| {
        let mut command = project.command(&["-n", "2"]);
        change(&mut command);
        Running::start(command).end().assert(0, "1 passed");
    };
    run(&|command| {
        command.env_remove("HOME").env_remove("XDG_CACHE_HOME");
    });
    run(&|command| {
        command.env("XDG_CACHE_HOME", "/proc/nope");
    });
    run(&|command| {
        command.env("HOME", "/proc/nope").env_remove("XDG_CACHE_HOME");
    });
}

#[test]
fn a_place_for_temporary_files_that_can_not_be_written_is_told_with_the_way_out() {
    let project = Project::new(&[TEST]);
    let told = project.run_with(&[("TMPDIR", "/proc/nope")], &["-n", "2"]);
    refused(&told, 7, "failed to prepare `/proc/nope`");
    told.says("TMPDIR");
}

#[test]
fn links_that_lead_nowhere_or_in_circles_are_no_hindrance() {
    let project = Project::new(&[TEST, ("below/test_b.py", "def test_2(): pass\n")]);
    symlink("nowhere", project.path().join("test_link.py")).unwrap();
    symlink("..", project.path().join("below/up")).unwrap();
    let plain = project.run_python(&["-m", "pytest"]);
    let told = project.run(&["-n", "2"]);
    assert_eq!((plain.code, plain.counts()), (told.code, told.counts()), "{plain}\n{told}");
}
