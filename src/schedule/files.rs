//! The files of a streamed collection: who is to look into them, and which tests came out.
//!
//! A file is looked into (its tests are *made*) by the worker that gets it first, and again by every worker that is to
//! run some of its tests. It refuses every step that does not follow; it decides nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use crate::model::{Item, TestFile, TestName, WorkerId};

/// Where a file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Its tests are not known.
    Open,
    /// These are its tests.
    Made(Range<u32>),
    /// Its tests will never be known.
    Over,
}

/// A worker that was told to make the tests of a file and has not done so yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Maker {
    worker: WorkerId,
    /// Whether it runs them at once.
    runs: bool,
    begun: bool,
    recalled: bool,
    /// It did not come back when it was asked back: it is about to begin.
    bound: bool,
    /// What it adds to the weight of what the worker holds.
    weight: u32,
}

impl Maker {
    fn can_be_recalled(&self) -> bool {
        !self.begun && !self.recalled && !self.bound
    }
}

/// What a worker that is gone leaves of files.
#[derive(Debug, Default)]
pub(super) struct LeftFiles {
    /// It was making the tests of this one, which nobody knows and nobody will.
    pub(super) crashed: Option<u32>,
    /// These wait again.
    pub(super) returned: Vec<u32>,
    /// The one that it had begun to make, whatever became of it.
    pub(super) begun: Option<u32>,
}

/// The files of a streamed collection and the tests they had so far.
#[derive(Debug)]
pub(super) struct Files {
    listing: Arc<[TestFile]>,
    weights: Vec<u32>,
    states: Vec<State>,
    makers: HashMap<u32, Vec<Maker>>,
    /// Open, and nobody was told to make their tests.
    waiting: BTreeSet<u32>,
    /// By worker, what it has been told to make and has not made, in that order.
    held: BTreeMap<WorkerId, Vec<u32>>,
    open: usize,
    recalled: usize,
    items: Vec<Item>,
    names: Vec<TestName>,
    file_of: Vec<u32>,
}

impl Files {
    /// All files wait. `weights` are what the files weigh, one each.
    pub(super) fn new(listing: Arc<[TestFile]>, weights: Vec<u32>) -> Self {
        let numbers = 0..u32::try_from(listing.len()).unwrap_or(u32::MAX);
        Self {
            states: vec![State::Open; listing.len()],
            makers: HashMap::new(),
            waiting: numbers.collect(),
            held: BTreeMap::new(),
            open: listing.len(),
            recalled: 0,
            items: Vec::new(),
            names: Vec::new(),
            file_of: Vec::new(),
            listing,
            weights,
        }
    }

    pub(super) fn listing(&self) -> &[TestFile] {
        &self.listing
    }

    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(super) fn name(&self, test: u32) -> Option<&TestName> {
        self.names.get(test as usize)
    }

    pub(super) fn file_of(&self, test: u32) -> Option<u32> {
        self.file_of.get(test as usize).copied()
    }

    pub(super) fn weight_of(&self, file: u32) -> u32 {
        self.weights.get(file as usize).copied().unwrap_or(1)
    }

    /// The tests of a file, if they are known.
    pub(super) fn tests_of(&self, file: u32) -> Option<Range<u32>> {
        match self.states.get(file as usize)? {
            State::Made(tests) => Some(tests.clone()),
            State::Open | State::Over => None,
        }
    }

    /// How many files have tests that are still to be known.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// How many files are on their way back.
    pub(super) fn recalled(&self) -> usize {
        self.recalled
    }

    /// Whether no worker has a file to make or to answer for.
    pub(super) fn is_still(&self) -> bool {
        self.makers.is_empty()
    }

    /// The files that nobody was told to make, in the order of the listing.
    pub(super) fn waiting(&self) -> impl Iterator<Item = u32> {
        self.waiting.iter().copied()
    }

    pub(super) fn waiting_len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_waiting(&self, file: u32) -> bool {
        self.waiting.contains(&file)
    }

