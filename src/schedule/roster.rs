//! Who takes part: every worker ever announced, where it stands, and how its items map to the
//! lane's tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{HostId, TestIndex, WorkerId};

use super::places::Places;

/// Where a worker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Announced.
    Expected,
    /// Its framework is up.
    Collecting,
    /// Its collection is in.
    Collected,
    /// It collected other tests than those in force.
    TurnedAway,
    /// Its process is gone.
    Down,
}

/// One worker.
#[derive(Debug)]
pub(super) struct Member {
    /// The lane it works in; `None`: there is nothing for it to do.
    pub(super) lane: Option<usize>,
    pub(super) host: HostId,
    pub(super) stage: Stage,
    /// Which of the different collections it has, while the start waits for the others.
    pub(super) class: Option<usize>,
    pub(super) places: Option<Places>,
    /// It was told to finish.
    pub(super) finished: bool,
    /// No replacement will come, and why.
    pub(super) abandoned: Option<Arc<str>>,
    /// Nobody knows when it comes.
    pub(super) late: bool,
    /// How long an order and its answer are on their way.
    pub(super) away: Duration,
    /// Its replacement was announced.
    pub(super) replaced: bool,
    /// It makes way for a fresh one.
    pub(super) recycled: bool,
    /// How many tests it has begun.
    pub(super) begun: u32,
    /// Withdrawals without an answer, the oldest first.
    pub(super) recalls: VecDeque<Recall>,
}

/// What a worker was asked to give back.
#[derive(Debug, Default)]
pub(super) struct Recall {
    pub(super) tests: Vec<TestIndex>,
    pub(super) files: Vec<u32>,
}

impl Member {
    /// Whether the start has to wait for this worker or for one in its place, or would have to if it were not late.
    pub(super) fn is_awaited(&self, though_late: bool) -> bool {
        self.lane.is_some()
            && match self.stage {
                Stage::Expected | Stage::Down => {
                    self.abandoned.is_none() && !self.replaced && (though_late || !self.late)
                }
                Stage::Collecting => true,
                Stage::Collected | Stage::TurnedAway => false,
            }
    }
}

/// All workers.
#[derive(Debug, Default)]
pub(super) struct Roster {
    members: BTreeMap<WorkerId, Member>,
    awaited: usize,
}

impl Roster {
    /// Adds a worker; `false` if its id is taken.
    pub(super) fn add(&mut self, worker: WorkerId, lane: Option<usize>, host: HostId) -> bool {
        if self.members.contains_key(&worker) {
            return false;
        }
        let member = Member {
            lane,
            host,
            stage: Stage::Expected,
            class: None,
            places: None,
            finished: false,
            abandoned: None,
            late: false,
            away: Duration::ZERO,
            replaced: false,
            recycled: false,
            begun: 0,
            recalls: VecDeque::new(),
        };
        self.awaited += usize::from(member.is_awaited(false));
        self.members.insert(worker, member);
        true
    }

    pub(super) fn get(&self, worker: WorkerId) -> Option<&Member> {
        self.members.get(&worker)
    }

    /// Changes a worker; `None` if it is not known.
    pub(super) fn change<T>(
        &mut self,
        worker: WorkerId,
        act: impl FnOnce(&mut Member) -> T,
    ) -> Option<T> {
        let member = self.members.get_mut(&worker)?;
        self.awaited -= usize::from(member.is_awaited(false));
        let answer = act(member);
        self.awaited += usize::from(member.is_awaited(false));
        Some(answer)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (WorkerId, &Member)> {
        self.members.iter().map(|(worker, member)| (*worker, member))
    }

    /// How many workers the start has to wait for.
    pub(super) fn awaited(&self) -> usize {
        self.awaited
    }
}
