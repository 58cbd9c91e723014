//! A host that is lost: no test is to blame, so what its workers had begun is run again, though not without end.

use std::collections::HashMap;

use crate::model::{TestIndex, WorkerId};

use super::files::Files;
use super::lane::lane_id;
use super::roster::Stage;
use super::scheduler::Phase;
use super::{Decision, Scheduler};

/// How many hosts may be lost while they run a test, or make the tests of a file, before nobody is given it again: it may be
/// what takes them down.
const LOST_HOSTS: u32 = 2;

/// How often hosts were lost with what they had begun.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// By lane and test.
    tests: HashMap<(usize, u32), u32>,
    /// By lane and file.
    files: HashMap<(usize, u32), u32>,
}

fn count(losses: &mut HashMap<(usize, u32), u32>, lane: usize, number: u32) -> u32 {
    let times = losses.entry((lane, number)).or_default();
    *times += 1;
    *times
}

impl Scheduler {
    /// The worker's host is lost, and the worker with it. `running` is the item that it said it had begun and not that it is
    /// over. That test waits again, as all that the worker held; one that was lost with two hosts is not run any more, and so
    /// is a file whose tests were being made. Where the run has been stopped, nothing is run again. To be followed up as [`worker_down`](Self::worker_down) is.
    pub fn worker_lost(&mut self, worker: WorkerId, running: Option<u32>) -> Vec<Decision> {
        let told = running.and_then(|item| self.locate(worker, item));
        let lane = match self.strike_off(worker) {
            Ok(lane) => lane,
            Err(answer) => return answer,
        };
        let mut out = Vec::new();
        let left =
            self.account(lane).map(|account| account.leave(worker, told.map(|(_, test)| test)));
        if let Some(left) = left {
            let mut returned: Vec<TestIndex> = left.returned.into_iter().map(TestIndex).collect();
            for test in left.begun {
                returned.extend(self.lose_test(worker, lane, test, &mut out));
            }
            let files = self.lose_files(worker, lane, &mut out);
            if !(returned.is_empty() && files.is_empty()) {
                self.open_again(lane);
            }
            self.came_back(lane, &returned, &files, &mut out);
        }
        self.give_up_lane(worker, lane, &mut out);
        self.try_begin(&mut out);
        self.place_all_kept(&mut out);
        out
    }

    /// There is more to be begun in a lane than there seemed to be. Those that were told to finish are not to be had back, but
    /// others may come.
    fn open_again(&mut self, lane: usize) {
        self.tracks[lane].done = false;
        let members = self.roster.iter().filter(|(_, member)| member.finished);
        let finished: Vec<_> = members.map(|(worker, _)| worker).collect();
        if let Some(account) = self.account(lane) {
            for worker in finished {
                account.exclude(worker);
            }
        }
    }

    /// Whether tests wait and nobody that is there can be given them.
    pub fn is_stranded(&self) -> bool {
        let waits = |lane: &super::lane::Track| {
            lane.force.as_ref().is_some_and(|force| {
                force.account.waiting_len() > 0
                    || force.tests.files().is_some_and(|files| files.waiting_len() > 0)
            })
        };
        let can_take = |stage: Stage| matches!(stage, Stage::Collecting | Stage::Collected);
        self.tracks.iter().any(waits)
            && !self.roster.iter().any(|(_, member)| can_take(member.stage) && !member.finished)
    }

    fn lose_test(
        &mut self,
        worker: WorkerId,
        lane: usize,
        test: u32,
        out: &mut Vec<Decision>,
    ) -> Option<TestIndex> {
        // It has not failed, and the attempt that was granted for that is not needed.
        let force = self.tracks[lane].force.as_mut();
        let granted = force.is_some_and(|force| force.keeper.set_failing(test, false));
        self.granted -= u32::from(granted);
        let times = count(&mut self.losses.tests, lane, test);
        let (index, name) = (TestIndex(test), self.test_name(lane, test));
        let is_over = !matches!(self.phase, Phase::Running);
        if times < LOST_HOSTS && !is_over {
            self.account(lane)?.revive(test);
            out.push(Decision::Lost { worker, lane: lane_id(lane), index, test: name, times });
            return Some(index);
        }
        self.remaining -= 1;
        let reason = if is_over {
            "its host was lost while it ran, and the run was ending".into()
        } else {
            format!("{times} hosts were lost while they ran it").into()
        };
        let lane = lane_id(lane);
        out.push(Decision::NotRun { lane, index, test: name, reason, lost: true });
        None
    }

    /// The files that wait again.
    fn lose_files(&mut self, worker: WorkerId, lane: usize, out: &mut Vec<Decision>) -> Vec<u32> {
        let Some(left) = self.files(lane).map(|files| files.leave_unblamed(worker)) else {
            return Vec::new();
        };
        let mut returned = left.returned;
        if let Some(file) = left.begun
            && returned.contains(&file)
            && count(&mut self.losses.files, lane, file) >= LOST_HOSTS
            && let Some(files) = self.files(lane)
        {
            returned.retain(|known| *known != file);
            files.give_up_waiting(file);
            out.push(Decision::FileNotRun {
                file: files.listing()[file as usize].id.clone(),
                reason: format!("{LOST_HOSTS} hosts were lost while they collected it").into(),
                lost: true,
            });
        }
        returned
    }
}

impl Files {
    /// A file that waits is given up.
    fn give_up_waiting(&mut self, file: u32) {
        if self.is_waiting(file) {
            self.give_up(file);
        }
    }
}
