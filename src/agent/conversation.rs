//! What a worker says, line by line, held against the worker protocol (`docs/worker-protocol.md`).
//!
//! Pure: bytes of a line in, a [`WorkerEvent`] out, or the sentence that says how the line broke the protocol.

use thiserror::Error;

use super::line::{Message, StageWord};
use crate::model::{Durations, TestEnd, WarningReport, WarningStage};
use crate::wire::WorkerEvent;

/// The version of the worker protocol that this agent speaks.
pub(super) const VERSION: u32 = 1;

/// The longest line, in bytes; a part of a collection or a failure with its captured output is far below.
pub(super) const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// How a worker broke the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum ProtocolError {
    /// A line that is not one of the known messages.
    #[error("it broke the worker protocol: {problem} in the line `{line}`")]
    Line { problem: String, line: String },

    /// A message that may not come now.
    #[error("it broke the worker protocol: {0}")]
    Order(String),

    /// A line without an end.
    #[error("it broke the worker protocol: a line of more than {LONGEST_LINE} bytes")]
    TooLong,

    /// A worker of another protocol.
    #[error("it speaks version {0} of the worker protocol, this agent speaks version {VERSION}")]
    Version(u32),
}

/// Where the worker is in its life, by what it has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing said yet.
    Starting,
    /// Ready, and collecting.
    Collecting,
    /// Between tests; the number of items collected.
    Idle,
    /// In this item.
    Running(u32),
    /// In this item, which waits in its teardown to know what comes next.
    Waiting(u32),
    /// Its session is over.
    Finished,
}

/// What one worker has said so far.
#[derive(Debug)]
pub(super) struct Conversation {
    stage: Stage,
    items: u32,
}

impl Default for Conversation {
    fn default() -> Self {
        Self { stage: Stage::Starting, items: 0 }
    }
}

impl Conversation {
    /// Where the worker is.
    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// The item that has begun and not ended.
    pub(super) fn running(&self) -> Option<u32> {
        match self.stage {
            Stage::Running(item) | Stage::Waiting(item) => Some(item),
            Stage::Starting | Stage::Collecting | Stage::Idle | Stage::Finished => None,
        }
    }

    /// Takes the next line, without its newline.
    pub(super) fn accept(&mut self, line: &[u8]) -> Result<WorkerEvent, ProtocolError> {
        let message = serde_json::from_slice(line).map_err(|error| ProtocolError::Line {
            problem: error.to_string(),
            line: shown(line),
        })?;
        self.step(message)
    }

    fn step(&mut self, message: Message) -> Result<WorkerEvent, ProtocolError> {
        if self.stage == Stage::Finished {
            return Err(ProtocolError::Order("a message after `finished`".to_owned()));
        }
        match message {
            Message::Ready(ready) => {
                self.expect("ready", Stage::Starting)?;
                if ready.protocol != VERSION {
                    return Err(ProtocolError::Version(ready.protocol));
                }
                self.stage = Stage::Collecting;
                Ok(WorkerEvent::Ready(ready.into()))
            }
            Message::Collect(report) => Ok(WorkerEvent::CollectReport(report.into())),
            Message::Items { items } => {
                self.expect("items", Stage::Collecting)?;
                let count = u32::try_from(items.len())
                    .ok()
                    .and_then(|count| self.items.checked_add(count))
                    .ok_or_else(|| ProtocolError::Order("more than 2^32 items".to_owned()))?;
                self.items = count;
                Ok(WorkerEvent::Items(items.into_iter().map(|item| item.0).collect()))
            }
            Message::Collected { count, deselected } => {
                self.expect("collected", Stage::Collecting)?;
                if count != self.items {
                    let problem = format!("`collected` counts {count} items, {} came", self.items);
                    return Err(ProtocolError::Order(problem));
                }
                self.stage = Stage::Idle;
                Ok(WorkerEvent::Collected { count, deselected, whole: None })
            }
            Message::Start { i } => {
                self.expect("start", Stage::Idle)?;
                self.stage = Stage::Running(i);
                Ok(WorkerEvent::Started { item: i })
            }
            Message::Report(report) => {
                let item = report.i;
                self.expect_running("report", item)?;
                Ok(WorkerEvent::Report { item, report: report.into() })
            }
            Message::Ran { i, d } => {
                self.expect("ran", Stage::Running(i))?;
                self.stage = Stage::Waiting(i);
                Ok(WorkerEvent::Ran { item: i, duration: d })
            }
            Message::Halted { i } => {
                self.expect_running("halted", i)?;
                Ok(WorkerEvent::Halted { item: i })
            }
            Message::End { i, o, d: [setup, call, teardown], s } => {
                self.expect_running("end", i)?;
                self.stage = Stage::Idle;
                let durations = Durations { setup, call, teardown };
                let end = TestEnd { outcome: o.into(), durations, started: s };
                Ok(WorkerEvent::Ended { item: i, end })
            }
            Message::Warning { stage, id, location, text } => {
                let stage = match stage {
                    StageWord::Config => WarningStage::Config,
                    StageWord::Collect => WarningStage::Collect,
                    StageWord::Run => WarningStage::Run,
                };
                Ok(WorkerEvent::Warning(WarningReport { stage, id, location, text }))
            }
            Message::Stopping { reason, exit_code, kind } => {
                Ok(WorkerEvent::Stopping { reason, exit_code, kind: kind.into() })
            }
            Message::Finished { exit_code, conclude } => {
                if let Some(item) = self.running() {
                    let problem = format!("`finished` while item {item} has not ended");
                    return Err(ProtocolError::Order(problem));
                }
                self.stage = Stage::Finished;
                let conclude = conclude.filter(|value| !value.is_null());
                Ok(WorkerEvent::Finished {
                    exit_code,
                    conclude: conclude.map(|value| value.to_string()),
                })
            }
        }
    }

    fn expect(&self, what: &str, stage: Stage) -> Result<(), ProtocolError> {
        if self.stage == stage {
            return Ok(());
        }
        Err(ProtocolError::Order(format!("`{what}` where it was {}", self.describe())))
    }

    fn expect_running(&self, what: &str, item: u32) -> Result<(), ProtocolError> {
        if self.running() == Some(item) {
            return Ok(());
        }
        Err(ProtocolError::Order(format!(
            "`{what}` of item {item} where it was {}",
            self.describe()
        )))
    }

    fn describe(&self) -> String {
        match self.stage {
            Stage::Starting => "not ready yet".to_owned(),
            Stage::Collecting => "collecting".to_owned(),
            Stage::Idle => "between tests".to_owned(),
            Stage::Running(item) | Stage::Waiting(item) => format!("in item {item}"),
            Stage::Finished => "finished".to_owned(),
        }
    }
}

/// The beginning of a line, fit to be shown.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(120)]).into_owned();
    let dots = if line.len() > 120 { "…" } else { "" };
    format!("{}{dots}", text.escape_debug())
}

#[cfg(test)]
mod tests;
