//! The lines as types: a field here is a field there.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::time::SystemTime;

use serde::Serialize;

use crate::model::RunEvent;

/// Appends the line of an event with its newline.
pub(super) fn write(line: &mut Vec<u8>, event: &RunEvent, now: SystemTime) -> io::Result<()> {
    let time = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    // Microseconds are as exact as anybody needs it, and as short.
    let time = (time * 1e6).round() / 1e6;
    serde_json::to_writer(&mut *line, &Line { time, told: Told::from(event) })?;
    line.push(b'\n');
    Ok(())
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    time: f64,
    #[serde(flatten)]
    told: Told<'a>,
}

/// A test wherever it is told of.
#[derive(Debug, Serialize)]
pub(super) struct Test<'a> {
    pub(super) id: &'a str,
    pub(super) occurrence: u32,
}

/// Its place in the run.
#[derive(Debug, Serialize)]
pub(super) struct Place {
    pub(super) lane: u32,
    pub(super) index: u32,
}

/// How an attempt ended.
#[derive(Debug, Serialize)]
pub(super) struct End {
    pub(super) outcome: &'static str,
    pub(super) started: Option<f64>,
    pub(super) setup: f64,
    pub(super) call: f64,
    pub(super) teardown: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct AskedWorker<'a> {
    pub(super) worker: String,
    pub(super) spec: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct ListedTest<'a> {
    pub(super) id: &'a str,
    pub(super) file: &'a str,
    pub(super) group: Option<&'a str>,
    pub(super) tags: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Captured<'a> {
    pub(super) title: &'a str,
    pub(super) text: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Told<'a> {
    RunStarted {
        version: u32,
        run_id: &'a str,
        dist: &'static str,
        workers: Vec<AskedWorker<'a>>,
    },
    Progress {
        text: &'a str,
    },
    Notice {
        text: &'a str,
    },
    SuiteReady {
        executable: &'a str,
        chosen_by: &'a str,
        framework: &'a str,
    },
    Host {
        host: &'a str,
        state: &'static str,
        text: &'a str,
        again: Option<f64>,
    },
    WorkerStarting {
        worker: String,
        host: &'a str,
        replaces: Option<String>,
    },
    WorkerSpawned {
        worker: String,
        pid: u32,
    },
    WorkerReady {
        worker: String,
        pid: u32,
        executable: &'a str,
        runtime: &'a str,
        framework: &'a str,
        platform: &'a str,
        cwd: &'a str,
    },
    CollectReported {
        worker: String,
        id: &'a str,
        failed: bool,
        brief: Cow<'a, str>,
        location: &'a str,
        text: Cow<'a, str>,
    },
    WorkerCollected {
        worker: String,
        tests: u32,
        deselected: u32,
    },
    WorkerListed {
        worker: String,
        files: u32,
    },
    Collected {
        worker: String,
        tests: Vec<ListedTest<'a>>,
    },
    CollectionDiffers {
        worker: String,
        from: String,
        diff: &'a str,
    },
    SchedulingStarted {
        tests: u32,
        workers: u32,
        policy: &'a str,
        deselected: u32,
        files: Option<u32>,
    },
    FileCollected {
        worker: String,
        file: &'a str,
        tests: u32,
        deselected: u32,
        files_left: u32,
    },
    FileNotRun {
        file: &'a str,
        reason: &'a str,
        lost: bool,
    },
    TestStarted {
        worker: String,
        #[serde(flatten)]
        test: Test<'a>,
        #[serde(flatten)]
        place: Place,
    },
    TestSlow {
        worker: String,
        #[serde(flatten)]
        test: Test<'a>,
        seconds: f64,
    },
    TestReported {
        worker: String,
        #[serde(flatten)]
        test: Test<'a>,
        phase: &'static str,
        category: &'a str,
        letter: &'a str,
        word: &'a str,
        failed: bool,
        headline: &'a str,
        brief: Cow<'a, str>,
        location: &'a str,
        text: Cow<'a, str>,
        sections: Vec<Captured<'a>>,
        duration: f64,
    },
    TestRetried {
        worker: String,
        #[serde(flatten)]
        test: Test<'a>,
        #[serde(flatten)]
        place: Place,
        attempt: u32,
        #[serde(flatten)]
        end: End,
        delay: f64,
    },
    TestFinished {
        worker: String,
        #[serde(flatten)]
        test: Test<'a>,
        #[serde(flatten)]
        place: Place,
        attempt: u32,
        alone: bool,
        #[serde(flatten)]
        end: End,
    },
    TestLost {
        worker: String,
        #[serde(flatten)]
        test: Test<'a>,
        #[serde(flatten)]
        place: Place,
        times: u32,
    },
    TestNotRun {
        #[serde(flatten)]
        test: Test<'a>,
        #[serde(flatten)]
        place: Place,
        reason: &'a str,
        lost: bool,
    },
    Warned {
        worker: String,
        stage: &'static str,
        id: &'a str,
        location: &'a str,
        text: Cow<'a, str>,
    },
    Output {
        worker: String,
        stream: &'static str,
        text: &'a str,
    },
    WorkerDown {
        worker: String,
        expected: bool,
        ending: String,
        crashed: Option<&'a str>,
        retried: bool,
        timed_out: bool,
        on_request: bool,
        last_output: Cow<'a, str>,
    },
    WorkerReplaced {
        worker: String,
        by: String,
    },
    WorkerRecycled {
        worker: String,
        reason: &'a str,
    },
    WorkerUsage {
        worker: String,
        memory: u64,
        cpu_ms: u64,
    },
    ReplacementDenied {
        worker: String,
        reason: &'a str,
    },
    Stopping {
        cause: &'static str,
        reason: Cow<'a, str>,
    },
    Conclusion {
        text: &'a str,
        failure: Option<&'a str>,
    },
    RunFinished {
        exit_code: i32,
        explanation: Option<&'a str>,
        tests: u32,
        outcomes: BTreeMap<&'static str, u32>,
        lost: u32,
        flaky: u32,
    },
}
