//! Workers that make way for fresh ones between two tests.

use std::sync::Arc;

use crate::model::{Outcome, WorkerId};

use super::scheduler::Phase;
use super::{Decision, Scheduler};

impl Scheduler {
    /// A worker is to make way for a fresh one, for this reason: what it has not begun is withdrawn, and it finishes after the
    /// test that it runs. Nothing happens where a fresh one would find nothing to do.
    ///
    /// The caller starts a replacement when the worker is down, if [`was_recycled`](Self::was_recycled) and
    /// [`has_use_for_replacement_of`](Self::has_use_for_replacement_of) say so, and tells of it as of any.
    pub fn recycle(&mut self, worker: WorkerId, reason: &str) -> Vec<Decision> {
        let mut out = Vec::new();
        let lane = self.roster.get(worker).and_then(|member| member.lane);
        if let Some(lane) = lane.filter(|lane| self.is_worth_recycling(worker, *lane)) {
            self.make_way(worker, lane, reason.into(), &mut out);
        }
        out
    }

    /// Whether a worker makes or made way for a fresh one.
    pub fn was_recycled(&self, worker: WorkerId) -> bool {
        self.roster.get(worker).is_some_and(|member| member.recycled)
    }

    /// A worker begins a test: it makes way after it if that is the last one that it is to run. Said as early as that, it has
    /// not begun many more before it hears of it, however quick they are.
    pub(super) fn recycle_after_this(
        &mut self,
        worker: WorkerId,
        lane: usize,
        out: &mut Vec<Decision>,
    ) {
        let Some(after) = self.rules.recycle.after else {
            return;
        };
        let begun = self.roster.get(worker).map_or(0, |member| member.begun);
        if begun >= after && self.is_worth_recycling(worker, lane) {
            let plural = if begun == 1 { "" } else { "s" };
            self.make_way(worker, lane, format!("it has run {begun} test{plural}").into(), out);
        }
    }

    /// A test is over: its worker makes way if the test failed and the rules of the run say so.
    pub(super) fn recycle_after(
        &mut self,
        worker: WorkerId,
        lane: usize,
        outcome: Outcome,
        out: &mut Vec<Decision>,
    ) {
        let failed = outcome.is_bad() && outcome != Outcome::NotRun;
        if self.rules.recycle.failed && failed && self.is_worth_recycling(worker, lane) {
            self.make_way(worker, lane, "a test failed in it".into(), out);
        } else {
            // What was not worth it when the test began may be now.
            self.recycle_after_this(worker, lane, out);
        }
    }

    /// Whether there is more left than those who have nothing to do could take.
    fn is_worth_recycling(&self, worker: WorkerId, lane: usize) -> bool {
        let (Some(force), Phase::Running) = (&self.tracks[lane].force, &self.phase) else {
            return false;
        };
        let account = &force.account;
        let idle = account.idle() - usize::from(account.load(worker) == Some(0));
        let left = account.unbegun() + account.kept() + force.files_open();
        account.has(worker)
            && left > idle
            && self.roster.get(worker).is_some_and(|member| !member.finished)
    }

    pub(super) fn make_way(
        &mut self,
        worker: WorkerId,
        lane: usize,
        reason: Arc<str>,
        out: &mut Vec<Decision>,
    ) {
        if let Some(account) = self.account(lane) {
            account.exclude(worker);
        }
        let back = self.withdraw_from(worker, lane, out);
        self.roster.change(worker, |member| member.recycled = true);
        self.finish(worker, out);
        out.push(Decision::Recycled { worker, reason });
        self.came_back(lane, &back, &[], out);
    }

    /// A worker has no successor. If it made way and there is something to do, nothing waits for a fresh one any more.
    pub(super) fn no_successor(&mut self, worker: WorkerId, lane: usize, out: &mut Vec<Decision>) {
        if self.phase != Phase::Running {
            return;
        }
        if self.was_recycled(worker) && self.wants_more(lane) {
            self.without_fresh = true;
            for track in &mut self.tracks {
                if let Some(force) = &mut track.force {
                    force.keeper.forget_fresh();
                }
            }
        }
        // Something may have waited for what would come.
        self.settle(lane, out);
    }
}
