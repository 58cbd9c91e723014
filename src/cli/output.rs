//! Standard output and standard error: what they are, and how to write to them.

use std::error::Error;
use std::io::{self, ErrorKind, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use callsheet::config::{Environment, Output};

use super::error::CliError;

/// The process as it is now, its standard output included.
pub(super) fn environment() -> Environment {
    let mut environment = Environment::capture();
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    environment.output = Output {
        terminal,
        color: AutoStream::choice(&stdout) != ColorChoice::Never || forced(&environment),
        columns: terminal_size().map(|(columns, _)| columns),
    };
    environment
}

/// The columns and rows of the terminal that standard output is; `None` if it is none, or hides its size.
pub(super) fn terminal_size() -> Option<(u16, u16)> {
    let (columns, rows) = terminal_size::terminal_size_of(io::stdout())?;
    (columns.0 > 0 && rows.0 > 0).then_some((columns.0, rows.0))
}

/// `FORCE_COLOR`, which pytest knows and anstream does not; `NO_COLOR` is stronger.
fn forced(environment: &Environment) -> bool {
    let set = |name| environment.get(name).is_some_and(|value| !value.is_empty());
    set("FORCE_COLOR") && environment.get("FORCE_COLOR") != Some("0") && !set("NO_COLOR")
}

/// Writes to standard output. That its reader left (`callsheet list | head`) is no error.
pub(super) fn write_stdout(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes an error with its causes to standard error: `callsheet: error: …`.
pub(super) fn print_error(error: &dyn Error) {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    // Nobody is left to hear that this could not be written.
    let _ = writeln!(anstream::stderr(), "callsheet: {red}error{red:#}: {text}");
}
