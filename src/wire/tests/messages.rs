//! Any message of either direction.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::model::{
    Batch, CollectReport, Deadlines, Death, Durations, Ending, HostId, Item, NamedPython, Outcome,
    Phase, PhaseReport, PytestSuite, Section, Stream, Suite, SuiteInfo, Template, Terms, TestEnd,
    TestFile, Usage, WarningReport, WarningStage, WorkerId, WorkerInfo, WorkerInput, WorkerSpec,
};
use crate::wire::{FromAgent, List, PrepareRefusal, StopKind, StopMode, ToAgent, WorkerEvent};

pub(super) fn to_agent() -> BoxedStrategy<ToAgent> {
    let prepare = (suite(), deadlines(), any::<Option<u64>>(), any::<Option<Duration>>()).prop_map(
        |(suite, deadlines, worker_memory, lease)| ToAgent::Prepare {
            suite,
            deadlines,
            worker_memory,
            lease,
        },
    );
    let start = (worker(), spec(), input()).prop_map(|(worker, spec, input)| ToAgent::Start {
        worker,
        spec,
        input,
    });
    let mode = prop_oneof![Just(StopMode::AfterTest), Just(StopMode::Kill)];
    prop_oneof![
        prepare,
        start,
        (worker(), batches()).prop_map(|(worker, batch)| ToAgent::Run { worker, batch }),
        (worker(), items(), items()).prop_map(|(worker, items, files)| ToAgent::Withdraw {
            worker,
            items,
            files
        }),
        (worker(), items(), any::<bool>()).prop_map(|(worker, files, run)| ToAgent::Make {
            worker,
            files,
            run
        }),
        worker().prop_map(|worker| ToAgent::Resume { worker }),
        worker().prop_map(|worker| ToAgent::Finish { worker }),
        (worker(), mode).prop_map(|(worker, mode)| ToAgent::Stop { worker, mode }),
        (words(), input()).prop_map(|(requests, input)| ToAgent::Conclude { requests, input }),
        any::<u64>().prop_map(ToAgent::Ping),
        any::<u64>().prop_map(ToAgent::Arrived),
        Just(ToAgent::Shutdown),
    ]
    .boxed()
}

fn batches() -> impl Strategy<Value = Batch> {
    let timeout = option::of(option::of((0_u64..9).prop_map(Duration::from_secs)));
    let terms = (option::of(0.0..9.0), any::<bool>(), 1_u32..9, timeout).prop_map(
        |(estimate, alone, attempt, timeout)| Terms { estimate, alone, attempt, timeout },
    );
    (items(), vec((any::<u32>(), terms), 0..3), any::<bool>())
        .prop_map(|(items, terms, first)| Batch { items, terms, first })
}

pub(super) fn from_agent() -> BoxedStrategy<FromAgent> {
    let info = (text(), text(), text()).prop_map(|(executable, chosen_by, framework)| SuiteInfo {
        executable,
        chosen_by,
        framework,
    });
    let refusal =
        (text(), any::<bool>()).prop_map(|(message, usage)| PrepareRefusal { message, usage });
    prop_oneof![
        text().prop_map(FromAgent::Progress),
        text().prop_map(FromAgent::Notice),
        info.prop_map(FromAgent::Prepared),
        refusal.prop_map(FromAgent::Refused),
        (worker(), event()).prop_map(|(worker, event)| FromAgent::Worker(worker, event)),
        (worker(), prop_oneof![Just(List::Items), Just(List::Files)], any::<u32>())
            .prop_map(|(worker, list, count)| FromAgent::Same { worker, list, count }),
        (text(), option::of(text()))
            .prop_map(|(text, failure)| FromAgent::Concluded { text, failure }),
        any::<u64>().prop_map(FromAgent::Pong),
    ]
    .boxed()
}

