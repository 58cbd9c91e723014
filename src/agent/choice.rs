//! What the run's selection leaves of a worker's items, and how those that are left are numbered.
//!
//! The worker counts all of its items, the controller only those that were chosen: it never hears of the others, except of how many they are.

use std::rc::Rc;

use crate::model::{Batch, Item};
use crate::select::Selector;
use crate::wire::WorkerEvent;

/// The chosen items of one worker.
#[derive(Debug)]
pub(super) struct Choice {
    selector: Rc<Selector>,
    /// How many items the worker has told of.
    seen: u32,
    /// By the controller's number, the worker's own; ascending. Not kept where everything is chosen.
    own: Vec<u32>,
    /// How many of the collection were not chosen so far.
    left_out: u32,
}

impl Choice {
    pub(super) fn new(selector: Rc<Selector>) -> Self {
        Self { selector, seen: 0, own: Vec::new(), left_out: 0 }
    }

    /// Leaves out of an event what was not chosen; gives the worker's own numbers of the items of a file that was made.
    pub(super) fn sift(&mut self, event: &mut WorkerEvent) -> Vec<u32> {
        match event {
            WorkerEvent::Items(items) => {
                let before = items.len();
                self.choose(items);
                self.left_out += count(before - items.len());
            }
            WorkerEvent::Collected { count, deselected, .. } => {
                *count -= self.left_out;
                *deselected += self.left_out;
            }
            WorkerEvent::Made { first, items, deselected, .. } => {
                if self.selector.is_idle() {
                    return (*first..).take(items.len()).collect();
                }
                let before = items.len();
                *first = count(self.own.len());
                self.choose(items);
                *deselected += count(before - items.len());
                return self.own[*first as usize..].to_vec();
            }
            _other => {}
        }
        Vec::new()
    }

    /// Those of a file's items that may begin at once, by the worker's own numbers, with what holds for them; and the places
    /// of the others.
    pub(super) fn part(&self, items: &[Item], own: Vec<u32>) -> (Batch, Vec<u32>) {
        let (mut batch, mut kept) = (Batch::default(), Vec::new());
        for (place, (item, own)) in (0..).zip(items.iter().zip(own)) {
            let Some(terms) = self.selector.terms(item) else {
                kept.push(place);
                continue;
            };
            batch.items.push(own);
            batch.terms.extend((!terms.is_default()).then_some((own, terms)));
        }
        (batch, kept)
    }

    fn choose(&mut self, items: &mut Vec<Item>) {
        if self.selector.is_idle() {
            return;
        }
        items.retain_mut(|item| {
            let chosen = self.selector.chooses(item);
            if chosen {
                self.own.push(self.seen);
            }
            self.seen += 1;
            chosen
        });
    }

    /// Numbers the item that an event is about as the controller does.
    pub(super) fn rename(&self, event: &mut WorkerEvent) {
        if self.selector.is_idle() {
            return;
        }
        match event {
            WorkerEvent::Started { item }
            | WorkerEvent::Report { item, .. }
            | WorkerEvent::Ran { item, .. }
            | WorkerEvent::Halted { item }
            | WorkerEvent::Ended { item, .. } => *item = self.told(*item),
            _other => {}
        }
    }

    /// The controller's number of an item.
    pub(super) fn told(&self, own: u32) -> u32 {
        if self.selector.is_idle() {
            return own;
        }
        // What was not chosen was never handed out.
        self.own.binary_search(&own).map_or(u32::MAX, count)
    }

    /// What the worker is given, by its own numbers.
    pub(super) fn own_batch(&self, mut batch: Batch) -> Batch {
        let terms = batch.terms.iter_mut().map(|(item, _)| item);
        for item in batch.items.iter_mut().chain(terms) {
            *item = self.own(*item);
        }
        batch
    }

    /// The worker's own number of an item.
    pub(super) fn own(&self, told: u32) -> u32 {
        if self.selector.is_idle() {
            return told;
        }
        // One that does not exist is for the worker to refuse.
        self.own.get(told as usize).copied().unwrap_or(u32::MAX)
    }
}

fn count(items: usize) -> u32 {
    u32::try_from(items).expect("the conversation counts items in 32 bits")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::select::{Filter, Overrides, Past, Selection};

    fn choice(filter: Option<&str>) -> Choice {
        let filter = filter.map(|filter| Filter::parse(filter).unwrap());
        let selection =
            Selection::new(filter.as_ref(), None, &Overrides::default(), &Past::default());
        Choice::new(Rc::new(Selector::new(selection).unwrap()))
    }

    fn items(ids: &[String]) -> Vec<Item> {
        ids.iter().map(|id| Item::from_id(id)).collect()
    }

    proptest! {
        #[test]
        fn numbers_go_there_and_back(
            parts in prop::collection::vec(prop::collection::vec("[ab]{1,3}", 0..5), 0..6),
            filter in prop::option::of("[ab]{1,2}"),
        ) {
            let mut choice = choice(filter.as_deref());
            let (mut all, mut chosen, mut left_out) = (Vec::new(), Vec::new(), 0);
            for part in parts {
                let first = u32::try_from(all.len()).unwrap();
                all.extend(part.clone());
                let mut event = WorkerEvent::Made {
                    file: 0, first, items: items(&part), deselected: 7, queued: false, kept: vec![],
                };
                let own = choice.sift(&mut event);
                let WorkerEvent::Made { first, items, deselected, .. } = event else { panic!() };
                prop_assert_eq!(first as usize, chosen.len());
                prop_assert_eq!(items.len(), own.len());
                left_out += deselected - 7;
                chosen.extend(items.iter().map(|item| item.id.to_string()));
                for (own, item) in own.iter().zip(&items) {
                    prop_assert_eq!(&all[*own as usize], &*item.id);
                }
            }
            prop_assert_eq!(all.len(), chosen.len() + left_out as usize);
            let is_chosen = |id: &String| filter.as_ref().is_none_or(|part| id.contains(part));
            prop_assert_eq!(all.iter().filter(|id| is_chosen(id)).collect::<Vec<_>>(), chosen.iter().collect::<Vec<_>>());
            for told in 0..u32::try_from(chosen.len()).unwrap() {
                prop_assert_eq!(choice.told(choice.own(told)), told);
                let mut event = WorkerEvent::Started { item: choice.own(told) };
                choice.rename(&mut event);
                prop_assert_eq!(event, WorkerEvent::Started { item: told });
            }
        }
    }

    #[test]
    fn a_collection_counts_what_was_left_out_of_its_parts() {
        let mut choice = choice(Some("x"));
        for part in [["x1", "y1"], ["y2", "x2"]] {
            choice.sift(&mut WorkerEvent::Items(items(&part.map(str::to_owned))));
        }
        let mut event = WorkerEvent::Collected { count: 4, deselected: 3, whole: None };
        choice.sift(&mut event);
        assert_eq!(event, WorkerEvent::Collected { count: 2, deselected: 5, whole: None });
        assert_eq!([0, 1].map(|told| choice.own(told)), [0, 3]);
    }
}
