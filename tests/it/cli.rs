//! The command as people type it: what it refuses, what it shows, how it exits.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A directory with a `callsheet.toml` of this text.
fn project(text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("callsheet.toml"), text).unwrap();
    directory
}

/// The command in a directory, with an environment that says nothing.
fn callsheet(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callsheet"));
    command
        .current_dir(directory)
        .env_clear()
        .stdin(Stdio::null());
    command
}

fn run(directory: &TempDir, args: &[&str]) -> Output {
    callsheet(directory.path()).args(args).output().unwrap()
}

/// Exit code and standard error of a refusal, which writes nothing to standard output.
fn refusal(text: &str, args: &[&str]) -> String {
    let output = run(&project(text), args);
    assert_eq!(output.stdout, b"");
    told(&output)
}

fn told(output: &Output) -> String {
    let code = output.status.code().unwrap();
    format!("{code}\n{}", String::from_utf8_lossy(&output.stderr))
}

fn stdout(output: Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    insta::assert_snapshot!(refusal("", &["--dits", "load"]), @"");
    insta::assert_snapshot!(refusal("", &["--dist", "laod"]), @"");
}

#[test]
fn an_unknown_key_is_a_usage_error_that_names_the_nearest() {
    insta::assert_snapshot!(refusal("max_worker_restrat = 3", &[]), @"");
}

#[test]
fn a_malformed_file_is_told_with_its_place() {
    insta::assert_snapshot!(refusal("[deadlines]\ntest = 5m\n", &["run"]), @"");
}

#[test]
fn a_value_is_refused_with_the_flag_that_gave_it() {
    insta::assert_snapshot!(refusal("", &["--timeout", "soon"]), @"");
    insta::assert_snapshot!(refusal("", &["-n", "0"]), @"");
    insta::assert_snapshot!(refusal("", &["-n", "-3"]), @"");
    insta::assert_snapshot!(refusal("", &["--tx", "ssh=host"]), @"");
    insta::assert_snapshot!(refusal("", &["-P", "nightly"]), @"");
}

#[test]
fn a_path_that_does_not_exist_is_refused_before_anything_starts() {
    insta::assert_snapshot!(refusal("", &["tests/test_a.py::test_b"]), @"");
    insta::assert_snapshot!(refusal("", &["list", "nowhere"]), @"");
    insta::assert_snapshot!(refusal("", &["-n", "2", "list"]), @"");
    insta::assert_snapshot!(refusal("", &["./list"]), @"");
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_the_cause() {
    let directory = project("");
    let output = run(&directory, &["--config", "none.toml"]);
    let path = directory.path().display().to_string();
    insta::assert_snapshot!(told(&output).replace(&path, "DIR"), @"");
}

#[test]
fn an_argument_that_is_not_unicode_is_refused() {
    let broken = OsStr::from_bytes(b"tests/\xff");
    let directory = project("");
    let output = callsheet(directory.path()).arg(broken).output().unwrap();
    assert!(told(&output).starts_with("4\n"), "{}", told(&output));
    assert!(told(&output).contains("UTF-8"), "{}", told(&output));
}

#[test]
fn config_show_tells_where_each_value_comes_from() {
    let text = "
        maxfail = 10
        [deadlines]
        collect = '2m'
        [profile.mine]
        inherits = 'ci'
        dist = 'loadfile'
        [pytest]
        args = ['-p', 'no:randomly']";
    let directory = project(text);
    let output = callsheet(directory.path())
        .args([
            "config", "show", "-n", "4", "-P", "mine", "-k", "a or b", "--", "--lf",
        ])
        .env("CALLSHEET_WORKER_MEMORY", "2GiB")
        .output()
        .unwrap();
    let shown = stdout(output);
    shown.parse::<toml::Table>().unwrap();
    let path = directory.path().display().to_string();
    insta::assert_snapshot!(shown.replace(&path, "DIR"), @"");
}

#[test]
fn completions_know_the_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(run(&project(""), &["completions", shell]));
        assert!(script.contains("dist"), "{shell}");
    }
    assert!(stdout(run(&project(""), &["completions", "bash"])).contains("--dist"));
}

#[test]
fn help_and_version_are_no_errors() {
    let help = stdout(run(&project(""), &["--help"]));
    for part in [
        "Usage: callsheet",
        "--workers",
        "Examples:",
        "Distribution:",
    ] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
    let version = stdout(run(&project(""), &["--version"]));
    assert_eq!(
        version,
        concat!("callsheet ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let directory = project("");
    for args in [
        &["config", "show"][..],
        &["completions", "bash"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = callsheet(directory.path())
            .args(args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        assert_eq!(told(&output), "0\n", "{args:?}");
    }
}

#[test]
fn colour_follows_the_environment() {
    let directory = project("wrong = 1");
    let escapes = |name: &str, value: &str| {
        let output = callsheet(directory.path())
            .env(name, value)
            .output()
            .unwrap();
        output.stderr.contains(&0x1b)
    };
    assert!(!escapes("TERM", "xterm"));
    assert!(escapes("CLICOLOR_FORCE", "1"));
}
