//! How the items of one worker map to the tests in force.

use std::collections::HashMap;

use crate::model::{Collection, Item, TestFile, TestIndex};

use super::files::Files;

/// How a worker's items map to the tests in force.
#[derive(Debug)]
pub(super) enum Places {
    /// It collected them in the same order.
    Same,
    /// It collected them in another order.
    Other(Order),
    /// It makes them file by file.
    Streamed(Streamed),
}

/// One list in the order of another.
#[derive(Debug)]
pub(super) struct Order {
    /// By place in force, its own.
    own_of: Vec<u32>,
    /// By own place, that in force.
    force_of: Vec<u32>,
}

impl Order {
    fn new(own_of: Vec<u32>) -> Self {
        let mut force_of = vec![0; own_of.len()];
        for (own, force) in own_of.iter().zip(0..) {
            force_of[*own as usize] = force;
        }
        Self { own_of, force_of }
    }
}

/// What a worker has made so far.
#[derive(Debug, Default)]
pub(super) struct Streamed {
    /// Its listing, if it has another order than the one in force.
    listing: Option<Order>,
    made: HashMap<u32, Part>,
    /// The first item and the file of each part, in the order made.
    parts: Vec<(u32, u32)>,
    /// By file that it has still to make, the tests that it is to run then.
    promised: HashMap<u32, Vec<u32>>,
}

/// The items of one file.
#[derive(Debug)]
struct Part {
    /// Its first item.
    item: u32,
    /// Its first test.
    test: u32,
    len: u32,
    order: Option<Order>,
}

impl Places {
    /// `None` if the worker collected other tests.
    pub(super) fn of(in_force: &Collection, own: &Collection) -> Option<Self> {
        if in_force.same_ids(own) {
            return Some(Self::Same);
        }
        Some(Self::Other(Order::new(in_force.order_in(own)?)))
    }

    /// `None` if the worker listed other files.
    pub(super) fn listed(in_force: &[TestFile], own: &[TestFile]) -> Option<Self> {
        let ids = |files| <[TestFile]>::iter(files).map(|file| &file.id);
        let is_same = std::ptr::eq(in_force, own) || ids(in_force).eq(ids(own));
        let listing = if is_same {
            None
        } else {
            let place: HashMap<_, u32> = ids(own).zip(0..).collect();
            if place.len() != in_force.len() || own.len() != in_force.len() {
                return None;
            }
            let own_of: Option<Vec<u32>> = ids(in_force).map(|id| place.get(id).copied()).collect();
            Some(Order::new(own_of?))
        };
        Some(Self::Streamed(Streamed { listing, ..Streamed::default() }))
    }

    /// The test that an item is; one beyond the collection may give a test that is not in the
    /// account.
    pub(super) fn test(&self, item: u32) -> Option<u32> {
        match self {
            Self::Same => Some(item),
            Self::Other(order) => order.force_of.get(item as usize).copied(),
            Self::Streamed(streamed) => streamed.test(item),
        }
    }

    /// The item that a test is; `None` if the worker has not made it.
    pub(super) fn item(&self, test: TestIndex, files: Option<&Files>) -> Option<u32> {
        match self {
            Self::Same => Some(test.0),
            Self::Other(order) => order.own_of.get(test.0 as usize).copied(),
            Self::Streamed(streamed) => streamed.item(test.0, files?.file_of(test.0)?),
        }
    }

    pub(super) fn streamed(&self) -> Option<&Streamed> {
        match self {
            Self::Streamed(streamed) => Some(streamed),
            Self::Same | Self::Other(_) => None,
        }
    }

    pub(super) fn streamed_mut(&mut self) -> Option<&mut Streamed> {
        match self {
            Self::Streamed(streamed) => Some(streamed),
            Self::Same | Self::Other(_) => None,
        }
    }
}

impl Streamed {
    fn test(&self, item: u32) -> Option<u32> {
        let after = self.parts.partition_point(|(first, _)| *first <= item);
        let (_, file) = self.parts.get(after.checked_sub(1)?)?;
        let part = self.made.get(file)?;
        let own = item - part.item;
        if own >= part.len {
            return None;
        }
        let place = match &part.order {
            None => own,
            Some(order) => order.force_of[own as usize],
        };
        Some(part.test + place)
    }

    fn item(&self, test: u32, file: u32) -> Option<u32> {
        let part = self.made.get(&file)?;
        let place = test.checked_sub(part.test).filter(|place| *place < part.len)?;
        let own = match &part.order {
            None => place,
            Some(order) => order.own_of[place as usize],
        };
        Some(part.item + own)
    }

    /// The place of a file in the worker's own listing.
    pub(super) fn own_file(&self, file: u32) -> u32 {
        self.listing.as_ref().map_or(file, |order| order.own_of[file as usize])
    }

    /// The file in force that a place in the worker's own listing is.
    pub(super) fn file(&self, own: u32) -> Option<u32> {
        match &self.listing {
            None => Some(own),
            Some(order) => order.force_of.get(own as usize).copied(),
        }
    }

    /// The worker has made the tests of a file, from `item` on. `false` if they are others than those in force, which
    /// begin at `test`.
    pub(super) fn made(
        &mut self,
        file: u32,
        item: u32,
        test: u32,
        in_force: &[Item],
        own: &[Item],
    ) -> bool {
        let same = |(a, b): (&Item, &Item)| a.id == b.id;
        let order = if in_force.len() == own.len() && in_force.iter().zip(own).all(same) {
            None
        } else {
            let collection = |items: &[Item]| Collection::new(items.to_vec());
            match collection(in_force).order_in(&collection(own)) {
                Some(own_of) => Some(Order::new(own_of)),
                None => return false,
            }
        };
        let len = u32::try_from(own.len()).unwrap_or(u32::MAX);
        self.made.insert(file, Part { item, test, len, order });
        self.parts.push((item, file));
        true
    }

    /// A test is to be run when its file was made.
    pub(super) fn promise(&mut self, file: u32, test: u32) {
        self.promised.entry(file).or_default().push(test);
    }

    /// What is to be run of a file that was made.
    pub(super) fn promised(&mut self, file: u32) -> Vec<u32> {
        self.promised.remove(&file).unwrap_or_default()
    }

    /// All that is still to be run when its file was made.
    pub(super) fn all_promised(&mut self) -> Vec<u32> {
        let mut tests: Vec<u32> = self.promised.drain().flat_map(|(_, tests)| tests).collect();
        tests.sort_unstable();
        tests
    }
}
