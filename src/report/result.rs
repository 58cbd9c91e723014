//! A test as reports for programs see it: one entry, when its terminal state is known, with all that was said of it before.

use std::collections::HashMap;

use crate::model::{
    Lane, Outcome, PhaseReport, RunEvent, Section, TestEnd, TestIndex, TestName, WorkerId,
};

use super::plain;

/// The terminal state of a test with all that belongs to it.
#[derive(Debug)]
pub(super) struct TestResult {
    pub(super) test: TestName,
    pub(super) lane: Lane,
    pub(super) index: TestIndex,
    pub(super) worker: Option<WorkerId>,
    pub(super) outcome: Outcome,
    /// Not of a test that nobody ran.
    pub(super) end: Option<TestEnd>,
    /// Of the last attempt: what failed, or why it was skipped.
    pub(super) stories: Vec<Story>,
    /// Of the attempts before.
    pub(super) retried: Vec<Story>,
    /// What it printed in the last attempt.
    pub(super) sections: Vec<Section>,
    /// Why nobody ran it, and whether it was lost.
    pub(super) not_run: Option<(String, bool)>,
}

impl TestResult {
    /// What is told of it first: of one that failed what failed in it, not what was expected to, and rather with a line that says why.
    pub(super) fn story(&self) -> Option<&Story> {
        let is_bad = |story: &&Story| !["skipped", "xfailed"].contains(&&*story.category);
        let bad = || self.stories.iter().filter(|story| self.outcome.is_bad() && is_bad(story));
        let with_reason = bad().find(|story| !story.brief.is_empty());
        with_reason.or_else(|| bad().next()).or(self.stories.first())
    }
}

/// Something that a person or a program may want to read of a test.
#[derive(Debug, Clone)]
pub(super) struct Story {
    /// `failed`, `error`, `skipped`, `xfailed`, `crashed`, ….
    pub(super) category: String,
    /// One line.
    pub(super) brief: String,
    /// All of it, without escape sequences.
    pub(super) text: String,
    /// `file:line`; empty if unknown.
    pub(super) location: String,
    /// Seconds of the phase.
    pub(super) seconds: f64,
    pub(super) sections: Vec<Section>,
}

/// Puts together what events say of one test.
#[derive(Debug, Default)]
pub(super) struct Results {
    told: HashMap<(Lane, TestIndex), Told>,
    running: HashMap<WorkerId, (Lane, TestIndex)>,
}

#[derive(Debug, Default)]
struct Told {
    stories: Vec<Story>,
    retried: Vec<Story>,
    /// How many of these are of attempts that are over.
    closed: usize,
    sections: Vec<Section>,
}

