//! The state machine of a run's tests: what happened to workers and tests goes in, decisions come
//! out.
//!
//! This file takes what is said of workers, `progress` what is said of tests; `dispatch` begins the
//! distribution and asks the policy, `ending` stops and closes.

use std::sync::Arc;

use crate::model::{
    Collection, Lane, Outcome, TestFile, TestIndex, TestName, WorkerId, WorkerSpec,
};

use super::account::Account;
use super::lane::{Force, Track, lane_id};
use super::limit::TimeLimit;
use super::loss::Losses;
use super::needs::Ledger;
use super::roster::{Roster, Stage};
use super::{Decision, Lanes, Policy, Rules, ScheduleError};

/// How far the run has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waiting for the collections of all that were asked for.
    Collecting,
    /// Tests are out.
    Running,
    /// Dispatch has ended; running tests end.
    Stopped(Arc<str>),
    /// Every test has its terminal state.
    Closed,
}

/// Who runs what.
///
/// The caller reports each message of a worker in the order that the worker sent them, and carries
/// out the decisions in the order given. Items are places in the worker's *own* collection, in
/// calls and in commands. Messages of a worker that is down are passed over without a word, since
/// they may have been on their way; every other message that does not fit gives a
/// [`Decision::Fault`] and changes nothing.
///
/// Each [`worker_down`](Self::worker_down) of a worker that was not told to finish is to be
/// followed, at any time, by [`worker_expected`](Self::worker_expected) for its replacement or by
/// [`worker_abandoned`](Self::worker_abandoned): until then the start (and its lane, under `each`)
/// waits for it.
pub struct Scheduler {
    pub(super) policy: Box<dyn Policy>,
    pub(super) lanes: Lanes,
    pub(super) roster: Roster,
    pub(super) tracks: Vec<Track>,
    pub(super) phase: Phase,
    /// The different collections that came in while the start waits.
    pub(super) classes: Vec<Collection>,
    /// Tests in force without a terminal state.
    pub(super) remaining: usize,
    /// Whether files are handed out before their tests are known.
    pub(super) streams: bool,
    pub(super) losses: Losses,
    /// How many collections the start waits for, while not all that are to come are in.
    pub(super) enough: Option<usize>,
    pub(super) rules: Rules,
    pub(super) ledger: Ledger,
    pub(super) limit: Option<TimeLimit>,
    /// How many further attempts have been granted.
    pub(super) granted: u32,
    /// A failure is final because the budget was spent.
    pub(super) budget_hit: bool,
    pub(super) budget_told: bool,
    /// Some tests have retries of their own.
    pub(super) some_retries: bool,
    /// What workers have listed that wait for the start.
    pub(super) listings: Vec<(WorkerId, usize, Arc<[TestFile]>)>,
    /// A worker that made way for a fresh one had no successor: nothing waits for one any more.
    pub(super) without_fresh: bool,
}

impl Scheduler {
    /// A scheduler that waits for the collections of these workers (under `each`: with a lane for
    /// each of them).
    pub fn new(policy: Box<dyn Policy>, expected: &[(WorkerId, WorkerSpec)]) -> Self {
        let (lanes, streams) = (policy.lanes(), policy.streams());
        let mut roster = Roster::default();
        let mut tracks = Vec::new();
        match lanes {
            Lanes::Shared => {
                tracks.push(Track::default());
                for (worker, spec) in expected {
                    roster.add(*worker, Some(0), spec.host);
                }
            }
            Lanes::Own => {
                for (worker, spec) in expected {
                    if roster.add(*worker, Some(tracks.len()), spec.host) {
                        tracks.push(Track {
                            owner: Some((*worker, spec.clone())),
                            ..Track::default()
                        });
                    }
                }
            }
        }
        Self {
            policy,
            lanes,
            roster,
            tracks,
            phase: Phase::Collecting,
            classes: Vec::new(),
            remaining: 0,
            streams,
            losses: Losses::default(),
            enough: None,
            rules: Rules::default(),
            ledger: Ledger::default(),
            limit: None,
            granted: 0,
            budget_hit: false,
            budget_told: false,
            some_retries: false,
            listings: Vec::new(),
            without_fresh: false,
        }
    }

