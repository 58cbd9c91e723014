//! `callsheet run`: arguments to configuration to run to exit code.

use std::cell::OnceCell;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use callsheet::config::{Config, ConfigError, Overrides};
use callsheet::model::Verdict;
use callsheet::{Run, Stopper};

use super::allocation::{self, Limit};
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
fn perform(mut config: Config) -> Result<u8, CliError> {
    let allocation = allocation::obtain(&mut config)?;
    let margin = config.slurm.as_ref().map(|(_, margin)| *margin).unwrap_or_default();
    let limit = allocation.as_ref().and_then(|allocation| allocation.left);
    let limit = limit.map(|left| left.saturating_sub(margin));
    let run = Run::new().terminal(io::stdout()).terminal_size(output::terminal_size);
    let verdict = watched(run, config, limit)?;
    drop(allocation);
    Ok(verdict.status())
}

/// Waits for a run that signals can stop, and that stops by itself after some time if there is a limit.
pub(super) fn watched(
    run: Run,
    config: Config,
    limit: Option<Duration>,
) -> Result<Verdict, CliError> {
    // Watched before there is anything to stop: a signal that comes between would end this process without a word.
    let (to_signals, begun) = mpsc::channel();
    let stopper: OnceCell<Option<Stopper>> = OnceCell::new();
    let signals = Signals::watch(move |ask| {
        // `None`: the run could not be started.
        let stopper = stopper.get_or_init(|| begun.recv().ok());
        match (ask, stopper) {
            (Ask::Stop(name), Some(stopper)) => stopper.stop(name),
            (Ask::Kill, Some(stopper)) => stopper.kill("a second signal"),
            (Ask::Stop(_) | Ask::Kill, None) => {}
        }
    })?;
    let started = run.start(config);
    // Nobody hears it if no signal ever comes.
    let _unheard = started.as_ref().map(|handle| to_signals.send(handle.stopper()));
    drop(to_signals);
    let started = started?;
    let _limit = limit.map(|time| Limit::after(time, started.stopper()));
    let verdict = started.wait()?;
    drop(signals);
    Ok(verdict)
}
