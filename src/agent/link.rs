//! The agent's end of the link: frames in from stdin, frames out to stdout.
//!
//! What is sent is collected and written in one go by [`Sender::write_to`], so that a burst of small events costs one
//! system call and a single one is not held back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Notify;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::descriptor::Descriptor;
use super::lease::Lease;
use crate::model::WorkerId;
use crate::wire::{FrameCodec, FromAgent, Outbox, Telling, ToAgent, WireError, WorkerEvent};

/// How many bytes may wait for a slow controller before workers' output is no longer read.
/// 8 MiB are some 100,000 passing tests, or eight capped failures.
const HIGH_WATER: usize = 8 * 1024 * 1024;

/// How much is written at a time, so that it is known when each part of much was written: a pipe's size.
const PIECE: usize = 64 * 1024;

/// Where everything of this agent that is meant for the controller goes.
#[derive(Debug, Clone, Default)]
pub(super) struct Sender {
    shared: Rc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    outbox: RefCell<Outbox>,
    filled: Notify,
    drained: Notify,
    closed: Cell<bool>,
    broken: RefCell<Option<WireError>>,
    lease: Lease,
    telling: RefCell<Telling>,
}

impl Sender {
    /// Queues a message.
    pub(super) fn send(&self, message: &FromAgent) {
        // Whoever waits for a message that fits no frame would wait for ever: better no agent than one that leaves things out.
        if let Err(problem) = self.shared.outbox.borrow_mut().push(message) {
            self.shared.broken.replace(Some(problem));
        }
        self.shared.filled.notify_one();
    }

    /// Queues something of a worker.
    pub(super) fn worker(&self, worker: WorkerId, event: WorkerEvent) {
        let messages = self.shared.telling.borrow_mut().messages(worker, event);
        messages.for_each(|message| self.send(&message));
    }

    /// Waits until the controller has taken enough: back-pressure on what workers write.
    pub(super) async fn has_room(&self) {
        loop {
            let drained = self.shared.drained.notified();
            if self.shared.outbox.borrow().len() < HIGH_WATER {
                return;
            }
            drained.await;
        }
    }

    /// Writes what is queued to stdout until the link breaks, or until all is written after [`close`](Self::close).
    ///
    /// # Errors
    /// The controller no longer listens, or something could not be put into a frame.
    ///
    /// It is never to be dropped before its end while something is still to be said: half a frame may stand in the pipe.
    pub(super) async fn write_to(&self, stdout: &Descriptor) -> Result<(), WireError> {
        loop {
            if let Some(problem) = self.shared.broken.take() {
                return Err(problem);
            }
            let bytes = self.shared.outbox.borrow_mut().take();
            if !bytes.is_empty() {
                for piece in bytes.chunks(PIECE) {
                    self.shared.lease.writes(piece.len());
                    stdout.write_all(piece).await?;
                }
                self.shared.drained.notify_waiters();
            } else if self.shared.closed.get() {
                return Ok(());
            } else {
                self.shared.filled.notified().await;
                // Whatever else is ready now joins the same write.
                tokio::task::yield_now().await;
            }
        }
    }

    /// How long the controller may take to say that what is written here arrives.
    pub(super) fn lease(&self) -> &Lease {
        &self.shared.lease
    }

    /// Takes what is queued.
    #[cfg(test)]
    pub(super) fn queued(&self) -> Vec<u8> {
        self.shared.outbox.borrow_mut().take()
    }

    /// Nothing more will be sent.
    pub(super) fn close(&self) {
        self.shared.closed.set(true);
        self.shared.filled.notify_one();
    }
}

/// What the controller says, frame by frame.
#[derive(Debug)]
pub(super) struct Receiver {
    stdin: Descriptor,
    codec: FrameCodec<ToAgent>,
    bytes: BytesMut,
    chunk: Vec<u8>,
}

impl Receiver {
    /// Reads from this descriptor.
    pub(super) fn new(stdin: Descriptor) -> Self {
        Self {
            stdin,
            codec: FrameCodec::default(),
            bytes: BytesMut::new(),
            chunk: vec![0; 64 * 1024],
        }
    }

    /// The next message; `None` when the controller has closed its end.
    ///
    /// # Errors
    /// What came is no message of this build's controller.
    pub(super) async fn next(&mut self) -> Result<Option<ToAgent>, WireError> {
        loop {
            if let Some(message) = self.codec.decode(&mut self.bytes)? {
                return Ok(Some(message));
            }
            let count = self.stdin.read(&mut self.chunk).await?;
            if count == 0 {
                return self.codec.decode_eof(&mut self.bytes);
            }
            self.bytes.extend_from_slice(&self.chunk[..count]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_no_frame_breaks_the_link() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_theirs, ours) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
            let stdout = Descriptor::new(ours).unwrap();
            let sender = Sender::default();
            sender.send(&FromAgent::Progress("x".repeat(70_000_000)));
            let problem = sender.write_to(&stdout).await.unwrap_err();
            assert!(matches!(problem, WireError::Encode { .. }), "{problem}");
        });
    }
}
