//! `RunEvent`s in, bytes out: everything that people and machines read. No actor, no process.

mod error;
pub mod events;
mod github;
mod junit;
mod lastfailed;
pub mod makespan;
mod replaced;
mod result;
pub mod tally;
pub mod terminal;

#[cfg(test)]
mod script;

use std::borrow::Cow;
use std::io;
use std::time::SystemTime;

use crate::model::RunEvent;

pub use error::OutputError;
pub use events::{EVENTS_VERSION, EventsReport};
pub use github::{Annotations, StepSummary};
pub use junit::JunitReport;
pub use lastfailed::LastFailed;
pub use makespan::{Makespan, Spread};
pub use tally::Tally;
pub use terminal::{TerminalOptions, TerminalReport};

/// What is written of a run for programs. Events go in, in their order; nothing comes after [`finish`](Self::finish).
pub trait Report: Send {
    /// The next event, and when it came.
    fn event(&mut self, event: &RunEvent, now: SystemTime) -> io::Result<()>;

    /// The run is over, or as much of it as there will be: what is not written yet is written now.
    fn finish(&mut self) -> io::Result<()>;
}

/// A text without the escape sequences that colour it.
fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\u{1b}') {
        anstream::adapter::strip_str(text).to_string().into()
    } else {
        text.into()
    }
}
