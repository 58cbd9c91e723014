//! Patterns, which are what they were written as.

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;

/// A glob.
#[derive(Debug, Clone)]
pub(super) struct Glob {
    text: String,
    matcher: GlobMatcher,
}

impl Glob {
    /// One for names, where `*` matches everything.
    pub(super) fn of_name(text: &str) -> Result<Self, String> {
        Self::new(text, false)
    }

    /// One for paths, where `*` stops at a `/` and `**` does not.
    pub(super) fn of_path(text: &str) -> Result<Self, String> {
        Self::new(text, true)
    }

    fn new(text: &str, literal_separator: bool) -> Result<Self, String> {
        let glob = GlobBuilder::new(text)
            .literal_separator(literal_separator)
            .backslash_escape(true)
            .build()
            .map_err(|error| error.kind().to_string())?;
        Ok(Self { text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        self.matcher.is_match(name)
    }

    /// Whether it matches a file or a directory above it: one with a `/` by the whole path down to it, one without by its name.
    pub(super) fn matches_path(&self, path: &str) -> bool {
        if self.text.contains('/') {
            let ends = path.match_indices('/').map(|(at, _)| at);
            ends.chain([path.len()]).any(|end| self.matcher.is_match(&path[..end]))
        } else {
            path.split('/').any(|name| self.matcher.is_match(name))
        }
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

/// A regular expression.
#[derive(Debug, Clone)]
pub(super) struct Search(Regex);

impl Search {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        Regex::new(text).map(Self).map_err(|error| match error {
            // Its last line says what, the others draw where.
            regex::Error::Syntax(drawn) => {
                let last = drawn.lines().last().unwrap_or_default();
                last.strip_prefix("error: ").unwrap_or(last).to_owned()
            }
            other => other.to_string(),
        })
    }

    pub(super) fn text(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn finds(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Search {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Search {}
