//! The agent's children: workers that it has spawned, workers that it has adopted, and strays.
//!
//! A worker that is forked from a template becomes a child of the agent because the agent is, for that moment, a subreaper and
//! the process between the two has ended. What tests leave behind in just that moment is adopted with it.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::rc::Rc;

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgid, getpgrp};
use tokio::process::Child;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The children of this process that somebody waits for.
#[derive(Debug, Clone, Default)]
pub(super) struct Family(Rc<Members>);

#[derive(Debug, Default)]
struct Members {
    pids: RefCell<HashSet<Pid>>,
    /// How many adoptions are under way.
    adoptions: Cell<u32>,
}

/// A worker's process, to be waited for.
#[derive(Debug)]
pub(super) struct WorkerChild {
    pid: Pid,
    kind: Kind,
    family: Family,
}

#[derive(Debug)]
enum Kind {
    Spawned(Child),
    Forked(Forked),
}

/// A worker that was forked from a template.
#[derive(Debug)]
struct Forked {
    /// The news that any child has ended.
    ends: Signal,
    /// Whether there were such news since it was last looked at.
    news: bool,
    status: Option<ExitStatus>,
}

impl Family {
    /// Takes in a process that this one has started.
    pub(super) fn spawned(&self, child: Child) -> WorkerChild {
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        let pid = pid.expect("a process that was not waited for has an id");
        self.member(pid, Kind::Spawned(child))
    }

    fn forked(&self, pid: Pid, ends: Signal) -> WorkerChild {
        // It may have ended already.
        self.member(pid, Kind::Forked(Forked { ends, news: true, status: None }))
    }

    fn member(&self, pid: Pid, kind: Kind) -> WorkerChild {
        self.0.pids.borrow_mut().insert(pid);
        WorkerChild { pid, kind, family: self.clone() }
    }

    /// Opens this process to children of its template.
    pub(super) fn adopt(&self) -> io::Result<Adoption> {
        // Before the child: its end must not be missed.
        let ends = signal(SignalKind::child())?;
        if self.0.adoptions.get() == 0 {
            set_subreaper(true)?;
        }
        self.0.adoptions.update(|adoptions| adoptions + 1);
        Ok(Adoption { family: self.clone(), ends: Some(ends) })
    }

    /// Reaps adopted children that nobody waits for, whenever a child ends. An adoption does so once more when it is over.
    pub(super) async fn reap_strays(self) {
        let Ok(mut ends) = signal(SignalKind::child()) else { return };
        while ends.recv().await.is_some() {
            // A worker that is being adopted is not known yet.
            if self.0.adoptions.get() == 0 {
                self.reap();
            }
        }
    }

    fn reap(&self) {
        let known = self.0.pids.borrow();
        // Helpers of this process's own, which somebody waits for too, are in its process group; what tests start is in a worker's.
        let is_stray = |pid: &Pid| {
            !known.contains(pid) && getpgid(Some(*pid)).is_ok_and(|group| group != getpgrp())
        };
        for pid in children().filter(is_stray) {
            let _alive = waitpid(pid, Some(WaitPidFlag::WNOHANG));
        }
    }
}

/// The time in which a child is adopted.
#[derive(Debug)]
pub(super) struct Adoption {
    family: Family,
    ends: Option<Signal>,
}

impl Adoption {
    /// The child is there.
    pub(super) fn done(mut self, pid: Pid) -> WorkerChild {
        let ends = self.ends.take().expect("it is taken once, here");
        self.family.forked(pid, ends)
    }
}

impl Drop for Adoption {
    fn drop(&mut self) {
        let members = &self.family.0;
        members.adoptions.update(|adoptions| adoptions - 1);
        if members.adoptions.get() == 0 {
            // It could be set, so it can be unset.
            let _unset = set_subreaper(false);
            // What was adopted with the worker may have ended already.
            self.family.reap();
        }
    }
}

impl WorkerChild {
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether the process id is still this process's.
    pub(super) fn is_there(&self) -> bool {
        match &self.kind {
            Kind::Spawned(child) => child.id().is_some(),
            Kind::Forked(forked) => forked.status.is_none(),
        }
    }

    /// Waits for its end; may be cancelled and called again.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let forked = match &mut self.kind {
            Kind::Spawned(child) => return child.wait().await,
            Kind::Forked(forked) => forked,
        };
        loop {
            if let Some(status) = forked.status {
                return Ok(status);
            }
            // Asked for again with every event of the worker: the system is asked only when there is something to know.
            if !forked.news {
                forked.ends.recv().await;
            }
            forked.status = match waitpid(self.pid, Some(WaitPidFlag::WNOHANG))? {
                WaitStatus::Exited(_, code) => Some(ExitStatus::from_raw((code & 0xff) << 8)),
                WaitStatus::Signaled(_, signal, _) => Some(ExitStatus::from_raw(signal as i32)),
                _alive => None,
            };
            forked.news = false;
        }
    }
}

impl Drop for WorkerChild {
    fn drop(&mut self) {
        self.family.0.pids.borrow_mut().remove(&self.pid);
    }
}

#[cfg(target_os = "linux")]
fn set_subreaper(is_one: bool) -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(is_one)?)
}

#[cfg(not(target_os = "linux"))]
fn set_subreaper(_is_one: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// All children of this process.
fn children() -> impl Iterator<Item = Pid> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let pids = lists.flat_map(|list| {
        list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()
    });
    pids.map(Pid::from_raw)
}