fn event() -> BoxedStrategy<WorkerEvent> {
    let item = any::<u32>;
    let collected = (any::<u32>(), any::<u32>(), option::of(text()))
        .prop_map(|(count, deselected, whole)| WorkerEvent::Collected { count, deselected, whole });
    let file = (text(), any::<u64>(), any::<bool>()).prop_map(|(id, size, at_once)| TestFile {
        id: id.into(),
        size,
        at_once,
    });
    let made = (item(), item(), vec(collected_item(), 0..5), any::<u32>()).prop_map(
        |(file, first, items, deselected)| WorkerEvent::Made {
            file,
            first,
            items,
            deselected,
            queued: true,
            kept: vec![0, 2],
        },
    );
    let streaming = prop_oneof![
        vec(file, 0..5).prop_map(WorkerEvent::Files),
        item().prop_map(|count| WorkerEvent::Listed { count }),
        item().prop_map(|file| WorkerEvent::Making { file }),
        made,
    ];
    let stream = prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)];
    let stopping = (text(), any::<Option<i32>>(), kind())
        .prop_map(|(reason, exit_code, kind)| WorkerEvent::Stopping { reason, exit_code, kind });
    let finished = (any::<i32>(), option::of(text()))
        .prop_map(|(exit_code, conclude)| WorkerEvent::Finished { exit_code, conclude });
    let telling = prop_oneof![
        any::<u32>().prop_map(|pid| WorkerEvent::Spawned { pid }),
        introduction().prop_map(WorkerEvent::Ready),
        collect_report().prop_map(WorkerEvent::CollectReport),
        vec(collected_item(), 0..5).prop_map(WorkerEvent::Items),
        collected,
        warning().prop_map(WorkerEvent::Warning),
        stopping,
        finished,
        death().prop_map(WorkerEvent::Exited),
    ];
    prop_oneof![
        telling,
        item().prop_map(|item| WorkerEvent::Started { item }),
        (item(), report()).prop_map(|(item, report)| WorkerEvent::Report { item, report }),
        (item(), any::<f64>()).prop_map(|(item, duration)| WorkerEvent::Ran { item, duration }),
        item().prop_map(|item| WorkerEvent::Halted { item }),
        (any::<u64>(), any::<u64>())
            .prop_map(|(memory, cpu_ms)| WorkerEvent::Usage(Usage { memory, cpu_ms })),
        (item(), end()).prop_map(|(item, end)| WorkerEvent::Ended { item, end }),
        (stream, text()).prop_map(|(stream, text)| WorkerEvent::Output { stream, text }),
        (items(), items()).prop_map(|(items, files)| WorkerEvent::Withdrawn { items, files }),
        streaming,
    ]
    .boxed()
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![any::<String>(), Just("x".repeat(300))].boxed()
}

fn words() -> BoxedStrategy<Vec<String>> {
    vec(text(), 0..3).boxed()
}

fn worker() -> BoxedStrategy<WorkerId> {
    any::<u32>().prop_map(WorkerId).boxed()
}

fn items() -> BoxedStrategy<Vec<u32>> {
    vec(any::<u32>(), 0..20).boxed()
}

fn suite() -> BoxedStrategy<Suite> {
    let path = || option::of(text().prop_map(PathBuf::from));
    let python = (text(), text()).prop_map(|(name, named_by)| NamedPython { name, named_by });
    let template = proptest::sample::select(Template::ALL.as_slice());
    let warmth = (template, words());
    (text(), option::of(python), path(), words(), path(), warmth)
        .prop_map(|(root, python, provision, args, basetemp, (template, preload))| {
            let root = root.into();
            Suite::Pytest(PytestSuite {
                root,
                python,
                provision,
                args,
                basetemp,
                template,
                preload,
            })
        })
        .boxed()
}

fn spec() -> BoxedStrategy<WorkerSpec> {
    (any::<u32>(), option::of(text()), option::of(text()), vec((text(), text()), 0..3))
        .prop_map(|(host, python, chdir, env)| WorkerSpec {
            host: HostId(host),
            python,
            chdir,
            env,
        })
        .boxed()
}

fn deadlines() -> BoxedStrategy<Deadlines> {
    let duration = any::<Duration>;
    (
        duration(),
        duration(),
        duration(),
        duration(),
        option::of(duration()),
        duration(),
        duration(),
        duration(),
    )
        .prop_map(|(agent, startup, collect, begin, test, shutdown, silence, host)| Deadlines {
            agent,
            startup,
            collect,
            begin,
            test,
            slow: test,
            run: test,
            shutdown,
            silence,
            host,
        })
        .boxed()
}

fn input() -> BoxedStrategy<WorkerInput> {
    let flags = any::<[bool; 7]>();
    (text(), any::<u32>(), text(), words(), flags, any::<u32>(), any::<i32>(), any::<u32>())
        .prop_map(|(run_id, worker_count, dist, argv, flags, columns, verbosity, seed)| {
            let [
                stream,
                lazy_import,
                color,
                live_output,
                collect_only,
                halt_on_failure,
                several_hosts,
            ] = flags;
            WorkerInput {
                run_id,
                worker_count,
                dist,
                argv,
                color,
                columns,
                verbosity,
                live_output,
                stream,
                lazy_import,
                collect_only,
                halt_on_failure,
                several_hosts,
                seed,
            }
        })
        .boxed()
}

