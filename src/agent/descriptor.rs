//! A file descriptor read and written without blocking: the agent's own link, the pipes of its workers.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::io::unix::AsyncFd;

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
    #[expect(unsafe_code, reason = "tokio trusts the caller that the descriptor stays the same")]
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
        fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        // SAFETY: an `OwnedFd` gives the same descriptor for as long as it lives.
        let fd = unsafe { AsyncFd::register(fd)? };
        Ok(Self { fd })
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

    /// Reads what is there without waiting; `None` if there is nothing now.
    pub(super) fn read_now(&self, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        match nix::unistd::read(self.fd.as_fd(), buffer) {
            Err(nix::errno::Errno::EAGAIN) => None,
            result => Some(result.map_err(io::Error::from)),
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
