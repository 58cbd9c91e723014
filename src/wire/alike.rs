//! What the workers of one host tell alike: their collections and their listings, of which each entry crosses the link once.
//!
//! Both sides keep a common list. Whoever is the first to come to its end adds to it; the others say how many of its entries are
//! theirs too. A worker that differs in one entry goes on by itself.

use std::collections::HashMap;
use std::sync::Arc;

use super::{FromAgent, List, WorkerEvent};
use crate::model::{Item, TestFile, WorkerId};

/// The common list of one side, and where each worker that still tells stands in it.
#[derive(Debug)]
pub struct Alike<T> {
    entries: Vec<T>,
    told: HashMap<WorkerId, Told<T>>,
    /// The whole list, as it was last given to somebody.
    whole: Option<Arc<[T]>>,
}

/// What a worker has told so far.
#[derive(Debug)]
enum Told<T> {
    /// As many of the first entries of the common list.
    Alike(usize),
    /// These; kept by the side that hears it alone.
    Apart(Vec<T>),
}

impl<T> Default for Alike<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), told: HashMap::new(), whole: None }
    }
}

/// The side that tells.
#[derive(Debug, Default)]
pub struct Telling {
    items: Alike<Item>,
    files: Alike<TestFile>,
}

impl Telling {
    /// What is to be said of an event of a worker, in this order.
    pub fn messages(
        &mut self,
        worker: WorkerId,
        mut event: WorkerEvent,
    ) -> impl Iterator<Item = FromAgent> + use<> {
        let (list, same, is_done) = match &mut event {
            WorkerEvent::Items(items) => {
                let same = self.items.shorten(worker, items);
                (List::Items, same, items.is_empty())
            }
            WorkerEvent::Files(files) => {
                let same = self.files.shorten(worker, files);
                (List::Files, same, files.is_empty())
            }
            WorkerEvent::Collected { .. } | WorkerEvent::Listed { .. } | WorkerEvent::Exited(_) => {
                self.items.forget(worker);
                self.files.forget(worker);
                (List::Items, 0, false)
            }
            _other => (List::Items, 0, false),
        };
        let same = (same > 0).then_some(FromAgent::Same { worker, list, count: same });
        let rest = (!is_done).then_some(FromAgent::Worker(worker, event));
        same.into_iter().chain(rest)
    }
}

impl<T: Clone + PartialEq> Alike<T> {
    /// The side that tells: how many of the next entries of a worker need not be told, since they stand in the common list; those
    /// are taken out. The rest is to be told after this.
    fn shorten(&mut self, worker: WorkerId, entries: &mut Vec<T>) -> u32 {
        let told = self.told.entry(worker).or_insert(Told::Alike(0));
        let Told::Alike(place) = told else {
            return 0;
        };
        let known = self.entries[*place..].iter();
        let same = known.zip(&*entries).take_while(|(known, own)| known == own).count();
        entries.drain(..same);
        *place += same;
        if *place == self.entries.len() {
            self.entries.extend_from_slice(entries);
            *place = self.entries.len();
        } else if !entries.is_empty() {
            *told = Told::Apart(Vec::new());
        }
        u32::try_from(same).expect("a collection is counted in 32 bits")
    }

    /// The side that hears: so many of the next entries of a worker are those of the common list; `false` if it has not as many.
    #[must_use]
    pub fn same(&mut self, worker: WorkerId, count: u32) -> bool {
        match self.told.entry(worker).or_insert(Told::Alike(0)) {
            Told::Alike(place) if count as usize <= self.entries.len() - *place => {
                *place += count as usize;
                true
            }
            Told::Alike(_) | Told::Apart(_) => false,
        }
    }

    /// The side that hears: these are the next entries of a worker.
    pub fn more(&mut self, worker: WorkerId, mut entries: Vec<T>) {
        let told = self.told.entry(worker).or_insert(Told::Alike(0));
        match told {
            Told::Alike(place) if *place == self.entries.len() => {
                self.entries.append(&mut entries);
                *place = self.entries.len();
            }
            Told::Alike(place) if !entries.is_empty() => {
                let before = self.entries[..*place].iter().cloned();
                *told = Told::Apart(before.chain(entries).collect());
            }
            Told::Alike(_) => {}
            Told::Apart(own) => own.append(&mut entries),
        }
    }

