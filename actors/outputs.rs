//! The reports that the configuration and the host program ask for.

use std::io::Write;
use std::path::Path;

use crate::config::OutputFiles;
use crate::report::{
    Annotations, EventsReport, JunitReport, LastFailed, OutputError, Report, StepSummary,
};

/// A report with what it is, for people.
pub(super) type Named = (Box<dyn Report>, String);

/// Opens every output, so that one that can not be written is known before anything is run.
pub(super) fn open(
    files: &OutputFiles,
    events: Option<Box<dyn Write + Send>>,
    annotations: Option<Box<dyn Write + Send>>,
) -> Result<Vec<Named>, OutputError> {
    let mut reports: Vec<Named> = Vec::new();
    let named = |what: &str, file: &Path| format!("the {what} `{}`", file.display());
    if let Some(file) = &files.junit {
        reports.push((Box::new(JunitReport::new(file)?), named("JUnit file", file)));
    }
    if let Some(file) = &files.step_summary {
        reports.push((Box::new(StepSummary::new(file)?), named("step summary", file)));
    }
    if let Some(file) = &files.events {
        reports.push((Box::new(EventsReport::create(file)?), named("events file", file)));
    }
    if files.last_failed {
        reports.push((Box::new(LastFailed::new()), "pytest's cache".to_owned()));
    }
    if let Some(out) = events {
        reports.push((Box::new(EventsReport::new(out)), "the stream of events".to_owned()));
    }
    if let Some(out) = annotations {
        let report = Annotations::new(out, &files.annotations_prefix);
        reports.push((Box::new(report), "the list of annotations".to_owned()));
    }
    Ok(reports)
}
