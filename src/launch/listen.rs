//! What the process that leads to an agent says on stderr, of which the end says why it failed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use log::warn;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::timeout;

/// How many lines are kept: ssh explains a changed host key in about fifteen.
const KEPT: usize = 20;

/// How long a process that has ended may take to be read to the end of its stderr, which one that it started may still hold.
const PATIENCE: Duration = Duration::from_secs(1);

/// The last lines of a process on stderr, which it is read from until this is dropped.
#[derive(Debug)]
pub struct LastWords {
    lines: Rc<RefCell<VecDeque<String>>>,
    task: JoinHandle<()>,
}

impl LastWords {
    /// Reads from now on. Within a `LocalSet` only.
    pub fn listen(stderr: impl AsyncRead + Unpin + 'static) -> Self {
        let lines: Rc<RefCell<VecDeque<String>>> = Rc::default();
        let kept = lines.clone();
        let task = spawn_local(async move {
            let mut lines = BufReader::new(stderr).split(b'\n');
            while let Ok(Some(line)) = lines.next_segment().await {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                warn!(target: "callsheet::agent", "{line}");
                let mut kept = kept.borrow_mut();
                kept.push_back(line);
                if kept.len() > KEPT {
                    kept.pop_front();
                }
            }
        });
        Self { lines, task }
    }

    /// Waits until all was read, for a moment only.
    pub async fn end(&mut self) {
        if timeout(PATIENCE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }

    /// The last line that says something; empty if there is none.
    pub fn last(&self) -> String {
        let lines = self.lines.borrow();
        lines.iter().rev().find(|line| !line.trim().is_empty()).cloned().unwrap_or_default()
    }

    /// All lines that are kept.
    pub fn all(&self) -> String {
        self.lines.borrow().iter().cloned().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for LastWords {
    fn drop(&mut self) {
        self.task.abort();
    }
}
