//! From an event of the model to its line.

use std::borrow::Cow;

use super::EVENTS_VERSION;
use super::line::{AskedWorker, Captured, End, ListedTest, Place, Test, Told};
use crate::model::{
    CollectReport, HostNews, Lane, PhaseReport, RunEvent, StopReason, Stream, TestEnd, TestIndex,
    TestName, WarningStage, WorkerId,
};
use crate::report::plain;

fn test(name: &TestName) -> Test<'_> {
    Test { id: &name.id, occurrence: name.occurrence }
}

fn place(lane: Lane, index: TestIndex) -> Place {
    Place { lane: lane.0, index: index.0 }
}

fn end(end: &TestEnd) -> End {
    let TestEnd { outcome, durations, started } = *end;
    End {
        outcome: outcome.word(),
        // 0 where nobody could tell.
        started: Some(started).filter(|started| *started > 0.0),
        setup: durations.setup,
        call: durations.call,
        teardown: durations.teardown,
    }
}

impl<'a> From<&'a RunEvent> for Told<'a> {
    #[expect(clippy::too_many_lines, reason = "one entry an event, all of one form")]
    fn from(event: &'a RunEvent) -> Self {
        let name = |worker: &WorkerId| worker.to_string();
        match event {
            RunEvent::RunStarted { run_id, dist, workers } => Self::RunStarted {
                version: EVENTS_VERSION,
                run_id,
                dist: dist.name(),
                workers: workers
                    .iter()
                    .map(|(worker, spec)| AskedWorker { worker: name(worker), spec })
                    .collect(),
            },
            RunEvent::Progress(text) => Self::Progress { text },
            RunEvent::Notice(text) => Self::Notice { text },
            RunEvent::SuiteReady(info) => Self::SuiteReady {
                executable: &info.executable,
                chosen_by: &info.chosen_by,
                framework: &info.framework,
            },
            RunEvent::Host { host, news } => of_host(host, news),
            RunEvent::WorkerStarting { worker, host, replaces } => Self::WorkerStarting {
                worker: name(worker),
                host,
                replaces: replaces.as_ref().map(name),
            },
            RunEvent::WorkerSpawned { worker, pid } => {
                Self::WorkerSpawned { worker: name(worker), pid: *pid }
            }
            RunEvent::WorkerReady { worker, info } => Self::WorkerReady {
                worker: name(worker),
                pid: info.pid,
                executable: &info.executable,
                runtime: &info.runtime,
                framework: &info.framework,
                platform: &info.platform,
                cwd: &info.cwd,
            },
            RunEvent::CollectReported { worker, report } => collect_reported(*worker, report),
            RunEvent::WorkerCollected { worker, tests, deselected } => Self::WorkerCollected {
                worker: name(worker),
                tests: *tests,
                deselected: *deselected,
            },
            RunEvent::WorkerListed { worker, files } => {
                Self::WorkerListed { worker: name(worker), files: *files }
            }
            RunEvent::Collected { worker, collection } => Self::Collected {
                worker: name(worker),
                tests: collection
                    .items()
                    .iter()
                    .map(|item| ListedTest {
                        id: &item.id,
                        file: item.file(),
                        group: item.group.as_deref(),
                        tags: item.tags.iter().map(|tag| &**tag).collect(),
                    })
                    .collect(),
            },
            RunEvent::CollectionDiffers(diff) => Self::CollectionDiffers {
                worker: name(&diff.to),
                from: name(&diff.from),
                diff: &diff.unified,
            },
            RunEvent::SchedulingStarted { tests, workers, policy, deselected, files } => {
                Self::SchedulingStarted {
                    tests: *tests,
                    workers: *workers,
                    policy,
                    deselected: *deselected,
                    files: *files,
                }
            }
            RunEvent::FileCollected { worker, file, tests, deselected, files_left } => {
                Self::FileCollected {
                    worker: name(worker),
                    file,
                    tests: *tests,
                    deselected: *deselected,
                    files_left: *files_left,
                }
            }
            RunEvent::FileNotRun { file, reason, lost } => {
                Self::FileNotRun { file, reason, lost: *lost }
            }
            RunEvent::TestStarted { worker, lane, index, test: named } => Self::TestStarted {
                worker: name(worker),
                test: test(named),
                place: place(*lane, *index),
            },
            RunEvent::TestSlow { worker, test: named, seconds } => {
                Self::TestSlow { worker: name(worker), test: test(named), seconds: *seconds }
            }
            RunEvent::TestReported { worker, test, report } => reported(*worker, test, report),
            RunEvent::TestRetried {
                worker,
                lane,
                index,
                test: named,
                attempt,
                end: ended,
                delay,
            } => Self::TestRetried {
                worker: name(worker),
                test: test(named),
                place: place(*lane, *index),
                attempt: *attempt,
                end: end(ended),
                delay: *delay,
            },
            RunEvent::TestFinished {
                worker,
                lane,
                index,
                test: named,
                end: ended,
                attempt,
                alone,
            } => Self::TestFinished {
                worker: name(worker),
                test: test(named),
                place: place(*lane, *index),
                attempt: *attempt,
                alone: *alone,
                end: end(ended),
            },
            RunEvent::TestLost { worker, lane, index, test: named, times } => Self::TestLost {
                worker: name(worker),
                test: test(named),
                place: place(*lane, *index),
                times: *times,
            },
            RunEvent::TestNotRun { lane, index, test: named, reason, lost } => Self::TestNotRun {
                test: test(named),
                place: place(*lane, *index),
                reason,
                lost: *lost,
            },
            RunEvent::Warned { worker, warning } => Self::Warned {
                worker: name(worker),
                stage: match warning.stage {
                    WarningStage::Config => "config",
                    WarningStage::Collect => "collect",
                    WarningStage::Run => "run",
                },
                id: &warning.id,
                location: &warning.location,
                text: plain(&warning.text),
            },
            RunEvent::Output { worker, stream, text } => Self::Output {
                worker: name(worker),
                stream: match stream {
                    Stream::Stdout => "stdout",
                    Stream::Stderr => "stderr",
                },
                text,
            },
            RunEvent::WorkerDown { worker, death, crashed, retried, expected } => {
                Self::WorkerDown {
                    worker: name(worker),
                    expected: *expected,
                    ending: death.to_string(),
                    crashed: crashed.as_ref().map(|test| &*test.id),
                    retried: *retried,
                    timed_out: death.timed_out,
                    on_request: death.on_request,
                    last_output: plain(&death.tail),
                }
            }
            RunEvent::WorkerReplaced { old, new } => {
                Self::WorkerReplaced { worker: name(old), by: name(new) }
            }
            RunEvent::WorkerRecycled { worker, reason } => {
                Self::WorkerRecycled { worker: name(worker), reason }
            }
            RunEvent::WorkerUsage { worker, usage } => Self::WorkerUsage {
                worker: name(worker),
                memory: usage.memory,
                cpu_ms: usage.cpu_ms,
            },
            RunEvent::ReplacementDenied { worker, reason } => {
                Self::ReplacementDenied { worker: name(worker), reason }
            }
            RunEvent::Stopping(reason) => stopping(reason),
            RunEvent::Conclusion { text, failure } => {
                Self::Conclusion { text, failure: failure.as_deref() }
            }
            RunEvent::RunFinished(verdict) => Self::RunFinished {
                exit_code: verdict.exit_code,
                explanation: verdict.explanation.as_deref(),
                tests: verdict.tests,
                outcomes: verdict
                    .outcomes
                    .iter()
                    .map(|(outcome, count)| (outcome.word(), *count))
                    .collect(),
                lost: verdict.lost,
                flaky: verdict.flaky,
            },
        }
    }
}

