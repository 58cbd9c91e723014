//! What agents know of tests before those are made, so that a worker can begin what it has made without asking.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Facts, Filter, FilterError, Overrides, Past};
use crate::model::{Isolation, Item, Terms};

/// What an override says of how a test is run, wherever it is: its limit of time and its isolation.
type Said = (Option<Option<Duration>>, Option<Isolation>);

/// It as it travels to agents.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Upfront {
    /// What every host offers; `None`: no host offers anything, and what tests require is not heeded.
    everywhere: Option<BTreeSet<String>>,

    /// Filters as text and what they say, the weakest first.
    said: Vec<(String, Said)>,

    /// The tests that have a process of their own unless an override says otherwise.
    alone: Vec<Arc<str>>,

    /// Whether tests that are marked as slow go to whoever is free first.
    slow_apart: bool,
}

impl Upfront {
    pub(super) fn of(overrides: &Overrides) -> Self {
        let said = overrides.giving_terms().map(|(filter, said)| (filter.to_string(), said));
        Self { said: said.collect(), ..Self::default() }
    }

    pub(super) fn on_hosts<'a>(&mut self, offers: impl IntoIterator<Item = &'a [String]>) {
        let all: Vec<BTreeSet<String>> =
            offers.into_iter().map(|host| host.iter().cloned().collect()).collect();
        self.everywhere = if all.iter().all(BTreeSet::is_empty) {
            None
        } else {
            all.into_iter().reduce(|all, host| all.intersection(&host).cloned().collect())
        };
    }

    pub(super) fn alone(&mut self, ids: impl IntoIterator<Item = Arc<str>>) {
        self.alone.extend(ids);
    }

    pub(super) fn slow_apart(&mut self) {
        self.slow_apart = true;
    }

    /// Adds the next part.
    pub(super) fn add(&mut self, mut part: Self) {
        self.everywhere = part.everywhere.or(self.everywhere.take());
        self.said.append(&mut part.said);
        self.alone.append(&mut part.alone);
        self.slow_apart |= part.slow_apart;
    }

    /// What decides by it.
    ///
    /// # Errors
    /// A filter that was written by another version of callsheet.
    pub(super) fn judge(self) -> Result<Judge, FilterError> {
        let said = self.said.into_iter();
        Ok(Judge {
            everywhere: self.everywhere,
            said: said
                .map(|(filter, said)| Ok((Filter::parse(&filter)?, said)))
                .collect::<Result<_, _>>()?,
            alone: self.alone.into_iter().collect(),
            slow_apart: self.slow_apart,
        })
    }
}

/// Decides which tests may begin as soon as they are made, and on what terms.
#[derive(Debug, Default)]
pub(super) struct Judge {
    everywhere: Option<BTreeSet<String>>,
    said: Vec<(Filter, Said)>,
    alone: HashSet<Arc<str>>,
    slow_apart: bool,
}

impl Judge {
    /// The terms of the first attempt at a test; `None` if only who sees all hosts can say who is to run it.
    pub(super) fn terms(&self, item: &Item, past: &Past) -> Option<Terms> {
        if item.tags.iter().any(|tag| self.asks_for_more(tag)) || self.slow_apart && item.is_slow()
        {
            return None;
        }
        let (mut timeout, mut isolation) = (None, None);
        for (filter, said) in &self.said {
            if filter.matches(&Facts::of(item, past)) {
                timeout = said.0.or(timeout);
                isolation = said.1.or(isolation);
            }
        }
        let alone = match isolation {
            Some(isolation) => isolation == Isolation::Process,
            None => self.alone.contains(&item.id),
        };
        Some(Terms { alone, timeout, ..Terms::default() })
    }

    fn asks_for_more(&self, tag: &str) -> bool {
        let is_scarce = |what: &str| {
            self.everywhere.as_ref().is_some_and(|everywhere| !everywhere.contains(what))
        };
        tag == Item::EXCLUSIVE
            || tag.starts_with(Item::RESOURCE)
            || tag.strip_prefix(Item::REQUIRES).is_some_and(is_scarce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::{Override, Settings};

    fn item(id: &str, tags: &[&str]) -> Item {
        let tags = tags.iter().map(|tag| Arc::from(*tag)).collect();
        Item { tags, ..Item::from_id(id) }
    }

    fn judge(overrides: Vec<Override>, hosts: &[&[&str]]) -> Judge {
        let mut upfront = Upfront::of(&Overrides::new(overrides));
        let hosts: Vec<Vec<String>> =
            hosts.iter().map(|host| host.iter().map(|name| (*name).to_owned()).collect()).collect();
        upfront.on_hosts(hosts.iter().map(Vec::as_slice));
        upfront.alone(["crashed".into()]);
        upfront.judge().unwrap()
    }

    #[test]
    fn what_everybody_can_give_needs_nobody_to_be_asked() {
        let may_begin = |hosts: &[&[&str]], tags: &[&str]| {
            judge(Vec::new(), hosts).terms(&item("t", tags), &Past::default()).is_some()
        };
        let gpu = &["requires:gpu"][..];
        assert!(may_begin(&[&[], &[]], gpu), "no host offers anything: it is not heeded");
        assert!(may_begin(&[&["gpu"], &["gpu", "disk"]], gpu));
        assert!(!may_begin(&[&["gpu"], &["disk"]], gpu));
        assert!(!may_begin(&[&["disk"]], gpu), "nobody offers it: that is told");
        assert!(may_begin(&[&["gpu"], &[]], &["slow"]));
        let mut upfront = Upfront::default();
        upfront.slow_apart();
        let judge = upfront.judge().unwrap();
        assert_eq!(judge.terms(&item("t", &["slow"]), &Past::default()), None);
        assert!(judge.terms(&item("t", &["slow_pypy"]), &Past::default()).is_some());
        for tag in ["exclusive", "resource:db", "resource:gpu=2"] {
            assert!(!may_begin(&[&[]], &[tag]), "{tag}");
        }
    }

    #[test]
    fn terms_are_those_of_the_last_override_that_says_any() {
        let says = |filter: &str, settings: Settings| Override {
            filter: Filter::parse(filter).unwrap(),
            settings,
        };
        let limit = |seconds| Settings {
            timeout: Some(Some(Duration::from_secs(seconds))),
            ..Settings::default()
        };
        let isolation = Some(Isolation::Adaptive);
        let overrides = vec![
            says("t", limit(1)),
            says("t1", limit(2)),
            says("t", Settings { retries: Some(3), ..Settings::default() }),
            says("tag(shared)", Settings { isolation, ..Settings::default() }),
        ];
        let judge = judge(overrides, &[]);
        let terms = |id: &str, tags: &[&str]| judge.terms(&item(id, tags), &Past::default());
        let seconds = |id: &str| terms(id, &[]).unwrap().timeout;
        assert_eq!(seconds("t0"), Some(Some(Duration::from_secs(1))));
        assert_eq!(seconds("t1"), Some(Some(Duration::from_secs(2))));
        assert_eq!(terms("free", &[]), Some(Terms::default()));
        assert!(terms("crashed", &[]).unwrap().alone);
        assert!(!terms("crashed", &["shared"]).unwrap().alone);
    }
}
