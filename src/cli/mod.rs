//! The command line: arguments exactly as typed, one file a subcommand.
//!
//! What belongs to a program alone and not to the library is done here: signals, standard output, exit codes.

mod agent;
mod allocation;
mod args;
mod completions;
mod config;
mod error;
mod list;
mod output;
mod overrides;
mod preload;
mod run;
mod signals;

use std::ffi::OsString;

use callsheet::exit::ExitCode;
use clap::Parser;

use args::{Arguments, Command, ConfigCommand};
use error::CliError;

/// Does what the arguments ask for and says how it ended, as the number to exit with.
///
/// Errors are printed, with their causes, on standard error.
pub(crate) fn main(argv: Vec<OsString>) -> u8 {
    match dispatch(argv) {
        Ok(code) => code,
        Err(error) => {
            output::print_error(&error);
            error.exit_code().number()
        }
    }
}

fn dispatch(argv: Vec<OsString>) -> Result<u8, CliError> {
    let typed = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let arguments = match Arguments::try_parse_from(argv) {
        Ok(arguments) => arguments,
        Err(refusal) => return Ok(refuse(&refusal)),
    };
    match arguments.command {
        None => run::execute(&arguments.run, typed),
        Some(Command::Run(run)) => run::execute(&run, typed),
        Some(Command::List(list)) => list::execute(&list, typed),
        Some(Command::Preload(list)) => preload::execute(&list, typed),
        Some(Command::Config(ConfigCommand::Show(run))) => config::show(&run),
        Some(Command::Completions { shell }) => completions::execute(shell),
        Some(Command::Agent) => agent::execute(),
    }
}

/// Prints clap's own words: help and version on standard output, refusals on standard error.
fn refuse(refusal: &clap::Error) -> u8 {
    let code = if refusal.use_stderr() { ExitCode::Usage } else { ExitCode::Passed };
    // Nobody is left to hear that this could not be written.
    let _ = refusal.print();
    code.number()
}