fn of_host<'a>(host: &'a str, news: &'a HostNews) -> Told<'a> {
    let (state, text, again) = match news {
        HostNews::Progress(step) => ("progress", step, None),
        HostNews::Ready(info) => ("ready", &info.framework, None),
        HostNews::Lost { reason, again } => ("lost", reason, Some(*again)),
        HostNews::GivenUp(reason) => ("given-up", reason, None),
    };
    Told::Host { host, state, text, again }
}

fn collect_reported(worker: WorkerId, report: &CollectReport) -> Told<'_> {
    Told::CollectReported {
        worker: worker.to_string(),
        id: &report.id,
        failed: report.failed,
        brief: plain(&report.brief),
        location: &report.location,
        text: plain(&report.text),
    }
}

fn reported<'a>(worker: WorkerId, name: &'a TestName, report: &'a PhaseReport) -> Told<'a> {
    let captured = |section: &'a crate::model::Section| Captured {
        title: &section.title,
        text: plain(&section.text),
    };
    Told::TestReported {
        worker: worker.to_string(),
        test: test(name),
        phase: report.phase.word(),
        category: &report.category,
        letter: &report.letter,
        word: &report.word,
        failed: report.failed,
        headline: &report.headline,
        brief: plain(&report.brief),
        location: &report.location,
        text: plain(&report.text),
        sections: report.sections.iter().map(captured).collect(),
        duration: report.duration,
    }
}

fn stopping(reason: &StopReason) -> Told<'_> {
    let (cause, reason): (_, Cow<'_, str>) = match reason {
        StopReason::MaxFail(count) => ("max-fail", format!("{count} failures").into()),
        StopReason::Requested(by) => ("requested", (&**by).into()),
        StopReason::Worker { worker, reason, .. } => {
            ("worker", format!("{worker}: {}", plain(reason)).into())
        }
        StopReason::Deadline(limit) => {
            ("deadline", format!("the run took longer than {} s", limit.as_secs_f64()).into())
        }
        StopReason::CollectionsDiffer => {
            ("collections-differ", "workers collected different tests".into())
        }
        StopReason::CollectionFailed => {
            ("collection-failed", "there were errors during collection".into())
        }
    };
    Told::Stopping { cause, reason }
}
