//! Tells the core how much is left of the run's time, with each piece of news and whenever another test no longer fits into it.

use std::time::{Duration, Instant};

use actix::{AsyncContext, Context, SpawnHandle};

use super::SchedulerActor;
use crate::model::RunEvent;

/// The least time between two looks that no news calls for: tests of nearly equal length are seen to together.
const APART: Duration = Duration::from_millis(100);

/// The end of the run's time, and when it is looked at next.
#[derive(Debug, Default)]
pub(super) struct Limit {
    until: Option<Instant>,
    look: Option<(Instant, SpawnHandle)>,
    told: bool,
}

impl SchedulerActor {
    /// With a time from which on nothing new is begun.
    pub(in super::super) fn until(mut self, until: Option<Instant>) -> Self {
        self.limit.until = until;
        self
    }

    /// What is left of the time is told to the core, and what it leaves out to people.
    pub(super) fn mind_time(&mut self, context: &mut Context<Self>) {
        let Some(until) = self.limit.until else { return };
        let left = until.saturating_duration_since(Instant::now());
        let decisions = self.core.time_left(left);
        if !decisions.is_empty() {
            self.carry_out(decisions, None);
            self.plan_for_time(context);
        }
        if self.core.left_out_for_time() > 0 && !std::mem::replace(&mut self.limit.told, true) {
            let left = Duration::from_secs(left.as_secs());
            let text = format!(
                "the time limit of the allocation is near: tests that are known to take longer than what is left ({}) are not begun",
                humantime::format_duration(left)
            );
            self.publish(RunEvent::Notice(text));
        }
    }

    /// Looks again when the next test no longer fits.
    pub(super) fn plan_for_time(&mut self, context: &mut Context<Self>) {
        let (Some(until), Some(fits)) = (self.limit.until, self.core.fits_until()) else { return };
        // Later than the end of time is never.
        let Some(at) = until.checked_sub(fits).and_then(|at| at.checked_add(APART)) else { return };
        if self.limit.look.is_some_and(|(planned, _)| planned == at) {
            return;
        }
        if let Some((_, planned)) = self.limit.look.take() {
            context.cancel_future(planned);
        }
        let wait = at.saturating_duration_since(Instant::now());
        let look = context.run_later(wait, |actor, context| {
            actor.limit.look = None;
            actor.mind_time(context);
            actor.plan_for_time(context);
        });
        self.limit.look = Some((at, look));
    }
}
