//! Tests that are run again: whether a failure is final, and what is known of each attempt.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Lane, Outcome, Terms, TestIndex, WorkerId};

use super::account::{Account, State};
use super::keeper::Slow;
use super::lane::{Force, lane_id};
use super::scheduler::Phase;
use super::{Decision, Estimates, Scheduler, TestRules};

impl Scheduler {
    /// A report of a running item says that its attempt has failed, and how: whether another attempt will follow, so that this is no
    /// failure of the test yet. Its [`test_ended`](Self::test_ended) says the same, unless the worker dies before it or the run
    /// is stopped.
    pub fn attempt_failed(&mut self, worker: WorkerId, item: u32, outcome: Outcome) -> bool {
        let place = self.locate(worker, item);
        place.is_some_and(|(lane, test)| self.grant(lane, test, outcome))
    }

    /// The wait of a test before its next attempt is over; see [`Decision::Retried`].
    pub fn retry_due(&mut self, lane: Lane, index: TestIndex) -> Vec<Decision> {
        let (mut out, lane) = (Vec::new(), lane.0 as usize);
        let force = self.tracks.get_mut(lane).and_then(|track| track.force.as_mut());
        if let (Some(force), Phase::Running) = (force, &self.phase)
            && force.account.state(index.0) == Some(State::Kept)
        {
            force.keeper.line_up(index.0);
            self.settle(lane, &mut out);
        }
        out
    }

    /// Whether one more attempt may follow the one under way, which is then counted.
    fn grant(&mut self, lane: usize, test: u32, outcome: Outcome) -> bool {
        let retry = self.rules.retry;
        let is_crash = matches!(outcome, Outcome::Crashed | Outcome::TimedOut);
        if self.phase != Phase::Running || is_crash && !retry.crashed {
            return false;
        }
        let spent = self.granted >= self.budget();
        let Some(Force { keeper, .. }) = &mut self.tracks[lane].force else {
            return false;
        };
        let care = keeper.care(test);
        if care.is_some_and(|care| care.failing) {
            return true;
        }
        let retries = care.and_then(|care| care.retries).unwrap_or(retry.retries);
        if care.map_or(1, |care| care.attempt) > retries {
            return false;
        }
        if spent {
            self.budget_hit = true;
            return false;
        }
        keeper.set_failing(test, true);
        self.granted += 1;
        true
    }

    fn budget(&self) -> u32 {
        let forces = self.tracks.iter().filter_map(|track| track.force.as_ref());
        self.rules.retry.budget(forces.map(|force| force.account.len()).sum())
    }

    /// Whether any test may be run again.
    pub(super) fn retries_are_left(&self) -> bool {
        (self.rules.retry.retries > 0 || self.some_retries) && self.granted < self.budget()
    }

    /// An attempt is over, and with it the test, unless another attempt follows: then it is kept for that.
    pub(super) fn try_again(
        &mut self,
        worker: WorkerId,
        lane: usize,
        test: u32,
        outcome: Outcome,
        out: &mut Vec<Decision>,
    ) -> bool {
        if self.rules.retry.retries == 0 && !self.some_retries {
            return false;
        }
        let failed = matches!(
            outcome,
            Outcome::Failed | Outcome::Error | Outcome::Crashed | Outcome::TimedOut
        );
        let again = failed && self.grant(lane, test, outcome);
        let Some(Force { keeper, account, .. }) = &mut self.tracks[lane].force else {
            return false;
        };
        let granted = keeper.set_failing(test, false);
        if !again {
            self.granted -= u32::from(granted);
            if failed && self.budget_hit && !std::mem::replace(&mut self.budget_told, true) {
                out.push(Decision::BudgetSpent { retries: self.granted });
            }
            return false;
        }
        let retries = self.rules.retry.retries;
        let care = keeper.take_care(test);
        let attempt = care.attempt;
        care.attempt += 1;
        care.alone = false;
        care.last = Some((worker, outcome));
        // Where not every host will do, a worker is not waited for that has run nothing.
        let is_choosy = care.needs().is_choosy();
        let is_last = care.attempt > care.retries.unwrap_or(retries);
        care.fresh = is_last && !self.without_fresh && !is_choosy;
        account.reopen(test);
        let delay = self.rules.retry.wait(attempt, lane_id(lane).0, test);
        if delay.is_zero() {
            keeper.line_up(test);
        }
        out.push(Decision::Retried {
            worker,
            lane: lane_id(lane),
            index: TestIndex(test),
            test: self.test_name(lane, test),
            outcome,
            attempt,
            delay,
        });
        // All may have been told to finish, since no failure was to be expected any more.
        self.tracks[lane].done = false;
        self.roster.change(worker, |member| member.recycled |= member.finished);
        true
    }

    /// A worker begins a test.
    pub(super) fn attempt_begins(&mut self, worker: WorkerId, lane: usize, test: u32) {
        let before = self.roster.change(worker, |member| {
            member.begun = member.begun.saturating_add(1);
            member.begun
        });
        let force = self.tracks[lane].force.as_mut();
        let Some(care) = force.and_then(|force| force.keeper.care_mut(test)) else {
            return;
        };
        care.alone = care.attempt > 1 && before == Some(1);
        if care.promised_to.take() == Some(worker) {
            self.ledger.begin(worker);
        }
    }

