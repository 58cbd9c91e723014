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
    command.current_dir(directory).env_clear().stdin(Stdio::null());
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
    insta::assert_snapshot!(refusal("", &["--dits", "load"]), @r"
    4
    error: unexpected argument '--dits' found

      tip: a similar argument exists: '--dist'
      tip: to pass '--dits' as a value, use '-- --dits'

    Usage: callsheet --dist <MODE> [PATH]... [-- <OPTION>...]

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(refusal("", &["--dist", "laod"]), @r"
    4
    error: invalid value 'laod' for '--dist <MODE>'
      [possible values: stream, load, each, loadscope, loadfile, loadgroup, worksteal]

      tip: a similar value exists: 'load'

    For more information, try '--help'.
    ");
}

#[test]
fn an_unknown_key_is_a_usage_error_that_names_the_nearest() {
    insta::assert_snapshot!(refusal("max_worker_restrat = 3", &[]), @r"
    4
    callsheet: error: unknown key `max_worker_restrat` in callsheet.toml; the nearest known key is `max_worker_restart`
    ");
}

#[test]
fn a_malformed_file_is_told_with_its_place() {
    insta::assert_snapshot!(refusal("[deadlines]\ntest = 5m\n", &["run"]), @r"
    4
    callsheet: error: `callsheet.toml` is not valid TOML, line 2, column 8: string values must be quoted, expected literal string
      |
    2 | test = 5m
      |        ^^
    ");
}

#[test]
fn a_value_is_refused_with_the_flag_that_gave_it() {
    insta::assert_snapshot!(refusal("", &["--timeout", "soon"]), @r#"
    4
    callsheet: error: --timeout: `soon` is no value for `deadlines.test`; expected a duration up to 365 days such as "30s" or "1h30m", or "none" for no limit
    "#);
    insta::assert_snapshot!(refusal("", &["-n", "0"]), @r"
    4
    callsheet: error: --workers: 0 workers cannot run tests; tests never run in the process of callsheet itself, so use `-n 1`, or `pytest` for a run without workers
    ");
    insta::assert_snapshot!(refusal("", &["-n", "-3"]), @r#"
    4
    callsheet: error: --workers: `-3` is no value for `workers`; expected "auto", "logical" or a number from 1 to 65535
    "#);
    insta::assert_snapshot!(refusal("", &["--tx", "telnet=host"]), @r"
    4
    callsheet: error: `--tx telnet=host` names no way to start a worker; local workers are `popen`, those of another host `ssh=HOST`, and `exec=COMMAND` is any command that gives an agent (set by --tx)
    ");
    insta::assert_snapshot!(refusal("", &["-P", "nightly"]), @r"
    4
    callsheet: error: --profile: there is no profile `nightly`; there are `campaign`, `ci`
    ");
}

#[test]
fn a_path_that_does_not_exist_is_refused_before_anything_starts() {
    insta::assert_snapshot!(refusal("", &["tests/test_a.py::test_b"]), @r"
    4
    callsheet: error: file or directory not found: tests/test_a.py::test_b
    ");
    insta::assert_snapshot!(refusal("", &["list", "nowhere"]), @r"
    4
    callsheet: error: file or directory not found: nowhere
    ");
    insta::assert_snapshot!(refusal("", &["-n", "2", "list"]), @r"
    4
    callsheet: error: file or directory not found: list; the subcommand `list` must be the first word
    ");
    insta::assert_snapshot!(refusal("", &["./list"]), @r"
    4
    callsheet: error: file or directory not found: ./list
    ");
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_the_cause() {
    let directory = project("");
    let output = run(&directory, &["--config", "none.toml"]);
    let path = directory.path().display().to_string();
    insta::assert_snapshot!(told(&output).replace(&path, "DIR"), @r"
    4
    callsheet: error: failed to read `DIR/none.toml`: No such file or directory (os error 2)
    ");
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
        .args(["config", "show", "-n", "4", "-P", "mine", "-k", "a or b", "--", "--lf"])
        .env("CALLSHEET_WORKER_MEMORY", "2GiB")
        .output()
        .unwrap();
    let shown = stdout(output);
    shown.parse::<toml::Table>().unwrap();
    let path = directory.path().display().to_string();
    insta::assert_snapshot!(shown.replace(&path, "DIR"), @r#"
    # file: DIR/callsheet.toml
    # profile: mine (--profile)
    suite = "auto"                        # default
    workers = 4                           # --workers
    max_processes = "unlimited"           # default
    dist = "loadfile"                     # profile mine in callsheet.toml
    tx = []                               # default
    ssh = "ssh"                           # default
    rsync = "rsync"                       # default
    sync_exclude = [".git", ".venv", "__pycache__", ".callsheet", ".pytest_cache"]  # default
    min_workers = "auto"                  # default
    max_sched_chunk = "unlimited"         # default
    loadscope_reorder = true              # default
    import = "first"                      # default
    maxfail = 10                          # callsheet.toml
    max_worker_restart = "auto"           # default
    max_restarts = "unlimited"            # default
    restart_window = "1m"                 # default
    restart_backoff = "500ms"             # default
    restart_backoff_max = "30s"           # default
    worker_memory = "2048MiB"             # CALLSHEET_WORKER_MEMORY
    retries = 0                           # default
    retry_delay = "0s"                    # default
    retry_backoff_max = "30s"             # default
    retry_budget = "auto"                 # default
    retry_crashed = false                 # default
    flaky = "pass"                        # default
    resources = {}                        # default
    recycle_after = "unlimited"           # default
    recycle_memory = "unlimited"          # default
    recycle_failed = false                # default
    filter = ""                           # default
    partition = ""                        # default
    history = "auto"                      # default
    template = "pytest"                   # default
    preload = []                          # default
    junit = ""                            # default
    events = ""                           # default
    durations = 10                        # profile ci (built in)
    color = "auto"                        # default
    verbosity = 0                         # default
    live_output = false                   # default

    [deadlines]
    agent = "1m"                          # default
    startup = "3m"                        # profile ci (built in)
    collect = "10m"                       # profile ci (built in)
    begin = "1m"                          # default
    test = "10m"                          # profile ci (built in)
    slow = "1m"                           # profile ci (built in)
    run = "none"                          # default
    shutdown = "2m"                       # profile ci (built in)
    silence = "15s"                       # default
    host = "2m"                           # default

    [slurm]
    options = ""                          # default
    margin = "1m"                         # default

    [pytest]
    python = ""                           # default
    provision = ""                        # default
    args = ["-p", "no:randomly", "-k", "a or b", "--lf"]  # callsheet.toml, -k, --
    paths = []                            # default

    [libtest]
    args = []                             # default
    isolation = "adaptive"                # default
    run_ignored = "default"               # default

    [command]
    manifest = "callsheet-commands.toml"  # default

    [custom]
    worker_command = ""                   # default
    args = []                             # default
    "#);
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
    for part in ["Usage: callsheet", "--workers", "Examples:", "Distribution:"] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
    let version = stdout(run(&project(""), &["--version"]));
    assert_eq!(version, concat!("callsheet ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let directory = project("");
    for args in [&["config", "show"][..], &["completions", "bash"], &["--help"]] {
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
        let output = callsheet(directory.path()).env(name, value).output().unwrap();
        output.stderr.contains(&0x1b)
    };
    assert!(!escapes("TERM", "xterm"));
    assert!(escapes("CLICOLOR_FORCE", "1"));
}
