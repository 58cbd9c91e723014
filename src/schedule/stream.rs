//! Files that are handed out before their tests are known: listings, what is made of them, what is lost of them.

use std::sync::Arc;

use crate::model::{Batch, Collection, Item, TestFile, TestIndex, WorkerId};

use super::account::{Account, State};
use super::files::Files;
use super::keeper::terms_of;
use super::lane::Force;
use super::places::Places;
use super::roster::{Recall, Stage};
use super::scheduler::Phase;
use super::{Decision, ScheduleError, Scheduler};

/// The tests of a file, as a worker has made them.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeFile {
    /// The file's place in the worker's own listing.
    pub file: u32,

    /// The place of the first of its tests in the worker's own collection; the others follow.
    pub first: u32,

    /// The tests in collection order.
    pub items: Vec<Item>,

    /// How many were deselected.
    pub deselected: u32,

    /// Whether they stand in the worker's queue already.
    pub queued: bool,

    /// The places among the tests of those that do not, although the others do: ascending.
    pub kept: Vec<u32>,
}

impl Scheduler {
    /// A worker has listed the files of the suite, where the policy [streams](super::Policy::streams). The first listing
    /// is the one in force, and its files go out at once; a worker that comes later may have listed the same files in
    /// another order, one with other files is turned away.
    pub fn listed(&mut self, worker: WorkerId, listing: Arc<[TestFile]>) -> Vec<Decision> {
        if let Err(fault) = self.expect_stage(worker, Stage::Collecting, "listed") {
            return fault;
        }
        let mut out = Vec::new();
        let lane = self.roster.change(worker, |member| {
            member.stage = Stage::Collected;
            member.lane.filter(|_| !member.finished)
        });
        let Some(lane) = lane.flatten() else {
            return out;
        };
        match self.phase {
            Phase::Collecting if self.streams => {
                self.listings.push((worker, lane, listing));
                self.try_begin(&mut out);
            }
            Phase::Collecting => self.turn_away(worker, lane, None, &mut out),
            Phase::Running => self.admit_listing(worker, lane, &listing, &mut out),
            Phase::Stopped(_) | Phase::Closed => {}
        }
        out
    }

    pub(super) fn begin_streaming(
        &mut self,
        worker: WorkerId,
        lane: usize,
        listing: Arc<[TestFile]>,
        out: &mut Vec<Decision>,
    ) {
        let Some(places) = Places::listed(&listing, &listing) else {
            let fault = ScheduleError::OutOfTurn { worker, step: "listed" };
            return out.push(Decision::Fault(fault));
        };
        let files = u32::try_from(listing.len()).unwrap_or(u32::MAX);
        let weights = listing.iter().map(|file| self.policy.weigh_file(file)).collect();
        self.tracks[lane].force = Some(Force::streamed(worker, Files::new(listing, weights)));
        self.phase = Phase::Running;
        let coming = self.roster.iter().filter(|(_, member)| {
            !matches!(member.stage, Stage::Down | Stage::TurnedAway) && member.abandoned.is_none()
        });
        let workers = u32::try_from(coming.count()).unwrap_or(u32::MAX);
        out.push(Decision::Scheduling { tests: 0, workers, files: Some(files) });
        self.join(worker, lane, places);
        self.mind_time_of_files(lane);
        self.begin_lane(lane, out);
    }

    pub(super) fn admit_listing(
        &mut self,
        worker: WorkerId,
        lane: usize,
        listing: &[TestFile],
        out: &mut Vec<Decision>,
    ) {
        let Some(force) = &self.tracks[lane].force else {
            return self.finish(worker, out);
        };
        let Some(files) = force.tests.files() else {
            return self.turn_away(worker, lane, None, out);
        };
        if let Some(places) = Places::listed(files.listing(), listing) {
            return self.take_in(worker, lane, places, out);
        }
        let ids = |files: &[TestFile]| Collection::from_ids(files.iter().map(|file| &*file.id));
        let diff = ids(files.listing()).diff(force.from, &ids(listing), worker);
        self.turn_away(worker, lane, diff, out);
    }

