//! A process of this machine that leads to a host, and what it has started on the way.

use std::io;
use std::ops::{Deref, DerefMut};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

/// A child, killed when this is dropped before it has ended.
#[derive(Debug)]
pub struct Held {
    child: Child,
    /// Whether what it has started is in a process group with it, and is to end too.
    leads: bool,
}

impl Held {
    /// A child that sees to what it has started by itself.
    pub(crate) fn alone(child: Child) -> Self {
        Self { child, leads: false }
    }

    /// A child that was started in a process group of its own.
    pub(super) fn with_group(child: Child) -> Self {
        Self { child, leads: true }
    }

    /// Kills the child and has the others of its group end: one of them may be an agent, which ends what is below it first.
    ///
    /// # Errors
    /// What the system says, also if it was waited for.
    pub fn start_kill(&mut self) -> io::Result<()> {
        // Once it was waited for, its number may be another's.
        let leader = self.child.id().filter(|_| self.leads);
        if let Some(group) = leader.and_then(|pid| i32::try_from(pid).ok()) {
            // They may be gone already.
            let _gone = killpg(Pid::from_raw(group), Signal::SIGTERM);
        }
        self.child.start_kill()
    }
}

impl Deref for Held {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It may be gone already.
        let _gone = self.start_kill();
    }
}
