//! The end of dispatch before the last test, and the terminal state of what nobody will run.

use std::sync::Arc;

use crate::model::{TestIndex, WorkerId};

use super::account::{Account, State};
use super::lane::lane_id;
use super::roster::Stage;
use super::scheduler::Phase;
use super::{Decision, Lanes, Scheduler};

impl Scheduler {
    /// Dispatch ends (`maxfail`, an interrupt): what has not begun is withdrawn and becomes
    /// [`Decision::NotRun`] with this reason, nothing lost; running tests end as usual. Every
    /// worker is told to finish, one that comes later at once. Only the first reason counts.
    pub fn stop(&mut self, reason: Arc<str>) -> Vec<Decision> {
        let mut out = Vec::new();
        match self.phase {
            Phase::Collecting | Phase::Running => {}
            Phase::Stopped(_) | Phase::Closed => return out,
        }
        // Commands first: no worker is to begin another test while the account is published.
        for lane in 0..self.tracks.len() {
            self.withdraw_all(lane, &mut out);
        }
        self.finish_all(&mut out);
        for lane in 0..self.tracks.len() {
            self.write_off(lane, &reason, false, &mut out);
        }
        self.phase = Phase::Stopped(reason);
        out
    }

    fn withdraw_all(&mut self, lane: usize, out: &mut Vec<Decision>) {
        let Some(force) = &mut self.tracks[lane].force else {
            return;
        };
        let workers: Vec<WorkerId> = force.account.workers().collect();
        for worker in workers {
            let mut tests: Vec<u32> = force.account.held_backward(worker).collect();
            tests.reverse();
            if tests.is_empty() {
                continue;
            }
            self.roster.change(worker, |member| {
                for test in &tests {
                    force.account.recall(worker, *test);
                }
                let tests: Vec<TestIndex> = tests.iter().copied().map(TestIndex).collect();
                let places = member.places.as_ref();
                let items =
                    places.map(|places| tests.iter().map(|test| places.item(*test)).collect());
                out.extend(items.map(|items| Decision::Withdraw { worker, items }));
                member.recalls.push_back(tests);
            });
        }
    }

    /// No worker is left, or none will answer any more: whatever has no terminal state becomes
    /// [`Decision::NotRun`]. It is lost, for this reason, unless it had not begun when the run was
    /// stopped. After that nothing is decided but `Finish` for a worker that arrives.
    pub fn close(&mut self, reason: Arc<str>) -> Vec<Decision> {
        let unbegun = match &self.phase {
            Phase::Stopped(why) => (why.clone(), false),
            Phase::Collecting | Phase::Running => (reason.clone(), true),
            Phase::Closed => return Vec::new(),
        };
        let begun = (reason, true);
        self.phase = Phase::Closed;
        self.classes.clear();
        let mut out = Vec::new();
        for lane in 0..self.tracks.len() {
            for (test, state) in self.open_tests(lane) {
                let (why, lost) = match state {
                    State::Waiting | State::Held | State::Recalled => &unbegun,
                    State::Running | State::Ran | State::Over => &begun,
                };
                self.not_run(lane, test, why, *lost, &mut out);
            }
        }
        out
    }

    fn open_tests(&self, lane: usize) -> Vec<(u32, State)> {
        self.tracks[lane].force.as_ref().map_or_else(Vec::new, |force| {
            (0..)
                .map_while(|test| Some((test, force.account.state(test)?)))
                .filter(|(_, state)| *state != State::Over)
                .collect()
        })
    }

    /// Under `each`, what waits in the lane of a worker that is gone and gets no successor is lost.
    pub(super) fn give_up_lane(&mut self, worker: WorkerId, lane: usize, out: &mut Vec<Decision>) {
        let owned = self.tracks[lane].owner.as_ref().is_some_and(|(owner, _)| *owner == worker);
        let Some(member) = self.roster.get(worker).filter(|_| owned) else {
            return;
        };
        let gone = match member.stage {
            Stage::Expected | Stage::TurnedAway | Stage::Down => true,
            Stage::Collecting | Stage::Collected => false,
        };
        if let (Lanes::Own, Phase::Running, true, Some(reason)) =
            (self.lanes, &self.phase, gone, member.abandoned.clone())
        {
            self.write_off(lane, &reason, true, out);
        }
    }

    /// All that waits in a lane gets its terminal state.
    pub(super) fn write_off(
        &mut self,
        lane: usize,
        reason: &Arc<str>,
        lost: bool,
        out: &mut Vec<Decision>,
    ) {
        let tests = self.account(lane).map(Account::write_off);
        for test in tests.unwrap_or_default() {
            self.not_run(lane, test, reason, lost, out);
        }
    }

    fn not_run(
        &mut self,
        lane: usize,
        test: u32,
        reason: &Arc<str>,
        lost: bool,
        out: &mut Vec<Decision>,
    ) {
        self.remaining -= 1;
        out.push(Decision::NotRun {
            lane: lane_id(lane),
            index: TestIndex(test),
            test: self.test_name(lane, test),
            reason: reason.clone(),
            lost,
        });
    }
}
