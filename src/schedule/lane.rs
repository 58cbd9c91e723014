//! One run through the suite: its tests by name, its account, and whose it is.

use std::sync::Arc;

use crate::model::{Collection, Item, Lane, TestName, WorkerId, WorkerSpec};

use super::account::Account;
use super::files::Files;
use super::keeper::Keeper;
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

/// The tests of a lane.
#[derive(Debug)]
pub(super) enum Tests {
    /// All are known.
    Whole(Arc<Catalog>),
    /// They become known file by file.
    Streamed(Box<Files>),
}

impl Tests {
    pub(super) fn items(&self) -> &[Item] {
        match self {
            Self::Whole(catalog) => catalog.collection.items(),
            Self::Streamed(files) => files.items(),
        }
    }

    pub(super) fn name(&self, test: u32) -> Option<&TestName> {
        match self {
            Self::Whole(catalog) => catalog.names.get(test as usize),
            Self::Streamed(files) => files.name(test),
        }
    }

    pub(super) fn files(&self) -> Option<&Files> {
        match self {
            Self::Whole(_) => None,
            Self::Streamed(files) => Some(files),
        }
    }

    pub(super) fn files_mut(&mut self) -> Option<&mut Files> {
        match self {
            Self::Whole(_) => None,
            Self::Streamed(files) => Some(files),
        }
    }
}

/// What is in force in a lane since distribution began.
#[derive(Debug)]
pub(super) struct Force {
    /// The worker whose collection it is.
    pub(super) from: WorkerId,
    pub(super) tests: Tests,
    pub(super) account: Account,
    pub(super) keeper: Keeper,
}

impl Force {
    pub(super) fn new(from: WorkerId, catalog: Arc<Catalog>) -> Self {
        let account = Account::new(catalog.collection.len());
        Self { from, tests: Tests::Whole(catalog), account, keeper: Keeper::default() }
    }

    pub(super) fn streamed(from: WorkerId, files: Files) -> Self {
        let (tests, account) = (Tests::Streamed(Box::new(files)), Account::streamed());
        Self { from, tests, account, keeper: Keeper::default() }
    }

    /// How many files have tests that are still to be known.
    pub(super) fn files_open(&self) -> usize {
        self.tests.files().map_or(0, Files::open)
    }

    pub(super) fn view(&self, lane: usize) -> View<'_> {
        View {
            lane: lane_id(lane),
            items: self.tests.items(),
            files: self.tests.files(),
            account: &self.account,
        }
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
