//! From a host's specification to a child process with stdin and stdout: the agent.

mod leftovers;
mod local;
mod role;

pub use leftovers::{AGENT_VARIABLE, kill_leftovers};
pub use local::{AgentCommand, LaunchError, launch};
pub use role::{ROLE_VARIABLE, Role, own_program};
