//! What a filter may ask of a test.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Item, Outcome};

/// What is known of one test.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The framework's id.
    pub id: &'a str,

    /// The file that holds it, as the id names it.
    pub file: &'a str,

    /// The group that stays together on one worker.
    pub group: Option<&'a str>,

    /// Its tags.
    pub tags: &'a [Arc<str>],

    /// How it ended when it was last run; `None` if it was never seen.
    pub last_outcome: Option<Outcome>,

    /// What it took before; `None` if nobody knows.
    pub last_duration: Option<Duration>,
}

impl<'a> Facts<'a> {
    /// The facts of an item, and what past runs have seen of it.
    pub fn of(item: &'a Item, past: &Past) -> Self {
        Self { group: item.group.as_deref(), tags: &item.tags, ..Self::of_id(&item.id, past) }
    }

    /// What is known of a test by its id alone.
    pub fn of_id(id: &'a str, past: &Past) -> Self {
        let seen = past.of(id);
        Self {
            id,
            file: id.split_once("::").map_or(id, |(file, _)| file),
            group: None,
            tags: &[],
            last_outcome: seen.map(|seen| seen.outcome),
            last_duration: seen.and_then(|seen| seen.duration),
        }
    }
}

/// What past runs have seen of one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How it ended last.
    pub outcome: Outcome,

    /// What it took, over several runs; `None` if it never came to its end.
    pub duration: Option<Duration>,
}

/// What past runs have seen, by id.
#[derive(Debug, Clone, Default)]
pub struct Past {
    seen: HashMap<Arc<str>, Seen>,
}

impl Past {
    /// What was seen of this test.
    pub fn of(&self, id: &str) -> Option<Seen> {
        self.seen.get(id).copied()
    }

    /// All that was seen, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Seen)> {
        self.seen.iter().map(|(id, seen)| (id, *seen))
    }

    /// How many tests were seen.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

impl FromIterator<(Arc<str>, Seen)> for Past {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Seen)>>(seen: I) -> Self {
        Self { seen: seen.into_iter().collect() }
    }
}
