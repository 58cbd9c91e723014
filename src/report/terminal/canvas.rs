//! The terminal as indicatif sees it: bytes in memory, written out by the one who holds the real one.
//!
//! That way an error of the terminal reaches the caller, where indicatif would swallow it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

#[derive(Debug)]
struct State {
    text: String,
    columns: u16,
    rows: u16,
}

/// A handle; clones share one canvas.
#[derive(Debug, Clone)]
pub(super) struct Canvas(Arc<Mutex<State>>);

impl Canvas {
    pub(super) fn new(columns: u16, rows: u16) -> Self {
        Self(Arc::new(Mutex::new(State { text: String::new(), columns, rows })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn resize(&self, columns: u16, rows: u16) {
        let mut state = self.state();
        state.columns = columns;
        state.rows = rows;
    }

    /// Adds text where the cursor is.
    pub(super) fn push(&self, text: &str) {
        self.state().text.push_str(text);
    }

    /// What was written since the last call.
    pub(super) fn take(&self) -> String {
        std::mem::take(&mut self.state().text)
    }

    /// Moves the cursor; terminals take 0 for 1, so 0 is left unsaid.
    fn step(&self, count: usize, direction: char) {
        if count > 0 {
            self.push(&format!("\x1b[{count}{direction}"));
        }
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        self.state().columns
    }

    fn height(&self) -> u16 {
        self.state().rows
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.step(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.step(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.step(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.step(n, 'D');
        Ok(())
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.push(s);
        self.push("\n");
        Ok(())
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.push(s);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
