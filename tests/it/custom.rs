//! Workers of the user's own: a real suite of Node's test runner by the example's worker, and workers that break the protocol in every
//! way.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::support::{Project, Running, Told};

/// A worker of three items that does wrong what its argument says, at its second item or before. Each appends to a file what it
/// runs.
const WORKER: &str = r#"
import json, os, sys, time
mode = sys.argv[1]
setup = json.load(os.fdopen(int(os.environ['CALLSHEET_SETUP_FD'])))
events, queue = int(os.environ['CALLSHEET_EVENTS_FD']), int(os.environ['CALLSHEET_QUEUE_FD'])

def raw(line):
    while line:
        line = line[os.write(events, line):]

def say(**event):
    raw(json.dumps(event).encode() + b'\n')

def take():
    message = os.read(queue, 65536)
    if not message:
        sys.exit(71)
    return json.loads(message)

def start(i):
    say(t='start', i=i)

def end(i, o='passed'):
    say(t='end', i=i, o=o, d=[0, 0, 0], s=0)

def hang():
    while True:
        time.sleep(1000)

ready = dict(t='ready', protocol=setup['protocol'], pid=os.getpid(), executable='x', runtime='', framework='own', platform='p', cwd='/')
if mode == 'exits early':
    print('no configuration', file=sys.stderr)
    sys.exit(3)
if mode == 'speaks another version':
    ready['protocol'] = 9
if mode == 'refuses the version':
    say(t='stopping', reason='this worker speaks version 7 only', exit_code=4, kind='usage')
    say(t='finished', exit_code=4)
    sys.exit(0)
if mode == 'closes early':
    os.close(events), os.close(queue), hang()
if mode == 'is mute':
    hang()
if mode == 'is not ready':
    start(0)
say(**ready)
if mode == 'never ends a line':
    while True:
        raw(b'x' * 65536)
if mode == 'never collects':
    hang()
count = 3
if mode == 'miscounts':
    count = 4
say(t='items', items=[['a', 1], ['b', 1], ['c', 1, 'g', ['slow']]])
say(t='collected', count=count, deselected=0)
while True:
    message = take()
    if 'run' not in message:
        break
    i = message['run']
    if i == 1:
        if mode == 'begins an unknown item':
            start(7), hang()
        if mode == 'begins another item':
            start(0), hang()
        if mode == 'begins twice':
            start(i), start(i), hang()
        if mode == 'ends what did not begin':
            end(i), hang()
        if mode == 'ends twice':
            start(i), end(i), end(i), hang()
        if mode == 'writes no JSON':
            start(i), raw(b'{\n'), hang()
        if mode == 'writes a gigabyte':
            start(i)
            raw(b'{"t": "report", "i": 1, "phase": "call", "brief": "')
            for _ in range(1024):
                raw(b'x' * 1048576)
            raw(b'"}\n'), hang()
        if mode == 'says an unknown kind':
            start(i), say(t='sing'), hang()
        if mode == 'says an unknown outcome':
            start(i), end(i, 'splendid'), hang()
        if mode == 'hangs':
            start(i), hang()
        if mode == 'does not begin':
            hang()
        if mode == 'closes its descriptor':
            start(i), os.close(events), hang()
        if mode == 'exits in an item':
            start(i), os._exit(0)
        if mode == 'tells of a crash':
            start(i)
            say(t='report', i=i, phase='call', category='failed', letter='F', word='CRASHED', failed=True, headline='b', brief='it died')
            end(i, 'crashed')
            continue
    start(i)
    end(i)
if mode == 'does not finish':
    hang()
if mode == 'exits without a word':
    sys.exit(0)
say(t='finished', exit_code=0)
"#;

/// Runs the worker in this mode, with one replacement and deadlines that are soon over.
fn run(mode: &str) -> Told {
    let project = Project::new(&[("worker.py", WORKER)]);
    let config =
        "[deadlines]\nstartup = '8s'\ncollect = '3s'\nbegin = '3s'\ntest = '3s'\nshutdown = '3s'\n";
    project.write("callsheet.toml", config);
    let worker = format!("{} worker.py '{mode}'", project.python().display());
    project.run(&["-n1", "--max-worker-restart", "1", "--worker-command", &worker])
}

