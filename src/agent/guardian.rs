//! A process beside an agent, for when the agent is killed: its workers die with it, what their tests have started does not.
//!
//! On the machine of the command, the command sees to that itself; on another, nobody else is left who could.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::launch::{AGENT_VARIABLE, ROLE_VARIABLE, Role, kill_leftovers, own_program};

/// What an agent that ends by itself says last.
const FAREWELL: &str = "done";

/// The agent's end of its guardian, which has nothing to do any more when this is dropped.
#[derive(Debug)]
pub(super) struct Guardian(Child);

impl Guardian {
    /// Starts one for this process.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn start() -> io::Result<Self> {
        let mut child = Command::new(own_program()?)
            // What `ps` shows, in place of a link into /proc.
            .arg0("callsheet-guardian")
            .env(ROLE_VARIABLE, Role::Guardian.name())
            // An agent that this one runs below may be killed with all that is marked as its own.
            .env_remove(AGENT_VARIABLE)
            .current_dir("/")
            .stdin(Stdio::piped())
            // Whoever leads here takes them for the agent's as long as somebody holds them.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What is sent to the agent's group is not for it.
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.as_mut().expect("it was started with stdin piped");
        writeln!(stdin, "{}", std::process::id())?;
        Ok(Self(child))
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.0.stdin.take() {
            // It may have been killed.
            let _gone = writeln!(stdin, "{FAREWELL}");
        }
        let _reaped = self.0.wait();
    }
}

/// Serves as a guardian until its agent has ended.
pub(super) fn guard() {
    let mut said = String::new();
    let read = io::stdin().read_to_string(&mut said);
    let mut lines = said.lines();
    let agent = lines.next().and_then(|pid| pid.parse().ok());
    if let (Ok(_), Some(agent), None) = (read, agent, lines.next()) {
        kill_leftovers(agent);
    }
}