    /// The open files that could be taken back from a worker, the last given first.
    pub(super) fn held_backward(&self, worker: WorkerId) -> impl Iterator<Item = u32> {
        let held = self.held.get(&worker).into_iter().flatten().rev().copied();
        held.filter(move |file| {
            self.states[*file as usize] == State::Open
                && self.maker(worker, *file).is_some_and(Maker::can_be_recalled)
        })
    }

    /// Whether the tests of a file will never be known.
    pub(super) fn is_over(&self, file: u32) -> bool {
        self.states.get(file as usize).is_none_or(|state| *state == State::Over)
    }

    /// Whether a worker was told to make the tests of a file and has not done so yet.
    pub(super) fn is_maker(&self, worker: WorkerId, file: u32) -> bool {
        self.maker(worker, file).is_some()
    }

    fn maker(&self, worker: WorkerId, file: u32) -> Option<&Maker> {
        self.makers.get(&file)?.iter().find(|maker| maker.worker == worker)
    }

    fn maker_mut(&mut self, worker: WorkerId, file: u32) -> Option<&mut Maker> {
        self.makers.get_mut(&file)?.iter_mut().find(|maker| maker.worker == worker)
    }

    /// A worker is to make the tests of a file; only one may run them at once, and only the first.
    pub(super) fn give(&mut self, worker: WorkerId, file: u32, runs: bool) -> bool {
        let makers = self.makers.get(&file).map_or(&[][..], Vec::as_slice);
        let weight = if runs { self.weight_of(file) } else { 0 };
        let fits = match self.states.get(file as usize) {
            None | Some(State::Over) => false,
            Some(State::Made(_)) => !runs,
            Some(State::Open) if runs => makers.is_empty(),
            Some(State::Open) => makers.iter().all(|maker| !maker.runs),
        };
        if !fits || makers.iter().any(|maker| maker.worker == worker) {
            return false;
        }
        self.waiting.remove(&file);
        let maker = Maker { worker, runs, begun: false, recalled: false, bound: false, weight };
        self.makers.entry(file).or_default().push(maker);
        self.held.entry(worker).or_default().push(file);
        true
    }

    /// What a file that a worker was told to make adds to its load.
    pub(super) fn weight_on(&self, worker: WorkerId, file: u32) -> u32 {
        self.maker(worker, file).map_or(0, |maker| maker.weight)
    }

    /// The file that a worker is making now and would run at once.
    pub(super) fn making(&self, worker: WorkerId) -> Option<u32> {
        let making = |maker: &Maker| (maker.begun || maker.bound) && maker.runs;
        let mut held = self.held.get(&worker)?.iter().copied();
        held.find(|file| self.maker(worker, *file).is_some_and(making))
    }

    /// The worker that is to run the tests of a file as it makes them, and could give it back.
    pub(super) fn runner(&self, file: u32) -> Option<WorkerId> {
        let mut makers = self.makers.get(&file)?.iter();
        let runs = |maker: &&Maker| maker.runs && maker.can_be_recalled();
        makers.find(runs).map(|maker| maker.worker)
    }

    /// A file is asked back before it was begun.
    pub(super) fn recall(&mut self, worker: WorkerId, file: u32) -> bool {
        let maker = self.maker_mut(worker, file).filter(|maker| maker.can_be_recalled());
        let Some(maker) = maker else {
            return false;
        };
        maker.recalled = true;
        self.recalled += 1;
        true
    }

    /// A file asked back did not come: it has begun, or is about to.
    pub(super) fn keep(&mut self, worker: WorkerId, file: u32) {
        if let Some(maker) = self.maker_mut(worker, file).filter(|maker| maker.recalled) {
            maker.recalled = false;
            maker.bound = true;
            self.recalled -= 1;
        }
    }

    /// A worker no longer has a file that it has not begun. `Some(true)`: it waits again.
    pub(super) fn put_back(&mut self, worker: WorkerId, file: u32) -> Option<bool> {
        self.maker(worker, file).filter(|maker| !maker.begun)?;
        self.dismiss(worker, file);
        Some(self.wait_again(file))
    }

    /// A worker begins to make the tests of a file.
    pub(super) fn begin(&mut self, worker: WorkerId, file: u32) -> bool {
        self.keep(worker, file);
        let Some(maker) = self.maker_mut(worker, file).filter(|maker| !maker.begun) else {
            return false;
        };
        maker.begun = true;
        true
    }

