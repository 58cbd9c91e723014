//! Text on its way to the terminal: knows the width, the column and whether colour is wanted, writes nothing.

use std::borrow::Cow;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub(super) const PLAIN: Style = Style::new();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();

/// What ends all colours.
const RESET: &str = "\x1b[0m";

/// Whether a colour is begun behind the last reset.
fn leaves_colour_on(text: &str) -> bool {
    text.rsplit(RESET).next().is_some_and(|rest| rest.contains('\x1b'))
}

/// Collected text.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    column: usize,
    columns: usize,
    color: bool,
}

impl Page {
    pub(super) fn new(columns: u16, color: bool) -> Self {
        Self { text: String::new(), column: 0, columns: usize::from(columns), color }
    }

    /// The width in columns.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    pub(super) fn set_columns(&mut self, columns: u16) {
        self.columns = usize::from(columns);
    }

    /// How many columns of the current line are taken.
    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// What was written since the last call.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// `text` in a style, if colour is wanted.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        if self.color && style != PLAIN && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Adds to the current line.
    pub(super) fn write(&mut self, style: Style, text: &str) {
        self.column += text.width();
        self.text.push_str(&self.paint(style, text));
    }

    /// Ends the current line.
    pub(super) fn end_line(&mut self) {
        self.text.push('\n');
        self.column = 0;
    }

    /// Ends the current line if anything is on it.
    pub(super) fn fresh_line(&mut self) {
        if self.column > 0 {
            self.end_line();
        }
    }

    /// One line, or several, of its own.
    pub(super) fn line(&mut self, style: Style, text: &str) {
        self.fresh_line();
        self.text.push_str(&self.paint(style, text));
        self.end_line();
    }

    /// Text of a worker, which brings its own escapes and perhaps its own end of line.
    pub(super) fn block(&mut self, text: &str) {
        self.fresh_line();
        let text = self.confined(text.strip_suffix('\n').unwrap_or(text));
        self.text.push_str(&text);
        self.end_line();
    }

    /// Text whose colours, if it has any, end with it.
    pub(super) fn confined<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.color && leaves_colour_on(text) {
            Cow::Owned(format!("{text}{RESET}"))
        } else {
            Cow::Borrowed(text)
        }
    }

    /// A line across the page with a title in its middle, as wide as pytest makes it.
    pub(super) fn separator(&mut self, fill: char, style: Style, title: &str) {
        self.fresh_line();
        let (left, right) = fill_around(fill, title.width(), self.columns);
        self.line(style, &format!("{left} {title} {right}"));
    }

    /// A separator whose title is in several styles, each with its text.
    pub(super) fn separator_of(&mut self, fill: char, style: Style, parts: &[(Style, String)]) {
        self.fresh_line();
        let width = parts.iter().map(|(_, text)| text.width()).sum();
        let (left, right) = fill_around(fill, width, self.columns);
        self.write(style, &format!("{left} "));
        for (style, text) in parts {
            self.write(*style, text);
        }
        self.write(style, &format!(" {right}"));
        self.end_line();
    }

    /// Formatted text in one line.
    pub(super) fn say(&mut self, text: std::fmt::Arguments<'_>) {
        self.fresh_line();
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(text);
        self.end_line();
    }
}

/// pytest's rule: both sides equally long, one more on the right where there is room.
fn fill_around(fill: char, title: usize, columns: usize) -> (String, String) {
    let each = (columns.saturating_sub(title + 2) / 2).max(1);
    let spare = usize::from(2 * each + title + 2 < columns);
    let side = |count| std::iter::repeat_n(fill, count).collect();
    (side(each), side(each + spare))
}

/// `text` cut to `width` columns with an ellipsis; `None` if not even the ellipsis fits.
pub(super) fn trimmed(text: &str, width: usize) -> Option<String> {
    let line = text.lines().next().unwrap_or_default();
    if line.width() <= width {
        return Some(line.to_owned());
    }
    let room = width.checked_sub("...".len())?;
    let mut used = 0;
    let mut cut: String = line
        .chars()
        .take_while(|char| {
            used += char.width().unwrap_or(0);
            used <= room
        })
        .collect();
    cut.push_str("...");
    Some(cut)
}

/// `text` without what moves the cursor, clears the screen or rings: colours, tabs and ends of lines are left.
pub(super) fn tamed(text: &str) -> Cow<'_, str> {
    let is_wild = |char: char| char.is_control() && !matches!(char, '\n' | '\t');
    if !text.contains(is_wild) {
        return Cow::Borrowed(text);
    }
    let mut tame = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(is_wild) {
        tame.push_str(&rest[..place]);
        let sequence = &rest[place..][..sequence_length(&rest[place..])];
        if sequence.starts_with("\x1b[") && sequence.ends_with('m') {
            tame.push_str(sequence);
        }
        rest = &rest[place + sequence.len()..];
    }
    tame.push_str(rest);
    Cow::Owned(tame)
}

/// How long the control character or sequence is that `text` begins with; one without an end is taken for its beginning.
fn sequence_length(text: &str) -> usize {
    let first = text.chars().next().map_or(0, char::len_utf8);
    let Some(body) = text.strip_prefix('\x1b') else { return first };
    let end = match body.chars().next() {
        Some('[') => body[1..].find(|char: char| ('@'..='~').contains(&char)).map(|end| end + 2),
        Some(']') => {
            body.find('\x07').into_iter().chain(body.find("\x1b\\").map(|end| end + 1)).min()
        }
        Some(other) if other.is_ascii() => Some(1),
        Some(_) | None => None,
    };
    end.map_or(first, |end| first + end.max(1) + usize::from(body.starts_with(']')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_are_left_of_what_a_terminal_obeys() {
        for (wild, tame) in [
            ("plain é\t\n", "plain é\t\n"),
            ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
            ("\x1b[2J\x1b[1;1Ha\x1b[?25lb", "ab"),
            ("a\rb\x07c\x08", "abc"),
            ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"),
            ("\x1bcab", "ab"),
            ("cut \x1b[3", "cut [3"),
            ("\x1b", ""),
        ] {
            assert_eq!(tamed(wild), tame, "{wild:?}");
        }
    }
}
