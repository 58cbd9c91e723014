//! Workers whose hosts are not there yet: the start does not wait for them.

use std::time::Duration;

use crate::model::WorkerId;

use super::roster::{Member, Stage};
use super::scheduler::Phase;
use super::{Decision, Scheduler};

impl Scheduler {
    /// Tests or files go out as soon as this many workers have collected or listed them, whoever else is on the way. Without it
    /// the first listing is enough, and for a collection all are waited for but those that are [late](Self::worker_late).
    pub fn begin_with(&mut self, workers: usize) {
        self.enough = Some(workers.max(1));
    }

    /// Nobody knows when this worker comes, since its host is out of reach: the start does not wait for it, unless it takes
    /// it to be [enough](Self::begin_with). It joins when it comes.
    pub fn worker_late(&mut self, worker: WorkerId) -> Vec<Decision> {
        self.roster.change(worker, |member| member.late = true);
        let mut out = Vec::new();
        self.try_begin(&mut out);
        self.place_all_kept(&mut out);
        out
    }

    /// Whether the start has to wait.
    pub(super) fn is_start_awaited(&self) -> bool {
        let count = |stage: Stage| {
            let members = self.roster.iter();
            members.filter(|(_, member)| member.lane.is_some() && member.stage == stage).count()
        };
        match self.enough {
            Some(enough) if count(Stage::Collected) >= enough => false,
            // Those that are late may make it enough.
            Some(_) => self.roster.iter().any(|(_, member)| member.is_awaited(true)),
            // Files go out as soon as there is somebody who can look into them.
            None if self.streams => false,
            None => self.roster.awaited() > 0,
        }
    }

    /// The files of all that have listed them go out: by the listing of the first one.
    pub(super) fn begin_listed(&mut self, out: &mut Vec<Decision>) {
        for (worker, lane, listing) in std::mem::take(&mut self.listings) {
            let is_there = |member: &Member| member.stage == Stage::Collected && !member.finished;
            if !self.roster.get(worker).is_some_and(is_there) {
                continue;
            }
            match self.phase {
                Phase::Collecting => self.begin_streaming(worker, lane, listing, out),
                Phase::Running => self.admit_listing(worker, lane, &listing, out),
                Phase::Stopped(_) | Phase::Closed => {}
            }
        }
    }

    /// Somebody can not list files, so that all collect everything: those that have listed them have no part in that.
    pub(super) fn turn_away_listed(&mut self, out: &mut Vec<Decision>) {
        for (worker, lane, _) in std::mem::take(&mut self.listings) {
            if self.roster.get(worker).is_some_and(|member| member.stage == Stage::Collected) {
                self.turn_away(worker, lane, None, out);
            }
        }
    }

    /// An order to this worker and its answer are on their way for so long: it is given more ahead.
    pub fn worker_is_away(&mut self, worker: WorkerId, time: Duration) {
        let lane = self.roster.change(worker, |member| {
            member.away = time;
            member.lane
        });
        if let Some(account) = lane.flatten().and_then(|lane| self.account(lane)) {
            account.set_away(worker, time);
        }
    }
}
