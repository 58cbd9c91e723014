//! The lines a worker writes, as serde sees them, and what they become.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

use crate::model::{
    CollectReport, Item, Outcome, Phase, PhaseReport, Section, TestFile, WorkerInfo,
};
use crate::wire::StopKind;

mod quick;

#[derive(Debug, Deserialize)]
#[serde(tag = "t", rename_all = "lowercase")]
pub(super) enum Message {
    Ready(Ready),
    Collect(Collect),
    Items {
        items: Vec<ItemLine>,
    },
    Collected {
        count: u32,
        deselected: u32,
        #[serde(default)]
        whole: Option<String>,
    },
    Files {
        files: Vec<FileLine>,
    },
    Listed {
        count: u32,
    },
    Making {
        f: u32,
    },
    Importing {
        f: u32,
    },
    Made {
        f: u32,
        items: Vec<ItemLine>,
        last: bool,
        #[serde(default)]
        deselected: u32,
    },
    Start {
        i: u32,
    },
    Report(Report),
    Ran {
        i: u32,
        d: f64,
    },
    Halted {
        i: u32,
    },
    End {
        i: u32,
        o: OutcomeWord,
        d: [f64; 3],
        s: f64,
    },
    Warning {
        stage: StageWord,
        id: String,
        location: String,
        text: String,
    },
    Stopping {
        reason: String,
        exit_code: Option<i32>,
        kind: KindWord,
    },
    Finished {
        exit_code: i32,
        #[serde(default)]
        conclude: Option<Value>,
    },
}

impl Message {
    /// The message that stands in a line.
    pub(super) fn read(line: &[u8]) -> Result<Self, serde_json::Error> {
        match quick::message(line) {
            Some(message) => Ok(message),
            None => serde_json::from_slice(line),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) protocol: u32,
    pid: u32,
    executable: String,
    runtime: String,
    framework: String,
    platform: String,
    cwd: String,
    #[serde(default)]
    header: Vec<String>,
    #[serde(default)]
    maxfail: u32,
    #[serde(default)]
    continue_on_collection_errors: bool,
    #[serde(default = "failures_alone")]
    summary_letters: String,
    #[serde(default)]
    unserved: Vec<String>,
    #[serde(default)]
    cache_dir: Option<String>,
}

/// What the summary lists where a worker does not say it.
fn failures_alone() -> String {
    "fE".to_owned()
}

impl From<Ready> for WorkerInfo {
    fn from(ready: Ready) -> Self {
        Self {
            pid: ready.pid,
            executable: ready.executable,
            runtime: ready.runtime,
            framework: ready.framework,
            platform: ready.platform,
            cwd: ready.cwd,
            header: ready.header,
            maxfail: ready.maxfail,
            continue_on_collection_errors: ready.continue_on_collection_errors,
            summary_letters: ready.summary_letters,
            unserved: ready.unserved,
            cache_dir: ready.cache_dir,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Collect {
    id: String,
    failed: bool,
    text: String,
    #[serde(default)]
    brief: String,
    #[serde(default)]
    location: String,
}

impl From<Collect> for CollectReport {
    fn from(line: Collect) -> Self {
        Self {
            id: line.id,
            failed: line.failed,
            text: line.text,
            brief: line.brief,
            location: line.location,
        }
    }
}

/// `[id, scope_len]`, `[id, scope_len, group]` or `[id, scope_len, group, [tag, …]]`.
#[derive(Debug)]
pub(super) struct ItemLine(pub(super) Item);

impl<'de> Deserialize<'de> for ItemLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Parts {
            Plain(Arc<str>, u32),
            Grouped(Arc<str>, u32, Option<Arc<str>>),
            Tagged(Arc<str>, u32, Option<Arc<str>>, Vec<Arc<str>>),
        }
        let (id, scope_len, group, mut tags) = match Parts::deserialize(deserializer)? {
            Parts::Plain(id, scope_len) => (id, scope_len, None, Vec::new()),
            Parts::Grouped(id, scope_len, group) => (id, scope_len, group, Vec::new()),
            Parts::Tagged(id, scope_len, group, tags) => (id, scope_len, group, tags),
        };
        if !id.is_char_boundary(scope_len as usize) {
            return Err(D::Error::custom(format!("no scope of {scope_len} bytes in `{id}`")));
        }
        tags.sort_unstable();
        tags.dedup();
        Ok(Self(Item { id, scope_len, group, tags: tags.into() }))
    }
}

/// `[id, size]`, or `[id, size, at once]`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum FileLine {
    Plain(Arc<str>, u64),
    Told(Arc<str>, u64, bool),
}

impl From<FileLine> for TestFile {
    fn from(line: FileLine) -> Self {
        let (id, size, at_once) = match line {
            FileLine::Plain(id, size) => (id, size, false),
            FileLine::Told(id, size, at_once) => (id, size, at_once),
        };
        Self { id, size, at_once }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Report {
    pub(super) i: u32,
    phase: PhaseWord,
    category: String,
    letter: String,
    word: String,
    failed: bool,
    #[serde(default)]
    headline: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    brief: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    sections: Vec<(String, String)>,
    #[serde(default)]
    d: f64,
}

impl From<Report> for PhaseReport {
    fn from(line: Report) -> Self {
        let phase = match line.phase {
            PhaseWord::Setup => Phase::Setup,
            PhaseWord::Call => Phase::Call,
            PhaseWord::Teardown => Phase::Teardown,
        };
        let sections =
            line.sections.into_iter().map(|(title, text)| Section { title, text }).collect();
        Self {
            phase,
            category: line.category,
            letter: line.letter,
            word: line.word,
            failed: line.failed,
            headline: line.headline,
            text: line.text,
            brief: line.brief,
            location: line.location,
            sections,
            duration: line.d,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PhaseWord {
    Setup,
    Call,
    Teardown,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum StageWord {
    Config,
    Collect,
    Run,
}

/// The outcomes that a worker can tell. It tells of a crash or a deadline where a test had a process of its own, which is gone.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OutcomeWord {
    Passed,
    Failed,
    Error,
    Skipped,
    XFailed,
    XPassed,
    Crashed,
    #[serde(rename = "timed-out")]
    TimedOut,
    NotRun,
}

impl From<OutcomeWord> for Outcome {
    fn from(word: OutcomeWord) -> Self {
        match word {
            OutcomeWord::Passed => Self::Passed,
            OutcomeWord::Failed => Self::Failed,
            OutcomeWord::Error => Self::Error,
            OutcomeWord::Skipped => Self::Skipped,
            OutcomeWord::XFailed => Self::XFailed,
            OutcomeWord::XPassed => Self::XPassed,
            OutcomeWord::Crashed => Self::Crashed,
            OutcomeWord::TimedOut => Self::TimedOut,
            OutcomeWord::NotRun => Self::NotRun,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindWord {
    Interrupt,
    Exit,
    Stop,
    Fail,
    Internal,
    Usage,
}

impl From<KindWord> for StopKind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Interrupt => Self::Interrupt,
            KindWord::Exit => Self::Exit,
            KindWord::Stop => Self::Stop,
            KindWord::Fail => Self::Fail,
            KindWord::Internal => Self::Internal,
            KindWord::Usage => Self::Usage,
        }
    }
}
