//! `callsheet run`: arguments to configuration to run to exit code.

use std::path::PathBuf;

use callsheet::config::{Config, ConfigError, Overrides};

use super::args::{Arguments, RunArguments};
use super::error::CliError;
use super::output;
use super::signals::{Ask, Signals};

/// Runs tests.
pub(super) fn execute(arguments: &RunArguments, argv: Vec<String>) -> Result<u8, CliError> {
    perform(&configuration(&arguments.overrides(argv))?)
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
fn perform(_config: &Config) -> Result<u8, CliError> {
    // The run's handle goes into this closure: `Stop` is `RunHandle::stop`, `Kill` is `RunHandle::kill`.
    let _signals = Signals::watch(|ask| match ask {
        Ask::Stop(name) => log::info!("{name}: the run is asked to stop"),
        Ask::Kill => log::info!("the run is killed"),
    })?;
    // Here it waits for the verdict: `RunHandle::wait`, whose `exit_code` is returned.
    Err(CliError::NotBuilt("run tests"))
}
