//! `worksteal`: an even split; idle workers take from the longest queue (xdist:
//! `WorkStealingScheduling`).

use crate::model::{Dist, WorkerId};
use crate::schedule::{Move, Policy, View};

/// Everything is handed out at the start, in even consecutive parts; a worker without work takes
/// the second half of the longest queue.
///
/// Any number of steals may be under way. A worker does not ask for more while each idle worker
/// will get one of the tests that are on their way back.
pub(in crate::schedule) struct WorkSteal;

impl Policy for WorkSteal {
    fn name(&self) -> &str {
        Dist::WorkSteal.class()
    }

    fn refill(&mut self, worker: WorkerId, last: Option<f64>, view: &View<'_>) -> Vec<Move> {
        let idle = view.idle_len().max(1);
        // What a far worker is given or takes reaches it when it has run what it still has.
        if view.load(worker) > view.tests_on_the_way(worker, last) {
            return Vec::new();
        }
        if view.waiting_len() > 0 {
            let share = (view.waiting_len() / idle).max(1);
            return vec![Move::give(worker, view.waiting().take(share))];
        }
        if view.coming_back_len() >= idle {
            return Vec::new();
        }
        match view.busiest() {
            // The first of two has begun or is about to.
            Some((victim, load)) if load >= 2 && victim != worker => {
                let mut tests: Vec<_> = view.queue_backward(victim).take(load / 2).collect();
                tests.reverse();
                vec![Move::take_back(victim, tests)]
            }
            Some(_) | None => Vec::new(),
        }
    }
}
