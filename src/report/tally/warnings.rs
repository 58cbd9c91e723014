//! Warnings, told once however many workers raise them.
//!
//! Every worker reads the configuration and collects, so each raises the same warnings there: such a warning counts as
//! often as the one worker that raised it most. What a test raises counts each time.

use std::collections::HashMap;

use crate::model::{WarningReport, WarningStage, WorkerId};

/// How many places of one warning pytest names one by one; from here on it counts by file.
const NAMED: usize = 10;

/// Warnings of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningGroup {
    /// The text.
    pub text: String,

    named: Vec<String>,
    files: Vec<(String, u32)>,
    placed: usize,
}

impl WarningGroup {
    fn place(&mut self, place: &str) {
        if place.is_empty() {
            return;
        }
        self.placed += 1;
        if self.named.len() < NAMED {
            self.named.push(place.to_owned());
        }
        let file = place.split_once("::").map_or(place, |(file, _)| file);
        match self.files.iter_mut().find(|(name, _)| name == file) {
            Some((_, count)) => *count += 1,
            None => self.files.push((file.to_owned(), 1)),
        }
    }

    /// Where they were raised, a line each: tests while there are fewer than ten, else counts by file.
    pub fn places(&self) -> Vec<String> {
        if self.placed < NAMED {
            return self.named.clone();
        }
        self.files
            .iter()
            .map(|(file, count)| {
                let plural = if *count == 1 { "" } else { "s" };
                format!("{file}: {count} warning{plural}")
            })
            .collect()
    }
}

/// All warnings of a run.
#[derive(Debug, Default)]
pub struct Warnings {
    groups: Vec<WarningGroup>,
    by_text: HashMap<String, usize>,
    shared: HashMap<WarningReport, Shared>,
    total: u32,
}

/// How often each worker raised one warning before any test ran.
#[derive(Debug, Default)]
struct Shared {
    counts: HashMap<WorkerId, u32>,
    most: u32,
}

impl Warnings {
    pub(super) fn add(&mut self, worker: WorkerId, warning: &WarningReport) {
        match warning.stage {
            WarningStage::Run => {}
            WarningStage::Config | WarningStage::Collect => {
                let shared = self.shared.entry(warning.clone()).or_default();
                let count = shared.counts.entry(worker).or_default();
                *count += 1;
                if *count <= shared.most {
                    return;
                }
                shared.most = *count;
            }
        }
        self.total += 1;
        let group = *self.by_text.entry(warning.text.clone()).or_insert_with(|| {
            self.groups.push(WarningGroup {
                text: warning.text.clone(),
                named: Vec::new(),
                files: Vec::new(),
                placed: 0,
            });
            self.groups.len() - 1
        });
        let place = if warning.id.is_empty() { &warning.location } else { &warning.id };
        self.groups[group].place(place);
    }

    /// How many there are.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// The groups, in the order their texts turned up.
    pub fn groups(&self) -> &[WarningGroup] {
        &self.groups
    }
}