    /// A worker begins to make the tests of a file of its listing.
    pub fn file_making(&mut self, worker: WorkerId, file: u32) -> Vec<Decision> {
        let (lane, known) = match self.find_file(worker, file, "making") {
            Ok(found) => found,
            Err(answer) => return answer,
        };
        let mut out = Vec::new();
        if !self.files(lane).is_some_and(|files| files.begin(worker, known)) {
            let fault = ScheduleError::File { worker, file, step: "making" };
            out.push(Decision::Fault(fault));
            return out;
        }
        self.refill(lane, worker, None, &mut out);
        self.settle(lane, &mut out);
        out
    }

    /// A worker has made the tests of a file. If they are new to the run they take part in it from now on; else the
    /// worker can run those that are meant for it.
    pub fn file_made(&mut self, worker: WorkerId, made: &MadeFile) -> Vec<Decision> {
        let (lane, file) = match self.find_file(worker, made.file, "made") {
            Ok(found) => found,
            Err(answer) => return answer,
        };
        let mut out = Vec::new();
        let weight = self.files(lane).map_or(0, |files| files.weight_on(worker, file));
        let wanted_at_once = self.files(lane).and_then(|files| files.making(worker)) == Some(file)
            && self.account(lane).is_some_and(|account| account.has(worker));
        let is_new = self.files(lane).and_then(|files| files.made(worker, file, &made.items));
        let Some(is_new) = is_new else {
            let fault = ScheduleError::File { worker, file: made.file, step: "made" };
            out.push(Decision::Fault(fault));
            return out;
        };
        if let Some(account) = self.account(lane) {
            account.release_file(worker, weight);
        }
        if is_new {
            self.add_tests(worker, lane, (file, wanted_at_once), made, &mut out);
        } else {
            self.make_known(worker, lane, file, made, &mut out);
            // Nothing of it may be left for this worker, and what was only meant for it can now be taken back.
            self.refill(lane, worker, None, &mut out);
            self.spread(lane, true, &mut out);
        }
        self.settle(lane, &mut out);
        out
    }

    /// Tests that are new to the run.
    fn add_tests(
        &mut self,
        worker: WorkerId,
        lane: usize,
        (file, wanted_at_once): (u32, bool),
        made: &MadeFile,
        out: &mut Vec<Decision>,
    ) {
        let weights: Vec<u32> =
            made.items.iter().map(|item| self.policy.weigh_test(item)).collect();
        let Some(force) = &mut self.tracks[lane].force else {
            return;
        };
        let tests = force.tests.files().and_then(|files| files.tests_of(file)).unwrap_or(0..0);
        self.remaining += weights.len();
        force.account.grow(weights);
        let listed = &force.tests.files().map_or(&[][..], Files::listing)[file as usize];
        let at_once = listed.at_once;
        out.push(Decision::FileCollected {
            worker,
            file: listed.id.clone(),
            tests: tests.end - tests.start,
            deselected: made.deselected,
            files_left: u32::try_from(force.files_open()).unwrap_or(u32::MAX),
        });
        if made.queued {
            let is_kept = |test: &u32| made.kept.binary_search(&(test - tests.start)).is_ok();
            for test in tests.clone().rev().filter(|test| !is_kept(test)) {
                force.account.found_with(worker, test);
            }
        }
        let leaves = !force.account.has(worker);
        self.roster.change(worker, |member| {
            let streamed = member.places.as_mut().and_then(Places::streamed_mut);
            streamed.map(|own| own.made(file, made.first, tests.start, &made.items, &made.items))
        });
        if made.queued && leaves && self.phase == Phase::Running {
            self.withdraw_from(worker, lane, out);
        }
        let mut run_at_once = Vec::new();
        if self.phase == Phase::Running {
            let told_of_each = self.tells_of_tests_in(lane, file);
            self.look_after(lane, tests.clone(), out);
            if wanted_at_once && (made.queued || told_of_each) {
                // What its agent was right to leave to us is kept back by now, or the policy's, and what was not still waits.
                let (policy, force) = (&mut self.policy, self.tracks[lane].force.as_ref());
                let waits = |test: &u32| {
                    force.is_some_and(|force| {
                        let item = &force.tests.items()[*test as usize];
                        force.account.state(*test) == Some(State::Waiting)
                            && (at_once || !policy.leaves_apart(item))
                    })
                };
                run_at_once.extend(tests.clone().filter(waits).map(TestIndex));
            }
        }
        if !run_at_once.is_empty() {
            self.give(lane, worker, &run_at_once, false, out);
        }
        match self.phase.clone() {
            Phase::Running => {
                let force = self.tracks[lane].force.as_ref();
                let view = force.expect("a lane with new tests has a force").view(lane);
                self.policy.made(file, tests, &view);
                // What the policy makes of it is asked for at once, also where the worker is given nothing any more.
                let asks = |account: &Account| {
                    if account.has(worker) {
                        return Some(worker);
                    }
                    account.next_by_load(None).map(|(_, least)| least)
                };
                if let Some(worker) = asks(view.account) {
                    self.refill(lane, worker, None, out);
                }
                self.spread(lane, true, out);
            }
            Phase::Stopped(reason) => {
                if made.queued {
                    self.withdraw_from(worker, lane, out);
                }
                self.write_off(lane, &reason, false, out);
            }
            Phase::Collecting | Phase::Closed => {}
        }
    }

