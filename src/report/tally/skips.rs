//! Skips, folded as pytest's `-rs` shows them: one line a place and reason.

use std::collections::HashMap;

/// Skips at one place for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkipGroup {
    /// `file:line`, or the file alone.
    pub location: String,

    /// The reason.
    pub reason: String,

    /// How many.
    pub count: u32,
}

/// All skips of a run, in the order their places turned up.
#[derive(Debug, Default)]
pub struct Skips {
    groups: Vec<SkipGroup>,
    places: HashMap<(String, String), usize>,
}

impl Skips {
    pub(super) fn add(&mut self, location: &str, reason: &str) {
        let reason = reason.strip_prefix("Skipped: ").unwrap_or(reason);
        let place =
            *self.places.entry((location.to_owned(), reason.to_owned())).or_insert_with(|| {
                self.groups.push(SkipGroup {
                    location: location.to_owned(),
                    reason: reason.to_owned(),
                    count: 0,
                });
                self.groups.len() - 1
            });
        self.groups[place].count += 1;
    }

    /// The groups.
    pub fn groups(&self) -> &[SkipGroup] {
        &self.groups
    }
}