/// What the end says of the workers, for each way to break the protocol: the exit code, the counts, and sentences.
const BREACHES: [(&str, i32, &str, &[&str]); 23] = [
    ("", 0, "3 passed", &[]),
    ("tells of a crash", 1, "1 failed, 2 passed", &["CRASHED b - it died"]),
    ("exits early", 7, "no tests ran", &["gw0 exited with code 3", "no configuration"]),
    (
        "speaks another version",
        7,
        "no tests ran",
        &["gw0 it speaks version 9 of the worker protocol, this agent speaks version 1", RULES],
    ),
    ("refuses the version", 4, "no tests ran", &["this worker speaks version 7 only"]),
    ("closes early", 7, "no tests ran", &["gw0 it closed the descriptor of the worker protocol"]),
    ("is mute", 7, "no tests ran", &["gw0 it did not introduce itself within 8 s"]),
    ("is not ready", 7, "no tests ran", &["`start` where it was not ready yet", RULES]),
    ("never ends a line", 7, "no tests ran", &["a line of more than 67108864 bytes", RULES]),
    ("never collects", 7, "no tests ran", &["gw0 it did not finish collecting within 3 s"]),
    ("miscounts", 7, "no tests ran", &["`collected` counts 4 items, 3 came", RULES]),
    ("begins an unknown item", 7, "1 passed, 2 not run", &[NOT_NEXT, RULES]),
    ("begins another item", 7, "1 passed, 2 not run", &[NOT_NEXT, RULES]),
    ("begins twice", 1, "1 failed, 2 passed", &["`start` where it was in item 1", RULES]),
    (
        "ends what did not begin",
        7,
        "1 passed, 2 not run",
        &["`end` of item 1 where it was between tests", RULES],
    ),
    ("ends twice", 7, "3 passed", &["`end` of item 1 where it was between tests", RULES]),
    ("writes no JSON", 1, "1 failed, 2 passed", &["in the line `{`", RULES]),
    ("says an unknown kind", 1, "1 failed, 2 passed", &["unknown variant `sing`", RULES]),
    ("says an unknown outcome", 1, "1 failed, 2 passed", &["unknown variant `splendid`", RULES]),
    ("hangs", 1, "1 failed, 2 passed", &["the test ran past its deadline of 3 s"]),
    ("does not begin", 7, "1 passed, 2 not run", &["within 3 s"]),
    ("exits in an item", 1, "1 failed, 2 passed", &["gw0 exited with code 0 while running b"]),
    ("does not finish", 7, "3 passed", &["within 3 s"]),
];

const RULES: &str = "docs/worker-protocol.md has the rules for workers";

const NOT_NEXT: &str = "gw0 it broke the worker protocol: it began an item that was not the next";

#[test]
fn a_worker_that_breaks_the_protocol_is_told_of_and_ended() {
    // Most of them wait for a deadline: several at once.
    for some in BREACHES.chunks(8) {
        thread::scope(|scope| {
            let runs: Vec<_> = some.iter().map(|(mode, ..)| scope.spawn(|| run(mode))).collect();
            for ((mode, code, counts, sentences), told) in some.iter().zip(runs) {
                let told = told.join().unwrap();
                assert_eq!((told.code, told.counts()), (Some(*code), *counts), "{mode}\n{told}");
                for sentence in *sentences {
                    told.says(sentence);
                }
            }
        });
    }
}

#[test]
fn a_worker_that_no_longer_speaks_is_ended_at_the_deadline_of_its_test_at_last() {
    let told = run("closes its descriptor");
    told.assert(1, "1 failed, 2 passed");
}

#[test]
fn a_worker_that_ends_without_a_word_is_told_of() {
    let told = run("exits without a word");
    assert_eq!((told.code, told.counts()), (Some(7), "3 passed"), "{told}");
    told.says("gw0 exited with code 0");
}

#[test]
fn a_line_without_end_takes_no_more_memory_than_its_limit() {
    let project = Project::new(&[("worker.py", WORKER)]);
    let worker = format!("{} worker.py 'never ends a line'", project.python().display());
    let callsheet = project.command(&[]);
    // All that one process may have, in KiB: some ten times the longest line.
    let line = "ulimit -v 700000; exec \"$0\" -n1 --max-worker-restart 0 --worker-command \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", line]).arg(callsheet.get_program()).arg(&worker);
    command.current_dir(project.path());
    let told = Running::start(command).end();
    assert_eq!(told.code, Some(7), "{told}");
    told.says("gw0 it broke the worker protocol: a line of more than 67108864 bytes").says(RULES);
}

