//! Tells of tests that still run and have been running for longer than a test should.

use std::time::Instant;

use actix::{AsyncContext, Context};

use super::SchedulerActor;
use crate::model::{RunEvent, WorkerId};

impl SchedulerActor {
    /// A worker has begun an item: from now on the time counts after which it is slow.
    pub(super) fn time_begins(&mut self, worker: WorkerId, item: u32) {
        if let Some(limit) = self.core.slow_after(worker, item)
            && let Some(at) = self.slow.begins(worker, item, limit, Instant::now())
        {
            self.look_at = Some(at);
        }
    }

    /// Looks for slow tests then, and at no time that was planned before.
    pub(super) fn look_for_slow(&mut self, at: Instant, context: &mut Context<Self>) {
        if let Some(planned) = self.look.take() {
            context.cancel_future(planned);
        }
        let wait = at.saturating_duration_since(Instant::now());
        self.look = Some(context.run_later(wait, |actor, context| {
            actor.look = None;
            let (slow, again) = actor.slow.look(Instant::now());
            for (worker, item, time) in slow {
                if let Some((_, _, test)) = actor.core.name(worker, item) {
                    let seconds = time.as_secs_f64();
                    actor.publish(RunEvent::TestSlow { worker, test, seconds });
                }
            }
            if let Some(at) = again {
                actor.look_for_slow(at, context);
            }
        }));
    }
}
