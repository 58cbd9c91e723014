//! The actor system: session, supervisor, scheduler, one actor a host, one actor a worker generation, and reporters.
//!
//! Actors are thin: they translate a message, call a pure core (`session`, `schedule`, `supervise`, `report`) and send what it
//! answered. All run on one arbiter. Neighbours are `Recipient`s given at birth; there is no registry and nothing
//! global, so two runs in one process share nothing.
//!
//! | from → to | message | meaning |
//! |---|---|---|
//! | session → supervisor | [`StartFleet`](messages::StartFleet) | start the hosts and their workers |
//! | session → supervisor | [`StandDown`](messages::StandDown), [`KillFleet`](messages::KillFleet) | clone no more; kill |
//! | session → supervisor | [`RunConclusion`](messages::RunConclusion) | have the adapter's conclusion run |
//! | session → supervisor | [`Dismiss`](messages::Dismiss) | let the agents end |
//! | session → scheduler | [`StopRun`](messages::StopRun), [`CloseRun`](messages::CloseRun), [`ResumeWorker`](messages::ResumeWorker) | stop, close the account, go on |
//! | supervisor → scheduler | [`ExpectWorker`](messages::ExpectWorker), [`DelayWorkers`](messages::DelayWorkers), [`AbandonWorker`](messages::AbandonWorker) | a worker is on its way; not so soon; none will come |
//! | supervisor → scheduler | [`RoundTrip`](messages::RoundTrip) | how far away workers are |
//! | supervisor → host | [`ToHost`](messages::ToHost), [`Attach`](messages::Attach) | a frame to be sent; whom to tell of a worker |
//! | supervisor → worker | [`StopWorker`](messages::StopWorker), [`FromHost`](messages::FromHost) | end before your time; its host is lost |
//! | host → supervisor | [`OfHost`](messages::OfHost) | the suite is ready, refused, the link is lost |
//! | host → worker | [`FromHost`](messages::FromHost) | something of its process |
//! | worker → host | [`ToHost`](messages::ToHost) | a frame to be sent |
//! | worker → scheduler | [`WorkerNews`](messages::WorkerNews) | ready, collected, test events, its death notice |
//! | scheduler → worker | [`WorkerOrder`](messages::WorkerOrder) | run, withdraw, resume, finish |
//! | scheduler → supervisor | [`WorkerGone`](messages::WorkerGone) | a worker is dead and accounted for |
//! | scheduler → supervisor | [`WorkerCameUp`](messages::WorkerCameUp) | a worker has collected |
//! | scheduler → session, reporters | [`Event`](messages::Event) | the public record, in the one order |
//! | scheduler, policy, reporters → session | [`SessionNote`](messages::SessionNote) | what is the session's and not public |
//! | supervisor → scheduler | [`Enlist`](messages::Enlist) | where a worker's orders go |
//! | session → reporters | [`Flush`](messages::Flush) | answer when all is written, and stop |
//! | session → history | [`KeepHistory`](messages::KeepHistory) | keep what tests took, off this thread |
//! | session → scheduler, supervisor, history | [`Retire`](messages::Retire) | the run is over, stop |
//! | host program → session | [`Halt`](messages::Halt) | end the run |
//! | supervisor → session | [`FleetNews`](messages::FleetNews) | the fleet is empty; the suite is refused |
//! | anyone → scheduler | [`Publish`](messages::Publish) | an event of one's own for the record |
//!
//! Mailboxes are no back-pressure: what bounds memory is the cap on captured output a test and the few small events a test
//! has.
//!
//! # When an actor fails
//! A panic ends one actor, which tells of it from `stopped()`, so the profile must unwind. A worker's is its death, a host's that of its agent. Without the
//! scheduler there is no record: the fleet is dismissed and the answer is [`RunError::Broken`]. Without the supervisor the
//! account is closed, the verdict says so, and hosts end their agents. The top of the tree is the session: when it goes,
//! the answer is an error, and when the hosts go, agents see the end of their link and end their workers. What belongs to the
//! host program can not do even that: a policy or a subscriber that panics is caught, dropped and told of in the verdict.

mod error;
mod file;
mod fleet;
mod history;
mod host;
mod hosts;
mod known;
mod lists;
pub mod messages;
mod outputs;
mod policy;
mod reach;
mod record;
mod reporter;
mod scheduler;
mod session;
mod supervisor;
mod system;
mod terminal;
#[cfg(test)]
mod tests;
mod worker;

use std::any::Any;

pub use error::RunError;
pub use reporter::Subscriber;
pub(crate) use system::run;
pub use system::{EventRecipient, Parts, SessionHandle, Stopper, TerminalSize, start};

/// What a panic says.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text")
}
