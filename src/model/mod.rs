//! Plain data that every other module may use and that uses none of them.
//!
//! What a run is about: who runs tests and where ([`WorkerId`], [`WorkerSpec`], [`HostSpec`]), what is run ([`Item`],
//! [`Collection`], [`Suite`]), what came of it ([`Outcome`], [`PhaseReport`], [`TestEnd`]) and the
//! public record of all that happened ([`RunEvent`]). Nothing here reads a clock, a file or a process.

mod collection;
mod command;
mod event;
mod host;
mod id;
mod outcome;
mod report;
mod rust;
mod spec;
mod suite;
mod terms;
mod worker;

pub use collection::{Collection, CollectionDiff, Item, TestFile, TestName};
pub use command::{CommandSuite, CustomSuite};
pub use event::{HostNews, RunEvent, StopReason, Verdict};
pub use host::{HostId, HostSpec, Reach, SpecError, Sync, wrong_variable};
pub use id::{Lane, TestIndex, WorkerId};
pub use outcome::{Outcome, Phase};
pub use report::{
    CollectReport, Durations, PhaseReport, Section, TestEnd, WarningReport, WarningStage,
};
pub use rust::{LibtestSuite, RunIgnored, SuiteKind};
pub use spec::WorkerSpec;
pub use suite::{
    Deadlines, Dist, Isolation, NamedPython, PytestSuite, Suite, SuiteInfo, Template, WorkerInput,
};
pub use terms::{Batch, Terms};
pub use worker::{Death, Ending, Stream, Usage, WorkerInfo};
