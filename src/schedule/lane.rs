//! One run through the suite: its tests by name, its account, and whose it is.

use std::sync::Arc;

use crate::model::{Collection, Lane, TestName, WorkerId, WorkerSpec};

use super::account::Account;
use super::policy::View;

/// The tests of one collection with their names; lanes with equal collections share it.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) collection: Collection,
    pub(super) names: Vec<TestName>,
}

impl Catalog {
    pub(super) fn new(collection: Collection) -> Arc<Self> {
        let names = collection.names();
        Arc::new(Self { collection, names })
    }
}

/// What is in force in a lane since distribution began.
#[derive(Debug)]
pub(super) struct Force {
    /// The worker whose collection it is.
    pub(super) from: WorkerId,
    pub(super) catalog: Arc<Catalog>,
    pub(super) account: Account,
}

impl Force {
    pub(super) fn new(from: WorkerId, catalog: Arc<Catalog>) -> Self {
        let account = Account::new(catalog.collection.len());
        Self { from, catalog, account }
    }

    pub(super) fn view(&self, lane: usize) -> View<'_> {
        View { lane: lane_id(lane), items: self.catalog.collection.items(), account: &self.account }
    }
}

/// One lane. The shared one has no owner.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// The worker whose lane it is, or its latest replacement, and the specification it takes to be
    /// one.
    pub(super) owner: Option<(WorkerId, WorkerSpec)>,
    /// Which of the different collections is its own, while the start waits for others.
    pub(super) class: Option<usize>,
    pub(super) force: Option<Force>,
    /// Every worker of the lane was told to finish, and so will be all that come.
    pub(super) done: bool,
}

pub(super) fn lane_id(lane: usize) -> Lane {
    Lane(u32::try_from(lane).unwrap_or(u32::MAX))
}
