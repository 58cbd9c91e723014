//! What tests need, and who has it: units of resources, everything, or what some hosts alone offer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::TestRules;
use crate::model::{HostId, Item, WorkerId};

/// What a test needs. Nothing at all is what a test needs that is only kept back to be run again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Needs {
    /// By resource, how many units.
    units: BTreeMap<usize, u32>,
    /// That no other test runs.
    pub(super) exclusive: bool,
    /// What the host must offer.
    requires: BTreeSet<String>,
}

impl Needs {
    /// Whether both need units of the same resource.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.units.keys().any(|resource| other.units.contains_key(resource))
    }

    /// What both need together where one follows the other.
    fn units_of(&self, resource: usize) -> u32 {
        self.units.get(&resource).copied().unwrap_or_default()
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.units.is_empty() && !self.exclusive && self.requires.is_empty()
    }

    /// Whether not every host will do.
    pub(super) fn is_choosy(&self) -> bool {
        !self.requires.is_empty()
    }

    /// What the host must offer, for people.
    pub(super) fn required(&self) -> String {
        let names: Vec<String> = self.requires.iter().map(|name| format!("`{name}`")).collect();
        names.join(" and ")
    }
}

/// What one worker has: for the test that it runs, and for the one that it begins next. One follows the other, so that it never
/// has more than the greater of both.
#[derive(Debug, Default)]
struct Claim {
    running: Option<Arc<Needs>>,
    next: Option<Arc<Needs>>,
}

impl Claim {
    fn both(&self) -> impl Iterator<Item = &Needs> {
        self.running.iter().chain(&self.next).map(|needs| &**needs)
    }
}

/// Who has what.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    resources: Vec<(String, u32)>,
    /// What each host offers; empty if none offers anything.
    offers: Vec<Vec<String>>,
    claims: BTreeMap<WorkerId, Claim>,
}

impl Ledger {
    pub(super) fn new(resources: Vec<(String, u32)>, mut offers: Vec<Vec<String>>) -> Self {
        // Suites have marks of that name for purposes of their own.
        if offers.iter().all(Vec::is_empty) {
            offers.clear();
        }
        Self { resources, offers, claims: BTreeMap::new() }
    }

    /// Whether a host offers all that these needs require.
    pub(super) fn offers(&self, host: HostId, needs: &Needs) -> bool {
        let offered = self.offers.get(host.0 as usize).map_or(&[][..], Vec::as_slice);
        needs.requires.iter().all(|name| offered.contains(name))
    }

    /// What a test needs, by its tags and by what holds for it; `None` for nothing.
    ///
    /// # Errors
    /// Why it can never have that, for people.
    pub(super) fn needs(
        &self,
        item: &Item,
        rules: Option<&TestRules>,
    ) -> Result<Option<Arc<Needs>>, String> {
        let mut needs = Needs::default();
        for tag in item.tags.iter() {
            if &**tag == Item::EXCLUSIVE {
                needs.exclusive = true;
            } else if let Some(wanted) = tag.strip_prefix(Item::RESOURCE) {
                let (name, count) = wanted.split_once('=').unwrap_or((wanted, "1"));
                let count = count.trim().parse().map_err(|_| {
                    format!(
                        "its mark `{wanted}` names no number of units; write for example `gpu=2`"
                    )
                })?;
                self.add(&mut needs, name.trim(), count)?;
            } else if let Some(name) = tag.strip_prefix(Item::REQUIRES) {
                needs.requires.insert(name.to_owned());
            }
        }
        if let Some(rules) = rules {
            needs.exclusive = rules.exclusive.unwrap_or(needs.exclusive);
            for (name, count) in &rules.resources {
                self.add(&mut needs, name, *count)?;
            }
            needs.requires.extend(rules.requires.iter().cloned());
        }
        // What every host offers is no reason to prefer one; where none offers anything, nothing is.
        needs.requires.retain(|name| !self.offers.iter().all(|host| host.contains(name)));
        let mut hosts = (0..).map(HostId).take(self.offers.len());
        if needs.is_choosy() && !hosts.any(|host| self.offers(host, &needs)) {
            return Err(format!("no host offers {}", needs.required()));
        }
        Ok((!needs.is_nothing()).then(|| Arc::new(needs)))
    }

    fn add(&self, needs: &mut Needs, name: &str, count: u32) -> Result<(), String> {
        let place = self.resources.iter().position(|(known, _)| known == name);
        let Some(place) = place else {
            let known: Vec<&str> = self.resources.iter().map(|(known, _)| &**known).collect();
            let way_out = if known.is_empty() {
                format!("add it to the configuration: resources = {{ {name} = 1 }}")
            } else {
                format!("`resources` in the configuration has {}", known.join(", "))
            };
            return Err(format!("it needs the resource `{name}`, which nobody defined; {way_out}"));
        };
        let there = self.resources[place].1;
        if count > there {
            return Err(format!(
                "it needs {count} units of the resource `{name}`, of which there are {there}; see `resources` in the configuration"
            ));
        }
        if count > 0 {
            let units = needs.units.entry(place).or_default();
            *units = count.max(*units);
        }
        Ok(())
    }

