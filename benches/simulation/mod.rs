//! A run without processes: the real scheduler and the real policies, workers that only let a clock run on.
//!
//! Discrete events in whole nanoseconds and a random generator of its own, so that the same input always gives the same result:
//! `benches/simulate.rs` prints tables of it, `tests/it/benches.rs` holds limits.

mod clock;
mod plan;
mod rivals;
mod shapes;
mod world;

pub(crate) use plan::{Layout, Plan, Test};
pub(crate) use rivals::{RIVALS, Rival};
pub(crate) use shapes::SHAPES;
pub(crate) use world::{Network, simulate};
