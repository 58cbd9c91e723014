//! callsheet runs a test suite on many supervised worker processes, and never loses a result.
//!
//! [`run`] and [`Run`] are the front door; [`config::Config`] says what is run and how; [`model::RunEvent`] is what subscribers get.
//! A program that already lives in an actix `System` starts the actors there with [`actors::start`]. A program that embeds
//! callsheet may be its own agent: [`agent::serve_if_asked`] first in its `main`.
//!
//! # Layout
//! * [`actors`]: the conversation of session, supervisor, scheduler, hosts, workers and reporters.
//! * [`schedule`], [`session`], [`supervise`]: the rules they follow, pure.
//! * [`wire`], [`launch`], [`agent`]: the way to the processes that run tests.
//! * [`report`]: what people and machines read.

#[path = "../actors/mod.rs"]
pub mod actors;
pub mod adapters;
pub mod agent;
pub mod config;
pub mod exit;
pub mod launch;
pub mod model;
pub mod report;
mod run;
pub mod schedule;
pub mod session;
pub mod supervise;
pub mod wire;

pub use actors::Subscriber;
pub use run::{Run, RunError, RunHandle, Stopper, run};
