//! One part of the tests, for one machine of several that share a suite.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::{Facts, Filter, Past};

/// The least that a test counts for when durations are balanced, in microseconds: what its start and its report cost, so that those
/// that take nothing are spread as well.
const LEAST: u64 = 1000;

/// Which part of the tests this machine runs, of how many.
///
/// The same test is in the same part on every machine and for every build of callsheet, whatever else is selected: the parts are disjoint, and together they are all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// What decides.
    pub by: PartitionBy,

    /// The number of this part, from 1 on.
    pub part: u32,

    /// How many parts there are.
    pub of: u32,
}

/// What decides to which part a test belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartitionBy {
    /// Its id alone.
    Hash,
    /// What it took before, so that parts take equally long; its id where that is not known.
    Duration,
}

impl PartitionBy {
    fn word(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Duration => "duration",
        }
    }
}

impl Partition {
    /// What is right, as the end of a sentence that begins with "expected".
    pub const EXPECTED: &str =
        "`hash:K/N` or `duration:K/N` with a K from 1 to N, such as `hash:1/4`";

    /// Whether a test that nobody has seen is in this part.
    pub fn has_unseen(&self, id: &str) -> bool {
        // The key is part of the promise that all builds agree.
        let hash = SipHasher13::new_with_keys(0, 0).hash(id.as_bytes());
        hash % u64::from(self.of) == u64::from(self.part - 1)
    }

    /// Which of the tests that were seen before are in this part, where durations decide; `None` where they do not.
    ///
    /// The longest first, each goes to the part that has the least so far. Tests that the filter surely leaves out count for nothing.
    pub fn of_seen(&self, past: &Past, filter: Option<&Filter>) -> Option<HashMap<Arc<str>, bool>> {
        if self.by == PartitionBy::Hash {
            return None;
        }
        let mut timed: Vec<(u64, &Arc<str>)> = past
            .iter()
            .filter(|(id, _)| filter.is_none_or(|filter| filter.may_match(&Facts::of_id(id, past))))
            .filter_map(|(id, seen)| {
                let micros = u64::try_from(seen.duration?.as_micros()).unwrap_or(u64::MAX);
                Some((micros.max(LEAST), id))
            })
            .collect();
        timed.sort_unstable_by_key(|(micros, id)| (Reverse(*micros), *id));
        let mut loads: BinaryHeap<Reverse<(u64, u32)>> =
            (1..=self.of).map(|part| Reverse((0, part))).collect();
        let mut mine = HashMap::with_capacity(timed.len());
        for (micros, id) in timed {
            let Some(Reverse((load, number))) = loads.pop() else {
                break;
            };
            mine.insert(id.clone(), number == self.part);
            loads.push(Reverse((load.saturating_add(micros), number)));
        }
        Some(mine)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.by.word(), self.part, self.of)
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (by, numbers) = text.split_once(':')?;
            let by = [PartitionBy::Hash, PartitionBy::Duration]
                .into_iter()
                .find(|known| known.word() == by)?;
            let (part, of) = numbers.split_once('/')?;
            let (part, of) = (part.parse().ok()?, of.parse().ok()?);
            // More machines than that share no suite, and each costs memory.
            let fits = (1..=of).contains(&part) && of <= 100_000;
            fits.then_some(Self { by, part, of })
        };
        read().ok_or_else(|| format!("expected {}", Self::EXPECTED))
    }
}
