//! What GitHub Actions shows of a run: annotations at the lines that failed, and a summary of the step.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::result::{Results, TestResult};
use super::tally::Tally;
use super::{OutputError, Report, plain};
use crate::model::{Outcome, RunEvent};

/// GitHub shows ten errors a step; more of them only make the log longer.
const MOST: usize = 10;

/// Failures in the summary, which may have 1 MiB.
const MOST_IN_SUMMARY: usize = 50;

/// The longest text of one failure in the summary, in bytes.
const LONGEST: usize = 8 * 1024;

/// Writes workflow commands at the end of the run: `::error file=…,line=…::…`.
pub struct Annotations {
    out: Box<dyn Write + Send>,
    results: Results,
    prefix: String,
    /// Whether the files that tests' ids begin with are those of the project.
    ids_name_files: bool,
    lines: String,
    count: usize,
}

impl Annotations {
    /// Writes there, which must be an output of the step. `prefix` is what stands before the names of files.
    pub fn new(out: Box<dyn Write + Send>, prefix: &str) -> Self {
        let (results, prefix) = (Results::default(), prefix.to_owned());
        Self { out, results, prefix, ids_name_files: true, lines: String::new(), count: 0 }
    }

    fn add(&mut self, title: &str, id: &str, location: &str, text: &str) {
        self.count += 1;
        if self.count > MOST {
            return;
        }
        let place = place(location).or_else(|| self.ids_name_files.then(|| (file_of(id), "1")));
        let place = place.map(|(file, line)| {
            let file = property(&format!("{}{file}", self.prefix));
            format!("file={file},line={line},")
        });
        let (place, title) = (place.unwrap_or_default(), property(title));
        // Writing to a string does not fail.
        let _ = writeln!(self.lines, "::error {place}title={title}::{}", data(text));
    }
}

impl Report for Annotations {
    fn event(&mut self, event: &RunEvent, _now: SystemTime) -> io::Result<()> {
        if let RunEvent::SuiteReady(info) = event {
            self.ids_name_files = info.framework.starts_with("pytest");
        }
        if let RunEvent::CollectReported { report, .. } = event
            && report.failed
        {
            let title = format!("error collecting {}", report.id);
            let text = if report.brief.is_empty() { &report.text } else { &report.brief };
            self.add(&title, &report.id, &report.location, &plain(text));
        }
        if let Some(result) = self.results.event(event)
            && is_bad(&result)
        {
            let (location, text) = told(&result);
            let (id, outcome) = (&result.test.id, result.outcome);
            self.add(&format!("{id} ({outcome})"), id, &location, &text);
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.count > MOST {
            let _ = writeln!(self.lines, "::notice::{} more failures", self.count - MOST);
        }
        self.out.write_all(self.lines.as_bytes())?;
        self.out.flush()
    }
}

/// Adds a summary in Markdown to a file at the end of the run.
pub struct StepSummary {
    file: File,
    tally: Tally,
    results: Results,
    failures: Vec<(String, Outcome, String)>,
    /// Tests that passed after a failure, with what their attempts before came to.
    flaky: Vec<(String, String)>,
    collect_failures: Vec<(String, String)>,
    begun: Option<SystemTime>,
    took: Duration,
}

impl StepSummary {
    /// Adds to this file.
    ///
    /// # Errors
    /// [`OutputError`] if it can not be written.
    pub fn new(file: &Path) -> Result<Self, OutputError> {
        let opened = OpenOptions::new().append(true).create(true).open(file);
        let file = opened.map_err(|cause| OutputError { file: file.to_owned(), cause })?;
        Ok(Self {
            file,
            tally: Tally::default(),
            results: Results::default(),
            failures: Vec::new(),
            flaky: Vec::new(),
            collect_failures: Vec::new(),
            begun: None,
            took: Duration::ZERO,
        })
    }

