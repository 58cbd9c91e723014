//! The end of dispatch before the last test, and the terminal state of what nobody will run.

use std::sync::Arc;

use crate::model::{TestIndex, WorkerId};

use super::account::{Account, State};
use super::files::Files;
use super::lane::{Force, lane_id};
use super::places::Streamed;
use super::roster::{Recall, Stage};
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
        let account = self.tracks[lane].force.as_ref().map(|force| &force.account);
        let workers: Vec<WorkerId> = account.into_iter().flat_map(Account::workers).collect();
        for worker in workers {
            self.withdraw_from(worker, lane, out);
        }
    }

    /// All that a worker has not begun is withdrawn, and what it makes is no longer to be run.
    ///
    /// Gives what waits again at once, since the worker could not have begun it yet.
    pub(super) fn withdraw_from(
        &mut self,
        worker: WorkerId,
        lane: usize,
        out: &mut Vec<Decision>,
    ) -> Vec<TestIndex> {
        let mut back = Vec::new();
        if let Some(force) = &mut self.tracks[lane].force {
            let mut tests: Vec<u32> = force.account.held_backward(worker).collect();
            tests.reverse();
            let Force { tests: known, account, .. } = force;
            self.roster.change(worker, |member| {
                let Some(places) = &mut member.places else {
                    return;
                };
                for test in places.streamed_mut().map(Streamed::all_promised).unwrap_or_default() {
                    back.extend(account.put_back(worker, test).then_some(TestIndex(test)));
                }
                let mut recall = Recall::default();
                let mut own_files = Vec::new();
                if let (Some(files), Some(streamed)) = (known.files_mut(), places.streamed()) {
                    recall.files = files.held_backward(worker).collect();
                    recall.files.reverse();
                    recall.files.retain(|file| files.recall(worker, *file));
                    // What is being made is no longer to be run.
                    let unwanted = recall.files.iter().copied().chain(files.making(worker));
                    own_files.extend(unwanted.map(|file| streamed.own_file(file)));
                }
                let mut items = Vec::with_capacity(tests.len());
                for test in tests.iter().copied().map(TestIndex) {
                    account.recall(worker, test.0);
                    items.extend(places.item(test, known.files()));
                    recall.tests.push(test);
                }
                if !(items.is_empty() && own_files.is_empty()) {
                    out.push(Decision::Withdraw { worker, items, files: own_files });
                    member.recalls.push_back(recall);
                }
            });
        }
        back
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
                    State::Waiting | State::Kept | State::Bound | State::Held | State::Recalled => {
                        &unbegun
                    }
                    State::Running | State::Ran | State::Over => &begun,
                };
                self.not_run(lane, test, why, *lost, &mut out);
            }
            let files = self.files(lane).map(Files::write_off_all).unwrap_or_default();
            self.files_not_run(lane, &files, &unbegun.0, unbegun.1, &mut out);
        }
        out
    }

    fn files_not_run(
        &self,
        lane: usize,
        files: &[u32],
        reason: &Arc<str>,
        lost: bool,
        out: &mut Vec<Decision>,
    ) {
        let known = self.tracks[lane].force.as_ref().and_then(|force| force.tests.files());
        let listing = known.map_or(&[][..], Files::listing);
        let of_file = self.rules.of_file.as_ref();
        let unwanted: Arc<str> = "none of their tests is selected".into();
        out.extend(files.iter().map(|file| {
            let file = listing[*file as usize].id.clone();
            // It would have had none of the tests that the stop has cost.
            let is_wanted = lost || of_file.is_none_or(|is_wanted| is_wanted(&file));
            let reason = if is_wanted { reason.clone() } else { unwanted.clone() };
            Decision::FileNotRun { file, reason, lost }
        }));
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

    /// All that waits in a lane gets its terminal state; files that wait are given up.
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
        let files = self.files(lane).map(Files::write_off).unwrap_or_default();
        self.files_not_run(lane, &files, reason, lost, out);
    }

    pub(super) fn not_run(
        &mut self,
        lane: usize,
        test: u32,
        reason: &Arc<str>,
        lost: bool,
        out: &mut Vec<Decision>,
    ) {
        self.remaining -= 1;
        if let Some(last) = self.last_end(lane, test) {
            out.push(last);
            return;
        }
        out.push(Decision::NotRun {
            lane: lane_id(lane),
            index: TestIndex(test),
            test: self.test_name(lane, test),
            reason: reason.clone(),
            lost,
        });
    }
}
