//! `each`: every worker runs every test (seed: `EachScheduling`).

use crate::model::{Dist, WorkerId};
use crate::schedule::{Lanes, Move, Policy, View};

/// All that waits in a lane goes to its worker at once: everything at the start, and to a
/// replacement exactly what its predecessor left (seed: `removed2pending`).
pub(in crate::schedule) struct Each;

impl Policy for Each {
    fn name(&self) -> &str {
        Dist::Each.class()
    }

    fn lanes(&self) -> Lanes {
        Lanes::Own
    }

    fn refill(&mut self, worker: WorkerId, _last: Option<f64>, view: &View<'_>) -> Vec<Move> {
        vec![Move::give(worker, view.waiting())]
    }
}
