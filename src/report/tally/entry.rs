//! One thing that went wrong or otherwise than plainly, kept for the end of the run.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::model::{
    CollectReport, CollectionDiff, Death, Outcome, Phase, PhaseReport, Section, TestName, WorkerId,
};

/// Where an [`Entry`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A phase of a test.
    Phase(Phase),

    /// A collector, or a collection that differs.
    Collection,

    /// The end of the worker that ran the test: [`Outcome::Crashed`] or [`Outcome::TimedOut`].
    Crash(Outcome),
}

/// One report, crash or collection error.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where it comes from.
    pub source: Source,

    /// The category it was counted under.
    pub category: String,

    /// The test's or collector's id.
    pub id: Arc<str>,

    /// The worker that ran it.
    pub worker: Option<WorkerId>,

    /// The word for it: `FAILED`, `SUBFAILED(i=1)`, ….
    pub word: String,

    /// The headline, without the phase.
    pub headline: String,

    /// The text of the failure.
    pub text: String,

    /// Why, in one line.
    pub brief: String,

    /// Captured output.
    pub sections: Vec<Section>,
}

impl Entry {
    pub(super) fn report(worker: WorkerId, test: &TestName, report: &PhaseReport) -> Self {
        Self {
            source: Source::Phase(report.phase),
            category: report.category.clone(),
            id: test.id.clone(),
            worker: Some(worker),
            word: report.word.clone(),
            headline: report.headline.clone(),
            text: report.text.clone(),
            brief: report.brief.clone(),
            sections: report.sections.clone(),
        }
    }

    pub(super) fn collect(report: &CollectReport) -> Self {
        Self {
            source: Source::Collection,
            category: "error".to_owned(),
            id: report.id.as_str().into(),
            worker: None,
            word: "ERROR".to_owned(),
            headline: report.id.clone(),
            text: report.text.clone(),
            brief: report.brief.clone(),
            sections: Vec::new(),
        }
    }

    pub(super) fn differs(diff: &CollectionDiff) -> Self {
        Self {
            source: Source::Collection,
            category: "error".to_owned(),
            id: diff.to.to_string().into(),
            worker: None,
            word: "ERROR".to_owned(),
            headline: diff.to.to_string(),
            text: diff.to_string(),
            brief: format!("its tests differ from those of {}", diff.from),
            sections: Vec::new(),
        }
    }

    /// The seed's crash item, with what is known of the end.
    pub(super) fn crash(
        worker: WorkerId,
        test: &TestName,
        outcome: Outcome,
        death: Option<&Death>,
    ) -> Self {
        let did = if outcome == Outcome::TimedOut { "timed out" } else { "crashed" };
        let mut story = format!("worker '{worker}' {did} while running '{}'", test.id);
        let mut brief = format!("worker '{worker}' {did}");
        let mut sections = Vec::new();
        if let Some(death) = death {
            // Writing to a string does not fail.
            let _ = write!(story, "\n{death}");
            let _ = write!(brief, ": {death}");
            if let Some((_, Some(phase))) = death.running {
                let _ = write!(story, ", during {phase}");
            }
            if !death.tail.trim().is_empty() {
                sections.push(Section {
                    title: format!("Last output of {worker}"),
                    text: death.tail.clone(),
                });
            }
        }
        Self {
            source: Source::Crash(outcome),
            category: "failed".to_owned(),
            id: test.id.clone(),
            worker: Some(worker),
            word: "FAILED".to_owned(),
            headline: headline(&test.id),
            text: story,
            brief,
            sections,
        }
    }

    /// The headline as pytest writes it over the failure.
    pub fn title(&self) -> String {
        match self.source {
            Source::Collection => format!("ERROR collecting {}", self.headline),
            Source::Phase(phase) if self.category == "error" => {
                format!("ERROR at {phase} of {}", self.headline)
            }
            Source::Phase(_) | Source::Crash(_) => self.headline.clone(),
        }
    }
}

/// pytest's short name of a test: its id without the file, joined by dots.
fn headline(id: &str) -> String {
    let name = id.split_once("::").map_or(id, |(_, name)| name);
    match name.split_once('[') {
        Some((name, parameters)) => format!("{}[{parameters}", name.replace("::", ".")),
        None => name.replace("::", "."),
    }
}
