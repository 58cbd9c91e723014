//! What the configuration says of some tests (`[[override]]`), and what it comes to for one.

use std::sync::Arc;
use std::time::Duration;

use super::{Facts, Filter};
use crate::model::{Isolation, Item};

/// What the configuration says of all tests that a filter holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Of which.
    pub filter: Filter,

    /// What.
    pub settings: Settings,
}

/// What an override sets; `None` and nothing: it leaves that to others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The longest the test may take; `Some(None)`: without limit.
    pub timeout: Option<Option<Duration>>,

    /// From when on it is told to be slow; `Some(None)`: never.
    pub slow: Option<Option<Duration>>,

    /// How often it is tried again after a failure.
    pub retries: Option<u32>,

    /// Counted resources that it holds while it runs.
    pub resources: Vec<(String, u32)>,

    /// Whether nothing runs beside it.
    pub exclusive: Option<bool>,

    /// What there must be where it runs.
    pub requires: Vec<String>,

    /// Tags that it has beside its own.
    pub tags: Vec<Arc<str>>,

    /// Whether it shares a process with others.
    pub isolation: Option<Isolation>,
}

impl Settings {
    fn as_tags(&self) -> Vec<Arc<str>> {
        let resources = self.resources.iter().map(|(name, count)| match count {
            1 => format!("resource:{name}"),
            _ => format!("resource:{name}={count}"),
        });
        let exclusive = self.exclusive.filter(|exclusive| *exclusive);
        let exclusive = exclusive.map(|_| Item::EXCLUSIVE.to_owned());
        let requires = self.requires.iter().map(|what| format!("requires:{what}"));
        let needs = resources.chain(exclusive).chain(requires).map(Arc::from);
        self.tags.iter().cloned().chain(needs).collect()
    }
}

/// All overrides, the weakest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    all: Vec<Override>,
}

/// What holds for one test, by its own tags and by all overrides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemTerms {
    /// As [`Settings::timeout`]; `None`: as for every test.
    pub timeout: Option<Option<Duration>>,

    /// As [`Settings::slow`]; `None`: as for every test.
    pub slow: Option<Option<Duration>>,

    /// As [`Settings::retries`]; `None`: as for every test.
    pub retries: Option<u32>,

    /// Counted resources that it holds while it runs, none twice.
    pub resources: Vec<(String, u32)>,

    /// Whether nothing runs beside it.
    pub exclusive: bool,

    /// What there must be where it runs, none twice.
    pub requires: Vec<String>,

    /// All its tags, its own among them, sorted.
    pub tags: Vec<Arc<str>>,

    /// As [`Settings::isolation`]; `None`: as for every test.
    pub isolation: Option<Isolation>,
}

/// A counted resource as it is written: `db`, or `gpu=2`. `None`: the number is none from 1 up, or there is no name.
pub(crate) fn resource(text: &str) -> Option<(String, u32)> {
    let (name, count) = match text.split_once('=') {
        None => (text, 1),
        Some((name, count)) => (name, count.trim().parse().ok().filter(|count| *count > 0)?),
    };
    let name = name.trim();
    (!name.is_empty()).then(|| (name.to_owned(), count))
}

impl Overrides {
    /// These, the weakest first.
    pub fn new(all: Vec<Override>) -> Self {
        Self { all }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them, the weakest first.
    pub fn iter(&self) -> impl Iterator<Item = &Override> {
        self.all.iter()
    }

    /// Whether any asks what past runs have seen.
    pub fn need_past(&self) -> bool {
        self.all.iter().any(|each| each.filter.needs_past())
    }

    /// Those that give tags, with the tags; what they say a test needs is one too (`resource:db=2`).
    pub(super) fn giving_tags(&self) -> impl Iterator<Item = (&Filter, Vec<Arc<str>>)> {
        let tagging = self.all.iter().map(|each| (&each.filter, each.settings.as_tags()));
        tagging.filter(|(_, tags)| !tags.is_empty())
    }

    /// Those that say how a test is run wherever it is, with its limit of time and its isolation.
    pub(super) fn giving_terms(
        &self,
    ) -> impl Iterator<Item = (&Filter, (Option<Option<Duration>>, Option<Isolation>))> {
        let said = |each: &Settings| (each.timeout, each.isolation);
        let saying = self.all.iter().map(move |each| (&each.filter, said(&each.settings)));
        saying.filter(|(_, (timeout, isolation))| timeout.is_some() || isolation.is_some())
    }

    /// What holds for a test: what its own tags say (`resource:db`, `exclusive`, `requires:gpu`), and then each override whose filter
    /// holds. The last one to set a value wins; resources, requirements and tags add up, and a filter sees the tags that
    /// overrides before it gave. Of one resource the largest number counts.
    pub fn terms(&self, facts: &Facts<'_>) -> ItemTerms {
        let mut terms = ItemTerms::default();
        terms.add_tags(facts.tags);
        for Override { filter, settings } in &self.all {
            let tags = std::mem::take(&mut terms.tags);
            let holds = filter.matches(&Facts { tags: &tags, ..*facts });
            terms.tags = tags;
            if holds {
                terms.add(settings);
            }
        }
        terms
    }
}

impl ItemTerms {
    fn add(&mut self, settings: &Settings) {
        self.timeout = settings.timeout.or(self.timeout);
        self.slow = settings.slow.or(self.slow);
        self.retries = settings.retries.or(self.retries);
        self.isolation = settings.isolation.or(self.isolation);
        self.add_tags(&settings.tags);
        self.exclusive = settings.exclusive.unwrap_or(self.exclusive);
        for (name, count) in &settings.resources {
            self.hold(name, *count);
        }
        for what in &settings.requires {
            self.require(what);
        }
    }

    fn add_tags(&mut self, tags: &[Arc<str>]) {
        for tag in tags {
            if tag.as_ref() == Item::EXCLUSIVE {
                self.exclusive = true;
            } else if let Some(text) = tag.strip_prefix("resource:") {
                // What is no number belongs to a name that nobody has defined, which is told to the user.
                let (name, count) = resource(text).unwrap_or_else(|| (text.to_owned(), 1));
                self.hold(&name, count);
            } else if let Some(what) = tag.strip_prefix("requires:") {
                self.require(what);
            }
            if let Err(place) = self.tags.binary_search(tag) {
                self.tags.insert(place, tag.clone());
            }
        }
    }

    fn hold(&mut self, name: &str, count: u32) {
        match self.resources.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = count.max(*known),
            None => self.resources.push((name.to_owned(), count)),
        }
    }

    fn require(&mut self, what: &str) {
        if !self.requires.iter().any(|known| known == what) {
            self.requires.push(what.to_owned());
        }
    }
}
