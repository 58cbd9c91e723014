//! Which deadline a worker is under: a pure rule over what it does and since when.

use std::time::{Duration, Instant};

use super::conversation::Stage;
use super::queue::{Close, Work};
use crate::model::{Deadlines, Terms};

/// A point in time after which the worker is ended, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// The point in time.
    pub(super) at: Instant,

    /// Whether a test ran past its deadline.
    pub(super) is_test: bool,

    what: &'static str,
    limit: Duration,
}

impl Due {
    /// The sentence for the death notice; `file`: what the worker collects, where that is one file.
    pub(super) fn cause(&self, file: Option<&str>) -> String {
        let Self { what, limit, is_test, .. } = self;
        let within = if *is_test { "of" } else { "within" };
        let file = file.map_or_else(String::new, |file| format!(" {file}"));
        format!("{what}{file} {within} {}", seconds(*limit))
    }
}

/// Since when things are as they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    deadlines: Deadlines,
    stage: Stage,
    stage_since: Instant,
    test_since: Instant,
    /// The limit of the test that runs.
    test_limit: Option<Duration>,
    work: Option<Work>,
    work_since: Option<Instant>,
    close_since: Option<Instant>,
    interrupt_since: Option<Instant>,
}

impl Watch {
    /// A worker whose process starts now.
    pub(super) fn new(deadlines: Deadlines, now: Instant) -> Self {
        Self {
            deadlines,
            stage: Stage::Starting,
            stage_since: now,
            test_since: now,
            test_limit: deadlines.test,
            work: None,
            work_since: None,
            close_since: None,
            interrupt_since: None,
        }
    }

    /// How long the worker has been in its present stage.
    pub(super) fn stage_age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.stage_since)
    }

    /// A test begins, with its own limit if it has one in place of that of all; `slack`: how much longer a worker is waited for
    /// that keeps such a limit by itself.
    pub(super) fn begins(&mut self, terms: &Terms, slack: Duration) {
        let own = terms.timeout.map(|limit| limit.map(|limit| limit.saturating_add(slack)));
        self.test_limit = own.unwrap_or(self.deadlines.test);
    }

    /// Takes note of how things are now: the worker's stage, what it is to begin next, and how it was told to end,
    /// if it was.
    pub(super) fn note(
        &mut self,
        stage: Stage,
        work: Option<Work>,
        close: Option<Close>,
        now: Instant,
    ) {
        if stage != self.stage {
            // The end of the test before may have been heard in the same breath.
            if let Stage::Running(_) = stage {
                self.test_since = now;
            }
            self.stage = stage;
            self.stage_since = now;
        }
        self.work = work;
        keep(&mut self.work_since, work.is_some(), now);
        keep(&mut self.close_since, close.is_some(), now);
        keep(&mut self.interrupt_since, close == Some(Close::Interrupt), now);
    }

    /// The deadline in force.
    pub(super) fn due(&self) -> Option<Due> {
        let due = |since: Instant, limit: Duration, what: &'static str| {
            Some(Due { at: since + limit, is_test: false, what, limit })
        };
        let limits = &self.deadlines;
        let test = |since: Instant| {
            self.test_limit.map(|limit| Due {
                at: since + limit,
                is_test: true,
                what: "the test ran past its deadline",
                limit,
            })
        };
        match (self.stage, self.interrupt_since) {
            // Nothing that it still collects is of use.
            (Stage::Starting | Stage::Collecting, Some(since)) => {
                due(since, limits.shutdown, "it did not heed the interrupt")
            }
            (Stage::Starting, None) => {
                due(self.stage_since, limits.startup, "it did not introduce itself")
            }
            (Stage::Making(_), Some(since)) => due(
                since.max(self.stage_since),
                limits.shutdown,
                "it did not heed the interrupt while it collected",
            ),
            (Stage::Collecting | Stage::Making(_), None) => {
                due(self.stage_since, limits.collect, "it did not finish collecting")
            }
            (Stage::Idle, _) => match (self.work_since, self.close_since) {
                (Some(since), _) => due(
                    since.max(self.stage_since),
                    limits.begin,
                    match self.work {
                        Some(Work::File) => "it did not begin to collect the file it was given",
                        Some(Work::Test) | None => "it did not begin the test it was given",
                    },
                ),
                (None, Some(since)) => {
                    due(since.max(self.stage_since), limits.shutdown, "it did not end its session")
                }
                (None, None) => None,
            },
            (Stage::Running(_), _) => test(self.test_since),
            // It waits for us until there is work or an end; then its teardown runs on the test's clock anew.
            (Stage::Waiting(_), _) => {
                let woken = self.work_since.or(self.close_since)?;
                test(woken.max(self.stage_since))
            }
            (Stage::Finished, _) => {
                due(self.stage_since, limits.shutdown, "its process did not end")
            }
        }
    }
}

