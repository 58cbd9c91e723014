//! A worker of the model and its agent's queue, and what goes to and fro between it and the scheduler.

use std::collections::VecDeque;

use crate::model::{Batch, Collection, Item, Outcome, TestFile, TestName, WorkerSpec};
use crate::schedule::MadeFile;

/// Worker → scheduler.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Ready,
    Collected,
    Started(u32),
    Ran(u32),
    /// A phase of the item has failed.
    Failed(u32),
    Ended(u32, Outcome),
    Listed,
    Making(u32),
    Made(MadeFile),
    Withdrawn(Vec<u32>, Vec<u32>),
    /// What it was running, and what it was collecting.
    Down(Option<u32>, Option<u32>, Outcome),
    Lost(Option<u32>),
}

/// What stands in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Item(u32),
    File(u32, bool),
}

/// Scheduler → worker.
#[derive(Debug, Clone)]
pub(super) enum Command {
    Run(Batch),
    Make(Vec<u32>, bool),
    Withdraw(Vec<u32>, Vec<u32>),
    Finish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Starting,
    Collecting,
    Up,
    Dead,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) spec: WorkerSpec,
    pub(super) collection: Collection,
    pub(super) names: Vec<TestName>,
    pub(super) items: Vec<Item>,
    pub(super) listing: Vec<TestFile>,
    pub(super) stage: Stage,
    pub(super) queue: VecDeque<Entry>,
    /// Taken from the queue, so not to be withdrawn any more; its start is not reported yet.
    pub(super) taken: Option<Entry>,
    pub(super) making: Option<(u32, bool)>,
    pub(super) running: Option<u32>,
    pub(super) ran: bool,
    /// What the running item will come to.
    pub(super) outcome: Outcome,
    /// It ended because it was told to finish.
    pub(super) ended_well: bool,
    pub(super) finish: bool,
    pub(super) commands: VecDeque<Command>,
    pub(super) events: VecDeque<Event>,
}

impl Worker {
    pub(super) fn new(spec: WorkerSpec, collection: Collection, streams: bool) -> Self {
        let mut listing: Vec<TestFile> = Vec::new();
        for item in collection.items() {
            if !listing.iter().any(|file| *file.id == *item.file()) {
                listing.push(TestFile { id: item.file().into(), size: 0, at_once: false });
            }
        }
        Self {
            spec,
            items: if streams { Vec::new() } else { collection.items().to_vec() },
            names: if streams { Vec::new() } else { collection.names() },
            listing,
            making: None,
            collection,
            stage: Stage::Starting,
            queue: VecDeque::new(),
            taken: None,
            running: None,
            ran: false,
            outcome: Outcome::Passed,
            ended_well: false,
            finish: false,
            commands: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Makes the tests of a file of its listing.
    pub(super) fn make(&mut self, file: u32, run: bool) {
        let id = &self.listing[file as usize].id;
        let first = u32::try_from(self.names.len()).unwrap();
        let of_file = self.collection.items().iter().filter(|item| *item.file() == **id);
        let items: Vec<_> = of_file.cloned().collect();
        self.names.extend(Collection::new(items.clone()).names());
        self.items.extend(items.iter().cloned());
        let mut kept = Vec::new();
        if run {
            let places = (0..).zip(&items);
            let waits = |item: &Item| item.has_needs() || item.is_slow();
            kept.extend(places.filter(|(_, item)| waits(item)).map(|(place, _)| place));
            let numbers = first..u32::try_from(self.names.len()).unwrap();
            let at_once = numbers.filter(|number| !kept.contains(&(number - first)));
            at_once.rev().for_each(|item| self.queue.push_front(Entry::Item(item)));
        }
        let made = MadeFile { file, first, items, deselected: 0, queued: run, kept };
        self.events.push_back(Event::Made(made));
    }
}