    /// After what time in it a worker's item is to be told to be slow, if ever.
    pub fn slow_after(&self, worker: WorkerId, item: u32) -> Option<Duration> {
        let own = || {
            let (lane, test) = self.locate(worker, item)?;
            self.tracks[lane].force.as_ref()?.keeper.care(test)?.slow.map(|slow| slow.0)
        };
        own().unwrap_or(self.rules.slow)
    }

    /// Which attempt at a test is the latest, and whether it was the first thing that its worker ran.
    pub(super) fn attempt(&self, lane: usize, test: u32) -> (u32, bool) {
        let force = self.tracks[lane].force.as_ref();
        let care = force.and_then(|force| force.keeper.care(test));
        care.map_or((1, false), |care| (care.attempt, care.alone))
    }

    /// How a test ends that was to be run again and is not: as its last attempt did.
    pub(super) fn last_end(&self, lane: usize, test: u32) -> Option<Decision> {
        let care = self.tracks[lane].force.as_ref()?.keeper.care(test)?;
        let (worker, outcome) = care.last?;
        Some(Decision::Finished {
            worker,
            lane: lane_id(lane),
            index: TestIndex(test),
            test: self.test_name(lane, test),
            outcome,
            attempt: care.attempt - 1,
            alone: false,
        })
    }

    /// Tests are new to the run: those that need something are kept back, those that can never have it are not run.
    pub(super) fn look_after(&mut self, lane: usize, tests: Range<u32>, out: &mut Vec<Decision>) {
        let Some(Force { tests: known, account, keeper, .. }) = &mut self.tracks[lane].force else {
            return;
        };
        let items = known.items().get(tests.start as usize..tests.end as usize).unwrap_or_default();
        let mut hopeless: Vec<(u32, Arc<str>)> = Vec::new();
        for (test, item) in tests.clone().zip(items) {
            let rules = self.rules.of_test.as_ref().map(|rules_of| rules_of(item));
            let rules = rules.filter(|rules| *rules != TestRules::default());
            if rules.is_none() && !item.has_needs() {
                continue;
            }
            let needs = match self.ledger.needs(item, rules.as_ref()) {
                Ok(needs) => needs,
                Err(why) => {
                    hopeless.push((test, why.into()));
                    continue;
                }
            };
            let care = keeper.take_care(test);
            if let Some(rules) = rules {
                care.retries = rules.retries;
                care.slow = rules.slow.map(Slow);
                care.first_terms =
                    Terms { timeout: rules.timeout, alone: rules.alone, ..Terms::default() };
                self.some_retries |= rules.retries.is_some_and(|retries| retries > 0);
            }
            if needs.is_some() && account.keep_back(test) {
                care.needs = needs;
                keeper.line_up(test);
            }
        }
        for (test, why) in hopeless {
            if self.account(lane).is_some_and(|account| account.give_up(test)) {
                self.not_run(lane, test, &why, true, out);
            }
        }
        self.mind_time_of(lane, tests, out);
    }

    /// Whether the tests of a file are given one by one when they are made, because what they are expected to take, which
    /// the worker is to be told, says how many share a process, or because one of them does not fit into what is left of the time.
    pub(super) fn tells_of_tests_in(&self, lane: usize, file: u32) -> bool {
        let is_estimated = |estimates: &Estimates| {
            let files = self.tracks[lane].force.as_ref().and_then(|force| force.tests.files());
            let listed = files.and_then(|files| files.listing().get(file as usize));
            listed.is_some_and(|file| estimates.file(&file.id).is_some())
        };
        self.is_file_late(lane, file) || self.rules.estimates.as_deref().is_some_and(is_estimated)
    }

    /// Of tests that wait again, those that are not the policy's are kept back again and taken from the list.
    pub(super) fn take_in_kept(&mut self, lane: usize, tests: &mut Vec<TestIndex>) {
        let Some(Force { account, keeper, .. }) = &mut self.tracks[lane].force else {
            return;
        };
        if keeper.is_empty() {
            return;
        }
        let ledger = &mut self.ledger;
        tests.retain(|test| {
            let Some(care) = keeper.care_mut(test.0).filter(|care| care.is_kept_back()) else {
                return true;
            };
            if let Some(worker) = care.promised_to.take() {
                ledger.give_back(worker);
            }
            if account.keep_back(test.0) {
                keeper.line_up(test.0);
            }
            false
        });
    }

    /// Whether tests of a lane may still have to be given to somebody, although none waits.
    pub(super) fn may_come_back(&self, force: &Force) -> bool {
        let Force { account, keeper, .. } = force;
        account.kept() > 0 || keeper.failing() > 0 || account.calls() > 0 && self.retries_are_left()
    }

    /// Whether a lane has something for one worker more.
    pub(super) fn wants_more(&self, lane: usize) -> bool {
        let Some(force) = &self.tracks[lane].force else {
            return false;
        };
        let Force { account, keeper, .. } = force;
        let taken = self.takers(account).next().is_some();
        let is_one_at_a_time = keeper.has_ready() && !keeper.has_ready_beside_others();
        account.unbegun() > 0
            || force.files_open() > 0
            || (account.kept() > 0 || keeper.failing() > 0) && !(taken && is_one_at_a_time)
    }

    /// The workers of a lane that can be given something.
    pub(super) fn takers<'a>(
        &'a self,
        account: &'a Account,
    ) -> impl Iterator<Item = WorkerId> + use<'a> {
        account
            .workers()
            .filter(|worker| self.roster.get(*worker).is_some_and(|member| !member.finished))
    }
}
