//! The link between controller and agent: bincode frames over any pair of byte streams.
//!
//! [`protocol`](self) types say what is said, `frame` how it becomes bytes, `preamble` how both sides make sure that
//! they are of the same build before the first frame. Nothing here starts a process or knows an actor.

mod alike;
mod codec;
mod error;
mod frame;
mod preamble;
mod protocol;
#[cfg(test)]
mod tests;

pub use alike::{Alike, Telling};
pub use codec::{Arrived, FrameCodec, MAX_NOISE, Outbox};
pub use error::WireError;
pub use frame::{MAX_FRAME, decode, encode};
pub use preamble::{Preamble, fingerprint};
pub use protocol::{FromAgent, List, PrepareRefusal, StopKind, StopMode, ToAgent, WorkerEvent};