    /// A worker has made the tests of a file: whether they are new to the run. `None` if it was not to.
    pub(super) fn made(&mut self, worker: WorkerId, file: u32, items: &[Item]) -> Option<bool> {
        self.maker(worker, file).filter(|maker| maker.begun)?;
        self.dismiss(worker, file);
        if self.states[file as usize] != State::Open {
            return Some(false);
        }
        let first = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        let mut seen: HashMap<&str, u32> = HashMap::with_capacity(items.len());
        for item in items {
            let occurrence = seen.entry(&item.id).or_default();
            self.names.push(TestName { id: item.id.clone(), occurrence: *occurrence });
            *occurrence += 1;
        }
        self.items.extend_from_slice(items);
        self.file_of.resize(self.items.len(), file);
        let end = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.states[file as usize] = State::Made(first..end);
        self.open -= 1;
        Some(true)
    }

    /// A worker is gone. What it was collecting is the file that it was making, unless its agent has told of another one.
    pub(super) fn leave(&mut self, worker: WorkerId, told: Option<u32>) -> LeftFiles {
        self.leave_with(worker, told, told.is_none())
    }

    /// A worker is gone, and no file is to blame.
    pub(super) fn leave_unblamed(&mut self, worker: WorkerId) -> LeftFiles {
        self.leave_with(worker, None, false)
    }

    /// `blamed`: what it was making is what took it down.
    fn leave_with(&mut self, worker: WorkerId, told: Option<u32>, blamed: bool) -> LeftFiles {
        let mut left = LeftFiles::default();
        // Where another one is to make it too, that one will show what comes of it.
        let is_last = |file: &u32| {
            let makers = self.makers.get(file).map_or(&[][..], Vec::as_slice);
            self.states.get(*file as usize) == Some(&State::Open)
                && makers.iter().all(|maker| maker.worker == worker)
        };
        if let Some(file) = told.filter(is_last) {
            self.give_up(file);
            left.crashed = Some(file);
        }
        for file in self.held.get(&worker).cloned().unwrap_or_default() {
            let begun = self.maker(worker, file).is_some_and(|maker| maker.begun);
            self.dismiss(worker, file);
            if begun {
                left.begun = Some(file);
            }
            if begun && blamed && self.states[file as usize] == State::Open {
                self.give_up(file);
                left.crashed = Some(file);
            } else if self.wait_again(file) {
                left.returned.push(file);
            }
        }
        self.held.remove(&worker);
        left.returned.sort_unstable();
        left
    }

    /// Every file that waits is given up.
    pub(super) fn write_off(&mut self) -> Vec<u32> {
        let files: Vec<u32> = self.waiting.iter().copied().collect();
        for file in &files {
            self.give_up(*file);
        }
        files
    }

    /// Every file whose tests are not known is given up, whoever makes them.
    pub(super) fn write_off_all(&mut self) -> Vec<u32> {
        let open = (0..).zip(&self.states).filter(|(_, state)| **state == State::Open);
        let files: Vec<u32> = open.map(|(file, _)| file).collect();
        for file in &files {
            self.give_up(*file);
        }
        files
    }

    pub(super) fn give_up(&mut self, file: u32) {
        self.waiting.remove(&file);
        self.states[file as usize] = State::Over;
        self.open -= 1;
    }

    fn wait_again(&mut self, file: u32) -> bool {
        let waits = self.states[file as usize] == State::Open && !self.makers.contains_key(&file);
        if waits {
            self.waiting.insert(file);
        }
        waits
    }

    /// A worker has no longer to do with a file.
    fn dismiss(&mut self, worker: WorkerId, file: u32) {
        self.keep(worker, file);
        if let Some(makers) = self.makers.get_mut(&file) {
            makers.retain(|maker| maker.worker != worker);
            if makers.is_empty() {
                self.makers.remove(&file);
            }
        }
        if let Some(held) = self.held.get_mut(&worker) {
            held.retain(|known| *known != file);
        }
    }
}
