//! What happens in a run as JSON lines, one a [`RunEvent`], written as it happens; `docs/events.schema.json` says what stands in them.
//!
//! The lines are a promise to programs: they are made of types of their own (`line`), so that a change of the model is none of theirs.

mod from;
mod line;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use super::replaced::make_directory_of;
use super::{OutputError, Report};
use crate::model::RunEvent;

/// The version of the lines: told by the first of them, and raised when a program that reads them would have to change.
pub const EVENTS_VERSION: u32 = 1;

/// Writes a line for each event, whole and at once: whatever ends this process, what was written can be read.
pub struct EventsReport {
    out: Option<Box<dyn Write + Send>>,
    line: Vec<u8>,
}

impl EventsReport {
    /// Writes to this file, which is made anew.
    ///
    /// # Errors
    /// [`OutputError`] if it can not be written.
    pub fn create(file: &Path) -> Result<Self, OutputError> {
        let made = make_directory_of(file).and_then(|()| File::create(file));
        let made = made.map_err(|cause| OutputError { file: file.to_owned(), cause })?;
        Ok(Self::new(Box::new(made)))
    }

    /// Writes there.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out: Some(out), line: Vec::new() }
    }
}

impl Report for EventsReport {
    fn event(&mut self, event: &RunEvent, now: SystemTime) -> io::Result<()> {
        let Some(out) = &mut self.out else {
            return Ok(());
        };
        self.line.clear();
        line::write(&mut self.line, event, now)?;
        let written = out.write_all(&self.line).and_then(|()| out.flush());
        match written {
            // Its reader has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.out = None;
                Ok(())
            }
            written => written,
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
