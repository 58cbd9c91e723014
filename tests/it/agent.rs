//! The link as a black box: the real agent against a false controller, and (`strangers`) a real run against false agents.

mod orders;
mod strangers;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use callsheet::model::{
    Deadlines, Death, Ending, NamedPython, PytestSuite, Suite, WorkerId, WorkerInput, WorkerSpec,
};
use callsheet::wire::{FrameCodec, FromAgent, Outbox, Preamble, ToAgent, WorkerEvent};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder as _;

use crate::support::{Marked, Project};

/// How long any step may take; one that hangs is a failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// `callsheet agent` with everything it starts under one mark.
fn agent_command(mark: &Marked) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callsheet"));
    let (name, value) = mark.variable();
    command
        .arg("agent")
        .env(name, value)
        .env_remove("VIRTUAL_ENV")
        .env_remove("PYTEST_ADDOPTS")
        .stderr(Stdio::piped());
    command
}

/// How an agent ends that hears these bytes and then the end of the stream.
fn end_after(bytes: &[u8]) -> (Option<i32>, String) {
    let mark = Marked::new();
    let mut child =
        agent_command(&mark).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // It may refuse before it has read everything.
    let _refused = child.stdin.take().unwrap().write_all(bytes);
    told(end(child, &mark))
}

