//! What one run adds to the history: a fold over its events.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::model::{Durations, Outcome, RunEvent, TestEnd, TestIndex, WorkerId};

/// Notes how each test of a run ended and what it took. Costs one entry a test.
#[derive(Debug)]
pub struct Recorder {
    run_id: String,
    workers: u32,
    begun: Instant,
    begun_at: SystemTime,
    running: HashMap<WorkerId, (TestIndex, Instant)>,
    tests: HashMap<Arc<str>, Seen>,
}

/// What a run saw of the tests of one id: under `each` every lane runs it, and an id may stand for several tests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    sum: Durations,
    timed: u32,
    pub(super) outcome: Outcome,
}

impl Seen {
    /// What it took on average; `None` if nobody can tell.
    pub(super) fn durations(&self) -> Option<Durations> {
        let mean = |sum: f64| sum / f64::from(self.timed);
        (self.timed > 0).then(|| Durations {
            setup: mean(self.sum.setup),
            call: mean(self.sum.call),
            teardown: mean(self.sum.teardown),
        })
    }
}

/// A run to be remembered.
#[derive(Debug)]
pub struct Record {
    pub(super) run_id: String,
    pub(super) workers: u32,
    pub(super) started: f64,
    pub(super) wall: f64,
    pub(super) tests: Vec<(Arc<str>, Seen)>,
}

impl Record {
    /// Whether no test came to its end.
    pub fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }
}

impl Recorder {
    /// A run that begins now.
    pub fn new() -> Self {
        Self {
            run_id: String::new(),
            workers: 0,
            begun: Instant::now(),
            begun_at: SystemTime::now(),
            running: HashMap::new(),
            tests: HashMap::new(),
        }
    }

    /// Takes note of what happened at this time.
    pub fn event(&mut self, event: &RunEvent, at: Instant) {
        match event {
            RunEvent::RunStarted { run_id, workers, .. } => {
                self.run_id.clone_from(run_id);
                self.workers = u32::try_from(workers.len()).unwrap_or(u32::MAX);
            }
            RunEvent::TestStarted { worker, index, .. } => {
                self.running.insert(*worker, (*index, at));
            }
            RunEvent::TestFinished { worker, index, test, end, .. } => {
                let begun = self.running.remove(worker).filter(|(running, _)| running == index);
                let since = begun.map(|(_, begun)| at.saturating_duration_since(begun));
                self.finished(&test.id, *end, since);
            }
            _ => {}
        }
    }

    /// A test came to its end, so long after it had begun.
    fn finished(&mut self, id: &Arc<str>, end: TestEnd, since: Option<Duration>) {
        let took = took(end, since);
        let seen = self.tests.entry(id.clone()).or_insert(Seen {
            sum: Durations::default(),
            timed: 0,
            outcome: end.outcome,
        });
        if end.outcome.is_bad() {
            seen.outcome = end.outcome;
        }
        if let Some(took) = took {
            seen.sum.setup += took.setup;
            seen.sum.call += took.call;
            seen.sum.teardown += took.teardown;
            seen.timed += 1;
        }
    }

    /// The run is over.
    pub fn finish(self) -> Record {
        let started = self.begun_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut tests: Vec<_> = self.tests.into_iter().collect();
        // In the order of the table, which then is written from front to back.
        tests.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Record {
            run_id: self.run_id,
            workers: self.workers,
            started: started.as_secs_f64(),
            wall: self.begun.elapsed().as_secs_f64(),
            tests,
        }
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

/// What a test took; `None` if it was cut short.
fn took(end: TestEnd, since: Option<Duration>) -> Option<Durations> {
    match end.outcome {
        Outcome::Passed
        | Outcome::Failed
        | Outcome::Error
        | Outcome::Skipped
        | Outcome::XFailed
        | Outcome::XPassed => Some(end.durations),
        // It took at least as long, and will again: better first than last.
        Outcome::TimedOut => {
            since.map(|since| Durations { call: since.as_secs_f64(), ..Durations::default() })
        }
        Outcome::Crashed | Outcome::NotRun => None,
    }
}
