//! Who gets the tests that are not the policy's to give, and what is done where nobody can take them.

use std::sync::Arc;

use crate::model::{TestIndex, WorkerId};

use super::account::Account;
use super::files::Files;
use super::keeper::Care;
use super::lane::Force;
use super::needs::Needs;
use super::roster::{Member, Stage};
use super::scheduler::Phase;
use super::{Decision, Scheduler};

impl Scheduler {
    /// Gives tests that are kept back to workers, each as the very next that the worker begins, as far as what they need is
    /// free.
    pub(super) fn place_kept(&mut self, lane: usize, out: &mut Vec<Decision>) {
        let waits = |force: &Force| force.keeper.has_ready() || force.keeper.failing() > 0;
        if self.phase != Phase::Running || !self.tracks[lane].force.as_ref().is_some_and(waits) {
            return;
        }
        while let Some((test, worker)) = self.next_placement(lane) {
            if !self.place(lane, test, worker, out) {
                return;
            }
        }
        self.make_room(lane, out);
    }

    /// Looks at the tests of every lane that are kept back: a worker is gone that they waited for, be it as one that could come
    /// or as one that had not ended, whichever lane was its own, if any was.
    pub(super) fn place_all_kept(&mut self, out: &mut Vec<Decision>) {
        (0..self.tracks.len()).for_each(|lane| self.place_kept(lane, out));
    }

    fn place(&mut self, lane: usize, test: u32, worker: WorkerId, out: &mut Vec<Decision>) -> bool {
        let Some(Force { account, keeper, .. }) = &mut self.tracks[lane].force else {
            return false;
        };
        keeper.given(test);
        if let Some(care) = keeper.care_mut(test).filter(|_| account.let_go(test)) {
            care.promised_to = Some(worker);
            self.ledger.promise(worker, care.needs());
        }
        let given = self.give(lane, worker, &[TestIndex(test)], true, out);
        if !given {
            self.take_in_kept(lane, &mut vec![TestIndex(test)]);
        }
        given
    }

    /// The next test that somebody can take, and who. What one that has waited longer needs is not given to others.
    fn next_placement(&self, lane: usize) -> Option<(u32, WorkerId)> {
        let Force { account, keeper, .. } = self.tracks[lane].force.as_ref()?;
        self.takers(account).find(|worker| !self.ledger.is_promised(*worker))?;
        let mut wanted: Vec<Arc<Needs>> = Vec::new();
        for test in keeper.heads() {
            let Some(care) = keeper.care(test) else {
                continue;
            };
            let needs = care.needs();
            if wanted.iter().any(|earlier| earlier.meets(&needs)) {
                continue;
            }
            if let Some(worker) = self.taker(lane, test, care, &needs) {
                return Some((test, worker));
            }
            wanted.push(needs);
        }
        None
    }

    /// The least loaded worker that can begin a test next; the one that it failed on only where it has nothing else to do and no other
    /// one will be free for it.
    fn taker(&self, lane: usize, test: u32, care: &Care, needs: &Needs) -> Option<WorkerId> {
        let Force { account, tests, .. } = self.tracks[lane].force.as_ref()?;
        let mut last_resort = None;
        let mut place = None;
        while let Some((load, worker)) = account.next_by_load(place) {
            place = Some((load, worker));
            let member = self.roster.get(worker)?;
            let knows = || {
                let places = member.places.as_ref();
                places.is_some_and(|own| own.item(TestIndex(test), tests.files()).is_some())
            };
            let fits = !member.finished
                && (!care.fresh || load == 0 && is_fresh(member))
                && (load == 0 || knows())
                && self.ledger.offers(member.host, needs)
                && self.ledger.fits(worker, needs)
                && (!needs.exclusive || self.is_quiet_beside(worker));
            if !fits {
                continue;
            }
            if care.last.is_none_or(|(last, _)| last != worker) {
                return Some(worker);
            }
            last_resort = (load == 0).then_some(worker);
        }
        last_resort.filter(|worker| !self.will_be_free(lane, *worker, needs))
    }

    /// Whether another worker than this one will have nothing to do at some time and can then take a test with these needs.
    fn will_be_free(&self, lane: usize, worker: WorkerId, needs: &Needs) -> bool {
        let Some(Force { account, .. }) = &self.tracks[lane].force else {
            return false;
        };
        self.roster.iter().any(|(other, member)| {
            let takes = !member.finished && account.has(other);
            // Nobody knows when those come that are late.
            let is_late = member.late && member.stage == Stage::Expected;
            let comes = member.lane == Some(lane) && is_coming(member) && !is_late;
            other != worker && (takes || comes) && self.ledger.offers(member.host, needs)
        })
    }

    /// Whether a worker that has been given a test as its next is the one to run it, since no worker without work can. Taken back,
    /// it would come back to the same worker, or to another one that is at work, to be taken back again. There is one such test
    /// a worker at most.
    pub(super) fn is_bound_to(&self, lane: usize, worker: WorkerId, test: u32) -> bool {
        let Some(Force { account, keeper, .. }) = &self.tracks[lane].force else {
            return false;
        };
        let promised = keeper.care(test).filter(|care| care.promised_to == Some(worker));
        let Some(care) = promised else {
            return false;
        };
        let needs = care.needs();
        let can_take = |other: WorkerId| {
            other != worker
                && care.last.is_none_or(|(last, _)| last != other)
                && !self.ledger.is_promised(other)
                && self.roster.get(other).is_some_and(|member| {
                    !member.finished
                        && (!care.fresh || is_fresh(member))
                        && self.ledger.offers(member.host, &needs)
                })
        };
        let mut place = None;
        let mut idle = std::iter::from_fn(|| {
            place = account.next_by_load(place).filter(|(load, _)| *load == 0);
            place.map(|(_, worker)| worker)
        });
        needs.exclusive || !self.ledger.fits_beside(worker, &needs) || !idle.any(can_take)
    }

