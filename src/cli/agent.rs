//! `callsheet agent`: the role of an agent, on standard input and output.

use super::error::CliError;

/// Serves until the controller is gone. `callsheet::agent::serve` is to be called here.
pub(super) fn execute() -> Result<u8, CliError> {
    Err(CliError::NotBuilt("serve as an agent"))
}
