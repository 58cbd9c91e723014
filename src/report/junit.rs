//! The results as `JUnit` XML, in the form that Jenkins, GitLab and Maven's tools read: a suite a file, a case a test.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, FixedOffset, Utc};
use quick_junit::{
    NonSuccessKind, Property, Report as Document, TestCase, TestCaseStatus, TestRerun, TestSuite,
};

use super::replaced::Replaced;
use super::result::{Results, Story, TestResult};
use super::tally::{Lanes, Losses};
use super::{OutputError, Report, plain};
use crate::model::{CollectReport, Lane, Outcome, RunEvent, Section, TestEnd, WorkerId};

/// Keeps the results and writes them at the end.
#[derive(Debug)]
pub struct JunitReport {
    target: Replaced,
    results: Results,
    begun: Option<SystemTime>,
    last: Option<SystemTime>,
    run_id: String,
    hosts: HashMap<WorkerId, String>,
    lanes: Lanes,
    losses: Losses,
    /// Whether the types of what went wrong are those of pytest.
    is_pytest: bool,
    suites: BTreeMap<(Lane, String), TestSuite>,
}

impl JunitReport {
    /// Will be written to this file.
    ///
    /// # Errors
    /// [`OutputError`] if it can not be written.
    pub fn new(file: &Path) -> Result<Self, OutputError> {
        let target = Replaced::prepare(file)
            .map_err(|cause| OutputError { file: file.to_owned(), cause })?;
        Ok(Self {
            target,
            results: Results::default(),
            begun: None,
            last: None,
            run_id: String::new(),
            hosts: HashMap::new(),
            lanes: Lanes::default(),
            losses: Losses::default(),
            is_pytest: true,
            suites: BTreeMap::new(),
        })
    }

    fn suite(&mut self, lane: Lane, file: &str) -> &mut TestSuite {
        let several = self.lanes.of(lane).is_some();
        self.suites.entry((lane, file.to_owned())).or_insert_with(|| {
            let mut suite = TestSuite::new(if several {
                format!("{file} (lane {})", lane.0)
            } else {
                file.to_owned()
            });
            suite.set_time(Duration::ZERO);
            suite
        })
    }

    fn add(&mut self, result: &TestResult) {
        let (file, classname, name) = address(&result.test.id);
        let name = if name.is_empty() { file } else { &name };
        let mut case = TestCase::new(name, status(result, self.is_pytest));
        case.set_classname(classname);
        case.add_property(Property::new("id", &*result.test.id));
        if let Some(worker) = result.worker {
            case.add_property(Property::new("worker", worker.to_string()));
            if let Some(host) = self.hosts.get(&worker) {
                case.add_property(Property::new("host", &**host));
            }
        }
        if let Some(host) = self.losses.of(result.lane, result.index) {
            case.add_property(Property::new("lost-with-host", host));
        }
        case.add_property(Property::new("outcome", result.outcome.word()));
        let seconds = result.end.map_or(0.0, |end| end.durations.total());
        let took = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        case.set_time(took);
        let began = result.end.and_then(|end: TestEnd| timestamp(end.started));
        if let Some(began) = began {
            case.set_timestamp(began);
        }
        let (out, err) = output(&result.sections);
        if let Some(out) = out {
            case.set_system_out(out);
        }
        if let Some(err) = err {
            case.set_system_err(err);
        }
        let suite = self.suite(result.lane, file);
        suite.time = Some(suite.time.unwrap_or_default() + took);
        suite.timestamp = match (suite.timestamp, began) {
            (Some(known), Some(began)) => Some(known.min(began)),
            (known, began) => known.or(began),
        };
        suite.add_test_case(case);
    }

    fn add_collector(&mut self, report: &CollectReport) {
        let (file, classname, name) = address(&report.id);
        let brief = plain(&report.brief);
        let mut status = if report.failed {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        } else {
            TestCaseStatus::skipped()
        };
        status.set_message(&*brief).set_type("collection");
        let text = plain(&report.text);
        status.set_description(if text.trim().is_empty() { &*brief } else { &*text });
        let mut case = TestCase::new(if name.is_empty() { file } else { &name }, status);
        case.set_classname(classname).set_time(Duration::ZERO);
        self.suite(Lane(0), file).add_test_case(case);
    }

    fn document(&self) -> Document {
        let mut document = Document::new("callsheet");
        let took =
            self.begun.zip(self.last).and_then(|(begun, last)| last.duration_since(begun).ok());
        document.set_time(took.unwrap_or_default());
        if let Some(begun) = self.begun {
            document.set_timestamp(DateTime::<Utc>::from(begun));
        }
        for ((lane, _), suite) in &self.suites {
            let mut suite = suite.clone();
            if let Some((spec, with)) = self.lanes.of(*lane) {
                suite.add_property(Property::new("worker-spec", spec));
                suite.add_property(Property::new("runs-with", with));
            }
            suite.add_property(Property::new("run-id", &*self.run_id));
            for loss in self.losses.list() {
                suite.add_property(Property::new("lost-host", loss.to_string()));
            }
            document.add_test_suite(suite);
        }
        document
    }
}

