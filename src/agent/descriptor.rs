//! A file descriptor read and written without blocking: the agent's own link, the pipes of its workers.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::io::unix::AsyncFd;

/// What a pipe holds unless somebody has changed it, in bytes.
const PIPE: usize = 64 * 1024;

/// A pipe or socket that this process owns one end of.
#[derive(Debug)]
pub(super) struct Descriptor {
    fd: AsyncFd<OwnedFd>,
}

impl Descriptor {
    /// Takes the descriptor over and makes it non-blocking.
    ///
    /// # Errors
    /// What the system says; in particular for a regular file, which can not be waited for.
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
        fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        Self::watch(fd)
    }

    /// Takes a descriptor over that [`into_fd`](Self::into_fd) gave.
    ///
    /// # Errors
    /// What the system says.
    #[expect(unsafe_code, reason = "tokio trusts the caller that the descriptor stays the same")]
    pub(super) fn watch(fd: OwnedFd) -> io::Result<Self> {
        // SAFETY: an `OwnedFd` gives the same descriptor for as long as it lives.
        let fd = unsafe { AsyncFd::register(fd)? };
        Ok(Self { fd })
    }

    /// The descriptor, which does not block and no longer wakes this process.
    pub(super) fn into_fd(self) -> OwnedFd {
        self.fd.into_inner()
    }

    /// Reads what is there, waiting for at least a byte; 0 at the end of the stream.
    pub(super) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.fd.readable().await?;
            let attempt =
                ready.try_io(|fd| nix::unistd::read(fd.as_fd(), buffer).map_err(io::Error::from));
            match attempt {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(result) => return result,
                Err(_would_block) => {}
            }
        }
    }

    /// Reads what stands in a pipe now, without waiting. Whoever goes on writing is not followed: no more is taken than a
    /// pipe holds.
    pub(super) fn drain(&self, mut take: impl FnMut(&[u8])) {
        let mut left = fcntl(self.fd.get_ref(), FcntlArg::F_GETPIPE_SZ)
            .map_or(PIPE, |size| usize::try_from(size).unwrap_or(PIPE));
        let mut chunk = vec![0; PIPE];
        while left > 0
            && let room = left.min(PIPE)
            && let Ok(count) = nix::unistd::read(self.fd.get_ref(), &mut chunk[..room])
            && count > 0
        {
            take(&chunk[..count]);
            left -= count;
        }
    }

    /// Writes all of it.
    pub(super) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.fd.writable().await?;
            let attempt =
                ready.try_io(|fd| nix::unistd::write(fd.as_fd(), bytes).map_err(io::Error::from));
            match attempt {
                Ok(Ok(written)) => bytes = &bytes[written..],
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
        Ok(())
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.get_ref().as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    #[test]
    fn whoever_goes_on_writing_is_not_followed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        // Not for the processes of other tests: one that keeps it would keep the writer.
        let (ours, theirs) = nix::unistd::pipe2(OFlag::O_CLOEXEC).unwrap();
        // It ends when the other end is closed.
        let writer = std::thread::spawn(move || {
            let mut theirs = File::from(theirs);
            while theirs.write_all(&[b'x'; 4096]).is_ok() {}
        });
        let pipe = Descriptor::new(ours).unwrap();
        let mut looks = 0;
        let mut most = 0;
        // The writer is at it once something came.
        while looks < 20 {
            let mut taken = 0;
            pipe.drain(|chunk| taken += chunk.len());
            looks += usize::from(taken > 0);
            most = most.max(taken);
        }
        assert!(most <= PIPE, "{most}");
        drop(pipe);
        writer.join().unwrap();
    }
}