fn keep(since: &mut Option<Instant>, holds: bool, now: Instant) {
    if holds {
        since.get_or_insert(now);
    } else {
        *since = None;
    }
}

/// A duration as people write it.
fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Deadlines {
        Deadlines { test: Some(Duration::from_secs(5)), ..Deadlines::default() }
    }

    #[test]
    fn each_stage_has_its_own_deadline() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut watch = Watch::new(limits(), start);
        assert_eq!(watch.due().unwrap().at, start + limits().startup);

        watch.note(Stage::Collecting, None, None, after(1));
        assert_eq!(watch.due().unwrap().at, after(1) + limits().collect);

        watch.note(Stage::Idle, None, None, after(2));
        assert_eq!(watch.due(), None, "an idle worker without work may wait for ever");

        watch.note(Stage::Idle, Some(Work::Test), None, after(3));
        assert_eq!(watch.due().unwrap().at, after(3) + limits().begin);

        watch.note(Stage::Running(0), Some(Work::Test), None, after(4));
        let due = watch.due().unwrap();
        assert_eq!((due.at, due.is_test), (after(9), true));
    }

    #[test]
    fn the_wait_for_the_next_test_does_not_count() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut watch = Watch::new(limits(), start);
        watch.note(Stage::Running(0), None, None, after(1));
        watch.note(Stage::Waiting(0), None, None, after(2));
        assert_eq!(watch.due(), None);
        watch.note(Stage::Waiting(0), None, Some(Close::Finish), after(100));
        assert_eq!(watch.due().unwrap().at, after(105));
        watch.note(Stage::Running(1), None, None, after(200));
        assert_eq!(watch.due().unwrap().at, after(205), "the next test has a time of its own");
    }

    #[test]
    fn a_closed_idle_worker_has_to_end() {
        let start = Instant::now();
        let mut watch = Watch::new(limits(), start);
        watch.note(Stage::Idle, None, Some(Close::Finish), start);
        let due = watch.due().unwrap();
        assert_eq!(due.cause(None), "it did not end its session within 60 s");
    }

    #[test]
    fn an_interrupt_ends_what_collects_within_the_time_to_shut_down() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut watch = Watch::new(limits(), start);
        watch.note(Stage::Collecting, None, Some(Close::Finish), after(1));
        assert_eq!(watch.due().unwrap().at, after(1) + limits().collect, "it may finish in peace");
        watch.note(Stage::Collecting, None, Some(Close::Interrupt), after(2));
        assert_eq!(watch.due().unwrap().at, after(2) + limits().shutdown);
    }

    #[test]
    fn a_file_is_made_within_the_time_to_collect_and_named_if_it_is_not() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut watch = Watch::new(limits(), start);
        watch.note(Stage::Idle, Some(Work::File), None, after(1));
        let due = watch.due().unwrap();
        assert_eq!(due.at, after(1) + limits().begin);
        let told = due.cause(None);
        assert_eq!(told, "it did not begin to collect the file it was given within 60 s");

        watch.note(Stage::Making(3), Some(Work::Test), None, after(2));
        let due = watch.due().unwrap();
        assert_eq!((due.at, due.is_test), (after(2) + limits().collect, false));
        let told = due.cause(Some("tests/test_x.py"));
        assert!(told.starts_with("it did not finish collecting tests/test_x.py within "), "{told}");

        watch.note(Stage::Making(4), None, None, after(3));
        assert_eq!(watch.due().unwrap().at, after(3) + limits().collect, "each has its own time");

        watch.note(Stage::Making(4), None, Some(Close::Interrupt), after(4));
        let due = watch.due().unwrap();
        assert_eq!(due.at, after(4) + limits().shutdown);
        let told = due.cause(Some("test_x.py"));
        assert!(told.starts_with("it did not heed the interrupt while it collected test_x.py"));
    }
}
