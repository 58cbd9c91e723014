//! `callsheet completions SHELL`.

use callsheet::exit::ExitCode;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::args::Arguments;
use super::error::CliError;
use super::output;

/// Prints the shell's completion script.
pub(super) fn execute(shell: Shell) -> Result<u8, CliError> {
    // clap_complete panics when its output ends, memory does not.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "callsheet", &mut script);
    output::write_stdout(&script)?;
    Ok(ExitCode::Passed.number())
}
