//! Why a filter does not parse: the place, and what was expected there.

use std::fmt;

use thiserror::Error;
use unicode_width::UnicodeWidthStr as _;

/// Why a filter does not parse.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct FilterError {
    text: String,
    at: usize,
    problem: String,
}

impl FilterError {
    /// What is wrong at this byte of the text.
    pub(super) fn new(text: &str, at: usize, problem: impl Into<String>) -> Self {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        Self { text: text.to_owned(), at, problem: problem.into() }
    }

    /// The place, in characters from 1 on.
    pub fn column(&self) -> usize {
        self.line().1.chars().count() + 1
    }

    /// The line concerned, and its part before the place.
    fn line(&self) -> (&str, &str) {
        let start = self.text[..self.at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = self.text[self.at..].find('\n').map_or(self.text.len(), |rest| self.at + rest);
        (&self.text[start..end], &self.text[start..self.at])
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, before) = self.line();
        // A tab or another control character would move the caret away from its place.
        let shown = |text: &str| text.replace(char::is_control, " ");
        let (line, indent) = (shown(line), shown(before).width());
        let (column, problem) = (self.column(), &self.problem);
        write!(f, "the filter is wrong at column {column}: {problem}\n  {line}\n  {:indent$}^", "")
    }
}