/// Runs a command and tells, in MiB, how much memory any process had at most that it or one of its own has waited for.
const PEAK: &str = r"
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print('peak:', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(code)
";

#[test]
fn a_test_that_writes_a_line_of_a_gigabyte_has_crashed_its_worker_and_nobody_keeps_the_line() {
    let project = Project::new(&[("worker.py", WORKER), ("peak.py", PEAK)]);
    let worker = format!("{} worker.py 'writes a gigabyte'", project.python().display());
    let callsheet = project.command(&[]);
    let mut command = Command::new(project.python());
    command.args(["peak.py".as_ref(), callsheet.get_program()]);
    command.args(["-n1", "--max-worker-restart", "1", "--worker-command", &worker]);
    command.current_dir(project.path());
    let told = Running::start(command).end();
    assert_eq!(told.code, Some(1), "{told}");
    told.says("1 failed, 2 passed")
        .says("worker 'gw0' crashed while running 'b'")
        .says("it broke the worker protocol: a line of more than 67108864 bytes")
        .says(RULES);
    let peak = told.stdout.lines().find_map(|line| line.strip_prefix("peak: "));
    let peak: u32 = peak.unwrap().parse().unwrap();
    assert!(peak < 300, "a process had {peak} MiB\n{told}");
}

#[test]
fn what_is_wrong_with_the_command_is_told() {
    let project = Project::new(&[]);
    let told = project.run(&["--suite", "custom"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("a custom suite needs the program that speaks the worker protocol");
    let told = project.run(&["--worker-command", "node 'x"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("a quote is not closed");
    let told =
        project.run(&["-n1", "--worker-command", "no-such-program", "--max-worker-restart", "0"]);
    assert_eq!(told.code, Some(7), "{told}");
    told.says("failed to start `no-such-program`");
}

/// The command that runs the example's worker, where there is a Node that can.
fn node() -> Option<String> {
    let version = Command::new("node").arg("--version").stderr(Stdio::null()).output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let version = version.unwrap_or_default();
    let major =
        version.trim_start_matches('v').split('.').next().and_then(|part| part.parse::<u32>().ok());
    if major.is_none_or(|major| major < 20) {
        // To the real stderr, which is seen without --nocapture.
        let _unheard = writeln!(io::stderr(), "skipped: there is no Node 20 or later here");
        return None;
    }
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/node_test_worker.mjs");
    Some(format!("node {}", worker.display()))
}

#[test]
fn a_suite_of_node_is_run_by_the_worker_of_the_example() {
    let Some(worker) = node() else { return };
    let project = Project::suite("node");
    let told = project.run(&["-n2", "-v", "--worker-command", &worker]);
    // Of the files one passes and three fail; what fails in one is counted beside it.
    told.assert(1, "5 failed, 1 passed, 1 skipped, 1 xfailed, 5 subtests passed");
    told.says("SUBFAILED[fails] test/sums.test.mjs - 1 == 2")
        .says("SUBFAILED[suite > broken] test/sums.test.mjs - boo")
        .says("FAILED test/sums.test.mjs - contains 2 failed subtests")
        .says("said by sums")
        .says("FAILED test-broken.js - its process ended with exit code 1")
        .says("FAILED test-killed.js - its process was killed by SIGKILL")
        .says("at the top")
        .says("SUBPASSED[two > half] test/deep/fine.test.js")
        .is_silent_on("node down");
    let fine = project.run(&["-n1", "--worker-command", &worker, "test/deep"]);
    fine.assert(0, "1 passed, 3 subtests passed");
    let list = project.run(&["list", "--worker-command", &worker, "test"]);
    assert_eq!(list.code, Some(0), "{list}");
    list.says("test/sums.test.mjs\n").says("test/deep/fine.test.js\n").is_silent_on("broken");
    let refused = project.run(&["-n1", "--worker-command", &worker, "nothing"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    refused.says("there is no file or directory `nothing`");
    let stopped = project.run(&["-n1", "--worker-command", &worker, "-x"]);
    assert_eq!(stopped.code, Some(1), "{stopped}");
}

#[test]
fn the_example_fits_on_a_page() {
    let example = include_str!("../../examples/node_test_worker.mjs");
    assert!(example.lines().count() <= 100, "{}", example.lines().count());
}

#[test]
fn the_minimal_worker_of_the_specification_is_one() {
    let page = include_str!("../../docs/worker-protocol.md");
    let (_, rest) = page.split_once("```python\n").unwrap();
    let (worker, _) = rest.split_once("```\n").unwrap();
    let project = Project::new(&[("worker.py", worker)]);
    let worker = format!("{} worker.py", project.python().display());
    for dist in ["stream", "load", "worksteal", "loadfile", "each"] {
        let told = project.run(&["-n2", "--dist", dist, "--worker-command", &worker]);
        told.assert(0, if dist == "each" { "4 passed" } else { "2 passed" });
    }
    project.run(&["list", "--worker-command", &worker]).says("first\n").says("second\n");
}
