//! Children that do not outlive this process.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command as Blocking;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{Pid, getppid};
use tokio::process::Command;

/// Lets the child inherit these descriptors, be interrupted, and die with this process.
pub(crate) fn tie_to_parent<const N: usize>(command: &mut Command, inherited: [RawFd; N]) {
    tie(command.as_std_mut(), Signal::SIGKILL, inherited);
}

/// Has the child told to end when this process does, whatever ends it. Not by force: it may be an agent, which ends what is below
/// it first, or a client of something that is to end with it.
pub(super) fn end_with_parent(command: &mut Blocking) {
    tie(command, Signal::SIGTERM, []);
}

/// Linux takes the end of the thread that starts the child for the end of this process: it has to be there as long as the child.
#[expect(
    unsafe_code,
    reason = "code between fork and exec is for the caller to keep async-signal-safe"
)]
fn tie<const N: usize>(command: &mut Blocking, by: Signal, inherited: [RawFd; N]) {
    #[cfg(not(target_os = "linux"))]
    let _there_is_none = by;
    let parent = Pid::this();
    let before_exec = move || -> io::Result<()> {
        #[cfg(target_os = "linux")]
        nix::sys::prctl::set_pdeathsig(by)?;
        if getppid() != parent {
            return Err(Errno::ESRCH.into());
        }
        // A shell that starts a command in the background has it ignore what Ctrl-C sends, and so all that it starts.
        // SAFETY: no handler of ours is installed or replaced.
        unsafe { signal(Signal::SIGINT, SigHandler::SigDfl)? };
        for fd in inherited {
            // SAFETY: the descriptors are owned by the caller until after the spawn.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
        }
        Ok(())
    };
    // SAFETY: prctl, getppid, signal and fcntl are async-signal-safe; nothing is allocated.
    unsafe { command.pre_exec(before_exec) };
}
