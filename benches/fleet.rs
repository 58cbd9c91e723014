//! A controller with a simulated fleet: `cargo bench --bench fleet -- --help`.
//!
//! Everything on the controller's side is real: actors, scheduler, frames, pipes, one process a host. The hosts are simulated: each
//! answers at once as an agent does whose workers' tests take no time, so that nothing but the controller is waited for.
#![expect(clippy::print_stdout, reason = "it is a report")]

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use callsheet::config::Config;
use callsheet::model::{
    Death, Durations, Ending, Item, Outcome, RunEvent, SuiteInfo, TestEnd, TestFile, WorkerId,
    WorkerInfo,
};
use callsheet::wire::{FrameCodec, FromAgent, Outbox, Telling, ToAgent, WireError, WorkerEvent};
use clap::Parser;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;

/// How many files a part of a listing has.
const PART: usize = 1000;

/// Let a controller run a suite on simulated hosts, and print what it takes of its processor and its memory.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// How many hosts.
    #[arg(long, default_value_t = 100)]
    hosts: u32,

    /// How many workers each host has.
    #[arg(long, default_value_t = 64)]
    workers: u32,

    /// How many files the suite has.
    #[arg(long, default_value_t = 10_000)]
    files: u32,

    /// How many tests each file has.
    #[arg(long, default_value_t = 100)]
    tests: u32,

    /// Be a host of such a fleet, which speaks on stdin and stdout.
    #[arg(long, hide = true)]
    host: Option<u32>,

    /// What `cargo bench` passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if options.host.is_some() { serve(&options) } else { control(&options) }
}

/// What had happened when the first test began.
#[derive(Debug, Clone, Copy)]
struct First {
    at: Instant,
    cpu: Duration,
    memory: u64,
}

/// Runs the suite and prints the figures.
fn control(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { hosts, workers, files, tests, .. } = *options;
    let program = std::env::current_exe()?;
    let place = tempfile::tempdir()?;
    let command = format!("{} --host {{n}} --files {files} --tests {tests}", program.display());
    let config = Config::builder()
        .root(place.path())
        .tx(format!("{hosts}*exec={command}//workers={workers}"))
        .build()?;
    let begun = Instant::now();
    let events = Arc::new(AtomicU32::new(0));
    let first = Arc::new(OnceLock::new());
    let (counted, seen) = (Arc::clone(&events), Arc::clone(&first));
    let verdict = callsheet::run(config, move |event: &RunEvent| {
        counted.fetch_add(1, Ordering::Relaxed);
        if matches!(event, RunEvent::TestStarted { .. }) {
            seen.get_or_init(|| First { at: Instant::now(), cpu: cpu(), memory: memory("VmRSS") });
        }
    })?;
    let (end, all, events) = (Instant::now(), cpu(), events.load(Ordering::Relaxed));
    let first = first.get().ok_or("no test began")?;
    let passed = verdict.count(Outcome::Passed);
    if passed != files * tests || verdict.exit_code != 0 {
        return Err(format!("not every test has passed: {verdict:?}").into());
    }
    let (wall, busy) =
        ((end - first.at).as_secs_f64(), all.saturating_sub(first.cpu).as_secs_f64());
    println!("{hosts} hosts x {workers} workers, {passed} tests in {files} files");
    println!(
        "to the first test: {:.1} s, {:.1} s of CPU, {} MiB",
        (first.at - begun).as_secs_f64(),
        first.cpu.as_secs_f64(),
        first.memory
    );
    println!("all tests: {wall:.1} s, {busy:.1} s of CPU, at most {} MiB", memory("VmHWM"));
    println!(
        "{:.1} us of CPU a test; a second of CPU is enough for {:.0} tests, {:.0} events",
        busy * 1e6 / f64::from(passed),
        f64::from(passed) / busy,
        // What was published before the first test is little beside the rest.
        f64::from(events) / busy
    );
    Ok(())
}

/// What this process has used of its processors, without its children.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a process may know what it has used");
    let seconds = |time: TimeVal| {
        Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or_default())
    };
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// A line of the kernel's account of this process, in MiB.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}

/// Speaks for a host until it is told to end or nobody is there any more.
fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut codec = FrameCodec::<ToAgent>::default();
    let (mut bytes, mut chunk) = (BytesMut::new(), vec![0; 64 * 1024]);
    let mut host = Host::new(options);
    loop {
        output.write_all(&host.outbox.take())?;
        output.flush()?;
        let count = input.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&chunk[..count]);
        while let Some(message) = codec.decode(&mut bytes)? {
            if message == ToAgent::Shutdown {
                return Ok(());
            }
            host.take(message)?;
        }
    }
}

