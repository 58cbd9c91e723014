//! What a worker says, line by line, held against the worker protocol (`docs/worker-protocol.md`).
//!
//! Pure: bytes of a line in, a [`WorkerEvent`] out, or the sentence that says how the line broke the protocol.

use std::collections::HashSet;
use std::sync::Arc;

use thiserror::Error;

use super::line::{FileLine, ItemLine, Message, StageWord};
use crate::model::{Durations, Item, TestEnd, TestFile, WarningReport, WarningStage};
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
    /// Between tests.
    Idle,
    /// Making the items of this file.
    Making(u32),
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
    /// Whether it was asked to list files.
    streams: bool,
    /// How many items it has told of, collected or made.
    items: u32,
    files: Vec<Arc<str>>,
    /// The file whose module it imports while it is making another one.
    importing: Option<u32>,
    /// The same, to find one that is named twice, until the listing is complete.
    listing: HashSet<Arc<str>>,
    /// What has come of the items of the file that it is making.
    made: Vec<Item>,
    /// Bytes of the lines that they came in.
    made_bytes: usize,
}

impl Conversation {
    /// `streams`: whether the worker was asked to list files and make their items when told to.
    pub(super) fn new(streams: bool) -> Self {
        Self {
            stage: Stage::Starting,
            streams,
            items: 0,
            files: Vec::new(),
            importing: None,
            listing: HashSet::new(),
            made: Vec::new(),
            made_bytes: 0,
        }
    }

    /// Where the worker is.
    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// The item that has begun and not ended.
    pub(super) fn running(&self) -> Option<u32> {
        match self.stage {
            Stage::Running(item) | Stage::Waiting(item) => Some(item),
            Stage::Starting
            | Stage::Collecting
            | Stage::Idle
            | Stage::Making(_)
            | Stage::Finished => None,
        }
    }

    /// The file whose items are being made, or whose module is imported meanwhile.
    pub(super) fn making(&self) -> Option<u32> {
        match self.stage {
            Stage::Making(file) => Some(self.importing.unwrap_or(file)),
            _other => None,
        }
    }

    /// The framework's id of that file.
    pub(super) fn making_id(&self) -> Option<&str> {
        self.files.get(self.making()? as usize).map(|id| &**id)
    }

    /// Takes the next line, without its newline; `None` if its event is complete with a later line.
    pub(super) fn accept(&mut self, line: &[u8]) -> Result<Option<WorkerEvent>, ProtocolError> {
        let message = Message::read(line).map_err(|error| ProtocolError::Line {
            problem: error.to_string(),
            line: shown(line),
        })?;
        if self.stage == Stage::Finished {
            return Err(ProtocolError::Order("a message after `finished`".to_owned()));
        }
        self.step(message, line.len())
    }

    /// Takes the message of a line of so many bytes.
    fn step(
        &mut self,
        message: Message,
        bytes: usize,
    ) -> Result<Option<WorkerEvent>, ProtocolError> {
        let event = match message {
            Message::Ready(ready) => {
                self.expect("ready", Stage::Starting)?;
                if ready.protocol != VERSION {
                    return Err(ProtocolError::Version(ready.protocol));
                }
                self.stage = Stage::Collecting;
                WorkerEvent::Ready(ready.into())
            }
            Message::Collect(report) => WorkerEvent::CollectReport(report.into()),
            Message::Items { items } => {
                self.expect_collecting("items")?;
                self.items = sum(self.items, items.len(), "items")?;
                WorkerEvent::Items(items.into_iter().map(|item| item.0).collect())
            }
            Message::Collected { count, deselected, whole } => {
                self.expect_collecting("collected")?;
                expect_sum("collected", count, self.items, "items")?;
                self.stage = Stage::Idle;
                WorkerEvent::Collected { count, deselected, whole }
            }
            Message::Files { files } => {
                self.expect_listing("files")?;
                WorkerEvent::Files(self.list(files)?)
            }
            Message::Listed { count } => {
                self.expect_listing("listed")?;
                self.end_listing(count)?
            }
            Message::Making { f } => {
                self.expect("making", Stage::Idle)?;
                self.begin_making(f)?
            }
            Message::Importing { f } => {
                self.import(f)?;
                return Ok(None);
            }
            Message::Made { f, items, last, deselected } => {
                self.expect("made", Stage::Making(f))?;
                self.take_made(items, bytes)?;
                if !last {
                    return Ok(None);
                }
                self.end_making(f, deselected)
            }
            Message::Start { i } => {
                self.expect("start", Stage::Idle)?;
                self.stage = Stage::Running(i);
                WorkerEvent::Started { item: i }
            }
            Message::Report(report) => {
                let item = report.i;
                self.expect_running("report", item)?;
                WorkerEvent::Report { item, report: report.into() }
            }
            Message::Ran { i, d } => {
                self.expect("ran", Stage::Running(i))?;
                self.stage = Stage::Waiting(i);
                WorkerEvent::Ran { item: i, duration: d }
            }
            Message::Halted { i } => {
                self.expect_running("halted", i)?;
                WorkerEvent::Halted { item: i }
            }
            Message::End { i, o, d: [setup, call, teardown], s } => {
                self.expect_running("end", i)?;
                self.stage = Stage::Idle;
                let durations = Durations { setup, call, teardown };
                let end = TestEnd { outcome: o.into(), durations, started: s };
                WorkerEvent::Ended { item: i, end }
            }
            Message::Warning { stage, id, location, text } => {
                let stage = match stage {
                    StageWord::Config => WarningStage::Config,
                    StageWord::Collect => WarningStage::Collect,
                    StageWord::Run => WarningStage::Run,
                };
                WorkerEvent::Warning(WarningReport { stage, id, location, text })
            }
            Message::Stopping { reason, exit_code, kind } => {
                WorkerEvent::Stopping { reason, exit_code, kind: kind.into() }
            }
            Message::Finished { exit_code, conclude } => {
                if let Some(item) = self.running() {
                    let problem = format!("`finished` while item {item} has not ended");
                    return Err(ProtocolError::Order(problem));
                }
                self.stage = Stage::Finished;
                let conclude = conclude.filter(|value| !value.is_null());
                WorkerEvent::Finished {
                    exit_code,
                    conclude: conclude.map(|value| value.to_string()),
                }
            }
        };
        Ok(Some(event))
    }

