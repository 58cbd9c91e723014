//! A process group that ends with whoever waits for it.

use std::cell::Cell;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

/// The group of a child that was started in one of its own. It is killed when this is dropped, unless the child has ended.
#[derive(Debug)]
pub(super) struct Group {
    leader: Cell<Option<Pid>>,
}

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        Self { leader: Cell::new(leader) }
    }

    /// The child was waited for: its number may be another's from now on.
    pub(super) fn is_over(&self) {
        self.leader.set(None);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader.get() {
            // It may have ended meanwhile, which is what is wanted.
            let _gone = killpg(leader, Signal::SIGKILL);
        }
    }
}
