//! What is chosen of the items of a suite, by those who see the items first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::upfront::{Judge, Upfront};
use super::{Facts, Filter, FilterError, Overrides, Partition, Past, Seen};
use crate::model::{Item, Outcome, Terms};

/// Tests of past runs that travel in one message: their ids may be long.
const PART: usize = 4096;

/// What is chosen, as it travels to agents.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Selection {
    /// The filter as text.
    filter: Option<String>,

    /// The part of this machine.
    partition: Option<Partition>,

    /// Filters as text and the tags that they give, in order.
    tags: Vec<(String, Vec<Arc<str>>)>,

    /// What is known of tests before they are made.
    upfront: Upfront,

    /// What past runs have seen, where any of it asks for that.
    past: Vec<Known>,
}

/// What past runs have seen of a test, and whether it is in the part of this machine if its duration decides that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    id: Arc<str>,
    outcome: Outcome,
    duration: Option<Duration>,
    is_mine: Option<bool>,
}

impl Selection {
    /// Everything, or what a filter, a partition and the tags of the configuration leave of it.
    pub fn new(
        filter: Option<&Filter>,
        partition: Option<Partition>,
        overrides: &Overrides,
        past: &Past,
    ) -> Self {
        let seen = partition.and_then(|partition| partition.of_seen(past, filter));
        let of_past = filter.is_some_and(Filter::needs_past)
            || overrides.giving_tags().any(|(filter, _)| filter.needs_past())
            || overrides.giving_terms().any(|(filter, _)| filter.needs_past());
        let known = |(id, Seen { outcome, duration }): (&Arc<str>, Seen)| Known {
            is_mine: seen.as_ref().and_then(|seen| seen.get(id).copied()),
            id: id.clone(),
            outcome,
            duration,
        };
        let mut past: Vec<Known> =
            if of_past || seen.is_some() { past.iter().map(known).collect() } else { Vec::new() };
        past.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Self {
            filter: filter.map(Filter::to_string),
            partition,
            tags: overrides
                .giving_tags()
                .map(|(filter, tags)| (filter.to_string(), tags))
                .collect(),
            upfront: Upfront::of(overrides),
            past,
        }
    }

    /// With what each host offers, so that tests which require what every host has, or where no host offers anything, can
    /// begin as soon as they are made.
    #[must_use]
    pub fn on_hosts<'a>(mut self, offers: impl IntoIterator<Item = &'a [String]>) -> Self {
        self.upfront.on_hosts(offers);
        self
    }

    /// With the tests that have a process of their own unless an override says otherwise.
    #[must_use]
    pub fn with_alone(mut self, ids: impl IntoIterator<Item = Arc<str>>) -> Self {
        self.upfront.alone(ids);
        self
    }

    /// With tests that are marked as slow left to the controller, which knows who is free first.
    #[must_use]
    pub fn with_slow_apart(mut self) -> Self {
        self.upfront.slow_apart();
        self
    }

    /// The selection in parts that fit a frame each.
    pub fn into_parts(mut self) -> Vec<Self> {
        let past = std::mem::take(&mut self.past);
        let mut parts = vec![self];
        parts.extend(past.chunks(PART).map(|part| Self { past: part.to_vec(), ..Self::default() }));
        parts
    }

    /// Adds the next part.
    pub fn add(&mut self, mut part: Self) {
        self.filter = part.filter.or(self.filter.take());
        self.partition = part.partition.or(self.partition);
        self.tags.append(&mut part.tags);
        self.upfront.add(part.upfront);
        self.past.append(&mut part.past);
    }

    /// Whether past runs are asked at all.
    pub fn needs_past(
        filter: Option<&Filter>,
        partition: Option<Partition>,
        overrides: &Overrides,
    ) -> bool {
        filter.is_some_and(Filter::needs_past)
            || partition.is_some_and(|partition| partition.by == super::PartitionBy::Duration)
            || overrides.need_past()
    }
}

/// Chooses among items.
#[derive(Debug, Default)]
pub struct Selector {
    filter: Option<Filter>,
    partition: Option<Partition>,
    tags: Vec<(Filter, Vec<Arc<str>>)>,
    judge: Judge,
    past: Past,
    is_mine: HashMap<Arc<str>, bool>,
}

impl Selector {
    /// What carries out a selection.
    ///
    /// # Errors
    /// A filter that was written by another version of callsheet.
    pub fn new(selection: Selection) -> Result<Self, FilterError> {
        let Selection { filter, partition, tags, upfront, past } = selection;
        let tags = tags
            .into_iter()
            .map(|(filter, tags)| Ok((Filter::parse(&filter)?, tags)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            filter: filter.map(|filter| Filter::parse(&filter)).transpose()?,
            partition,
            tags,
            judge: upfront.judge()?,
            is_mine: past
                .iter()
                .filter_map(|known| Some((known.id.clone(), known.is_mine?)))
                .collect(),
            past: past
                .into_iter()
                .map(|Known { id, outcome, duration, .. }| (id, Seen { outcome, duration }))
                .collect(),
        })
    }

    /// Whether it leaves every item as it is.
    pub fn is_idle(&self) -> bool {
        self.filter.is_none() && self.partition.is_none() && self.tags.is_empty()
    }

    /// Whether an item is chosen. It gets the tags that the configuration gives it.
    pub fn chooses(&self, item: &mut Item) -> bool {
        for (filter, tags) in &self.tags {
            if filter.matches(&Facts::of(item, &self.past)) {
                let mut all: Vec<Arc<str>> = item.tags.iter().chain(tags).cloned().collect();
                all.sort_unstable();
                all.dedup();
                item.tags = all.into();
            }
        }
        let matches = |filter: &Filter| filter.matches(&Facts::of(item, &self.past));
        self.filter.as_ref().is_none_or(matches) && self.is_in_part(&item.id)
    }

    /// The terms of the first attempt at a chosen item that may begin as soon as it is made; `None` if it needs something that
    /// only who sees all hosts can give it.
    pub fn terms(&self, item: &Item) -> Option<Terms> {
        self.judge.terms(item, &self.past)
    }

    fn is_in_part(&self, id: &str) -> bool {
        self.partition.is_none_or(|partition| {
            self.is_mine.get(id).copied().unwrap_or_else(|| partition.has_unseen(id))
        })
    }
}