    /// Tests that the run knows and this worker has made too.
    fn make_known(
        &mut self,
        worker: WorkerId,
        lane: usize,
        file: u32,
        made: &MadeFile,
        out: &mut Vec<Decision>,
    ) {
        let Some(force) = &mut self.tracks[lane].force else {
            return;
        };
        let tests = force.tests.files().and_then(|files| files.tests_of(file));
        let (Some(tests), true) = (tests, self.phase != Phase::Closed) else {
            return;
        };
        let in_force = &force.tests.items()[tests.start as usize..tests.end as usize];
        let (mut items, mut returned, mut same) = (Vec::new(), Vec::new(), true);
        let (mut terms, mut first) = (Vec::new(), false);
        let estimates = self.rules.estimates.as_deref();
        let limit = self.limit.as_ref();
        self.roster.change(worker, |member| {
            let Some(streamed) = member.places.as_mut().and_then(Places::streamed_mut) else {
                return;
            };
            same = streamed.made(file, made.first, tests.start, in_force, &made.items);
            let promised = if same { streamed.promised(file) } else { streamed.all_promised() };
            for test in promised {
                if !same || limit.is_some_and(|limit| limit.is_late(lane, test)) {
                    returned
                        .extend(force.account.put_back(worker, test).then_some(TestIndex(test)));
                } else if force.account.fulfil(worker, test) {
                    let places = member.places.as_ref();
                    let item =
                        places.and_then(|own| own.item(TestIndex(test), force.tests.files()));
                    items.extend(item);
                    let own = terms_of(&force.keeper, &force.tests, estimates, test);
                    terms.extend(item.zip(own));
                    let care = force.keeper.care(test);
                    first |= care.is_some_and(|care| care.promised_to == Some(worker));
                }
            }
        });
        if !same {
            let right = Collection::new(in_force.to_vec());
            let own = Collection::new(made.items.clone());
            let diff = right.diff(force.from, &own, worker);
            force.account.exclude(worker);
            returned.extend(self.withdraw_from(worker, lane, out));
            self.turn_away(worker, lane, diff, out);
        }
        if !same || !returned.is_empty() {
            self.came_back(lane, &returned, &[], out);
        }
        if !items.is_empty() {
            out.push(Decision::Run { worker, batch: Batch { items, terms, first } });
        }
    }

    /// Files come back from a worker; what it was making and nobody knows is given up. `told` is the file that its agent
    /// says the worker was making, or importing meanwhile, in the listing in force.
    pub(super) fn leave_files(
        &mut self,
        worker: WorkerId,
        lane: usize,
        told: Option<u32>,
        out: &mut Vec<Decision>,
    ) -> Vec<u32> {
        let Some(files) = self.files(lane) else {
            return Vec::new();
        };
        let left = files.leave(worker, told);
        if let Some(crashed) = left.crashed {
            let file = files.listing()[crashed as usize].id.clone();
            out.push(Decision::FileCrashed { worker, file });
        }
        left.returned
    }