impl Results {
    /// Takes note of an event; gives the result if a test came to its terminal state.
    pub(super) fn event(&mut self, event: &RunEvent) -> Option<TestResult> {
        match event {
            RunEvent::TestStarted { worker, lane, index, .. } => {
                self.running.insert(*worker, (*lane, *index));
                // What was said of an attempt before stays.
                self.told.entry((*lane, *index)).or_default();
            }
            RunEvent::TestReported { worker, report, .. } => {
                let place = self.running.get(worker)?;
                self.told.entry(*place).or_default().report(report);
            }
            RunEvent::WorkerDown { worker, death, crashed: Some(_), retried, .. } => {
                let place = self.running.get(worker)?;
                let tail = plain(&death.tail);
                let brief = format!("worker '{worker}': {death}");
                let story = Story {
                    category: if death.timed_out { "timed-out" } else { "crashed" }.to_owned(),
                    text: if tail.trim().is_empty() {
                        brief.clone()
                    } else {
                        format!("{brief}\nLast output of {worker}:\n{tail}")
                    },
                    brief,
                    location: String::new(),
                    seconds: 0.0,
                    sections: Vec::new(),
                };
                let told = self.told.entry(*place).or_default();
                if *retried { &mut told.retried } else { &mut told.stories }.push(story);
            }
            RunEvent::TestRetried { worker, lane, index, end, .. } => {
                self.running.remove(worker);
                let told = self.told.entry((*lane, *index)).or_default();
                told.sections.clear();
                // One that was reported in another way than as a retry belongs to the past as well.
                let stories = std::mem::take(&mut told.stories);
                told.retried.extend(stories);
                told.close_attempt();
                if let Some(last) = told.retried.last_mut() {
                    last.seconds = end.durations.total();
                }
            }
            RunEvent::TestFinished { worker, lane, index, test, end, .. } => {
                let place = (*lane, *index);
                // The worker may have gone on to another while this one waited to be run again.
                let ran = self.running.get(worker) == Some(&place);
                if ran {
                    self.running.remove(worker);
                }
                let mut told = self.told.remove(&place).unwrap_or_default();
                if !ran && end.outcome.is_bad() && told.stories.is_empty() {
                    // The attempt that was thought to be one before the last was the last.
                    told.stories.extend(told.retried.pop());
                }
                return Some(TestResult {
                    test: test.clone(),
                    lane: *lane,
                    index: *index,
                    worker: Some(*worker),
                    outcome: end.outcome,
                    end: Some(*end),
                    stories: told.stories,
                    retried: told.retried,
                    sections: told.sections,
                    not_run: None,
                });
            }
            RunEvent::TestNotRun { lane, index, test, reason, lost } => {
                let told = self.told.remove(&(*lane, *index)).unwrap_or_default();
                return Some(TestResult {
                    test: test.clone(),
                    lane: *lane,
                    index: *index,
                    worker: None,
                    outcome: Outcome::NotRun,
                    end: None,
                    stories: told.stories,
                    retried: told.retried,
                    sections: told.sections,
                    not_run: Some((reason.to_string(), *lost)),
                });
            }
            _other => {}
        }
        None
    }
}

impl Told {
    /// An attempt is over: what it failed with before its worker died is one story with that.
    fn close_attempt(&mut self) {
        let is_death = |story: &Story| ["crashed", "timed-out"].contains(&&*story.category);
        let own = self.retried.get(self.closed..).unwrap_or_default();
        if let Some(death) = own.iter().find(|story| is_death(story)).cloned() {
            let own = self.retried.split_off(self.closed);
            let brief = own.first().map_or_else(String::new, |story| story.brief.clone());
            let texts: Vec<&str> = own.iter().map(|story| &*story.text).collect();
            let text = texts.join("\n\n");
            self.retried.push(Story { brief, text, ..death });
        }
        self.closed = self.retried.len();
    }

    fn report(&mut self, report: &PhaseReport) {
        let story = Story::of(report);
        match &*report.category {
            "rerun" => {
                // What it printed so far was printed by an attempt that is over.
                self.sections.clear();
                self.retried.push(story);
                return;
            }
            // What else failed in an attempt that another follows.
            "" if !report.failed && !report.text.trim().is_empty() => {
                if let Some(last) = self.retried.last_mut() {
                    let title = format!("{} of {}", report.phase, report.headline);
                    last.text = format!("{}\n\nerror at {title}\n{}", last.text, story.text);
                }
                return;
            }
            // A pass, or something that passed within it, has nothing to tell.
            _ if report.failed => self.stories.push(story),
            "skipped" | "xfailed" | "failed" | "error" => self.stories.push(story),
            _ => {}
        }
        for section in &report.sections {
            if !self.sections.contains(section) {
                self.sections.push(section.clone());
            }
        }
    }
}

impl Story {
    fn of(report: &PhaseReport) -> Self {
        let category = if report.failed && report.category.is_empty() {
            "failed".to_owned()
        } else {
            report.category.clone()
        };
        // An error says in which phase it happened.
        let title = match &*report.category {
            "error" => format!("error at {} of {}\n", report.phase, report.headline),
            _ => String::new(),
        };
        Self {
            category,
            brief: plain(&report.brief).into_owned(),
            text: format!("{title}{}", plain(&report.text)),
            location: report.location.clone(),
            seconds: report.duration,
            sections: report.sections.clone(),
        }
    }
}
