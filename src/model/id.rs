//! Names of the things of a run, as small copyable values.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One worker generation, shown as `gw0`, `gw1`, ….
///
/// A replacement gets the next free number, never its predecessor's, so an id names one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkerId(pub u32);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` so that `{:>4}` lines columns up.
        f.pad(&format!("gw{}", self.0))
    }
}

/// A test by its place in a collection of the run.
///
/// Under `each` every [`Lane`] has a collection of its own and the index counts in that one; in all
/// other modes there is one collection and one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TestIndex(pub u32);

/// One run through the suite: `each` has one a worker asked for, every other mode has lane 0 alone.
///
/// A replacement carries on in the lane of the worker that it replaces.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct Lane(pub u32);
