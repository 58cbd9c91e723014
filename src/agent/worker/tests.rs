//! Small workers that break the protocol, their process or their promise, each told in its death notice.

use super::*;
use crate::model::Phase;
use crate::select::{Filter, Overrides, Past, Selection};
use crate::wire::{FromAgent, Preamble, decode};

mod files;

/// What every worker of these tests can do.
const PRELUDE: &str = r#"
import json, mmap, os, signal, socket, sys, time
events = int(os.environ["CALLSHEET_EVENTS_FD"])
queue = socket.socket(fileno=int(os.environ["CALLSHEET_QUEUE_FD"]))
mark = mmap.mmap(int(os.environ["CALLSHEET_MARK_FD"]), 4096)
def write(data):
    while data:
        data = data[os.write(events, data):]
def say(t, **fields): write(json.dumps(dict(fields, t=t)).encode() + b"\n")
def take(): return json.loads(queue.recv(100))
def ready(count=3):
    say("ready", protocol=1, pid=os.getpid(), executable="", runtime="", framework="", platform="", cwd="")
    say("items", items=[["t.py::%d" % i, 4] for i in range(count)])
    say("collected", count=count, deselected=0)
def listed(*files):
    say("ready", protocol=1, pid=os.getpid(), executable="", runtime="", framework="", platform="", cwd="")
    say("files", files=[[file, 1] for file in files])
    say("listed", count=len(files))
made = 0
def make(count):
    global made
    f = take()["make"]
    say("making", f=f)
    say("made", f=f, items=[["%d::%d" % (f, made + i), 1] for i in range(count)], last=True)
    made += count
def run():
    i = take()["run"]
    say("start", i=i)
    say("end", i=i, o="passed", d=[0, 0, 0], s=0)
def finish():
    assert take() == {"finish": True}
    say("finished", exit_code=0)
def forever():
    while True: time.sleep(1000)
"#;

/// How long any of these may take; one that hangs is a failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// Everything a worker says and that is said of it.
struct Told(Vec<WorkerEvent>);

impl Told {
    fn death(&self) -> &Death {
        match self.0.last() {
            Some(WorkerEvent::Exited(death)) => death,
            other => panic!("the last word is {other:?}"),
        }
    }

    fn cause(&self) -> &str {
        self.death().cause.as_deref().unwrap_or_else(|| panic!("no cause: {:?}", self.death()))
    }

    fn ended(&self) -> Vec<u32> {
        let ended = |event: &WorkerEvent| match event {
            WorkerEvent::Ended { item, .. } => Some(*item),
            _ => None,
        };
        self.0.iter().filter_map(ended).collect()
    }
}

fn play(script: &str, orders: Vec<Order>) -> Told {
    play_within(script, orders, Limits::default())
}

/// Runs the worker to its death; the orders stand in its queue from the beginning.
fn play_within(script: &str, orders: Vec<Order>, limits: Limits) -> Told {
    serve_command(&command(script), orders, limits)
}

fn command(script: &str) -> WorkerCommand {
    WorkerCommand {
        native: false,
        longest_test: None,
        program: "python3".into(),
        args: vec!["-SEc".into(), format!("{PRELUDE}\n{script}").into()],
        env: vec![],
        cwd: "/".into(),
        setup: "{}".to_owned(),
        alone: None,
        common: None,
    }
}

fn serve_command(command: &WorkerCommand, orders: Vec<Order>, limits: Limits) -> Told {
    serve_with(command, orders, limits, None, |_event| None)
}

/// As [`play`], and what is said may be answered with an order.
fn play_with(
    script: &str,
    orders: Vec<Order>,
    answer: impl FnMut(&WorkerEvent) -> Option<Order>,
) -> Told {
    serve_with(&command(script), orders, Limits::default(), None, answer)
}