    /// With rules of this run, before anything has happened.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.ledger = Ledger::new(rules.resources.clone(), rules.offers.clone());
        self.rules = rules;
        self
    }

    /// The policy's name (seed: `LoadScheduling`).
    pub fn policy_name(&self) -> &str {
        self.policy.name()
    }

    /// Whether workers are to list files instead of collecting everything.
    pub fn streams(&self) -> bool {
        self.streams
    }

    /// Whether every test in force has its terminal state and no more can come into force.
    pub fn is_complete(&self) -> bool {
        self.phase != Phase::Collecting && self.remaining == 0 && self.files_open() == 0
    }

    /// Files whose tests are still to be known.
    pub(super) fn files_open(&self) -> usize {
        let forces = self.tracks.iter().filter_map(|track| track.force.as_ref());
        forces.map(Force::files_open).sum()
    }

    /// Tests in force without a terminal state.
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    /// Whether a replacement for this worker could find anything to begin. Where it could not,
    /// starting one costs time only.
    pub fn has_use_for_replacement_of(&self, worker: WorkerId) -> bool {
        match self.phase {
            Phase::Collecting => true,
            Phase::Running => {
                let member = self.roster.get(worker);
                member.is_some_and(|member| {
                    let open = |lane| {
                        if member.recycled {
                            self.wants_more(lane)
                        } else {
                            !self.has_nothing_for(lane)
                        }
                    };
                    member.lane.is_some_and(open)
                })
            }
            Phase::Stopped(_) | Phase::Closed => false,
        }
    }

    /// Which test a worker's item is; `None` before distribution, after the worker's end, and for
    /// what it did not collect.
    pub fn name(&self, worker: WorkerId, item: u32) -> Option<(Lane, TestIndex, TestName)> {
        let (lane, test) = self.locate(worker, item)?;
        let name = self.tracks[lane].force.as_ref()?.tests.name(test)?.clone();
        Some((lane_id(lane), TestIndex(test), name))
    }

    /// A worker is on its way: a replacement, or one more.
    ///
    /// Under `each` it takes over the lane of the worker that it replaces, or of any other dead
    /// one, if the specifications are equal (seed: `_removed2pending`); without such a lane it will
    /// be told to finish.
    pub fn worker_expected(
        &mut self,
        worker: WorkerId,
        spec: &WorkerSpec,
        replaces: Option<WorkerId>,
    ) -> Vec<Decision> {
        let lane = match self.lanes {
            Lanes::Shared => Some(0),
            Lanes::Own => self.orphaned_lane(spec, replaces),
        };
        if !self.roster.add(worker, lane, spec.host) {
            return vec![Decision::Fault(ScheduleError::KnownWorker(worker))];
        }
        if let (Lanes::Own, Some(lane)) = (self.lanes, lane) {
            if let Some((owner, _)) = self.tracks[lane].owner.take() {
                self.roster.change(owner, |old| old.replaced = true);
            }
            self.tracks[lane].owner = Some((worker, spec.clone()));
        }
        if let Some(old) = replaces {
            self.roster.change(old, |old| old.replaced = true);
        }
        let mut out = Vec::new();
        self.try_begin(&mut out);
        out
    }

    fn orphaned_lane(&self, spec: &WorkerSpec, replaces: Option<WorkerId>) -> Option<usize> {
        let orphaned = |lane: &usize| {
            self.tracks[*lane].owner.as_ref().is_some_and(|(owner, wanted)| {
                wanted == spec
                    && (self.phase == Phase::Collecting || !self.has_nothing_for(*lane))
                    && self.roster.get(*owner).is_none_or(|member| {
                        matches!(member.stage, Stage::Down | Stage::TurnedAway)
                    })
            })
        };
        replaces
            .and_then(|old| self.roster.get(old)?.lane)
            .filter(orphaned)
            .or_else(|| (0..self.tracks.len()).find(orphaned))
    }

    /// A worker's framework is up (seed: `addnode`). It collects without further word; one that
    /// comes when nothing is left to begin is told to finish at once.
    pub fn worker_ready(&mut self, worker: WorkerId) -> Vec<Decision> {
        if let Err(fault) = self.expect_stage(worker, Stage::Expected, "ready") {
            return fault;
        }
        let mut out = Vec::new();
        let lane = self.roster.change(worker, |member| {
            member.stage = Stage::Collecting;
            member.lane
        });
        let over = match self.phase {
            Phase::Collecting => false,
            Phase::Running => lane.flatten().is_none_or(|lane| self.has_nothing_for(lane)),
            Phase::Stopped(_) | Phase::Closed => true,
        };
        if over || lane == Some(None) {
            self.finish(worker, &mut out);
        }
        out
    }

    /// A worker has collected (seed: `addnode_collection`, `init_distribute`).
    ///
    /// When all that were asked for have, they must hold the same ids in the same order, or the run
    /// is aborted; then the tests go out. A worker that comes later may have collected the same
    /// tests in another order; one with other tests is turned away.
    ///
    /// Where files were to be handed out, the worker could not do that: the policy's
    /// [fallback](Policy::fallback) takes its place, unless files are out already.
    pub fn collected(&mut self, worker: WorkerId, collection: Collection) -> Vec<Decision> {
        if let Err(fault) = self.expect_stage(worker, Stage::Collecting, "collected") {
            return fault;
        }
        let mut out = Vec::new();
        let Some((lane, finished)) = self.roster.change(worker, |member| {
            member.stage = Stage::Collected;
            (member.lane, member.finished)
        }) else {
            return out;
        };
        let Some(lane) = lane.filter(|_| !finished) else {
            return out;
        };
        match self.phase {
            Phase::Collecting => {
                if std::mem::take(&mut self.streams) {
                    self.policy = self.policy.fallback();
                    self.turn_away_listed(&mut out);
                }
                let class = self.class_of(collection);
                self.tracks[lane].class = Some(class);
                self.roster.change(worker, |member| member.class = Some(class));
                self.try_begin(&mut out);
            }
            Phase::Running => self.admit(worker, lane, &collection, &mut out),
            Phase::Stopped(_) | Phase::Closed => {}
        }
        out
    }

    fn class_of(&mut self, collection: Collection) -> usize {
        let known = self.classes.iter().position(|class| class.same_ids(&collection));
        known.unwrap_or_else(|| {
            self.classes.push(collection);
            self.classes.len() - 1
        })
    }

    /// A worker's process is gone. `running` is the item that was begun and is not over, as its
    /// agent tells: the crash item. It is never run again; what the worker held beyond it goes back
    /// and to the survivors first. `making` is the file, by its place in the worker's own listing, whose tests it was making, or
    /// whose module it imported meanwhile: if nobody knows its tests, it is not looked into again either.
    ///
    /// `verdict` is [`Outcome::Crashed`] or [`Outcome::TimedOut`].
    pub fn worker_down(
        &mut self,
        worker: WorkerId,
        running: Option<u32>,
        making: Option<u32>,
        verdict: Outcome,
    ) -> Vec<Decision> {
        let collecting = making.and_then(|file| self.streamed_file(worker, file));
        let told = running.and_then(|item| self.locate(worker, item));
        let lane = match self.strike_off(worker) {
            Ok(lane) => lane,
            Err(answer) => return answer,
        };
        let mut out = Vec::new();
        if let Some(account) = self.account(lane) {
            let left = account.leave(worker, told.map(|(_, test)| test));
            for test in left.begun {
                if self.try_again(worker, lane, test, verdict, &mut out) {
                    continue;
                }
                self.remaining -= 1;
                let (attempt, alone) = self.attempt(lane, test);
                out.push(Decision::Crashed {
                    worker,
                    lane: lane_id(lane),
                    index: TestIndex(test),
                    test: self.test_name(lane, test),
                    outcome: verdict,
                    attempt,
                    alone,
                });
            }
            let returned: Vec<TestIndex> = left.returned.into_iter().map(TestIndex).collect();
            let files = self.leave_files(worker, lane, collecting, &mut out);
            self.came_back(lane, &returned, &files, &mut out);
        }
        self.give_up_lane(worker, lane, &mut out);
        self.try_begin(&mut out);
        self.place_all_kept(&mut out);
        out
    }

    /// A worker's process is gone, and with it all that was known of it; gives its lane, or `Err` with what to answer if there is
    /// nothing to be done about it.
    pub(super) fn strike_off(&mut self, worker: WorkerId) -> Result<usize, Vec<Decision>> {
        let Some((before, lane)) = self.roster.change(worker, |member| {
            let before = member.stage;
            member.stage = Stage::Down;
            member.class = None;
            member.places = None;
            member.recalls.clear();
            (before, member.lane)
        }) else {
            return Err(vec![Decision::Fault(ScheduleError::UnknownWorker(worker))]);
        };
        if before == Stage::Down {
            return Err(Vec::new());
        }
        lane.inspect(|_| self.ledger.leave(worker)).ok_or_else(|| {
            let mut out = Vec::new();
            self.place_all_kept(&mut out);
            out
        })
    }

    /// No replacement will come for a worker that is down or could not be started. Under `each`
    /// what is left in its lane is lost now; else survivors run it.
    pub fn worker_abandoned(&mut self, worker: WorkerId, reason: &str) -> Vec<Decision> {
        let Some(lane) = self.roster.change(worker, |member| {
            member.abandoned.get_or_insert_with(|| reason.into());
            member.lane
        }) else {
            return vec![Decision::Fault(ScheduleError::UnknownWorker(worker))];
        };
        let mut out = Vec::new();
        if let Some(lane) = lane {
            self.give_up_lane(worker, lane, &mut out);
            self.try_begin(&mut out);
            self.no_successor(worker, lane, &mut out);
        }
        self.place_all_kept(&mut out);
        out
    }

    /// `Err` with what to answer if the worker is not at this stage.
    pub(super) fn expect_stage(
        &self,
        worker: WorkerId,
        stage: Stage,
        step: &'static str,
    ) -> Result<(), Vec<Decision>> {
        match self.roster.get(worker) {
            None => Err(vec![Decision::Fault(ScheduleError::UnknownWorker(worker))]),
            Some(member) if member.stage == stage => Ok(()),
            Some(member) if member.stage == Stage::Down => Err(Vec::new()),
            Some(_) => Err(vec![Decision::Fault(ScheduleError::OutOfTurn { worker, step })]),
        }
    }

    pub(super) fn locate(&self, worker: WorkerId, item: u32) -> Option<(usize, u32)> {
        let member = self.roster.get(worker)?;
        let (lane, test) = (member.lane?, member.places.as_ref()?.test(item)?);
        let force = self.tracks[lane].force.as_ref()?;
        force.account.state(test).map(|_| (lane, test))
    }

    pub(super) fn account(&mut self, lane: usize) -> Option<&mut Account> {
        Some(&mut self.tracks.get_mut(lane)?.force.as_mut()?.account)
    }

    pub(super) fn test_name(&self, lane: usize, test: u32) -> TestName {
        let force = self.tracks[lane].force.as_ref();
        let name = force.and_then(|force| force.tests.name(test));
        name.expect("a test that ends is in force").clone()
    }
}
