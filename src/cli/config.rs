//! `callsheet config show`.

use callsheet::config::Config;
use callsheet::exit::ExitCode;

use super::args::RunArguments;
use super::error::CliError;
use super::{output, run};

/// Prints every setting with where it comes from.
pub(super) fn show(arguments: &RunArguments) -> Result<u8, CliError> {
    let overrides = arguments.overrides(Vec::new());
    let text = Config::show(&overrides, &output::environment(), &run::working_directory()?)?;
    output::write_stdout(text.as_bytes())?;
    Ok(ExitCode::Passed.number())
}