fn serve_with(
    command: &WorkerCommand,
    orders: Vec<Order>,
    limits: Limits,
    filter: Option<&str>,
    mut answer: impl FnMut(&WorkerEvent) -> Option<Order>,
) -> Told {
    let sender = Sender::default();
    let (to_worker, inbox) = mpsc::unbounded_channel();
    for order in orders {
        to_worker.send(order).unwrap();
    }
    let mut told = Vec::new();
    let mut hear = || {
        for event in events(&sender.queued()) {
            if let Some(order) = answer(&event) {
                to_worker.send(order).unwrap();
            }
            told.push(event);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let input = input();
        let templates = Templates::new(sender.clone());
        let filter = filter.map(|filter| Filter::parse(filter).unwrap());
        let selection =
            Selection::new(filter.as_ref(), None, &Overrides::default(), &Past::default());
        let selector = Rc::new(Selector::new(selection).unwrap());
        let serving = serve(
            WorkerId(0),
            (command, &input),
            limits,
            selector,
            &templates,
            sender.clone(),
            inbox,
        );
        let listening = async {
            loop {
                hear();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            served = tokio::time::timeout(PATIENCE, serving) => {
                served.expect("the worker is served to its end");
            }
            () = listening => {}
        }
    });
    hear();
    Told(told)
}

/// What stands in these bytes of the link.
fn events(written: &[u8]) -> Vec<WorkerEvent> {
    let greeting = Preamble::bytes();
    let mut bytes = written.strip_prefix(&greeting[..]).unwrap_or(written);
    let mut told = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (frame, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        bytes = rest;
        match decode(frame).unwrap() {
            FromAgent::Worker(WorkerId(0), event) => told.push(event),
            other => panic!("{other:?}"),
        }
    }
    told
}

fn input() -> WorkerInput {
    WorkerInput {
        stream: true,
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
        seed: 0,
    }
}

#[test]
fn a_worker_by_the_book_dies_clean() {
    let told =
        play("ready(); run(); run(); finish()", vec![Order::Run(vec![2, 0].into()), Order::Finish]);
    assert!(told.death().is_clean(), "{:?}", told.death());
    assert_eq!(told.ended(), [2, 0]);
    assert!(matches!(told.0[0], WorkerEvent::Spawned { .. }));
}

#[test]
fn a_worker_that_breaks_the_protocol_is_ended_with_the_cause() {
    for (script, cause) in [
        ("ready(); write(b'hello\\n')", "in the line `hello`"),
        (
            "ready(); say('start', i=0); say('start', i=0)",
            "began an item that was not the next of its queue",
        ),
        (
            "ready(); run(); say('end', i=1, o='passed', d=[0, 0, 0], s=0)",
            "`end` of item 1 where it was between tests",
        ),
        ("ready(); run(); say('start', i=2)", "began an item that was not the next of its queue"),
        (
            "ready(); i = take()['run']; say('start', i=i); say('start', i=i)",
            "`start` where it was in item 1",
        ),
        ("ready(); say('start', i=77)", "began an item that was not the next of its queue"),
        ("ready(); run(); say('dance')", "unknown variant `dance`"),
        ("say('start', i=1)", "`start` where it was not ready yet"),
    ] {
        let told = play(&format!("{script}\nforever()"), vec![Order::Run(vec![1, 0].into())]);
        assert!(told.cause().contains(cause), "{script}: {}", told.cause());
        assert_eq!(told.death().ending, Ending::Signal(Signal::SIGKILL as i32), "{script}");
    }
}

#[test]
fn what_follows_a_broken_line_is_void() {
    // In one write, so that the agent has it all before the kill.
    let script = r#"ready(); i = take()['run']; say('start', i=i)
write(b'rubbish\n{"t": "end", "i": 0, "o": "passed", "d": [0, 0, 0], "s": 0}\n')
forever()"#;
    let told = play(script, vec![Order::Run(vec![0].into())]);
    assert!(told.ended().is_empty());
    assert_eq!(told.death().running.map(|(item, _)| item), Some(0));
}

#[test]
fn a_line_without_end_is_not_kept() {
    let told = play("ready()\nfor _ in range(100): write(b'x' * (1 << 20))\nforever()", vec![]);
    let cause = "it broke the worker protocol: a line of more than 67108864 bytes; docs/worker-protocol.md has the rules for workers";
    assert_eq!(told.cause(), cause);
}

#[test]
fn a_worker_that_closes_its_events_is_ended() {
    let told = play("ready(); os.close(events)\nforever()", vec![]);
    assert_eq!(told.cause(), "it closed the descriptor of the worker protocol");
}

#[test]
fn a_worker_whose_tests_shut_its_queue_down_is_ended() {
    // It goes on with what it has been sent, until the agent puts more in.
    let script = "ready(1000); [run() for _ in range(100)]; i = take()['run']
queue.shutdown(socket.SHUT_RDWR)
for i in range(i, 1000): say('start', i=i); say('end', i=i, o='passed', d=[0, 0, 0], s=0)
forever()";
    let told = play(script, vec![Order::Run((0..1000).collect::<Vec<_>>().into()), Order::Finish]);
    assert!(told.cause().starts_with("its queue is broken: "), "{}", told.cause());
}

#[test]
fn a_death_in_a_test_names_item_phase_and_last_output() {
    let script = "ready(); i = take()['run']; say('start', i=i); mark[0] = 3
print('before', flush=True); os.write(2, b'to stderr\\n'); os.kill(os.getpid(), signal.SIGSEGV)";
    let told = play(script, vec![Order::Run(vec![1].into())]);
    let death = told.death();
    assert_eq!(death.ending, Ending::Signal(Signal::SIGSEGV as i32));
    assert_eq!(death.running, Some((1, Some(Phase::Teardown))));
    assert_eq!(death.cause, None);
    let mut lines: Vec<&str> = death.tail.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["before", "to stderr"]);
}