fn introduction() -> BoxedStrategy<WorkerInfo> {
    let strings = (text(), text(), text(), text(), text(), text());
    (any::<u32>(), strings, words(), any::<u32>(), any::<bool>(), words())
        .prop_map(|(pid, strings, header, maxfail, continue_on_collection_errors, unserved)| {
            let (executable, runtime, framework, platform, cwd, summary_letters) = strings;
            WorkerInfo {
                pid,
                executable,
                runtime,
                framework,
                platform,
                cwd,
                header,
                maxfail,
                continue_on_collection_errors,
                summary_letters,
                cache_dir: unserved.first().cloned(),
                unserved,
            }
        })
        .boxed()
}

fn collect_report() -> BoxedStrategy<CollectReport> {
    (text(), any::<bool>(), text(), text(), text())
        .prop_map(|(id, failed, text, brief, location)| CollectReport {
            id,
            failed,
            text,
            brief,
            location,
        })
        .boxed()
}

fn collected_item() -> BoxedStrategy<Item> {
    (text(), any::<u32>(), option::of(text()), vec(text(), 0..3))
        .prop_map(|(id, scope_len, group, tags)| Item {
            id: id.into(),
            scope_len,
            group: group.map(Arc::from),
            tags: tags.into_iter().map(Arc::from).collect(),
        })
        .boxed()
}

fn phase() -> BoxedStrategy<Phase> {
    prop_oneof![Just(Phase::Setup), Just(Phase::Call), Just(Phase::Teardown)].boxed()
}

fn report() -> BoxedStrategy<PhaseReport> {
    let strings = (text(), text(), text(), text(), text(), text(), text());
    let section = (text(), text()).prop_map(|(title, text)| Section { title, text });
    (phase(), strings, any::<bool>(), vec(section, 0..3), any::<f64>())
        .prop_map(|(phase, strings, failed, sections, duration)| {
            let (category, letter, word, headline, text, brief, location) = strings;
            PhaseReport {
                phase,
                category,
                letter,
                word,
                failed,
                headline,
                text,
                brief,
                location,
                sections,
                duration,
            }
        })
        .boxed()
}

fn end() -> BoxedStrategy<TestEnd> {
    let outcome = prop::sample::select(vec![
        Outcome::Passed,
        Outcome::Failed,
        Outcome::Error,
        Outcome::Skipped,
        Outcome::XFailed,
        Outcome::XPassed,
        Outcome::Crashed,
        Outcome::TimedOut,
        Outcome::NotRun,
    ]);
    (outcome, any::<[f64; 3]>(), any::<f64>())
        .prop_map(|(outcome, [setup, call, teardown], started)| TestEnd {
            outcome,
            durations: Durations { setup, call, teardown },
            started,
        })
        .boxed()
}

fn warning() -> BoxedStrategy<WarningReport> {
    let stage = prop_oneof![
        Just(WarningStage::Config),
        Just(WarningStage::Collect),
        Just(WarningStage::Run)
    ];
    (stage, text(), text(), text())
        .prop_map(|(stage, id, location, text)| WarningReport { stage, id, location, text })
        .boxed()
}

fn kind() -> BoxedStrategy<StopKind> {
    prop::sample::select(vec![
        StopKind::Interrupt,
        StopKind::Exit,
        StopKind::Stop,
        StopKind::Fail,
        StopKind::Internal,
        StopKind::Usage,
    ])
    .boxed()
}

fn death() -> BoxedStrategy<Death> {
    let ending = prop_oneof![
        any::<i32>().prop_map(Ending::Code),
        any::<i32>().prop_map(Ending::Signal),
        text().prop_map(Ending::NotStarted),
        text().prop_map(Ending::AgentLost),
        text().prop_map(Ending::Unknown),
    ];
    let running = option::of((any::<u32>(), option::of(phase())));
    let doing = (running, any::<Option<u32>>());
    (ending, option::of(text()), doing, any::<[bool; 3]>(), text())
        .prop_map(|(ending, cause, doing, [timed_out, on_request, finished], tail)| Death {
            running: doing.0,
            making: doing.1,
            ending,
            cause,
            timed_out,
            on_request,
            finished,
            tail,
        })
        .boxed()
}
