//! What workers say of tests: begun, ran, over, taken back.

use crate::model::{Outcome, TestIndex, WorkerId};

use super::roster::{Member, Stage};
use super::scheduler::Phase;
use super::{Decision, ScheduleError, Scheduler};

impl Scheduler {
    /// A worker began an item.
    pub fn test_started(&mut self, worker: WorkerId, item: u32) -> Vec<Decision> {
        self.step(worker, item, "started", |scheduler, lane, test, out| {
            if !scheduler.account(lane)?.start(worker, test) {
                return None;
            }
            let (lane_id, index, name) = scheduler.name(worker, item)?;
            scheduler.attempt_begins(worker, lane, test);
            out.push(Decision::Started { worker, lane: lane_id, index, test: name });
            scheduler.recycle_after_this(worker, lane, out);
            scheduler.settle(lane, out);
            Some(())
        })
    }

    /// The call of an item is over after `duration` seconds, its teardown may wait to know what
    /// comes next (seed: `remove_item`). At most once a test; [`test_ended`](Self::test_ended)
    /// implies it.
    pub fn test_ran(&mut self, worker: WorkerId, item: u32, duration: f64) -> Vec<Decision> {
        self.step(worker, item, "ran", |scheduler, lane, test, out| {
            if !scheduler.account(lane)?.ran(worker, test) {
                return None;
            }
            scheduler.refill(lane, worker, Some(duration), out);
            scheduler.settle(lane, out);
            Some(())
        })
    }

    /// All phases of an item are over; `duration` is the seconds of its set-up and call.
    pub fn test_ended(
        &mut self,
        worker: WorkerId,
        item: u32,
        outcome: Outcome,
        duration: f64,
    ) -> Vec<Decision> {
        self.step(worker, item, "ended", |scheduler, lane, test, out| {
            let account = scheduler.account(lane)?;
            let first_word = account.ran(worker, test);
            if !account.end(worker, test) {
                return None;
            }
            let (lane_id, index, name) = scheduler.name(worker, item)?;
            scheduler.ledger.end(worker);
            if !scheduler.try_again(worker, lane, test, outcome, out) {
                scheduler.remaining -= 1;
                let (attempt, alone) = scheduler.attempt(lane, test);
                let end = Decision::Finished {
                    worker,
                    lane: lane_id,
                    index,
                    test: name,
                    outcome,
                    attempt,
                    alone,
                };
                // What an attempt came to stands, where the next one comes to nothing.
                let last = || scheduler.last_end(lane, test).filter(|_| outcome == Outcome::NotRun);
                out.push(last().unwrap_or(end));
            }
            scheduler.recycle_after(worker, lane, outcome, out);
            if first_word {
                scheduler.refill(lane, worker, Some(duration), out);
            }
            scheduler.settle(lane, out);
            Some(())
        })
    }

    /// The answer to the oldest [`Decision::Withdraw`] of a worker: these items and files were taken back;
    /// what else was asked for has begun or will begin there.
    pub fn withdrawn(&mut self, worker: WorkerId, items: &[u32], files: &[u32]) -> Vec<Decision> {
        let lane = match self.roster.get(worker) {
            None => return vec![Decision::Fault(ScheduleError::UnknownWorker(worker))],
            Some(member) if self.is_late(member) => return Vec::new(),
            Some(member) => member.lane.filter(|_| member.places.is_some()),
        };
        let mut out = Vec::new();
        let Some(lane) = lane else {
            out.push(Decision::Fault(ScheduleError::OutOfTurn { worker, step: "withdrawn" }));
            return out;
        };
        let mut returned = Vec::new();
        for item in items {
            let test = self.locate(worker, *item).map(|(_, test)| test);
            let account = self.account(lane);
            if let (Some(test), Some(account)) = (test, account)
                && account.put_back(worker, test)
            {
                returned.push(TestIndex(test));
            } else {
                out.push(Decision::Fault(ScheduleError::NotFollowing {
                    worker,
                    item: *item,
                    step: "withdrawn",
                }));
            }
        }
        let returned_files = self.files_withdrawn(worker, lane, files, &mut returned, &mut out);
        let asked = self.roster.change(worker, |member| member.recalls.pop_front());
        let asked = asked.flatten().unwrap_or_default();
        if let Some(force) = &mut self.tracks[lane].force {
            for test in asked.tests {
                force.account.keep(worker, test.0);
            }
            if let Some(known) = force.tests.files_mut() {
                asked.files.iter().for_each(|file| known.keep(worker, *file));
            }
        }
        self.came_back(lane, &returned, &returned_files, &mut out);
        out
    }

    fn step(
        &mut self,
        worker: WorkerId,
        item: u32,
        step: &'static str,
        act: impl FnOnce(&mut Self, usize, u32, &mut Vec<Decision>) -> Option<()>,
    ) -> Vec<Decision> {
        match self.roster.get(worker) {
            None => return vec![Decision::Fault(ScheduleError::UnknownWorker(worker))],
            Some(member) if self.is_late(member) => return Vec::new(),
            Some(_) => {}
        }
        let Some((lane, test)) = self.locate(worker, item) else {
            return vec![Decision::Fault(ScheduleError::UnknownItem { worker, item })];
        };
        let mut out = Vec::new();
        if act(self, lane, test, &mut out).is_none() {
            out.push(Decision::Fault(ScheduleError::NotFollowing { worker, item, step }));
        }
        out
    }

    /// Whether a worker's message about a test has come too late to matter.
    pub(super) fn is_late(&self, member: &Member) -> bool {
        member.stage == Stage::Down || self.phase == Phase::Closed
    }
}
