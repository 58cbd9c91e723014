//! From the last collection to the last test: how distribution begins, and how the policy is asked
//! and obeyed.

use std::sync::Arc;

use crate::model::{Batch, Collection, CollectionDiff, StopReason, TestIndex, WorkerId};

use super::account::State;
use super::files::Files;
use super::keeper::terms_of;
use super::lane::{Catalog, Force, Tests};
use super::places::Places;
use super::roster::{Recall, Stage};
use super::scheduler::Phase;
use super::{Decision, Lanes, Move, ScheduleError, Scheduler};

impl Scheduler {
    /// Begins the distribution when the last collection that was awaited is in, or will not come.
    pub(super) fn try_begin(&mut self, out: &mut Vec<Decision>) {
        if self.phase != Phase::Collecting || self.is_start_awaited() {
            return;
        }
        if self.streams {
            return self.begin_listed(out);
        }
        let takers: Vec<(WorkerId, usize, usize)> = self
            .roster
            .iter()
            .filter(|(_, member)| member.stage == Stage::Collected)
            .filter_map(|(worker, member)| Some((worker, member.lane?, member.class?)))
            .collect();
        let Some((first, _, class)) = takers.first().copied() else {
            return;
        };
        match self.lanes {
            Lanes::Shared => {
                if self.abort_if_different(first, class, &takers, out) {
                    return;
                }
                let catalog = Catalog::new(self.classes[class].clone());
                self.tracks[0].force = Some(Force::new(first, catalog));
            }
            Lanes::Own => {
                let catalogs: Vec<Arc<Catalog>> =
                    self.classes.iter().cloned().map(Catalog::new).collect();
                for track in &mut self.tracks {
                    if let (Some((owner, _)), Some(class)) = (&track.owner, track.class) {
                        track.force = Some(Force::new(*owner, catalogs[class].clone()));
                    }
                }
            }
        }
        self.classes.clear();
        self.phase = Phase::Running;
        let forces = self.tracks.iter().filter_map(|track| track.force.as_ref());
        self.remaining = forces.map(|force| force.account.len()).sum();
        for (worker, lane, _) in &takers {
            self.join(*worker, *lane, Places::Same);
        }
        out.push(Decision::Scheduling {
            tests: u32::try_from(self.remaining).unwrap_or(u32::MAX),
            workers: u32::try_from(takers.len()).unwrap_or(u32::MAX),
            files: None,
        });
        for lane in 0..self.tracks.len() {
            let tests = self.account(lane).map_or(0, |account| account.len());
            self.look_after(lane, 0..u32::try_from(tests).unwrap_or(u32::MAX), out);
        }
        for lane in 0..self.tracks.len() {
            self.begin_lane(lane, out);
        }
    }

    pub(super) fn begin_lane(&mut self, lane: usize, out: &mut Vec<Decision>) {
        if let Some(force) = &self.tracks[lane].force {
            let moves = self.policy.begin(&force.view(lane));
            self.obey(lane, moves, out);
            self.spread(lane, true, out);
            self.settle(lane, out);
        }
        if let Some((owner, _)) = &self.tracks[lane].owner {
            self.give_up_lane(*owner, lane, out);
        }
    }

    /// The seed's `_check_nodes_have_same_collection`: each worker is compared with the first one.
    fn abort_if_different(
        &mut self,
        first: WorkerId,
        class: usize,
        takers: &[(WorkerId, usize, usize)],
        out: &mut Vec<Decision>,
    ) -> bool {
        if takers.iter().all(|(_, _, own)| *own == class) {
            return false;
        }
        let right = &self.classes[class];
        out.extend(takers.iter().filter_map(|(worker, _, own)| {
            right.diff(first, &self.classes[*own], *worker).map(Decision::Differs)
        }));
        out.push(Decision::Abort(StopReason::CollectionsDiffer));
        self.phase = Phase::Stopped("the workers collected different tests".into());
        self.classes.clear();
        self.finish_all(out);
        true
    }