    /// Whether no other worker runs anything, will run anything or is putting away what it has run.
    fn is_quiet_beside(&self, worker: WorkerId) -> bool {
        let forces = self.tracks.iter().filter_map(|track| track.force.as_ref());
        let quiet = |force: &Force| {
            force.account.unbegun() == 0
                && force.files_open() == 0
                && force.account.begun().all(|(other, _)| other == worker)
        };
        forces.into_iter().all(quiet)
            && self.roster.iter().all(|(other, member)| other == worker || !is_ending(member))
    }

    /// Where nobody can take what waits: workers that hold something, or have run something, make way for fresh ones.
    fn make_room(&mut self, lane: usize, out: &mut Vec<Decision>) {
        if let Some(worker) = self.in_the_way_of_a_fresh_one(lane) {
            let reason = "a test's last attempt is run in a fresh process".into();
            return self.make_way(worker, lane, reason, out);
        }
        if !self.is_still() {
            return;
        }
        let reason: Arc<str> = "other tests wait for what it holds".into();
        for (worker, lane) in self.in_the_way(lane) {
            self.make_way(worker, lane, reason.clone(), out);
        }
    }

    /// An idle worker where a test waits for a fresh one, and none is there or on its way.
    fn in_the_way_of_a_fresh_one(&self, lane: usize) -> Option<WorkerId> {
        let Force { account, keeper, .. } = self.tracks[lane].force.as_ref()?;
        let wanting = keeper.wanting_fresh();
        if wanting == 0 {
            return None;
        }
        let will_be_fresh = |member: &Member| {
            member.lane == Some(lane) && (is_coming(member) || is_fresh(member) && !member.finished)
        };
        let fresh = self.roster.iter().filter(|(_, member)| will_be_fresh(member)).count();
        if fresh >= wanting {
            return None;
        }
        let idle = |worker: &WorkerId| account.load(*worker) == Some(0);
        self.takers(account).find(idle).filter(|worker| !self.ledger.is_promised(*worker))
    }

    /// Whether nothing will happen by itself, but that a wait ends.
    fn is_still(&self) -> bool {
        let still = |force: &Force| {
            force.account.calls() == 0
                && force.account.unbegun() == 0
                && force
                    .tests
                    .files()
                    .is_none_or(|files| Files::is_still(files) && files.open() == 0)
        };
        self.tracks.iter().filter_map(|track| track.force.as_ref()).all(still)
            && self.roster.iter().all(|(_, member)| !is_coming(member) && !is_ending(member))
    }

    /// The workers whose test is over but for its end, which the first test that waits waits for.
    fn in_the_way(&self, lane: usize) -> Vec<(WorkerId, usize)> {
        let Some(Force { account, keeper, .. }) = &self.tracks[lane].force else {
            return Vec::new();
        };
        let begun = |lane: usize| {
            let account = self.tracks[lane].force.as_ref().map(|force| &force.account);
            let begun = account.into_iter().flat_map(Account::begun);
            begun.map(move |(worker, test)| (worker, lane, test))
        };
        if keeper.failing() > 0 {
            let failing = |test: u32| keeper.care(test).is_some_and(|care| care.failing);
            let failing = begun(lane).filter(|(_, _, test)| failing(*test));
            return failing.map(|(worker, lane, _)| (worker, lane)).collect();
        }
        let Some(care) = keeper.heads().first().and_then(|test| keeper.care(*test)) else {
            return Vec::new();
        };
        let needs = care.needs();
        let suits = |worker: &WorkerId| {
            self.roster.get(*worker).is_some_and(|member| {
                (!care.fresh || is_fresh(member)) && self.ledger.offers(member.host, &needs)
            })
        };
        let other = |worker: &WorkerId| care.last.is_none_or(|(last, _)| last != *worker);
        let mut takers = self.takers(account).filter(suits);
        let first = takers.next();
        let taker = first.filter(other).or_else(|| takers.find(other)).or(first);
        let exclusive = needs.exclusive;
        let others = (0..self.tracks.len()).flat_map(begun);
        others
            .filter(|(worker, _, _)| {
                Some(*worker) != taker && (exclusive || self.ledger.holds(*worker))
            })
            .map(|(worker, lane, _)| (worker, lane))
            .collect()
    }
}

/// Whether a worker has run nothing.
fn is_fresh(member: &Member) -> bool {
    member.stage == Stage::Collected && member.begun == 0
}

/// Whether a worker is on its way, or one in its place is.
fn is_coming(member: &Member) -> bool {
    let succeeds = member.abandoned.is_none() && !member.replaced;
    match member.stage {
        Stage::Expected => succeeds,
        Stage::Collecting => !member.finished,
        Stage::Collected | Stage::TurnedAway => false,
        Stage::Down => succeeds && member.recycled,
    }
}

/// Whether a worker puts away what it has run.
fn is_ending(member: &Member) -> bool {
    member.finished && matches!(member.stage, Stage::Collected | Stage::TurnedAway)
}
