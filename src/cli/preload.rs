//! `callsheet preload`: which modules are worth to be imported once for all workers.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use callsheet::agent::{Imports, Preloadable, measure_imports};
use callsheet::exit::ExitCode;

use super::args::ListArguments;
use super::error::CliError;
use super::{output, run};

/// Collects once and prints what its imports cost, and the line for the project's file.
pub(super) fn execute(arguments: &ListArguments, argv: Vec<String>) -> Result<u8, CliError> {
    let config = run::configuration(&arguments.overrides(argv))?;
    let imports = measure_imports(&config.suite, &config.deadlines, |step| {
        // Nobody is left to hear that this could not be written.
        let _ = writeln!(io::stderr(), "{step}");
    })?;
    output::write_stdout(told(&imports).as_bytes())?;
    if ![0, 5].contains(&imports.exit_code) {
        // As above.
        let _ = writeln!(
            io::stderr(),
            "callsheet: pytest did not collect everything (exit code {}), so there may be more; `callsheet list` shows why",
            imports.exit_code
        );
    }
    Ok(ExitCode::Passed.number())
}

/// The table and the line.
fn told(imports: &Imports) -> String {
    let mut text =
        format!("imports of a collection: {:.2} s beyond pytest's own\n", imports.seconds);
    for Preloadable { names, seconds, refused } in &imports.modules {
        let names = names.join(", ");
        let why = refused.as_ref().map(|why| format!(" (can not be preloaded: {why})"));
        // A string takes everything.
        let _ = writeln!(text, "{seconds:>7.2} s  {names}{}", why.unwrap_or_default());
    }
    let names: Vec<&str> = imports
        .modules
        .iter()
        .filter(|module| module.refused.is_none())
        .flat_map(|module| &module.names)
        .map(String::as_str)
        .collect();
    if names.is_empty() {
        return text + "\nnothing of third parties is worth to be preloaded\n";
    }
    let list = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    format!("{text}\nfor callsheet.toml:\npreload = [{list}]\n")
}