    /// All that a worker has told, which tells no more: one allocation for all that are alike.
    pub fn take(&mut self, worker: WorkerId) -> Arc<[T]> {
        match self.told.remove(&worker) {
            Some(Told::Apart(own)) => own.into(),
            Some(Told::Alike(place)) if place == self.entries.len() => {
                let whole = self.whole.take().filter(|whole| whole.len() == place);
                self.whole.insert(whole.unwrap_or_else(|| self.entries.as_slice().into())).clone()
            }
            Some(Told::Alike(place)) => self.entries[..place].into(),
            None => Arc::default(),
        }
    }

    /// A worker tells no more.
    pub fn forget(&mut self, worker: WorkerId) {
        self.told.remove(&worker);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// What was sent: how many are the same, and the rest.
    fn carry(from: &mut Alike<u8>, to: &mut Alike<u8>, worker: u32, part: &[u8]) -> (u32, usize) {
        let mut rest = part.to_vec();
        let same = from.shorten(WorkerId(worker), &mut rest);
        assert!(same == 0 || to.same(WorkerId(worker), same));
        let told = (same, rest.len());
        to.more(WorkerId(worker), rest);
        told
    }

    #[test]
    fn what_is_alike_is_told_once_and_held_once() {
        let (mut from, mut to) = (Alike::default(), Alike::default());
        assert_eq!(carry(&mut from, &mut to, 0, b"abc"), (0, 3));
        assert_eq!(carry(&mut from, &mut to, 1, b"ab"), (2, 0));
        assert_eq!(carry(&mut from, &mut to, 0, b"de"), (0, 2));
        assert_eq!(carry(&mut from, &mut to, 1, b"cdef"), (3, 1), "it is the first to come so far");
        assert_eq!(carry(&mut from, &mut to, 0, b"f"), (1, 0));
        let [first, second] = [0, 1].map(|worker| to.take(WorkerId(worker)));
        assert_eq!(&*first, b"abcdef");
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn one_that_differs_goes_on_by_itself() {
        let (mut from, mut to) = (Alike::default(), Alike::default());
        carry(&mut from, &mut to, 0, b"abc");
        assert_eq!(carry(&mut from, &mut to, 1, b"axc"), (1, 2));
        assert_eq!(carry(&mut from, &mut to, 1, b"c"), (0, 1));
        assert_eq!(&*to.take(WorkerId(1)), b"axcc");
        assert_eq!(carry(&mut from, &mut to, 2, b"ab"), (2, 0));
        assert_eq!(&*to.take(WorkerId(2)), b"ab", "one with fewer");
        assert_eq!(&*to.take(WorkerId(0)), b"abc");
    }

    #[test]
    fn more_than_there_is_can_not_be_the_same() {
        let mut to = Alike::default();
        to.more(WorkerId(0), vec![1]);
        assert!(!to.same(WorkerId(1), 2));
        to.more(WorkerId(1), vec![2]);
        to.more(WorkerId(0), vec![3]);
        assert!(!to.same(WorkerId(1), 1), "it has differed");
    }

    proptest! {
        #[test]
        fn whatever_is_told_in_whatever_parts_is_heard(
            parts in vec((0..4_u32, vec(0..3_u8, 0..5)), 0..40),
            likes in any::<bool>(),
        ) {
            let (mut from, mut to) = (Alike::default(), Alike::default());
            let mut all: HashMap<u32, Vec<u8>> = HashMap::new();
            for (worker, part) in parts {
                let own = all.entry(worker).or_default();
                // Most collections of a host are alike.
                let next = |place: usize| u8::try_from(place % 3).unwrap_or_default();
                let part: Vec<u8> = if likes {
                    (own.len()..own.len() + part.len()).map(next).collect()
                } else {
                    part
                };
                own.extend_from_slice(&part);
                carry(&mut from, &mut to, worker, &part);
            }
            for (worker, own) in all {
                from.forget(WorkerId(worker));
                prop_assert_eq!(&*to.take(WorkerId(worker)), &own[..]);
            }
        }
    }
}
