//! The agent of this machine: a child of the controller.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use thiserror::Error;
use tokio::process::Command;

use super::connect::Link;
use super::held::Held;
use super::role::{ROLE_VARIABLE, Role, own_program};

/// How the agent of this machine is started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AgentCommand {
    /// This very program, asked by [`ROLE_VARIABLE`] to serve as an agent: its `main` begins with
    /// [`serve_if_asked`](crate::agent::serve_if_asked).
    #[default]
    ThisProgram,

    /// Another program with arguments, for example an installed `callsheet agent`.
    Program(PathBuf, Vec<OsString>),
}

/// Why no agent could be started.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// The path of this program is not known.
    #[error("failed to find this program's own file to start the agent from: {0}")]
    ThisProgram(io::Error),

    /// The program does not start.
    #[error("failed to start the agent `{program}`: {source}")]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Starts the agent with pipes on stdin, stdout and stderr, in a process group of its own, so that the terminal's
/// Ctrl-C reaches the controller alone. Within a `LocalSet` only.
///
/// # Errors
/// [`LaunchError`], which names the program.
pub fn launch(command: &AgentCommand) -> Result<Link, LaunchError> {
    let (program, arguments) = match command {
        AgentCommand::ThisProgram => (own_program().map_err(LaunchError::ThisProgram)?, Vec::new()),
        AgentCommand::Program(program, arguments) => (program.clone(), arguments.clone()),
    };
    Command::new(&program)
        .args(arguments)
        // What `ps` shows, in place of a link into /proc.
        .arg0("callsheet-agent")
        .env(ROLE_VARIABLE, Role::Agent.name())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map(|child| Link::new(Held::alone(child)))
        .map_err(|source| LaunchError::Start { program, source })
}
