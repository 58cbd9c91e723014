//! From a host's specification to a child process with stdin and stdout: the agent.

use std::ffi::OsString;
use std::path::PathBuf;

/// How the agent of this machine is started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AgentCommand {
    /// This very program, asked by a variable in its environment to serve as an agent.
    #[default]
    ThisProgram,

    /// Another program with arguments, for example an installed `callsheet agent`.
    Program(PathBuf, Vec<OsString>),
}
