//! What holds for one attempt at a test beside its place in the queue.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an agent and a worker are told of one attempt at a test. The default says nothing, and most tests have just that.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// How many seconds it is expected to take, where that is known and of use.
    pub estimate: Option<f64>,

    /// Whether it is to run in a process of its own.
    pub alone: bool,

    /// Which attempt it is, from 1 up.
    pub attempt: u32,

    /// Its own limit in place of that of all tests; `Some(None)`: it has none.
    pub timeout: Option<Option<Duration>>,
}

impl Terms {
    /// Whether there is nothing to be told.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self { estimate: None, alone: false, attempt: 1, timeout: None }
    }
}

/// Items that a worker is given in one step, by their places in its own collection.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Batch {
    /// The items in the order to run them.
    pub items: Vec<u32>,

    /// The terms of those that have any.
    pub terms: Vec<(u32, Terms)>,

    /// Whether they go before all that the worker has not begun; else behind it.
    pub first: bool,
}

impl From<Vec<u32>> for Batch {
    fn from(items: Vec<u32>) -> Self {
        Self { items, ..Self::default() }
    }
}
