//! How people are shown the run, on the output that there is.

use super::Environment;
use super::settings::Settings;
use super::value::{Automatic, ColorWhen};
use crate::report::TerminalOptions;

/// The width where nobody knows it.
const COLUMNS: u16 = 80;

/// How many of the slowest tests people at a terminal are shown unasked.
const SLOWEST: usize = 3;

/// Options for an output: colour as asked for, else as the output has it; lines are rewritten on a real terminal
/// outside of CI unless `-q` was given.
pub(super) fn options(settings: &Settings, environment: &Environment) -> TerminalOptions {
    let output = environment.output;
    let verbosity = settings.verbosity.value;
    let dumb = environment.get("TERM") == Some("dumb");
    let ci = environment.get("CI").is_some_and(|value| !matches!(value, "" | "0" | "false"));
    let live = output.terminal && !dumb && !ci && verbosity >= 0;
    TerminalOptions {
        color: match settings.color.value {
            ColorWhen::Auto => output.color,
            ColorWhen::Always => true,
            ColorWhen::Never => false,
        },
        live,
        columns: output
            .columns
            .or_else(|| environment.get("COLUMNS")?.parse().ok())
            .filter(|columns| *columns > 0)
            .unwrap_or(COLUMNS),
        verbosity,
        live_output: settings.live_output.value,
        slowest: match settings.durations.value {
            Automatic::Set(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Automatic::Auto if live => SLOWEST,
            Automatic::Auto => 0,
        },
        whole_briefs: verbosity >= 2
            || ["CI", "BUILD_NUMBER"]
                .into_iter()
                .any(|name| environment.get(name).is_some_and(|value| !value.is_empty())),
    }
}
