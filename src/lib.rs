//! callsheet runs a test suite on many supervised worker processes, and never loses a result.
//!
//! A whole program that embeds it:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use callsheet::config::Config;
//! use callsheet::model::{Outcome, RunEvent};
//!
//! fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
//!     // Workers are started by an agent, which is this very program, started once more and asked to be one.
//!     callsheet::agent::serve_if_asked();
//!
//!     let config = Config::builder().root("project").workers(4).pytest_args(["-m", "not slow"]).build()?;
//!     let verdict = callsheet::run(config, |event: &RunEvent| {
//!         if let RunEvent::TestFinished { worker, test, end, .. } = event {
//!             println!("{worker} {test}: {} in {:.2} s", end.outcome, end.durations.total());
//!         }
//!     })?;
//!     println!("{} of {} tests passed", verdict.count(Outcome::Passed), verdict.tests);
//!     Ok(ExitCode::from(verdict.status()))
//! }
//! ```
//!
//! # Which door
//! | the program | takes |
//! |---|---|
//! | waits for the run | [`run`] |
//! | stops it, shows it, or brings a [`Policy`](schedule::Policy) | [`Run`], [`RunHandle::wait`] |
//! | is async, on any runtime | [`Run`], [`RunHandle::verdict`] |
//! | lives in an actix `System` and wants the actors in it | [`actors::start`] |
//!
//! All of them take a [`config::Config`], made by [`Config::builder`](config::Config::builder) or, as the command does it, by
//! [`Config::resolve`](config::Config::resolve); all of them give the stream of [`model::RunEvent`]s and at the end one
//! [`model::Verdict`]. Runs in one process share nothing. The library installs no signal handler and no logger and writes nothing
//! to stdout; it logs through `log`.
//!
//! A program that can not call [`agent::serve_if_asked`] first in its `main` names an installed command as its agent:
//!
//! ```
//! use callsheet::config::Config;
//! use callsheet::launch::AgentCommand;
//!
//! let agent = AgentCommand::Program("callsheet".into(), vec!["agent".into()]);
//! let config = Config::builder().agent(agent).build()?;
//! # Ok::<(), callsheet::config::ConfigError>(())
//! ```
//!
//! # Layout
//! * [`actors`]: the conversation of session, supervisor, scheduler, hosts, workers and reporters.
//! * [`schedule`], [`session`], [`supervise`]: the rules they follow, pure.
//! * [`wire`], [`launch`], [`agent`], [`worker`]: the way to the processes that run tests.
//! * [`report`]: what people and machines read.
//! * [`history`]: what is remembered of past runs.

/// The programs in the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[path = "../actors/mod.rs"]
pub mod actors;
pub mod adapters;
pub mod agent;
pub mod config;
pub mod exit;
pub mod history;
pub mod launch;
pub mod model;
pub mod report;
mod run;
pub mod schedule;
pub mod select;
pub mod session;
pub mod supervise;
pub mod wire;
pub mod worker;

pub use actors::{RunError, Stopper, Subscriber};
pub use run::{Run, RunHandle, run};