impl Report for JunitReport {
    fn event(&mut self, event: &RunEvent, now: SystemTime) -> io::Result<()> {
        self.begun.get_or_insert(now);
        self.last = Some(now);
        self.lanes.event(event);
        self.losses.event(event);
        match event {
            RunEvent::RunStarted { run_id, .. } => self.run_id.clone_from(run_id),
            RunEvent::WorkerStarting { worker, host, .. } => {
                self.hosts.insert(*worker, host.clone());
            }
            RunEvent::SuiteReady(info) => self.is_pytest = info.framework.starts_with("pytest"),
            RunEvent::CollectReported { report, .. } => self.add_collector(report),
            event => {
                if let Some(result) = self.results.event(event) {
                    self.add(&result);
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.document().serialize(&mut bytes).map_err(io::Error::other)?;
        self.target.write(&bytes)
    }
}

fn status(result: &TestResult, is_pytest: bool) -> TestCaseStatus {
    let mut status = match result.outcome {
        Outcome::Passed | Outcome::XPassed => TestCaseStatus::success(),
        Outcome::Skipped | Outcome::XFailed => TestCaseStatus::skipped(),
        Outcome::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::NotRun if result.not_run.as_ref().is_some_and(|(_, lost)| !lost) => {
            TestCaseStatus::skipped()
        }
        Outcome::Error | Outcome::Crashed | Outcome::TimedOut | Outcome::NotRun => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
    };
    let passed = matches!(status, TestCaseStatus::Success { .. });
    let skipped = matches!(status, TestCaseStatus::Skipped { .. });
    let wanted = |story: &&Story| skipped || story.category != "skipped";
    let stories: Vec<&Story> = result.stories.iter().filter(wanted).collect();
    if !passed {
        let message = match (&result.not_run, result.story()) {
            (Some((reason, _)), _) => reason.clone(),
            (None, Some(story)) => story.brief.clone(),
            (None, None) => format!("the test {}", result.outcome.word()),
        };
        let texts: Vec<&str> = stories
            .iter()
            .map(|story| &*story.text)
            .filter(|text| !text.trim().is_empty())
            .collect();
        status.set_type(kind(result, &message, is_pytest));
        if !texts.is_empty() {
            status.set_description(texts.join("\n\n"));
        }
        status.set_message(message);
    }
    for story in result.retried.iter().filter(|_| !skipped) {
        status.add_rerun(rerun(story, is_pytest));
    }
    status
}

/// The type of what went wrong: the outcome, or, of pytest, the exception if it is named.
fn kind(result: &TestResult, message: &str, is_pytest: bool) -> String {
    match result.outcome {
        outcome if !is_pytest => outcome.word().to_owned(),
        Outcome::Skipped => "pytest.skip".to_owned(),
        Outcome::XFailed => "pytest.xfail".to_owned(),
        Outcome::Failed | Outcome::Error => exception(message).to_owned(),
        outcome => outcome.word().to_owned(),
    }
}

/// The exception that a message begins with.
fn exception(message: &str) -> &str {
    let name = message.split_once(':').map_or(message, |(name, _)| name);
    let is_name = name.starts_with(|c: char| c.is_alphabetic())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    if is_name { name } else { "AssertionError" }
}

fn rerun(story: &Story, is_pytest: bool) -> TestRerun {
    let kind = match &*story.category {
        "error" | "crashed" | "timed-out" => NonSuccessKind::Error,
        _ => NonSuccessKind::Failure,
    };
    let mut rerun = TestRerun::new(kind);
    let ty = match kind {
        NonSuccessKind::Failure if is_pytest => exception(&story.brief),
        NonSuccessKind::Failure => Outcome::Failed.word(),
        NonSuccessKind::Error => &story.category,
    };
    rerun
        .set_message(&*story.brief)
        .set_type(ty)
        .set_stack_trace(&*story.text)
        .set_time(Duration::try_from_secs_f64(story.seconds).unwrap_or_default());
    let (out, err) = output(&story.sections);
    if let Some(out) = out {
        rerun.set_system_out(out);
    }
    if let Some(err) = err {
        rerun.set_system_err(err);
    }
    rerun
}

/// What was captured, on either stream.
fn output(sections: &[Section]) -> (Option<String>, Option<String>) {
    let of = |wanted: bool| {
        let texts: Vec<String> = sections
            .iter()
            .filter(|section| section.title.contains("stderr") == wanted)
            .map(|section| format!("--- {} ---\n{}", section.title, plain(&section.text)))
            .collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    };
    (of(false), of(true))
}

/// The file, the name of the class and the name of the test, as pytest's own report has them.
fn address(id: &str) -> (&str, String, String) {
    // A file, or a command, may have any name.
    let names = id.find("::").unwrap_or(id.len());
    let (plain_id, parameters) = match id[names..].find('[') {
        Some(at) => id.split_at(names + at),
        None => (id, ""),
    };
    let mut parts = plain_id.split("::");
    let file = parts.next().unwrap_or(id);
    let module = file.strip_suffix(".py").unwrap_or(file).replace('/', ".");
    let mut names: Vec<&str> = parts.collect();
    let name = names.pop().unwrap_or_default();
    let class = names.into_iter().fold(module, |class, name| format!("{class}.{name}"));
    (file, class, format!("{name}{parameters}"))
}

fn timestamp(seconds: f64) -> Option<DateTime<FixedOffset>> {
    let since = Duration::try_from_secs_f64(seconds).ok().filter(|since| !since.is_zero())?;
    Some(DateTime::<Utc>::from(SystemTime::UNIX_EPOCH + since).into())
}

#[cfg(test)]
mod tests;