    /// A worker that collected after distribution began takes part if it has the same tests.
    pub(super) fn admit(
        &mut self,
        worker: WorkerId,
        lane: usize,
        collection: &Collection,
        out: &mut Vec<Decision>,
    ) {
        let Some(force) = &self.tracks[lane].force else {
            self.finish(worker, out);
            return;
        };
        let diff = match &force.tests {
            Tests::Whole(catalog) => match Places::of(&catalog.collection, collection) {
                Some(places) => return self.take_in(worker, lane, places, out),
                None => catalog.collection.diff(force.from, collection, worker),
            },
            Tests::Streamed(_) => None,
        };
        self.turn_away(worker, lane, diff, out);
    }

    /// A worker takes part from now on.
    pub(super) fn take_in(
        &mut self,
        worker: WorkerId,
        lane: usize,
        places: Places,
        out: &mut Vec<Decision>,
    ) {
        self.join(worker, lane, places);
        // One that has run nothing yet is what some wait for.
        self.place_kept(lane, out);
        self.refill(lane, worker, None, out);
        self.settle(lane, out);
    }

    /// A worker has other tests than those in force.
    pub(super) fn turn_away(
        &mut self,
        worker: WorkerId,
        lane: usize,
        diff: Option<CollectionDiff>,
        out: &mut Vec<Decision>,
    ) {
        out.extend(diff.map(Decision::Differs));
        out.push(Decision::Rejected { worker });
        self.roster.change(worker, |member| member.stage = Stage::TurnedAway);
        self.finish(worker, out);
        self.give_up_lane(worker, lane, out);
    }

    pub(super) fn join(&mut self, worker: WorkerId, lane: usize, places: Places) {
        let away = self.roster.change(worker, |member| {
            member.places = Some(places);
            member.away
        });
        if let Some(account) = self.account(lane) {
            account.join(worker);
            account.set_away(worker, away.unwrap_or_default());
        }
    }

    /// Asks the policy what a worker gets next. `false` if nothing was moved.
    pub(super) fn refill(
        &mut self,
        lane: usize,
        worker: WorkerId,
        last: Option<f64>,
        out: &mut Vec<Decision>,
    ) -> bool {
        let Some(force) = &self.tracks[lane].force else {
            return false;
        };
        // Where nothing waits to begin there is nothing to move either: spares the last events the
        // question.
        let over = force.account.unbegun() == 0 && force.files_open() == 0;
        // One that was turned away may still tell of the file that it was in the middle of.
        if self.phase != Phase::Running || over || !force.account.has(worker) {
            return false;
        }
        let moves = self.policy.refill(worker, last, &force.view(lane));
        self.obey(lane, moves, out)
    }

    /// Asks for every worker that could want something, the least loaded first. A loaded one that
    /// wants nothing ends it, since those after it have more; an idle one only when nothing waits.
    pub(super) fn spread(&mut self, lane: usize, only_idle: bool, out: &mut Vec<Decision>) {
        let mut last = None;
        while let Some(force) = &self.tracks[lane].force
            && let Some((load, worker)) = force.account.next_by_load(last)
        {
            let view = force.view(lane);
            let waiting = view.waiting_len() > 0 || view.files_waiting_len() > 0;
            if only_idle && load > 0 {
                return;
            }
            if !self.refill(lane, worker, None, out) && (load > 0 || !waiting) {
                return;
            }
            last = Some((load, worker));
        }
    }