#[test]
fn the_last_words_of_a_worker_are_heard() {
    let script = "ready()\nfor _ in range(1000): run()\nos._exit(9)";
    let told =
        play(script, vec![Order::Run((0..1000).map(|item| item % 3).collect::<Vec<_>>().into())]);
    assert_eq!(told.ended().len(), 1000);
    assert_eq!((&told.death().ending, told.death().running), (&Ending::Code(9), None));
}

#[test]
fn a_flood_of_output_holds_nothing_up() {
    let script =
        "ready()\nfor _ in range(100): os.write(1, b'x' * 999999 + b'\\n')\nrun(); finish()";
    let told = play(script, vec![Order::Run(vec![0].into()), Order::Finish]);
    assert!(told.death().is_clean(), "{:?}", told.death().ending);
    assert_eq!(told.ended(), [0]);
    assert!(told.death().tail.len() <= 64 * 1024);
}

#[test]
fn what_a_worker_started_dies_with_it() {
    let script = "ready(); child = os.fork()
if child == 0: forever()
os.write(1, b'%d' % child); os._exit(0)";
    let told = play(script, vec![]);
    let child: i32 = told.death().tail.parse().unwrap();
    // The kernel takes a moment, and a killed process of nobody is a zombie until init has seen it.
    let begun = Instant::now();
    let lives = || {
        std::fs::read_to_string(format!("/proc/{child}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z"))
    };
    while lives() {
        assert!(begun.elapsed() < PATIENCE, "{child} lives on");
        std::thread::yield_now();
    }
}

