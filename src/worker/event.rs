//! What a worker says, as the lines of the worker protocol.

use std::io::Write;

use serde::Serialize;

use crate::model::{Durations, Outcome};

/// The version of the worker protocol that is spoken here.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "t", rename_all = "lowercase")]
pub enum Event<'a> {
    /// The framework is up.
    Ready(Ready<'a>),
    /// A collector failed.
    Collect {
        /// Its id.
        id: &'a str,
        /// Whether it failed; skipped otherwise.
        failed: bool,
        /// The error.
        text: &'a str,
        /// The error in one line.
        brief: &'a str,
    },
    /// A part of the collection.
    Items {
        /// The items.
        items: Vec<ItemLine<'a>>,
    },
    /// The collection is complete.
    Collected {
        /// How many items there are.
        count: u32,
        /// How many were left out by the user's selection.
        deselected: u32,
    },
    /// A part of the listing of files.
    Files {
        /// The files: id, size in bytes, and whether their tests are run all at once.
        files: Vec<(&'a str, u64, bool)>,
    },
    /// The listing is complete.
    Listed {
        /// How many files there are.
        count: u32,
    },
    /// The items of a file are about to be made.
    Making {
        /// The file.
        f: u32,
    },
    /// A part of the items of a file.
    Made {
        /// The file.
        f: u32,
        /// The items.
        items: Vec<ItemLine<'a>>,
        /// Whether it is the last part.
        last: bool,
        /// How many were left out by the user's selection.
        deselected: u32,
    },
    /// An item begins.
    Start {
        /// The item.
        i: u32,
    },
    /// A phase of an item has something to say.
    Report(Report<'a>),
    /// After a failure nothing begins before the word to go on.
    Halted {
        /// The item.
        i: u32,
    },
    /// An item is over.
    #[serde(skip)]
    End {
        /// The item.
        i: u32,
        /// How it ended.
        outcome: Outcome,
        /// How long it took, by phase.
        durations: Durations,
        /// When it began, in seconds since the Unix epoch.
        started: f64,
    },
    /// Something that people should know of.
    Warning {
        /// When it came up: `config`, `collect` or `run`.
        stage: &'a str,
        /// The item or collector it belongs to; empty if none.
        id: &'a str,
        /// Where; empty if unknown.
        location: &'a str,
        /// What.
        text: &'a str,
    },
    /// The session ends by itself.
    Stopping {
        /// Why.
        reason: &'a str,
        /// The exit code asked for.
        exit_code: Option<i32>,
        /// `interrupt`, `exit`, `stop`, `fail`, `internal` or `usage`.
        kind: &'a str,
    },
    /// The session is over.
    Finished {
        /// The exit code that the framework would have.
        exit_code: i32,
    },
}

/// The introduction.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the protocol")]
pub struct Ready<'a> {
    pub protocol: u32,
    pub pid: u32,
    pub executable: &'a str,
    pub runtime: &'a str,
    pub framework: &'a str,
    pub platform: &'a str,
    pub cwd: &'a str,
    pub summary_letters: &'a str,
}

/// `[id, scope_len]`, with the group and the tags where there are any.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum ItemLine<'a> {
    /// Without a group and tags.
    Plain(&'a str, u32),
    /// With tags, and a group if there is one.
    Tagged(&'a str, u32, Option<&'a str>, &'a [String]),
}

/// What a phase of an item has to say.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the protocol")]
pub struct Report<'a> {
    pub i: u32,
    pub phase: &'a str,
    pub category: &'a str,
    pub letter: &'a str,
    pub word: &'a str,
    pub failed: bool,
    pub headline: &'a str,
    pub text: &'a str,
    pub brief: &'a str,
    pub location: &'a str,
    pub sections: &'a [(String, String)],
    pub d: f64,
}

impl Event<'_> {
    /// Adds the line, with its newline.
    pub(super) fn write(&self, line: &mut Vec<u8>) {
        // The two of every test in the form that the agent reads quickest.
        let written = match self {
            Self::Start { i } => write!(line, r#"{{"t":"start","i":{i}}}"#),
            Self::End { i, outcome, durations: Durations { setup, call, teardown }, started } => {
                let outcome = outcome_word(*outcome);
                write!(
                    line,
                    r#"{{"t":"end","i":{i},"o":"{outcome}","d":[{setup:.6},{call:.6},{teardown:.6}],"s":{started:.6}}}"#
                )
            }
            other => serde_json::to_writer(&mut *line, other).map_err(Into::into),
        };
        written.expect("text and numbers are written to memory");
        line.push(b'\n');
    }
}

/// The word of the protocol for an outcome.
fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotRun => "notrun",
        other => other.word(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Phase;

    fn line(event: &Event<'_>) -> String {
        let mut line = Vec::new();
        event.write(&mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn lines_are_those_of_the_protocol() {
        assert_eq!(line(&Event::Start { i: 3 }), "{\"t\":\"start\",\"i\":3}\n");
        let durations = Durations { setup: 0.0, call: 1.5, teardown: 0.0 };
        let end = Event::End { i: 3, outcome: Outcome::TimedOut, durations, started: 2.0 };
        let expected =
            r#"{"t":"end","i":3,"o":"timed-out","d":[0.000000,1.500000,0.000000],"s":2.000000}"#;
        assert_eq!(line(&end).trim_end(), expected);
        let items = vec![ItemLine::Plain("a::b", 1)];
        assert_eq!(line(&Event::Items { items }), "{\"t\":\"items\",\"items\":[[\"a::b\",1]]}\n");
        let report = Report {
            i: 1,
            phase: Phase::Call.word(),
            category: "failed",
            letter: "F",
            word: "FAILED",
            failed: true,
            headline: "b",
            text: "",
            brief: "",
            location: "",
            sections: &[],
            d: 0.5,
        };
        assert!(line(&Event::Report(report)).starts_with(r#"{"t":"report","i":1,"phase":"call","#));
    }
}
