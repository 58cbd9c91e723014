//! What a worker collected, and how two collections differ.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use similar::TextDiff;

use super::WorkerId;

/// One collected test, as its framework names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Item {
    /// The framework's id, never rewritten: pytest's node id, libtest's path.
    pub id: Arc<str>,

    /// How many bytes at the start of `id` name the scope that holds the test (module or class for
    /// pytest). Told by the worker, because an id alone does not tell: parameters may contain `::`.
    pub scope_len: u32,

    /// The name of the group that must stay together on one worker (`xdist_group`), if it has one.
    pub group: Option<Arc<str>>,

    /// Words that a filter finds it by (`tag(slow)`): the names of its marks, and what it needs (`resource:db`, `exclusive`,
    /// `requires:gpu`). Sorted, none twice.
    pub tags: Arc<[Arc<str>]>,
}

impl Item {
    /// An item whose scope is read off its id: all before the last `::` outside of a parameter.
    pub fn from_id(id: &str) -> Self {
        let plain = id.split_once('[').map_or(id, |(head, _)| head);
        let scope_len = plain.rfind("::").unwrap_or(plain.len());
        let scope_len = u32::try_from(scope_len).unwrap_or(u32::MAX);
        Self { id: id.into(), scope_len, group: None, tags: Arc::default() }
    }

    /// The scope that holds the test: its module or class.
    pub fn scope(&self) -> &str {
        self.id.get(..self.scope_len as usize).unwrap_or(&self.id)
    }

    /// What marks a tag as a resource that the test needs: `resource:db`, `resource:gpu=2`.
    pub const RESOURCE: &'static str = "resource:";

    /// What marks a tag as something that the test's host must offer: `requires:gpu`.
    pub const REQUIRES: &'static str = "requires:";

    /// The tag of a test that is to run while no other does.
    pub const EXCLUSIVE: &'static str = "exclusive";

    /// The tag of a test that takes long, as most suites have it.
    pub const SLOW: &'static str = "slow";

    /// Whether its tags say that it takes long.
    pub fn is_slow(&self) -> bool {
        self.tags.iter().any(|tag| &**tag == Self::SLOW)
    }

    /// Whether its tags say that it may not begin anywhere, at any time, beside any other test.
    pub fn has_needs(&self) -> bool {
        let is_need = |tag: &str| {
            tag == Self::EXCLUSIVE
                || tag.starts_with(Self::RESOURCE)
                || tag.starts_with(Self::REQUIRES)
        };
        self.tags.iter().any(|tag| is_need(tag))
    }

    /// Whether its tags say that nothing runs beside it.
    pub fn is_exclusive(&self) -> bool {
        self.tags.iter().any(|tag| &**tag == Self::EXCLUSIVE)
    }

    /// The file that holds the test.
    pub fn file(&self) -> &str {
        self.id.split_once("::").map_or(&*self.id, |(file, _)| file)
    }
}

/// One file of tests that a worker has found and not looked into yet: what is handed out before its tests are known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TestFile {
    /// The framework's id of the file; no other file of the same listing has it.
    pub id: Arc<str>,

    /// Its size in bytes, a first guess at how long its tests take; 0 if unknown.
    pub size: u64,

    /// Whether its tests are run all at once by whoever runs one of them, so that they are best given to one worker.
    pub at_once: bool,
}

/// The name of a test that is right in every collection: its id, and which of the equal ids it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TestName {
    /// The framework's id.
    pub id: Arc<str>,

    /// 0 for the first test of this id in collection order, 1 for the second, ….
    pub occurrence: u32,
}

impl fmt::Display for TestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

/// The tests that one worker collected, in its order; duplicate ids are kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Collection {
    items: Arc<[Item]>,
}

impl Collection {
    /// A collection of these items in this order.
    pub fn new(items: Vec<Item>) -> Self {
        Self { items: items.into() }
    }

    /// A collection of ids alone; scopes are read off the ids.
    pub fn from_ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(ids.into_iter().map(Item::from_id).collect())
    }

    /// The items in collection order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// How many tests there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing was collected.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether both hold the same ids in the same order.
    pub fn same_ids(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.items, &other.items)
            || (self.len() == other.len()
                && self.items.iter().zip(other.items.iter()).all(|(a, b)| a.id == b.id))
    }

    /// The name of each test: its id and which occurrence of it, in collection order.
    pub fn names(&self) -> Vec<TestName> {
        let mut seen: HashMap<&str, u32> = HashMap::with_capacity(self.len());
        self.items
            .iter()
            .map(|item| {
                let count = seen.entry(&item.id).or_insert(0);
                let occurrence = *count;
                *count += 1;
                TestName { id: item.id.clone(), occurrence }
            })
            .collect()
    }

    /// Where each test of `self` stands in `other`, by id and occurrence; `None` unless both hold
    /// the same tests, whatever their order.
    pub fn order_in(&self, other: &Self) -> Option<Vec<u32>> {
        if self.len() != other.len() {
            return None;
        }
        let place: HashMap<TestName, u32> = other.names().into_iter().zip(0..).collect();
        self.names().iter().map(|name| place.get(name).copied()).collect()
    }

    /// How `other`, collected by `to`, differs from `self`, collected by `from`; `None` if both
    /// hold the same ids in the same order.
    ///
    /// The rule and the sentence are the seed's `report_collection_diff`.
    pub fn diff(&self, from: WorkerId, other: &Self, to: WorkerId) -> Option<CollectionDiff> {
        if self.same_ids(other) {
            return None;
        }
        let text = |collection: &Self| {
            collection.items.iter().fold(String::new(), |mut text, item| {
                text.push_str(&item.id);
                text.push('\n');
                text
            })
        };
        let (old, new) = (text(self), text(other));
        let unified = TextDiff::from_lines(&old, &new)
            .unified_diff()
            .header(&from.to_string(), &to.to_string())
            .to_string();
        Some(CollectionDiff { from, to, unified: unified.trim_end().to_owned() })
    }
}

impl From<Arc<[Item]>> for Collection {
    fn from(items: Arc<[Item]>) -> Self {
        Self { items }
    }
}

/// How the collections of two workers differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionDiff {
    /// The worker whose collection is taken as the right one.
    pub from: WorkerId,

    /// The worker whose collection differs from it.
    pub to: WorkerId,

    /// A unified diff of the ids with both workers' ids in its header.
    pub unified: String,
}

impl fmt::Display for CollectionDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Different tests were collected between {} and {}. The difference is:\n{}",
            self.from, self.to, self.unified
        )
    }
}