    fn text(&self) -> String {
        let mut text = String::from("## callsheet\n\n");
        let counts: Vec<String> = self
            .tally
            .outcomes()
            .iter()
            .map(|(outcome, count)| format!("{count} {outcome}"))
            .chain(
                (!self.collect_failures.is_empty())
                    .then(|| format!("{} not collected", self.collect_failures.len())),
            )
            .chain((!self.flaky.is_empty()).then(|| format!("{} flaky", self.flaky.len())))
            .collect();
        let counts = if counts.is_empty() { "no tests".to_owned() } else { counts.join(", ") };
        let _ = writeln!(text, "**{counts}** in {:.1} s", self.took.as_secs_f64());
        if let Some(explanation) =
            self.tally.verdict().and_then(|verdict| verdict.explanation.as_deref())
        {
            let _ = writeln!(text, "\n{}", escape(explanation));
        }
        for (file, story) in self.collect_failures.iter().take(MOST_IN_SUMMARY) {
            let _ = write!(text, "{}", details(file, "error while collecting", story));
        }
        for (id, outcome, story) in self.failures.iter().take(MOST_IN_SUMMARY) {
            let _ = write!(text, "{}", details(id, outcome.word(), story));
        }
        let more = self.failures.len().saturating_sub(MOST_IN_SUMMARY);
        if more > 0 {
            let _ = writeln!(text, "\n… and {more} more");
        }
        for (id, story) in self.flaky.iter().take(MOST_IN_SUMMARY) {
            let _ = write!(text, "{}", details(id, "flaky", story));
        }
        text.push('\n');
        text
    }
}

impl Report for StepSummary {
    fn event(&mut self, event: &RunEvent, now: SystemTime) -> io::Result<()> {
        let begun = *self.begun.get_or_insert(now);
        self.took = now.duration_since(begun).unwrap_or_default();
        self.tally.event(event);
        if let RunEvent::CollectReported { report, .. } = event
            && report.failed
        {
            self.collect_failures.push((report.id.clone(), cut(&plain(&report.text))));
        }
        if let Some(result) = self.results.event(event) {
            if !is_bad(&result) {
                if result.outcome == Outcome::Passed && !result.retried.is_empty() {
                    let texts: Vec<&str> =
                        result.retried.iter().map(|story| &*story.text).collect();
                    self.flaky.push((result.test.id.to_string(), cut(&texts.join("\n\n"))));
                }
                return Ok(());
            }
            let texts: Vec<&str> = result.stories.iter().map(|story| &*story.text).collect();
            let text = match &result.not_run {
                Some((reason, _)) => reason.clone(),
                None => texts.join("\n\n"),
            };
            self.failures.push((result.test.id.to_string(), result.outcome, cut(&text)));
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let text = self.text();
        self.file.write_all(text.as_bytes())
    }
}

/// Whether a person should look at it; what was left out on purpose is none of that.
fn is_bad(result: &TestResult) -> bool {
    result.outcome.is_bad() && result.not_run.as_ref().is_none_or(|(_, lost)| *lost)
}

/// The file and the line of a location; `None` if it lies outside, in a library say, or says neither.
fn place(location: &str) -> Option<(&str, &str)> {
    let (file, line) = match location.rsplit_once(':') {
        Some((file, line)) if line.parse::<u32>().is_ok() => (file, line),
        _ => (location, "1"),
    };
    (!file.is_empty() && !file.starts_with(['/', '.'])).then_some((file, line))
}

/// Where it went wrong, and how.
fn told(result: &TestResult) -> (String, String) {
    match (&result.not_run, result.story()) {
        (Some((reason, _)), _) => (String::new(), reason.clone()),
        (None, Some(story)) if story.brief.is_empty() => {
            (story.location.clone(), story.text.clone())
        }
        (None, Some(story)) => (story.location.clone(), story.brief.clone()),
        (None, None) => (String::new(), format!("the test {}", result.outcome)),
    }
}

fn file_of(id: &str) -> &str {
    id.split_once("::").map_or(id, |(file, _)| file)
}

/// The text of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Text that is none of HTML or Markdown.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => {
                escaped.extend(['\\', character]);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// A line that opens to the whole story.
fn details(id: &str, what: &str, story: &str) -> String {
    let html = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "\n<details><summary><code>{}</code>: {}</summary>\n\n<pre>{}</pre>\n\n</details>\n",
        html(id),
        html(what),
        // An empty line would end the block of HTML, and with it the text.
        html(story.trim()).replace("\n\n", "\n&#8203;\n")
    )
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let dots = if end < text.len() { "\n…" } else { "" };
    format!("{}{dots}", &text[..end])
}