/// A simulated host.
struct Host {
    files: u32,
    tests: u32,
    outbox: Outbox,
    telling: Telling,
    /// Of each worker, how many items it has made.
    workers: HashMap<WorkerId, u32>,
}

impl Host {
    fn new(options: &Options) -> Self {
        let Options { files, tests, .. } = *options;
        Self {
            files,
            tests,
            outbox: Outbox::default(),
            telling: Telling::default(),
            workers: HashMap::new(),
        }
    }

    fn take(&mut self, message: ToAgent) -> Result<(), WireError> {
        match message {
            ToAgent::Prepare { .. } => self.say(&FromAgent::Prepared(SuiteInfo::default())),
            ToAgent::Start { worker, .. } => self.start(worker),
            ToAgent::Make { worker, files, run } => {
                files.into_iter().try_for_each(|file| self.make(worker, file, run))
            }
            ToAgent::Run { worker, batch } => {
                batch.items.into_iter().try_for_each(|item| self.run(worker, item))
            }
            ToAgent::Withdraw { worker, .. } => {
                // All that it was given is done.
                self.tell(worker, WorkerEvent::Withdrawn { items: Vec::new(), files: Vec::new() })
            }
            ToAgent::Finish { worker } => {
                self.tell(worker, WorkerEvent::Finished { exit_code: 0, conclude: None })?;
                let death = Death { finished: true, ..Death::early(Ending::Code(0)) };
                self.tell(worker, WorkerEvent::Exited(death))
            }
            ToAgent::Stop { worker, .. } => {
                let death = Death { on_request: true, ..Death::early(Ending::Signal(9)) };
                self.tell(worker, WorkerEvent::Exited(death))
            }
            ToAgent::Ping(number) => self.say(&FromAgent::Pong(number)),
            ToAgent::Conclude { .. } => {
                self.say(&FromAgent::Concluded { text: String::new(), failure: None })
            }
            ToAgent::Select(_)
            | ToAgent::Resume { .. }
            | ToAgent::Arrived(_)
            | ToAgent::Shutdown => Ok(()),
        }
    }

    fn start(&mut self, worker: WorkerId) -> Result<(), WireError> {
        self.workers.insert(worker, 0);
        self.tell(worker, WorkerEvent::Spawned { pid: 1 })?;
        self.tell(worker, WorkerEvent::Ready(info()))?;
        let files: Vec<u32> = (0..self.files).collect();
        for part in files.chunks(PART) {
            let size = u64::from(self.tests) * 100;
            let files =
                part.iter().map(|file| TestFile { id: name(*file).into(), size, at_once: true });
            self.tell(worker, WorkerEvent::Files(files.collect()))?;
        }
        self.tell(worker, WorkerEvent::Listed { count: self.files })
    }

    fn make(&mut self, worker: WorkerId, file: u32, run: bool) -> Result<(), WireError> {
        self.tell(worker, WorkerEvent::Making { file })?;
        let made = self.workers.entry(worker).or_default();
        let first = *made;
        *made += self.tests;
        let place = name(file);
        let item = |test| Item::from_id(&format!("{place}::test_{test:04}"));
        let items = (0..self.tests).map(item).collect();
        let kept = Vec::new();
        let made = WorkerEvent::Made { file, first, items, deselected: 0, queued: run, kept };
        self.tell(worker, made)?;
        if run {
            (first..).take(self.tests as usize).try_for_each(|item| self.run(worker, item))
        } else {
            Ok(())
        }
    }

    fn run(&mut self, worker: WorkerId, item: u32) -> Result<(), WireError> {
        self.tell(worker, WorkerEvent::Started { item })?;
        let durations = Durations { setup: 1e-4, call: 1e-3, teardown: 1e-4 };
        let end = TestEnd { outcome: Outcome::Passed, durations, started: 1.25 };
        self.tell(worker, WorkerEvent::Ended { item, end })
    }

    fn tell(&mut self, worker: WorkerId, event: WorkerEvent) -> Result<(), WireError> {
        self.telling.messages(worker, event).try_for_each(|message| self.say(&message))
    }

    fn say(&mut self, message: &FromAgent) -> Result<(), WireError> {
        self.outbox.push(message)
    }
}

fn name(file: u32) -> String {
    format!("tests/unit/test_module_{file:05}.py")
}

fn info() -> WorkerInfo {
    WorkerInfo {
        pid: 1,
        executable: "python".to_owned(),
        runtime: "Python 3.11.7".to_owned(),
        framework: "pytest 9.2.0".to_owned(),
        platform: "linux".to_owned(),
        cwd: "/srv/app".to_owned(),
        header: Vec::new(),
        maxfail: 0,
        continue_on_collection_errors: false,
        summary_letters: String::new(),
        unserved: Vec::new(),
        cache_dir: None,
    }
}
