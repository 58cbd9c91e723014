//! `callsheet agent`: the role of an agent, on standard input and output.

use super::error::CliError;

/// Serves until the controller is gone.
pub(super) fn execute() -> Result<u8, CliError> {
    callsheet::agent::serve()?;
    Ok(0)
}
