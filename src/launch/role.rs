//! What a process of this program was started to be, beside the command that a user types.

use std::env;
use std::io;
use std::path::PathBuf;

/// The variable that asks a program to serve as an agent, or as what is below or beside one; its values are those of [`Role::name`].
pub const ROLE_VARIABLE: &str = "CALLSHEET_ROLE";

/// What a process is asked to serve as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The agent of a host.
    Agent,
    /// A worker for a framework that callsheet itself speaks to.
    Worker,
    /// What is left of an agent that was killed, to end what it can not end itself.
    Guardian,
}

impl Role {
    /// All roles.
    const ALL: [Self; 3] = [Self::Agent, Self::Worker, Self::Guardian];

    /// The value of [`ROLE_VARIABLE`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Worker => "worker",
            Self::Guardian => "guardian",
        }
    }

    /// The role that this process was started for.
    pub fn asked() -> Option<Self> {
        let asked = env::var_os(ROLE_VARIABLE)?;
        Self::ALL.into_iter().find(|role| asked == role.name())
    }
}

/// The file of the running process, to start it once more, even if another was installed in its place meanwhile.
///
/// # Errors
/// What the system says where it does not know.
pub fn own_program() -> io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Ok(running) } else { env::current_exe() }
}
