//! `callsheet run`: arguments to configuration to run to exit code.

use std::cell::OnceCell;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc;

use callsheet::config::{Config, ConfigError, Overrides};
use callsheet::model::{RunEvent, Verdict};
use callsheet::{Run, Stopper};

use super::allocation;
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
    let (sender, told) = mpsc::channel();
    let mut run = Run::new().subscribe(move |event: &RunEvent| {
        if let RunEvent::RunFinished(verdict) = event {
            // Heard below.
            let _ = sender.send(verdict.exit_code);
        }
    });
    let to_people: Box<dyn Write + Send> = if config.outputs.events_to_stdout {
        // Lines for programs and lines that are rewritten do not go together.
        config.terminal.live = false;
        run = run.events(io::stdout());
        Box::new(io::stderr())
    } else {
        run = run.terminal_size(output::terminal_size);
        Box::new(io::stdout())
    };
    run = run.terminal(to_people);
    if config.outputs.annotations {
        // Read from there as well, and standard output may be a program's.
        run = run.annotations(io::stderr());
    }
    let verdict = watched(run, config)?;
    drop(allocation);
    // What went wrong after the last event was shown to nobody: a file that could not be written at the end.
    if told.try_iter().last().is_some_and(|code| code != verdict.exit_code)
        && let Some(explanation) = &verdict.explanation
    {
        // Nobody is left to hear that this could not be written.
        let _ = writeln!(io::stderr(), "callsheet: {explanation}");
    }
    Ok(verdict.status())
}

/// Waits for a run that signals can stop.
pub(super) fn watched(run: Run, config: Config) -> Result<Verdict, CliError> {
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
    let verdict = started.wait()?;
    drop(signals);
    Ok(verdict)
}
