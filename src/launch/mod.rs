//! From a host's specification to a child process with stdin and stdout: the agent.

mod leftovers;
mod local;

pub use leftovers::{AGENT_VARIABLE, kill_leftovers};
pub use local::{AgentCommand, LaunchError, ROLE_VARIABLE, is_agent, launch};
