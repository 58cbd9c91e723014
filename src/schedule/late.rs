//! Workers whose hosts are not there yet: the start does not wait for them.

use std::time::Duration;

use crate::model::WorkerId;

use super::roster::Stage;
use super::{Decision, Scheduler};

impl Scheduler {
    /// Tests go out as soon as this many workers have collected, whoever else is on the way. Without it all are waited for
    /// but those that are [late](Self::worker_late).
    pub fn begin_with(&mut self, workers: usize) {
        self.enough = Some(workers.max(1));
    }

    /// Nobody knows when this worker comes, since its host is out of reach: the start does not wait for it, unless it takes
    /// it to be [enough](Self::begin_with). It joins when it comes.
    pub fn worker_late(&mut self, worker: WorkerId) -> Vec<Decision> {
        self.roster.change(worker, |member| member.late = true);
        let mut out = Vec::new();
        self.try_begin(&mut out);
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
            None => self.roster.awaited() > 0,
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
