//! The `callsheet` command.

mod cli;

use std::process::ExitCode;

use env_logger::{Builder, Env};

fn main() -> ExitCode {
    Builder::from_env(Env::new().filter_or("CALLSHEET_LOG", "off")).init();
    callsheet::agent::serve_if_asked();
    ExitCode::from(cli::main(std::env::args_os().collect()))
}
