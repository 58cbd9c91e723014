//! Output of a test, of which the middle is left out when it is too much.

use std::fmt::Write as _;

/// How much is kept of the beginning, and as much of the end, in bytes.
const KEPT: usize = 256 * 1024;

/// What came so far.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    head: Vec<u8>,
    tail: Vec<u8>,
    cut: usize,
}

impl Captured {
    /// Adds what came next.
    pub fn add(&mut self, bytes: &[u8]) {
        let room = KEPT.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        self.tail.extend_from_slice(rest);
        // Cut seldom, so that a flood costs one copy a byte.
        if self.tail.len() > 2 * KEPT {
            let surplus = self.tail.len() - KEPT;
            self.tail.drain(..surplus);
            self.cut += surplus;
        }
    }

    /// Whether something was left out.
    pub fn is_cut(&self) -> bool {
        self.cut > 0
    }

    /// The text, with a line in place of what was left out.
    pub fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.cut > 0 {
            // Writing to a string does not fail.
            let _ = write!(text, "\n… {} bytes left out …\n", self.cut);
        }
        text.push_str(&String::from_utf8_lossy(&self.tail));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_flood_is_left_out() {
        let mut captured = Captured::default();
        captured.add(b"begin\n");
        for _ in 0..100 {
            captured.add(&[b'x'; 16 * 1024]);
        }
        captured.add(b"\nend");
        let text = captured.text();
        assert!(text.starts_with("begin\n") && text.ends_with("\nend"));
        assert!(text.len() < 4 * KEPT && text.contains("bytes left out"), "{}", text.len());
    }

    #[test]
    fn what_is_little_is_whole() {
        let mut captured = Captured::default();
        captured.add(b"a");
        captured.add("é".as_bytes());
        assert_eq!(captured.text(), "aé");
    }
}