#[test]
fn each_deadline_ends_the_worker_with_its_name() {
    let short = Duration::from_millis(300);
    let limits = |deadlines| Limits { deadlines, memory: None };
    let none = Deadlines::default();
    for (script, deadlines, cause) in [
        ("", Deadlines { startup: short, ..none }, "within 0.3 s"),
        (
            "say('ready', protocol=1, pid=1, executable='', runtime='', framework='', platform='', cwd='')",
            Deadlines { collect: short, ..none },
            "within 0.3 s",
        ),
        ("ready()", Deadlines { begin: short, ..none }, "within 0.3 s"),
        (
            "ready(); say('start', i=take()['run'])",
            Deadlines { test: Some(short), ..none },
            "its deadline of 0.3 s",
        ),
        (
            "ready(); run()",
            Deadlines { shutdown: short, ..none },
            "it did not end its session within 0.3 s",
        ),
        (
            "ready(); run(); finish()",
            Deadlines { shutdown: short, ..none },
            "its process did not end within 0.3 s",
        ),
    ] {
        // A worker that dumps no stack at once is killed all the same.
        let script =
            format!("signal.signal(signal.SIGABRT, lambda *_: os._exit(6))\n{script}\nforever()");
        let told = play_within(
            &script,
            vec![Order::Run(vec![0].into()), Order::Finish],
            limits(deadlines),
        );
        assert!(told.cause().contains(cause), "{script}: {}", told.cause());
        assert_eq!(told.death().timed_out, deadlines.test.is_some(), "{script}");
    }
}

/// A worker that hangs in a test, with a limit of time for it.
fn play_over_time(script: &str) -> Told {
    let deadlines = Deadlines { test: Some(Duration::from_millis(300)), ..Deadlines::default() };
    let script = format!("ready(); i = take()['run']\n{script}\nsay('start', i=i)\nforever()");
    play_within(&script, vec![Order::Run(vec![0].into())], Limits { deadlines, memory: None })
}

#[test]
fn a_worker_that_outlives_its_stack_dump_is_told_to_end_before_it_is_killed() {
    let told = play_over_time(
        "signal.signal(signal.SIGABRT, lambda *_: os.write(1, b'dumped\\n'))
def end(*_):
    os.write(1, b'ended\\n'); os._exit(4)
signal.signal(signal.SIGTERM, end)",
    );
    assert!(told.death().timed_out);
    assert_eq!(told.death().ending, Ending::Code(4));
    assert_eq!(told.death().tail, "dumped\nended\n");
}

#[test]
fn a_worker_that_heeds_nothing_is_killed() {
    let told = play_over_time(
        "signal.signal(signal.SIGABRT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    );
    assert!(told.death().timed_out);
    assert_eq!(told.death().ending, Ending::Signal(Signal::SIGKILL as i32));
}

#[test]
fn what_a_worker_started_is_told_to_end_when_a_deadline_ends_the_worker() {
    let told = play_over_time(
        "out, there = os.pipe()
if os.fork() == 0:
    def end(*_):
        os.write(1, b'the server has ended\\n'); os._exit(0)
    signal.signal(signal.SIGTERM, end); os.write(there, b'.')
    forever()
os.read(out, 1)
signal.signal(signal.SIGABRT, lambda *_: os._exit(6))",
    );
    assert_eq!(told.death().ending, Ending::Code(6));
    assert_eq!(told.death().tail, "the server has ended\n");
}

#[test]
fn a_worker_above_its_memory_is_ended() {
    let limits = Limits { memory: Some(64 << 20), ..Limits::default() };
    let told = play_within("ready(); hog = b'x' * (300 << 20)\nforever()", vec![], limits);
    assert!(told.cause().contains("more than the 64 MiB a worker may use"), "{}", told.cause());
}

#[test]
fn an_order_to_kill_needs_no_answer() {
    let told = play(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); ready()\nforever()",
        vec![Order::Stop(StopMode::Kill)],
    );
    assert_eq!(told.cause(), "killed because the run was told to end at once");
}

#[test]
fn a_program_that_does_not_start_is_told_with_the_way_to_it() {
    let command = WorkerCommand {
        native: false,
        longest_test: None,
        program: "/nowhere/python".into(),
        args: vec![],
        env: vec![],
        cwd: "/".into(),
        setup: String::new(),
        alone: None,
        common: None,
    };
    let told = serve_command(&command, vec![], Limits::default());
    let Ending::NotStarted(why) = &told.death().ending else { panic!("{:?}", told.death()) };
    assert!(why.starts_with("failed to start `/nowhere/python` in `/`: No such file"), "{why}");
    assert_eq!(told.0.len(), 1);
}
