//! `callsheet run`: arguments to configuration to run to exit code.

use std::io;
use std::path::PathBuf;

use callsheet::Run;
use callsheet::config::{Config, ConfigError, Overrides};
use callsheet::model::Verdict;

use super::args::{Arguments, RunArguments};
use super::error::CliError;
use super::output;
use super::signals::{Ask, Signals};

/// Runs tests.
pub(super) fn execute(arguments: &RunArguments, argv: Vec<String>) -> Result<u8, CliError> {
    perform(configuration(&arguments.overrides(argv))?)
}

/// The configuration of what is set here, in the directory the user is in.
pub(super) fn configuration(overrides: &Overrides) -> Result<Config, CliError> {
    let config = Config::resolve(overrides, &output::environment(), &working_directory()?);
    config.map_err(|error| match error {
        ConfigError::PathNotFound(path) if Arguments::is_subcommand(&path) => {
            CliError::MisplacedSubcommand(path)
        }
        error => error.into(),
    })
}

/// The directory the user is in.
pub(super) fn working_directory() -> Result<PathBuf, CliError> {
    std::env::current_dir().map_err(CliError::WorkingDirectory)
}

/// Runs what the configuration says, while signals stop it: the one place where the command line meets the run.
fn perform(config: Config) -> Result<u8, CliError> {
    let verdict =
        watched(Run::new().terminal(io::stdout()).terminal_size(output::terminal_size), config)?;
    Ok(verdict.status())
}

/// Waits for a run that signals can stop.
pub(super) fn watched(run: Run, config: Config) -> Result<Verdict, CliError> {
    let handle = run.start(config)?;
    let stopper = handle.stopper();
    let signals = Signals::watch(move |ask| match ask {
        Ask::Stop(name) => stopper.stop(name),
        Ask::Kill => stopper.kill("a second signal"),
    })?;
    let verdict = handle.wait()?;
    drop(signals);
    Ok(verdict)
}
