//! `callsheet list`: the tests that would be run.

use std::io::{self, Write};
use std::sync::mpsc;

use callsheet::Run;
use callsheet::exit::ExitCode;
use callsheet::model::{Collection, RunEvent, StopReason};

use super::args::{ListFormat, ListingArguments};
use super::error::CliError;
use super::{output, run};

mod listing;

/// Collects on one worker and prints what there is; what went wrong is told on standard error.
pub(super) fn execute(arguments: &ListingArguments, argv: Vec<String>) -> Result<u8, CliError> {
    let config = run::configuration(&arguments.overrides(argv))?;
    let (sender, collections) = mpsc::channel();
    let listen = move |event: &RunEvent| match event {
        RunEvent::Collected { collection, .. } => drop(sender.send(collection.clone())),
        RunEvent::Stopping(StopReason::Worker { reason, .. })
            if reason.trim_end().contains('\n') =>
        {
            // As below.
            let _ = writeln!(io::stderr(), "{}", reason.trim_end());
        }
        RunEvent::CollectReported { report, .. } if report.failed => {
            // Nobody is left to hear that this could not be written.
            let _ = writeln!(io::stderr(), "error in {}\n{}", report.id, report.text);
        }
        _ => {}
    };
    let verdict = run::watched(Run::new().subscribe(listen), config.clone())?;
    let collection: Collection = collections.try_iter().last().unwrap_or_default();
    let text = match arguments.format {
        ListFormat::Text => listing::text(&collection),
        ListFormat::Json => listing::json(&config, &collection),
    };
    output::write_stdout(text.as_bytes())?;
    if let Some(explanation) = &verdict.explanation {
        // As above.
        let _ = writeln!(io::stderr(), "callsheet: {explanation}");
    }
    // A run that runs nothing says `nothing collected`, which is true only of an empty list.
    let status = verdict.status();
    let ran_nothing = status == ExitCode::NothingCollected.number() && !collection.is_empty();
    Ok(if ran_nothing { ExitCode::Passed.number() } else { status })
}
