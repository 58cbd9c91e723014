//! What a worker writes to its file descriptors 1 and 2: the last of it is kept, and all of it is shown when asked for.

use std::cell::RefCell;
use std::rc::Rc;

use super::descriptor::Descriptor;
use super::link::Sender;
use crate::model::{Stream, WorkerId};
use crate::wire::WorkerEvent;

/// How much of the last output is kept to be shown with a death, in bytes: some 800 lines.
const TAIL: usize = 64 * 1024;

/// The longest piece of a line that is held back to be shown whole.
const LONGEST_LINE: usize = 64 * 1024;

/// The last output of one worker, both streams as they came.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail {
    bytes: Rc<RefCell<Vec<u8>>>,
}

impl Tail {
    fn add(&self, chunk: &[u8]) {
        let mut bytes = self.bytes.borrow_mut();
        bytes.extend_from_slice(chunk);
        // Cut seldom, so that a flood costs one copy a byte.
        if bytes.len() > 2 * TAIL {
            // The byte before what is shown says whether a line begins there.
            let surplus = bytes.len() - TAIL - 1;
            bytes.drain(..surplus);
        }
    }

    /// The text, from the first whole line if something was cut off.
    pub(super) fn text(&self) -> String {
        let bytes = self.bytes.borrow();
        let cut = bytes.len().saturating_sub(TAIL);
        let kept = &bytes[cut..];
        let start = if cut == 0 || bytes[cut - 1] == b'\n' {
            0
        } else {
            kept.iter().position(|byte| *byte == b'\n').map_or(0, |newline| newline + 1)
        };
        String::from_utf8_lossy(&kept[start..]).into_owned()
    }
}

/// One output stream of a worker.
#[derive(Debug)]
pub(super) struct Output {
    worker: WorkerId,
    stream: Stream,
    tail: Tail,
    live: Option<Sender>,
    partial: Vec<u8>,
}

impl Output {
    /// `live`: where to show whole lines as they come.
    pub(super) fn new(worker: WorkerId, stream: Stream, tail: Tail, live: Option<Sender>) -> Self {
        Self { worker, stream, tail, live, partial: Vec::new() }
    }

    /// Reads until the stream ends. Cancelling it loses nothing: [`drain`](Self::drain) goes on.
    pub(super) async fn follow(&mut self, source: &Descriptor) {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            if let Some(sender) = &self.live {
                sender.has_room().await;
            }
            match source.read(&mut chunk).await {
                Ok(count) if count > 0 => self.add(&chunk[..count]),
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Takes what is there now, after the worker has ended.
    pub(super) fn drain(&mut self, source: &Descriptor) {
        source.drain(|chunk| self.add(chunk));
        let rest = std::mem::take(&mut self.partial);
        self.show(&rest);
    }

    fn add(&mut self, chunk: &[u8]) {
        self.tail.add(chunk);
        if self.live.is_none() {
            return;
        }
        // What is held back has no newline.
        let held = self.partial.len();
        self.partial.extend_from_slice(chunk);
        let whole = match chunk.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => held + newline + 1,
            None if self.partial.len() > LONGEST_LINE => self.partial.len(),
            None => return,
        };
        let rest = self.partial.split_off(whole);
        let lines = std::mem::replace(&mut self.partial, rest);
        self.show(&lines);
    }

    fn show(&self, bytes: &[u8]) {
        if let Some(sender) = &self.live
            && !bytes.is_empty()
        {
            let text = String::from_utf8_lossy(bytes).into_owned();
            sender.worker(self.worker, WorkerEvent::Output { stream: self.stream, text });
        }
    }
}

#[cfg(test)]
mod tests;