    /// The files of an answer to a withdrawal; gives those that wait again, and adds to the tests that do.
    pub(super) fn files_withdrawn(
        &mut self,
        worker: WorkerId,
        lane: usize,
        own: &[u32],
        tests: &mut Vec<TestIndex>,
        out: &mut Vec<Decision>,
    ) -> Vec<u32> {
        let mut returned = Vec::new();
        for file in own {
            let known = self.streamed_file(worker, *file);
            let weight = known
                .and_then(|file| Some(self.files(lane)?.weight_on(worker, file)))
                .unwrap_or_default();
            let back = known.and_then(|file| self.files(lane)?.put_back(worker, file));
            let (Some(known), Some(waits)) = (known, back) else {
                let step = "withdrawn";
                out.push(Decision::Fault(ScheduleError::File { worker, file: *file, step }));
                continue;
            };
            if let Some(account) = self.account(lane) {
                account.release_file(worker, weight);
            }
            returned.extend(waits.then_some(known));
            // What it was to run of a file that others have made meanwhile waits again.
            let mut promised = Vec::new();
            self.roster.change(worker, |member| {
                let streamed = member.places.as_mut().and_then(Places::streamed_mut);
                promised = streamed.map(|own| own.promised(known)).unwrap_or_default();
            });
            if let Some(account) = self.account(lane) {
                promised.retain(|test| account.put_back(worker, *test));
            }
            tests.extend(promised.into_iter().map(TestIndex));
        }
        returned
    }

    pub(super) fn give_file(
        &mut self,
        lane: usize,
        worker: WorkerId,
        file: u32,
        run: bool,
        out: &mut Vec<Decision>,
    ) -> bool {
        let own = self.open_place(worker, file);
        let given =
            own.filter(|_| self.files(lane).is_some_and(|files| files.give(worker, file, run)));
        let Some(own) = given else {
            out.push(self.refused_file(worker, file));
            return false;
        };
        let weight = self.files(lane).map_or(0, |files| files.weight_on(worker, file));
        if let Some(account) = self.account(lane) {
            account.hold_file(worker, weight);
        }
        let run = run && !self.tells_of_tests_in(lane, file);
        out.push(Decision::Make { worker, files: vec![own], run });
        true
    }

    pub(super) fn take_back_file(
        &mut self,
        lane: usize,
        worker: WorkerId,
        file: u32,
        out: &mut Vec<Decision>,
    ) -> bool {
        let own = self.open_place(worker, file);
        let taken =
            own.filter(|_| self.files(lane).is_some_and(|files| files.recall(worker, file)));
        let Some(own) = taken else {
            out.push(self.refused_file(worker, file));
            return false;
        };
        let recall = Recall { files: vec![file], ..Recall::default() };
        self.roster.change(worker, |member| member.recalls.push_back(recall));
        out.push(Decision::Withdraw { worker, items: Vec::new(), files: vec![own] });
        true
    }

    fn refused_file(&self, worker: WorkerId, file: u32) -> Decision {
        let policy = self.policy.name().to_owned();
        Decision::Fault(ScheduleError::MoveFile { policy, worker, file })
    }

    /// The place of a file in the listing of a worker that can be given something.
    pub(super) fn open_place(&self, worker: WorkerId, file: u32) -> Option<u32> {
        let member = self.roster.get(worker).filter(|member| !member.finished)?;
        let streamed = member.places.as_ref()?.streamed()?;
        let lane = self.tracks[member.lane?].force.as_ref()?;
        let known = (file as usize) < lane.tests.files()?.listing().len();
        known.then(|| streamed.own_file(file))
    }

    pub(super) fn files(&mut self, lane: usize) -> Option<&mut Files> {
        self.tracks.get_mut(lane)?.force.as_mut()?.tests.files_mut()
    }

    /// The file in force that a place in a worker's own listing is.
    pub(super) fn streamed_file(&self, worker: WorkerId, own: u32) -> Option<u32> {
        let member = self.roster.get(worker)?;
        let file = member.places.as_ref()?.streamed()?.file(own)?;
        let files = self.tracks[member.lane?].force.as_ref()?.tests.files()?;
        ((file as usize) < files.listing().len()).then_some(file)
    }

    fn find_file(
        &self,
        worker: WorkerId,
        file: u32,
        step: &'static str,
    ) -> Result<(usize, u32), Vec<Decision>> {
        let lane = match self.roster.get(worker) {
            None => return Err(vec![Decision::Fault(ScheduleError::UnknownWorker(worker))]),
            Some(member) if self.is_late(member) => return Err(Vec::new()),
            Some(member) => member.lane,
        };
        let found = lane.zip(self.streamed_file(worker, file));
        found.ok_or_else(|| vec![Decision::Fault(ScheduleError::File { worker, file, step })])
    }
}
