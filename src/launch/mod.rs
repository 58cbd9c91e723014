//! From a host's specification to a child process with stdin and stdout: the agent.
//!
//! [`launch`] starts the agent of this machine, [`connect`] reaches that of another host by the user's own `ssh` or any command, and
//! [`sync`] brings the project there. Nothing here listens on a network, and nothing of the user's that may be secret stands on a
//! command line.

mod connect;
mod exec;
mod held;
mod ignored;
mod install;
mod leftovers;
mod listen;
mod local;
mod payload;
mod role;
mod salloc;
mod slurm;
mod ssh;
mod sync;
mod tie;

pub use connect::{ConnectError, Link, connect};
pub use held::Held;
pub use leftovers::{AGENT_VARIABLE, kill_leftovers};
pub use listen::LastWords;
pub use local::{AgentCommand, LaunchError, launch};
pub(crate) use payload::hexadecimal;
pub use payload::{Payload, PayloadError};
pub use role::{ROLE_VARIABLE, Role, own_program};
pub use slurm::{Allocation, Node, SlurmError};
pub use ssh::Ways;
pub use sync::{SyncError, sync};
pub(crate) use tie::tie_to_parent;