    /// Whether a worker may be given a test with these needs as the very next one that it begins.
    pub(super) fn fits(&self, worker: WorkerId, needs: &Needs) -> bool {
        let others = || self.claims.iter().filter(|(other, _)| **other != worker);
        let alone = others().any(|(_, claim)| claim.both().any(|needs| needs.exclusive));
        let fits = |(resource, count): (&usize, &u32)| {
            let taken: u32 = others()
                .map(|(_, claim)| {
                    claim.both().map(|needs| needs.units_of(*resource)).max().unwrap_or_default()
                })
                .sum();
            taken + count <= self.resources[*resource].1
        };
        !alone && !self.is_promised(worker) && needs.units.iter().all(fits)
    }

    /// Whether somebody else could begin a test with these needs, which this worker has been promised, while it goes on with what
    /// it is in.
    pub(super) fn fits_beside(&self, worker: WorkerId, needs: &Needs) -> bool {
        let has = |resource: usize| {
            let of_claim = |(other, claim): (&WorkerId, &Claim)| {
                let next = claim.next.as_deref().filter(|_| *other != worker);
                let all = claim.running.as_deref().into_iter().chain(next);
                all.map(|needs| needs.units_of(resource)).max().unwrap_or_default()
            };
            self.claims.iter().map(of_claim).sum::<u32>()
        };
        let alone = self.claims.values().any(|claim| claim.both().any(|needs| needs.exclusive));
        !alone
            && needs
                .units
                .iter()
                .all(|(resource, count)| has(*resource) + count <= self.resources[*resource].1)
    }

    /// Whether a worker has been given a test of ours that it has not begun.
    pub(super) fn is_promised(&self, worker: WorkerId) -> bool {
        self.claims.get(&worker).is_some_and(|claim| claim.next.is_some())
    }

    /// Whether a worker has anything for the test that it is in.
    pub(super) fn holds(&self, worker: WorkerId) -> bool {
        self.claims
            .get(&worker)
            .is_some_and(|claim| claim.running.as_ref().is_some_and(|needs| !needs.is_nothing()))
    }

    /// A worker begins a test with these needs next.
    pub(super) fn promise(&mut self, worker: WorkerId, needs: Arc<Needs>) {
        self.claims.entry(worker).or_default().next = Some(needs);
    }

    /// A worker begins what it was promised.
    pub(super) fn begin(&mut self, worker: WorkerId) {
        if let Some(claim) = self.claims.get_mut(&worker) {
            claim.running = claim.next.take();
        }
    }

    /// The test of a worker is over.
    pub(super) fn end(&mut self, worker: WorkerId) {
        if let Some(claim) = self.claims.get_mut(&worker) {
            claim.running = None;
            if claim.next.is_none() {
                self.claims.remove(&worker);
            }
        }
    }

    /// A worker will not begin what it was promised.
    pub(super) fn give_back(&mut self, worker: WorkerId) {
        if let Some(claim) = self.claims.get_mut(&worker) {
            claim.next = None;
            if claim.running.is_none() {
                self.claims.remove(&worker);
            }
        }
    }

    /// A worker is gone.
    pub(super) fn leave(&mut self, worker: WorkerId) {
        self.claims.remove(&worker);
    }

    /// How many units of each resource are in use.
    #[cfg(test)]
    pub(super) fn in_use(&self) -> Vec<(u32, u32)> {
        let used = |resource: usize| -> u32 {
            let of = |claim: &Claim| claim.both().map(|needs| needs.units_of(resource)).max();
            self.claims.values().filter_map(of).sum()
        };
        self.resources.iter().enumerate().map(|(place, (_, all))| (used(place), *all)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_test_wins_over_its_tags_where_it_says_anything() {
        let ledger = Ledger::default();
        let exclusive = |tags: &[&str], said: Option<bool>| {
            let mut item = Item::from_id("t");
            item.tags = tags.iter().map(|tag| Arc::from(*tag)).collect();
            let rules = TestRules { exclusive: said, ..TestRules::default() };
            let needs = ledger.needs(&item, Some(&rules)).unwrap();
            needs.is_some_and(|needs| needs.exclusive)
        };
        assert!(exclusive(&["exclusive"], None) && exclusive(&[], Some(true)));
        assert!(!exclusive(&["exclusive"], Some(false)) && !exclusive(&[], None));
    }
}
