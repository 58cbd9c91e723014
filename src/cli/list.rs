//! `callsheet list`: the ids of the tests that would be run.

use callsheet::config::Config;
use callsheet::exit::ExitCode;

use super::args::ListArguments;
use super::error::CliError;
use super::{output, run};

/// Collects on one worker and prints the ids, one a line.
pub(super) fn execute(arguments: &ListArguments, argv: Vec<String>) -> Result<u8, CliError> {
    let config = run::configuration(&arguments.overrides(argv))?;
    let ids = collect(&config)?;
    let text = ids.iter().fold(String::new(), |text, id| text + id + "\n");
    output::write_stdout(text.as_bytes())?;
    let code = if ids.is_empty() {
        ExitCode::NothingCollected
    } else {
        ExitCode::Passed
    };
    Ok(code.number())
}

/// The ids in collection order. The run is to be called here, as in `run.rs`.
fn collect(_config: &Config) -> Result<Vec<String>, CliError> {
    Err(CliError::NotBuilt("collect tests"))
}
