//! What a message costs: frames on the link, and the way of an event to its subscribers: `cargo bench --bench messages`.

use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler};
use callsheet::Subscriber;
use callsheet::actors::EventRecipient;
use callsheet::actors::messages::Event;
use callsheet::model::{
    Dist, Durations, Lane, Outcome, Phase, PhaseReport, RunEvent, Section, TestEnd, TestIndex,
    TestName, WorkerId,
};
use callsheet::report::{TerminalOptions, TerminalReport};
use callsheet::wire::{FrameCodec, FromAgent, Outbox, ToAgent, WorkerEvent};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;

const WORKER: WorkerId = WorkerId(3);

/// Messages that are encoded or decoded in one go.
const BATCH: usize = 1000;

fn end() -> TestEnd {
    let durations = Durations { setup: 0.000_1, call: 0.001_5, teardown: 0.000_2 };
    TestEnd { outcome: Outcome::Passed, durations, started: 1.25 }
}

fn failure() -> PhaseReport {
    PhaseReport {
        phase: Phase::Call,
        category: "failed".to_owned(),
        letter: "F".to_owned(),
        word: "FAILED".to_owned(),
        failed: true,
        headline: "test_sum".to_owned(),
        text: "    def test_sum():\n>       assert 1 + 1 == 3\nE       assert 2 == 3\n".repeat(40),
        brief: "assert 2 == 3".to_owned(),
        location: "tests/test_sum.py:7".to_owned(),
        sections: vec![Section {
            title: "Captured stdout call".to_owned(),
            text: "a line of output\n".repeat(60),
        }],
        duration: 0.001_5,
    }
}

fn messages() -> Vec<(&'static str, FromAgent)> {
    let worker = |event| FromAgent::Worker(WORKER, event);
    vec![
        ("started", worker(WorkerEvent::Started { item: 70_000 })),
        ("passed", worker(WorkerEvent::Ended { item: 70_000, end: end() })),
        ("failure, 4 KiB", worker(WorkerEvent::Report { item: 70_000, report: failure() })),
    ]
}

fn frames(criterion: &mut Criterion) {
    let run = ToAgent::Run { worker: WORKER, batch: (0..100).collect::<Vec<_>>().into() };
    let mut group = criterion.benchmark_group("frame");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, message) in messages() {
        both_ways(&mut group, name, &message);
    }
    both_ways(&mut group, "run 100 tests", &run);
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn both_ways<M: Serialize + DeserializeOwned>(group: &mut Group<'_>, name: &str, message: &M) {
    let encode = || {
        let mut outbox = Outbox::default();
        for _ in 0..BATCH {
            outbox.push(black_box(message)).expect("the message fits a frame");
        }
        outbox.take()
    };
    group.bench_function(BenchmarkId::new("encode", name), |bencher| bencher.iter(encode));
    let bytes = encode();
    group.bench_function(BenchmarkId::new("decode", name), |bencher| {
        let decode = |mut bytes: BytesMut| {
            let mut codec = FrameCodec::<M>::default();
            let mut count = 0;
            while let Some(message) = codec.decode(&mut bytes).expect("our own frames are right") {
                black_box(message);
                count += 1;
            }
            assert_eq!(count, BATCH);
        };
        bencher.iter_batched(|| BytesMut::from(&bytes[..]), decode, BatchSize::LargeInput);
    });
}

/// What the run's own reporter does: hand each event on.
struct Reporter {
    subscriber: Box<dyn Subscriber>,
}

impl Actor for Reporter {
    type Context = Context<Self>;
}

impl Handler<Event> for Reporter {
    type Result = ();

    fn handle(&mut self, Event(event): Event, _context: &mut Context<Self>) {
        self.subscriber.event(&event);
    }
}

fn finished(test: u32) -> RunEvent {
    RunEvent::TestFinished {
        worker: WORKER,
        lane: Lane(0),
        index: TestIndex(test),
        test: TestName { id: "tests/test_sum.py::test_sum".into(), occurrence: 0 },
        end: end(),
        attempt: 1,
        alone: false,
    }
}

/// Through mailboxes, as the scheduler sends the record to all who want it; until the last subscriber has had the last event.
fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event to subscribers");
    group.throughput(Throughput::Elements(BATCH as u64));
    for subscribers in [1, 4, 16] {
        let system = actix::System::new();
        let recipients: Vec<EventRecipient> = system.block_on(async {
            let reporter = || Reporter {
                subscriber: Box::new(|event: &RunEvent| {
                    black_box(event);
                }),
            };
            (0..subscribers).map(|_| reporter().start().recipient()).collect()
        });
        group.bench_function(BenchmarkId::from_parameter(subscribers), |bencher| {
            bencher.iter(|| {
                system.block_on(async {
                    for test in (1..).take(BATCH) {
                        let event = Arc::new(finished(test));
                        for recipient in &recipients {
                            recipient.do_send(Event(event.clone()));
                        }
                    }
                    // An answer comes after all that was sent before.
                    for recipient in &recipients {
                        let last = Event(Arc::new(finished(0)));
                        recipient.send(last).await.expect("the actors live as long as the system");
                    }
                });
            });
        });
    }
    group.finish();
}

/// What the terminal's page costs, where it is piped and where it is live.
fn terminal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event on the terminal");
    group.throughput(Throughput::Elements(BATCH as u64));
    let events: Vec<RunEvent> = (0..).take(BATCH).map(finished).collect();
    for live in [false, true] {
        let options = TerminalOptions {
            color: live,
            live,
            columns: 100,
            verbosity: 0,
            live_output: false,
            slowest: 3,
            whole_briefs: false,
        };
        let report = || {
            let mut report = TerminalReport::new(options.clone(), io::sink());
            for event in [
                RunEvent::RunStarted {
                    run_id: "run".to_owned(),
                    dist: Dist::Load,
                    workers: vec![(WORKER, "popen".to_owned())],
                },
                RunEvent::SchedulingStarted {
                    tests: BATCH.try_into().expect("a thousand is a u32"),
                    workers: 1,
                    policy: "LoadScheduling".to_owned(),
                    deselected: 0,
                    files: None,
                },
            ] {
                report.event(Duration::ZERO, &event).expect("a sink takes everything");
            }
            report
        };
        let show = |mut report: TerminalReport<io::Sink>| {
            for (event, at) in events.iter().zip(0..) {
                let at = Duration::from_micros(at * 100);
                report.event(at, event).expect("a sink takes everything");
            }
            report
        };
        let name = if live { "live" } else { "piped" };
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter_batched(report, show, BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, frames, fan_out, terminal);
criterion_main!(benches);
