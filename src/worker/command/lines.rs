//! Lines of what comes in pieces.

/// The longest line that is looked at whole, in bytes; of a longer one the beginning stands for it.
const LONGEST: usize = 64 * 1024;

/// A line that has begun.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Adds what came next; gives each line that is complete, without its newline.
    pub(super) fn add(&mut self, mut bytes: &[u8], mut each: impl FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            each(&String::from_utf8_lossy(&self.begun));
            self.begun.clear();
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    /// The last line, if it has no newline.
    pub(super) fn end(self, each: impl FnOnce(&str)) {
        if !self.begun.is_empty() {
            each(&String::from_utf8_lossy(&self.begun));
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.begun.len()).min(bytes.len());
        self.begun.extend_from_slice(&bytes[..room]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_come() {
        let text = "one\n\ntwo é\nlast".as_bytes();
        for size in 1..text.len() {
            let mut told = Vec::new();
            let mut lines = Lines::default();
            for piece in text.chunks(size) {
                lines.add(piece, |line| told.push(line.to_owned()));
            }
            lines.end(|line| told.push(line.to_owned()));
            assert_eq!(told, ["one", "", "two é", "last"]);
        }
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            lines.add(&[b'x'; 4096], |_| ());
        }
        assert_eq!(lines.begun.len(), LONGEST);
    }
}