    /// These wait again, or a worker's answer changed what could be moved.
    pub(super) fn came_back(
        &mut self,
        lane: usize,
        tests: &[TestIndex],
        files: &[u32],
        out: &mut Vec<Decision>,
    ) {
        match &self.phase {
            Phase::Running => {
                let mut tests = tests.to_vec();
                self.take_in_kept(lane, &mut tests);
                self.leave_out_late(lane, out);
                let waits = |force: &Force, test: &TestIndex| force.view(lane).is_waiting(*test);
                tests.retain(|test| {
                    self.tracks[lane].force.as_ref().is_some_and(|force| waits(force, test))
                });
                let tests = &tests[..];
                if let (Some(force), false) = (&self.tracks[lane].force, tests.is_empty()) {
                    self.policy.returned(tests, &force.view(lane));
                }
                if let (Some(force), false) = (&self.tracks[lane].force, files.is_empty()) {
                    self.policy.files_returned(files, &force.view(lane));
                }
                self.spread(lane, false, out);
                self.settle(lane, out);
            }
            Phase::Stopped(reason) => {
                let reason = reason.clone();
                self.write_off(lane, &reason, false, out);
            }
            Phase::Collecting | Phase::Closed => {}
        }
    }

    /// Does what the policy says as far as the account allows. `false` if nothing was moved.
    pub(super) fn obey(&mut self, lane: usize, orders: Vec<Move>, out: &mut Vec<Decision>) -> bool {
        let mut moved = false;
        for order in orders {
            moved |= match order {
                Move::Give { worker, tests } => self.give(lane, worker, &tests, false, out),
                Move::TakeBack { worker, tests } => self.take_back(lane, worker, &tests, out),
                Move::GiveFile { worker, file, run } => {
                    self.give_file(lane, worker, file, run, out)
                }
                Move::TakeBackFile { worker, file } => self.take_back_file(lane, worker, file, out),
            };
        }
        moved
    }

    pub(super) fn give(
        &mut self,
        lane: usize,
        worker: WorkerId,
        tests: &[TestIndex],
        first: bool,
        out: &mut Vec<Decision>,
    ) -> bool {
        let policy = self.policy.name();
        let left_out = self.left_out_for_time() > 0;
        let force = self.tracks[lane].force.as_mut();
        let estimates = self.rules.estimates.as_deref();
        let given = self.roster.change(worker, |member| {
            let places = member.places.as_mut().filter(|_| !member.finished)?;
            let Force { tests: known, account, keeper, .. } = force?;
            let (mut items, mut files) = (Vec::with_capacity(tests.len()), Vec::new());
            let mut terms = Vec::new();
            let mut any = false;
            for test in tests {
                let item = places.item(*test, known.files());
                let fits = match item {
                    Some(_) if first => account.give_first(worker, test.0),
                    Some(_) => account.give(worker, test.0),
                    None => account.promise(worker, test.0),
                };
                any |= fits;
                if !fits {
                    // A policy need not know which tests are not its own to give.
                    let state = account.state(test.0);
                    let is_kept =
                        state == Some(State::Kept) || state == Some(State::Over) && left_out;
                    out.extend((!is_kept).then(|| refused(policy, worker, *test)));
                } else if let Some(item) = item {
                    items.push(item);
                    terms.extend(terms_of(keeper, known, estimates, test.0).map(|own| (item, own)));
                } else if let (Some(all), Some(streamed)) =
                    (known.files_mut(), places.streamed_mut())
                    && let Some(file) = all.file_of(test.0)
                {
                    streamed.promise(file, test.0);
                    if all.give(worker, file, false) {
                        account.hold_file(worker, 0);
                        files.push(streamed.own_file(file));
                    }
                }
            }
            if !items.is_empty() {
                out.push(Decision::Run { worker, batch: Batch { items, terms, first } });
            }
            if !files.is_empty() {
                out.push(Decision::Make { worker, files, run: false });
            }
            Some(any)
        });
        given.flatten().unwrap_or_else(|| {
            out.extend(tests.iter().map(|test| refused(policy, worker, *test)));
            false
        })
    }