fn told(output: Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Waits for the end of the agent and of all that it started.
fn end(mut child: Child, mark: &Marked) -> Output {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            mark.kill();
            panic!("the agent does not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
    wait_until_gone(mark);
    child.wait_with_output().unwrap()
}

fn wait_until_gone(mark: &Marked) {
    let begun = Instant::now();
    loop {
        let alive = mark.alive();
        if alive.is_empty() {
            return;
        }
        if begun.elapsed() > PATIENCE {
            mark.kill();
            panic!("processes are left: {alive:#?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The messages as they stand on the link, the preamble first.
fn stream(messages: &[ToAgent]) -> Vec<u8> {
    let mut outbox = Outbox::default();
    for message in messages {
        outbox.push(message).unwrap();
    }
    outbox.take()
}

/// One line that begins so and ends the process with exit code 7.
fn assert_refused((code, stderr): (Option<i32>, String), parts: &[&str]) {
    assert_eq!(code, Some(7), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part:?} is not in {stderr}");
    }
}

#[test]
fn a_controller_of_another_build_is_refused() {
    let told = end_after(b"\0callsheet 9.9.9 (00000000deadbeef)\n\0\0\0\x01\x09");
    let ours = Preamble::build();
    assert_refused(
        told,
        &["callsheet 9.9.9 (00000000deadbeef)", &ours, "install the same build on both sides"],
    );
}

#[test]
fn what_is_no_controller_is_refused_with_its_first_words() {
    assert_refused(
        end_after(b"GET / HTTP/1.1\r\n\r\n"),
        &["no greeting in its first 18 bytes", "`GET / HTTP/1.1`"],
    );
    let noise = vec![b'.'; 1024 * 1024];
    assert_refused(end_after(&noise), &["no greeting in its first", "`....."]);
}

#[test]
fn random_bytes_are_refused_before_and_behind_the_greeting() {
    // A fixed sequence without any structure.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |length: usize| -> Vec<u8> {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect()
    };
    for length in [1, 100, 10_000] {
        assert_refused(end_after(&random(length)), &["the other side is no callsheet"]);
        let behind = [&stream(&[ToAgent::Ping(1)])[..], &[0xff], &random(length)].concat();
        let (code, stderr) = end_after(&behind);
        assert_eq!((code, stderr.lines().count()), (Some(7), 1), "{stderr}");
    }
}

#[test]
fn a_damaged_frame_is_refused() {
    let greeting = Preamble::bytes();
    let whole = stream(&[ToAgent::Ping(1)]);
    assert_refused(
        end_after(&whole[..whole.len() - 1]),
        &["the link ended inside a frame: 5 of 6 bytes came"],
    );
    let oversized = [&greeting[..], &[0xff; 4]].concat();
    assert_refused(
        end_after(&oversized),
        &["a frame of 4294967295 bytes is above the maximum of 67108864"],
    );
    let rubbish = [&greeting[..], &[0, 0, 0, 1, 0xee]].concat();
    assert_refused(end_after(&rubbish), &["a frame of 1 bytes is no message"]);
}

#[test]
fn a_link_that_is_no_pipe_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("frames");
    fs::write(&path, stream(&[ToAgent::Shutdown])).unwrap();
    for file in [path.as_path(), Path::new("/dev/null")] {
        let mark = Marked::new();
        let child = agent_command(&mark)
            .stdin(File::open(file).unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        assert_refused(
            told(end(child, &mark)),
            &["on stdin and stdout", "over two pipes or sockets"],
        );
        let child =
            agent_command(&mark).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        assert_refused(
            told(end(child, &mark)),
            &["on stdin and stdout", "over two pipes or sockets"],
        );
    }
}

#[test]
fn a_controller_that_leaves_or_says_goodbye_is_no_error() {
    let goodbye = stream(&[ToAgent::Ping(1), ToAgent::Shutdown]);
    for bytes in [&b""[..], &Preamble::bytes(), &stream(&[ToAgent::Ping(1)]), &goodbye] {
        assert_eq!(end_after(bytes), (Some(0), String::new()));
    }
}

/// A controller that is a test.
struct Controller {
    child: Child,
    mark: Marked,
    stdin: Option<ChildStdin>,
    outbox: Outbox,
    messages: mpsc::Receiver<FromAgent>,
}

impl Controller {
    fn start() -> Self {
        let mark = Marked::new();
        let mut child =
            agent_command(&mark).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let messages = listen(child.stdout.take().unwrap());
        Self { stdin: child.stdin.take(), child, mark, outbox: Outbox::default(), messages }
    }

    /// With a suite prepared and one worker started in the project.
    fn with_worker(project: &Project) -> Self {
        let mut controller = Self::start();
        controller.prepare(project);
        controller.wait(|message| matches!(message, FromAgent::Prepared(_)).then_some(()));
        controller.order(0);
        controller
    }

    /// Asks for the suite of the project.
    fn prepare(&mut self, project: &Project) {
        let suite = PytestSuite {
            root: project.path().to_owned(),
            python: Some(NamedPython {
                name: project.python().display().to_string(),
                named_by: "--python".into(),
            }),
            ..PytestSuite::default()
        };
        let deadlines = Deadlines { shutdown: Duration::from_secs(20), ..Deadlines::default() };
        self.say(&ToAgent::Prepare {
            lease: None,
            suite: Suite::Pytest(suite),
            deadlines,
            worker_memory: None,
        });
    }

    /// Orders a worker.
    fn order(&mut self, worker: u32) {
        self.say(&ToAgent::Start {
            worker: WorkerId(worker),
            spec: WorkerSpec::default(),
            input: input(),
        });
    }

    fn say(&mut self, message: &ToAgent) {
        self.outbox.push(message).unwrap();
        self.stdin.as_mut().unwrap().write_all(&self.outbox.take()).unwrap();
    }

    /// Waits for the first message that is what is looked for.
    fn wait<T>(&self, mut is_it: impl FnMut(FromAgent) -> Option<T>) -> T {
        loop {
            match self.messages.recv_timeout(PATIENCE) {
                Ok(message) => {
                    if let Some(found) = is_it(message) {
                        return found;
                    }
                }
                Err(error) => {
                    self.mark.kill();
                    panic!("what was waited for did not come: {error}");
                }
            }
        }
    }

    fn wait_for_event(&self, wanted: &WorkerEvent) {
        self.wait(|message| {
            matches!(message, FromAgent::Worker(_, event) if event == *wanted).then_some(())
        });
    }

    fn death(&self) -> Death {
        self.wait(|message| match message {
            FromAgent::Worker(_, WorkerEvent::Exited(death)) => Some(death),
            _ => None,
        })
    }
}

fn listen(mut stdout: ChildStdout) -> mpsc::Receiver<FromAgent> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut codec = FrameCodec::<FromAgent>::default();
        let (mut bytes, mut chunk) = (BytesMut::new(), vec![0; 64 * 1024]);
        while let Ok(count @ 1..) = stdout.read(&mut chunk) {
            bytes.extend_from_slice(&chunk[..count]);
            while let Some(message) = codec.decode(&mut bytes).unwrap() {
                if sender.send(message).is_err() {
                    return;
                }
            }
        }
        assert!(bytes.is_empty(), "the agent left half a frame");
    });
    receiver
}

fn input() -> WorkerInput {
    WorkerInput {
        stream: false,
        lazy_import: false,
        run_id: uuid::Uuid::new_v4().to_string(),
        worker_count: 1,
        dist: "load".to_owned(),
        argv: vec![],
        color: false,
        columns: 80,
        verbosity: 0,
        live_output: false,
        collect_only: false,
        halt_on_failure: false,
        several_hosts: false,
        seed: 1,
    }
}

/// A test that starts a process which moves out of reach, and then runs for ever.
const ENDLESS: &str = "import subprocess, time
def test_endless():
    subprocess.Popen(['sleep', '1000'], start_new_session=True)
    time.sleep(1000)
";

#[test]
fn a_worker_lives_and_dies_by_what_the_controller_says() {
    let project = Project::new(&[("test_it.py", "def test_a(): pass\ndef test_b(): assert 0\n")]);
    let mut controller = Controller::with_worker(&project);
    controller.wait_for_event(&WorkerEvent::Collected { count: 2, deselected: 0, whole: None });
    controller.say(&ToAgent::Run { worker: WorkerId(0), batch: vec![1, 0].into() });
    controller.say(&ToAgent::Finish { worker: WorkerId(0) });
    let death = controller.death();
    assert!(death.is_clean(), "{death:?}");
    controller.say(&ToAgent::Ping(5));
    controller.wait(|message| (message == FromAgent::Pong(5)).then_some(()));
    controller.say(&ToAgent::Shutdown);
    assert_eq!(told(end(controller.child, &controller.mark)), (Some(0), String::new()));
}

#[test]
fn an_agent_whose_controller_leaves_ends_with_everything_its_tests_started() {
    let project = Project::new(&[("test_it.py", ENDLESS)]);
    let mut controller = Controller::with_worker(&project);
    controller.wait_for_event(&WorkerEvent::Collected { count: 1, deselected: 0, whole: None });
    controller.say(&ToAgent::Run { worker: WorkerId(0), batch: vec![0].into() });
    controller.wait_for_event(&WorkerEvent::Started { item: 0 });
    drop(controller.stdin.take());
    assert_eq!(told(end(controller.child, &controller.mark)), (Some(0), String::new()));
}

#[test]
fn an_agent_that_hears_rubbish_takes_its_workers_with_it() {
    let project = Project::new(&[("test_it.py", ENDLESS)]);
    let mut controller = Controller::with_worker(&project);
    controller.wait_for_event(&WorkerEvent::Collected { count: 1, deselected: 0, whole: None });
    controller.say(&ToAgent::Run { worker: WorkerId(0), batch: vec![0].into() });
    controller.wait_for_event(&WorkerEvent::Started { item: 0 });
    controller.stdin.as_mut().unwrap().write_all(&[0xff; 100]).unwrap();
    // The death is told on the way out.
    assert_eq!(controller.death().running.map(|(item, _)| item), Some(0));
    assert_refused(told(end(controller.child, &controller.mark)), &["is above the maximum"]);
}

#[test]
fn tests_that_write_to_the_protocol_end_their_worker_with_the_cause() {
    let rubbish = "import os
def test_rubbish():
    for name in os.listdir('/proc/self/fd'):
        fd = int(name)
        # Whoever started us may have left descriptors of its own open; the worker's are far above those.
        if fd < 800:
            continue
        try:
            target = os.readlink('/proc/self/fd/' + name)
        except OSError:
            continue
        if target.startswith('pipe:'):
            os.write(fd, b'rubbish\\n')
";
    let project = Project::new(&[("test_it.py", rubbish)]);
    let mut controller = Controller::with_worker(&project);
    controller.wait_for_event(&WorkerEvent::Collected { count: 1, deselected: 0, whole: None });
    controller.say(&ToAgent::Run { worker: WorkerId(0), batch: vec![0].into() });
    controller.say(&ToAgent::Finish { worker: WorkerId(0) });
    let death = controller.death();
    let cause = death.cause.unwrap();
    assert!(cause.starts_with("it broke the worker protocol: "), "{cause}");
    assert!(cause.contains("in the line `rubbish`"), "{cause}");
    assert_eq!(death.running.map(|(item, _)| item), Some(0));
    drop(controller.stdin.take());
    end(controller.child, &controller.mark);
}
