//! Runs written down as scripts, for the tests of this folder.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    CollectReport, Death, Dist, Durations, Ending, HostNews, Lane, Outcome, Phase, PhaseReport,
    RunEvent, Section, StopReason, Stream, SuiteInfo, TestEnd, TestIndex, TestName, Verdict,
    WarningReport, WarningStage, WorkerId, WorkerInfo,
};

/// Events with their times; each call adds what happens next.
#[derive(Debug, Default)]
pub(super) struct Script {
    at: Duration,
    pub(super) events: Vec<(Duration, RunEvent)>,
}

pub(super) fn name(id: &str) -> TestName {
    TestName { id: id.into(), occurrence: 0 }
}

/// A report of a phase; the word follows from the category.
pub(super) fn report(phase: Phase, category: &str) -> PhaseReport {
    let (letter, word) = match category {
        "failed" => ("F", "FAILED"),
        "error" => ("E", "ERROR"),
        "skipped" => ("s", "SKIPPED (why not)"),
        "xfailed" => ("x", "XFAIL (a bug)"),
        "xpassed" => ("X", "XPASS"),
        "passed" => (".", "PASSED"),
        "rerun" => ("R", "RERUN"),
        "subtests passed" => ("u", "SUBPASSED(i=1)"),
        _ => ("", ""),
    };
    PhaseReport {
        phase,
        category: category.to_owned(),
        letter: letter.to_owned(),
        word: word.to_owned(),
        failed: matches!(category, "failed" | "error"),
        headline: "test_it".to_owned(),
        text: String::new(),
        brief: String::new(),
        location: "test_a.py:3".to_owned(),
        sections: Vec::new(),
        duration: 0.01,
    }
}

/// A failure of the call with its text, its reason and what it printed.
pub(super) fn failure(headline: &str, brief: &str, stdout: &str) -> PhaseReport {
    let sections = if stdout.is_empty() {
        Vec::new()
    } else {
        vec![Section { title: "Captured stdout call".to_owned(), text: stdout.to_owned() }]
    };
    PhaseReport {
        headline: headline.to_owned(),
        text: format!("\n>   assert 1 == 2\nE   {brief}\n\ntest_a.py:3: AssertionError"),
        brief: brief.to_owned(),
        sections,
        ..report(Phase::Call, "failed")
    }
}

pub(super) fn warning(stage: WarningStage, id: &str, location: &str) -> WarningReport {
    WarningReport {
        stage,
        id: id.to_owned(),
        location: location.to_owned(),
        text: "/srv/test_a.py:9: UserWarning: careful\n  warn(\"careful\")".to_owned(),
    }
}

impl Script {
    pub(super) fn push(mut self, event: RunEvent) -> Self {
        self.events.push((self.at, event));
        self
    }

    /// A running test is told to be slow.
    pub(super) fn slow(self, worker: u32, id: &str, seconds: f64) -> Self {
        self.push(RunEvent::TestSlow { worker: WorkerId(worker), test: name(id), seconds })
    }

    /// Time passes, in milliseconds.
    pub(super) fn wait(mut self, milliseconds: u64) -> Self {
        self.at += Duration::from_millis(milliseconds);
        self
    }

    /// A run on this many workers, up to the moment at which they are asked for.
    pub(super) fn run(workers: u32) -> Self {
        let workers: Vec<_> =
            (0..workers).map(|worker| (WorkerId(worker), "popen".to_owned())).collect();
        let script = Self::default().push(RunEvent::RunStarted {
            run_id: "run".to_owned(),
            dist: Dist::Load,
            workers: workers.clone(),
        });
        workers.into_iter().fold(script, |script, (worker, _)| {
            script.push(RunEvent::WorkerStarting { worker, host: "local".into(), replaces: None })
        })
    }

    /// A worker comes up and collects; the short summary lists what these letters stand for.
    pub(super) fn up(self, worker: u32, tests: u32, letters: &str) -> Self {
        self.push(RunEvent::WorkerSpawned { worker: WorkerId(worker), pid: 100 + worker })
            .ready(worker, letters)
            .push(RunEvent::WorkerCollected { worker: WorkerId(worker), tests, deselected: 0 })
    }

    pub(super) fn ready(self, worker: u32, letters: &str) -> Self {
        self.push(RunEvent::WorkerReady {
            worker: WorkerId(worker),
            info: WorkerInfo {
                pid: 100 + worker,
                executable: "/srv/.venv/bin/python".to_owned(),
                runtime: "3.11.7".to_owned(),
                framework: "pytest 9.2.0".to_owned(),
                platform: "linux".to_owned(),
                cwd: "/srv".to_owned(),
                header: vec![
                    "platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0".to_owned(),
                    "rootdir: /srv".to_owned(),
                ],
                summary_letters: letters.to_owned(),
                ..WorkerInfo::default()
            },
        })
    }

    /// All is collected, and tests begin to go out.
    pub(super) fn scheduled(self, tests: u32, workers: u32) -> Self {
        self.push(RunEvent::SchedulingStarted {
            files: None,
            tests,
            workers,
            policy: "LoadScheduling".to_owned(),
            deselected: 0,
        })
    }

    /// A run on two workers with this many tests, up to the first test.
    pub(super) fn begun(tests: u32) -> Self {
        Self::run(2).up(0, tests, "wfE").up(1, tests, "wfE").scheduled(tests, 2)
    }

    pub(super) fn start(self, worker: u32, id: &str) -> Self {
        self.push(RunEvent::TestStarted {
            worker: WorkerId(worker),
            lane: Lane(0),
            index: TestIndex(0),
            test: name(id),
        })
    }