    /// Takes a part of the listing of files.
    fn list(&mut self, lines: Vec<FileLine>) -> Result<Vec<TestFile>, ProtocolError> {
        let files: Vec<TestFile> = lines.into_iter().map(TestFile::from).collect();
        for TestFile { id, .. } in &files {
            if !self.listing.insert(id.clone()) {
                return Err(ProtocolError::Order(format!("`files` names `{id}` twice")));
            }
            self.files.push(id.clone());
        }
        Ok(files)
    }

    fn end_listing(&mut self, count: u32) -> Result<WorkerEvent, ProtocolError> {
        let listed = sum(0, self.files.len(), "files")?;
        expect_sum("listed", count, listed, "files")?;
        self.listing = HashSet::new();
        self.stage = Stage::Idle;
        Ok(WorkerEvent::Listed { count })
    }

    fn begin_making(&mut self, file: u32) -> Result<WorkerEvent, ProtocolError> {
        self.expect_listed("making", file)?;
        self.stage = Stage::Making(file);
        Ok(WorkerEvent::Making { file })
    }

    fn import(&mut self, file: u32) -> Result<(), ProtocolError> {
        self.expect_listed("importing", file)?;
        if !matches!(self.stage, Stage::Making(_)) {
            let problem = format!("`importing` where it was {}", self.describe());
            return Err(ProtocolError::Order(problem));
        }
        self.importing = Some(file);
        Ok(())
    }

    fn expect_listed(&self, what: &str, file: u32) -> Result<(), ProtocolError> {
        let listed = self.files.len();
        if (file as usize) < listed {
            return Ok(());
        }
        let problem = format!("`{what}` of file {file} where it listed {listed} files");
        Err(ProtocolError::Order(problem))
    }

    /// Takes a part of the items of the file that is being made, which came in a line of so many bytes.
    fn take_made(&mut self, items: Vec<ItemLine>, bytes: usize) -> Result<(), ProtocolError> {
        sum(self.items, self.made.len() + items.len(), "items")?;
        // They go to the controller in one message, which is no longer than the lines.
        self.made_bytes += bytes;
        if self.made_bytes > LONGEST_LINE {
            let id = self.making_id().unwrap_or_default();
            let problem = format!("`made` of {id} is more than {LONGEST_LINE} bytes in all");
            return Err(ProtocolError::Order(problem));
        }
        self.made.extend(items.into_iter().map(|item| item.0));
        Ok(())
    }

    fn end_making(&mut self, file: u32, deselected: u32) -> WorkerEvent {
        let items = std::mem::take(&mut self.made);
        self.made_bytes = 0;
        self.importing = None;
        let first = self.items;
        self.items += u32::try_from(items.len()).expect("the sum was checked part by part");
        self.stage = Stage::Idle;
        // Whether they are queued is for the owner of the queue to say.
        WorkerEvent::Made { file, first, items, deselected, queued: false, kept: Vec::new() }
    }

    /// A part or the end of a whole collection may come now.
    fn expect_collecting(&self, what: &str) -> Result<(), ProtocolError> {
        self.expect(what, Stage::Collecting)?;
        if self.files.is_empty() {
            return Ok(());
        }
        Err(ProtocolError::Order(format!("`{what}` after `files`")))
    }

    /// A part or the end of a listing of files may come now.
    fn expect_listing(&self, what: &str) -> Result<(), ProtocolError> {
        self.expect(what, Stage::Collecting)?;
        let problem = if !self.streams {
            format!("`{what}` where it was asked to collect everything")
        } else if self.items > 0 {
            format!("`{what}` after `items`")
        } else {
            return Ok(());
        };
        Err(ProtocolError::Order(problem))
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
            Stage::Making(file) => format!("making the items of file {file}"),
            Stage::Running(item) | Stage::Waiting(item) => format!("in item {item}"),
            Stage::Finished => "finished".to_owned(),
        }
    }
}

/// How many there are with `more`; they are numbered in 32 bits.
fn sum(known: u32, more: usize, what: &str) -> Result<u32, ProtocolError> {
    u32::try_from(more)
        .ok()
        .and_then(|more| known.checked_add(more))
        .ok_or_else(|| ProtocolError::Order(format!("more than 2^32 {what}")))
}

/// The last part says how many there are in all.
fn expect_sum(message: &str, count: u32, came: u32, what: &str) -> Result<(), ProtocolError> {
    if count == came {
        return Ok(());
    }
    Err(ProtocolError::Order(format!("`{message}` counts {count} {what}, {came} came")))
}

/// The beginning of a line, fit to be shown.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(120)]).into_owned();
    let dots = if line.len() > 120 { "…" } else { "" };
    format!("{}{dots}", text.escape_debug())
}

#[cfg(test)]
mod tests;
