//! A filter as text that reads as the same filter.

use std::fmt;

use super::Filter;
use super::expression::Expression;
use super::predicate::Predicate;

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, word) = match self {
            Self::Is(predicate) => return predicate.fmt(f),
            Self::Not(part) => {
                f.write_str("not ")?;
                return part.fmt_within(f, matches!(**part, Self::All(_) | Self::Any(_)));
            }
            Self::All(parts) => (parts, "and"),
            Self::Any(parts) => (parts, "or"),
        };
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                write!(f, " {word} ")?;
            }
            let wrapped = match part {
                Self::All(_) => matches!(self, Self::All(_)),
                Self::Any(_) => true,
                Self::Not(_) | Self::Is(_) => false,
            };
            part.fmt_within(f, wrapped)?;
        }
        Ok(())
    }
}

impl Expression {
    fn fmt_within(&self, f: &mut fmt::Formatter<'_>, wrapped: bool) -> fmt::Result {
        if wrapped { write!(f, "({self})") } else { fmt::Display::fmt(self, f) }
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) => write!(f, "name({})", Argument(text)),
            Self::Glob(glob) => write!(f, "glob({})", Argument(glob.text())),
            Self::Regex(search) => write!(f, "regex({})", Argument(search.text())),
            Self::File(glob) => write!(f, "file({})", Argument(glob.text())),
            Self::Group(glob) => write!(f, "group({})", Argument(glob.text())),
            Self::Tag(glob) => write!(f, "tag({})", Argument(glob.text())),
            Self::Last(any) => {
                let words: Vec<&str> = any.iter().map(|last| last.word()).collect();
                write!(f, "last({})", words.join(" | "))
            }
            Self::Duration(comparison, limit) => {
                write!(f, "duration({} {})", comparison.sign(), humantime::format_duration(*limit))
            }
        }
    }
}

/// An argument, in quotes where it would not be read as it is.
struct Argument<'a>(&'a str);

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(self.0) {
            return f.write_str(self.0);
        }
        write!(f, "\"{}\"", self.0.replace('\\', r"\\").replace('"', "\\\""))
    }
}

/// Whether an argument ends at the parenthesis behind it, and begins and ends with itself.
fn is_plain(text: &str) -> bool {
    let mut depth = 0_u32;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            // What it escapes would be the parenthesis behind the argument.
            '\\' if characters.next().is_none() => return false,
            '(' => depth += 1,
            ')' if depth == 0 => return false,
            ')' => depth -= 1,
            _ => {}
        }
    }
    depth == 0 && !text.is_empty() && text.trim() == text && !text.starts_with(['"', '\''])
}
