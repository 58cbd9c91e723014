//! `RunEvent`s in, bytes out: everything that people and machines read. No actor, no process.

pub mod makespan;
pub mod tally;
pub mod terminal;

#[cfg(test)]
mod script;

pub use makespan::{Makespan, Spread};
pub use tally::Tally;
pub use terminal::{TerminalOptions, TerminalReport};