    fn take_back(
        &mut self,
        lane: usize,
        worker: WorkerId,
        tests: &[TestIndex],
        out: &mut Vec<Decision>,
    ) -> bool {
        let policy = self.policy.name();
        let bound = tests.iter().copied().find(|test| self.is_bound_to(lane, worker, test.0));
        let force = self.tracks[lane].force.as_mut();
        let taken = self.roster.change(worker, |member| {
            let places = member.places.as_ref().filter(|_| !member.finished)?;
            let Force { tests: known, account, .. } = force?;
            let mut recall = Recall::default();
            let mut items = Vec::with_capacity(tests.len());
            for test in tests {
                if bound == Some(*test) {
                    continue;
                }
                match places.item(*test, known.files()) {
                    Some(item) if account.recall(worker, test.0) => {
                        recall.tests.push(*test);
                        items.push(item);
                    }
                    Some(_) | None => out.push(refused(policy, worker, *test)),
                }
            }
            if items.is_empty() {
                return Some(false);
            }
            member.recalls.push_back(recall);
            out.push(Decision::Withdraw { worker, items, files: Vec::new() });
            Some(true)
        });
        taken.flatten().unwrap_or_else(|| {
            out.extend(tests.iter().map(|test| refused(policy, worker, *test)));
            false
        })
    }

    /// After every event: a lane that stands still goes on, one with nothing left to begin is told
    /// so.
    pub(super) fn settle(&mut self, lane: usize, out: &mut Vec<Decision>) {
        if self.phase == Phase::Running {
            self.give_up_unserved(lane, out);
            self.leave_out_late(lane, out);
        }
        let track = &self.tracks[lane];
        let (Phase::Running, Some(force)) = (&self.phase, &track.force) else {
            return;
        };
        let (account, files) = (&force.account, force.tests.files());
        let still = account.is_still() && files.is_none_or(Files::is_still);
        if let (true, Some((_, worker))) = (still, account.next_by_load(None)) {
            let test = account.waiting().next().map(|test| Move::give(worker, [TestIndex(test)]));
            let file = files.and_then(|files| files.waiting().next());
            let file = file.map(|file| Move::GiveFile { worker, file, run: true });
            if let Some(step) = test.or(file) {
                self.obey(lane, vec![step], out);
                return;
            }
        }
        match self.lanes {
            Lanes::Shared => {
                let all_begun = account.unbegun() == 0 && force.files_open() == 0;
                if !track.done && all_begun && !self.may_come_back(force) {
                    self.tracks[lane].done = true;
                    self.finish_all(out);
                }
            }
            Lanes::Own => {
                if let Some((owner, _)) = track.owner
                    && account.waiting_len() == 0
                    && account.recalled() == 0
                    && !self.may_come_back(force)
                {
                    self.finish(owner, out);
                }
            }
        }
        match self.lanes {
            Lanes::Shared => self.place_kept(lane, out),
            // What one lane needs another one may have had.
            Lanes::Own => (0..self.tracks.len()).for_each(|lane| self.place_kept(lane, out)),
        }
    }

    /// Whether a worker that comes to a lane now has nothing to begin there.
    pub(super) fn has_nothing_for(&self, lane: usize) -> bool {
        let track = &self.tracks[lane];
        match self.lanes {
            Lanes::Shared => track.done,
            Lanes::Own => {
                let force = track.force.as_ref();
                force.is_none_or(|force| {
                    force.account.waiting_len() == 0 && force.account.kept() == 0
                })
            }
        }
    }

    /// Tells a worker that is there, once, that nothing more comes.
    pub(super) fn finish(&mut self, worker: WorkerId, out: &mut Vec<Decision>) {
        let told = self.roster.change(worker, |member| {
            let there = match member.stage {
                Stage::Collecting | Stage::Collected | Stage::TurnedAway => true,
                Stage::Expected | Stage::Down => false,
            };
            let first = there && !member.finished;
            member.finished |= first;
            first
        });
        if told == Some(true) {
            out.push(Decision::Finish { worker });
        }
    }

    pub(super) fn finish_all(&mut self, out: &mut Vec<Decision>) {
        let workers: Vec<WorkerId> = self.roster.iter().map(|(worker, _)| worker).collect();
        for worker in workers {
            self.finish(worker, out);
        }
    }
}

fn refused(policy: &str, worker: WorkerId, test: TestIndex) -> Decision {
    Decision::Fault(ScheduleError::Move { policy: policy.to_owned(), worker, test })
}