    pub(super) fn tell(self, worker: u32, id: &str, report: PhaseReport) -> Self {
        self.push(RunEvent::TestReported { worker: WorkerId(worker), test: name(id), report })
    }

    pub(super) fn end(self, worker: u32, id: &str, outcome: Outcome, seconds: f64) -> Self {
        self.push(RunEvent::TestFinished {
            worker: WorkerId(worker),
            lane: Lane(0),
            index: TestIndex(0),
            test: name(id),
            end: TestEnd {
                outcome,
                durations: Durations { setup: 0.0, call: seconds, teardown: 0.0 },
                started: 0.0,
            },
            attempt: 1,
            alone: false,
        })
    }

    /// A pass with its times, `started` in seconds of the worker's clock.
    pub(super) fn took(self, worker: u32, id: &str, started: f64, seconds: f64) -> Self {
        self.start(worker, id).push(RunEvent::TestFinished {
            worker: WorkerId(worker),
            lane: Lane(0),
            index: TestIndex(0),
            test: name(id),
            end: TestEnd {
                outcome: Outcome::Passed,
                durations: Durations { setup: 0.0, call: seconds, teardown: 0.0 },
                started,
            },
            attempt: 1,
            alone: false,
        })
    }

    /// A plain pass.
    pub(super) fn pass(self, worker: u32, id: &str) -> Self {
        self.start(worker, id).end(worker, id, Outcome::Passed, 0.001)
    }

    /// A test with these reports.
    pub(super) fn test(
        self,
        worker: u32,
        id: &str,
        reports: impl IntoIterator<Item = PhaseReport>,
        outcome: Outcome,
    ) -> Self {
        reports
            .into_iter()
            .fold(self.start(worker, id), |script, report| script.tell(worker, id, report))
            .end(worker, id, outcome, 0.001)
    }

    pub(super) fn not_run(self, id: &str, reason: &str, lost: bool) -> Self {
        self.push(RunEvent::TestNotRun {
            lane: Lane(0),
            index: TestIndex(0),
            test: name(id),
            reason: Arc::from(reason),
            lost,
        })
    }

    pub(super) fn warn(self, worker: u32, warning: WarningReport) -> Self {
        self.push(RunEvent::Warned { worker: WorkerId(worker), warning })
    }

    pub(super) fn output(self, worker: u32, text: &str) -> Self {
        self.push(RunEvent::Output {
            worker: WorkerId(worker),
            stream: Stream::Stdout,
            text: text.to_owned(),
        })
    }

    pub(super) fn bad_collector(self, id: &str) -> Self {
        self.push(RunEvent::CollectReported {
            worker: WorkerId(0),
            report: CollectReport {
                id: id.to_owned(),
                failed: true,
                text: "E   ModuleNotFoundError: No module named 'missing'".to_owned(),
                brief: "ModuleNotFoundError: No module named 'missing'".to_owned(),
                location: String::new(),
            },
        })
    }

    /// A segmentation fault, perhaps in the call of a test.
    pub(super) fn segfault(self, worker: u32, crashed: Option<&str>, tail: &str) -> Self {
        self.push(RunEvent::WorkerDown {
            worker: WorkerId(worker),
            death: Death {
                running: crashed.map(|_| (0, Some(Phase::Call))),
                tail: tail.to_owned(),
                ..Death::early(Ending::Signal(11))
            },
            crashed: crashed.map(name),
            expected: false,
            retried: false,
        })
    }

    pub(super) fn replaced(self, old: u32, new: u32) -> Self {
        self.push(RunEvent::WorkerReplaced { old: WorkerId(old), new: WorkerId(new) }).push(
            RunEvent::WorkerStarting {
                worker: WorkerId(new),
                host: "local".into(),
                replaces: Some(WorkerId(old)),
            },
        )
    }

    pub(super) fn denied(self, worker: u32, reason: &str) -> Self {
        self.push(RunEvent::ReplacementDenied {
            worker: WorkerId(worker),
            reason: reason.to_owned(),
        })
    }

    /// A worker is started on this host, which is up.
    pub(super) fn on_host(self, worker: u32, host: &str) -> Self {
        let starting = RunEvent::WorkerStarting {
            worker: WorkerId(worker),
            host: host.into(),
            replaces: None,
        };
        self.push(starting).host(host, HostNews::Ready(SuiteInfo::default()))
    }

    pub(super) fn host(self, host: &str, news: HostNews) -> Self {
        self.push(RunEvent::Host { host: host.to_owned(), news })
    }

    /// A host is lost for a moment.
    pub(super) fn host_lost(self, host: &str, why: &str) -> Self {
        self.host(host, HostNews::Lost { reason: why.to_owned(), again: 0.0 })
    }

    /// A test was running on a host that is lost.
    pub(super) fn lost(self, worker: u32, id: &str) -> Self {
        self.push(RunEvent::TestLost {
            worker: WorkerId(worker),
            lane: Lane(0),
            index: TestIndex(0),
            test: name(id),
            times: 1,
        })
    }

    pub(super) fn stop(self, reason: StopReason) -> Self {
        self.push(RunEvent::Stopping(reason))
    }

    pub(super) fn finish(self, exit_code: i32, explanation: Option<&str>) -> Self {
        self.push(RunEvent::RunFinished(Verdict {
            exit_code,
            explanation: explanation.map(str::to_owned),
            ..Verdict::default()
        }))
    }
}
