//! The types of values: how each is read from TOML and from text, and how it is written again.

mod attempts;
mod quantity;
mod rust;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

pub(super) use attempts::{FlakyCounts, Resources};
pub(super) use quantity::{OptionalSpan, Size, Span};

use crate::model::{Dist, Template};
use crate::select::Partition;

/// A type that a key's value may have.
///
/// Reading returns `None` for what is not [`EXPECTED`](Self::EXPECTED); writing gives what reads as the same value.
pub(super) trait Value: Sized {
    /// What is right, as the end of a sentence that begins with "expected".
    const EXPECTED: &'static str;

    /// Reads a flag or a variable.
    fn from_text(text: &str) -> Option<Self>;

    /// Reads a value of a file.
    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }

    /// Writes it as for a file.
    fn to_toml(&self) -> toml::Value;
}

/// How many workers are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WorkerCount {
    /// As many as there are CPUs to use.
    #[default]
    Auto,
    /// The same, by xdist's other name.
    Logical,
    /// This many.
    Count(u16),
}

/// The most of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Limit(pub(super) Option<NonZeroU32>);

/// How often something may happen; `None`: without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Budget(pub(super) Option<u32>);

/// A number, or what follows from other settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Automatic<T> {
    #[default]
    Auto,
    Set(T),
}

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ColorWhen {
    #[default]
    Auto,
    Always,
    Never,
}

/// When test modules are imported, where files are collected one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ImportWhen {
    /// All of them before the first test.
    #[default]
    First,
    /// Each when its file's turn comes.
    Lazy,
}

/// Where durations are kept between runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum HistoryPlace {
    /// In the folder beside the project's file.
    #[default]
    Auto,
    /// Nowhere.
    Off,
    /// In this file.
    At(String),
}

/// The part of the tests that this machine runs; `None`: all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Part(pub(super) Option<Partition>);

const UNLIMITED: &str = "unlimited";

/// A number as text, or a string: what keys with a word beside numbers take.
fn number_or_word(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::String(word) => Some(word.clone()),
        toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => None,
    }
}

fn text(text: impl Into<String>) -> toml::Value {
    toml::Value::String(text.into())
}

impl Value for WorkerCount {
    const EXPECTED: &'static str = "\"auto\", \"logical\" or a number from 1 to 65535";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "logical" => Some(Self::Logical),
            number => number.parse().ok().map(Self::Count),
        }
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(&number_or_word(value)?)
    }

    fn to_toml(&self) -> toml::Value {
        match self {
            Self::Auto => text("auto"),
            Self::Logical => text("logical"),
            Self::Count(count) => toml::Value::Integer((*count).into()),
        }
    }
}

impl Value for Limit {
    const EXPECTED: &'static str = "\"unlimited\" or a number from 1 up";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            UNLIMITED => Some(Self(None)),
            number => number.parse().ok().map(|number| Self(Some(number))),
        }
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(&number_or_word(value)?)
    }

    fn to_toml(&self) -> toml::Value {
        match self.0 {
            None => text(UNLIMITED),
            Some(number) => toml::Value::Integer(number.get().into()),
        }
    }
}

impl Value for Budget {
    const EXPECTED: &'static str = "\"unlimited\" or a number from 0 up";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            UNLIMITED => Some(Self(None)),
            number => number.parse().ok().map(|number| Self(Some(number))),
        }
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(&number_or_word(value)?)
    }

    fn to_toml(&self) -> toml::Value {
        self.0.map_or_else(|| text(UNLIMITED), |number| toml::Value::Integer(number.into()))
    }
}

impl Value for Automatic<Budget> {
    const EXPECTED: &'static str = "\"auto\", \"unlimited\" or a number from 0 up";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            other => Budget::from_text(other).map(Self::Set),
        }
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(&number_or_word(value)?)
    }

    fn to_toml(&self) -> toml::Value {
        match self {
            Self::Auto => text("auto"),
            Self::Set(budget) => budget.to_toml(),
        }
    }
}

impl Value for Automatic<u32> {
    const EXPECTED: &'static str = "\"auto\" or a number from 0 up";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            number => number.parse().ok().map(Self::Set),
        }
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(&number_or_word(value)?)
    }

    fn to_toml(&self) -> toml::Value {
        match self {
            Self::Auto => text("auto"),
            Self::Set(number) => number.to_toml(),
        }
    }
}

impl Value for u32 {
    const EXPECTED: &'static str = "a number from 0 up";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::try_from(value.as_integer()?).ok()
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::Integer((*self).into())
    }
}

impl Value for i32 {
    const EXPECTED: &'static str = "a whole number";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::try_from(value.as_integer()?).ok()
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::Integer((*self).into())
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_bool()
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::Boolean(*self)
    }
}

impl Value for String {
    const EXPECTED: &'static str = "a string";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn to_toml(&self) -> toml::Value {
        text(self)
    }
}

impl Value for Vec<String> {
    const EXPECTED: &'static str =
        "a list of strings (in the environment: words, quoted as in a shell)";

    fn from_text(text: &str) -> Option<Self> {
        shlex::split(text)
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    }

    fn to_toml(&self) -> toml::Value {
        self.iter().map(text).collect::<Vec<_>>().into()
    }
}

impl Value for Dist {
    const EXPECTED: &'static str = "\"load\", \"stream\", \"each\", \"loadscope\", \"loadfile\", \"loadgroup\" or \"worksteal\"";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn to_toml(&self) -> toml::Value {
        text(self.name())
    }
}

impl Value for ImportWhen {
    const EXPECTED: &'static str = "\"first\" or \"lazy\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "first" => Some(Self::First),
            "lazy" => Some(Self::Lazy),
            _ => None,
        }
    }

    fn to_toml(&self) -> toml::Value {
        text(match self {
            Self::First => "first",
            Self::Lazy => "lazy",
        })
    }
}

impl Value for HistoryPlace {
    const EXPECTED: &'static str = "\"auto\", \"off\" or the path of a file";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "off" => Some(Self::Off),
            "" => None,
            path => Some(Self::At(path.to_owned())),
        }
    }

    fn to_toml(&self) -> toml::Value {
        text(match self {
            Self::Auto => "auto",
            Self::Off => "off",
            Self::At(path) => path,
        })
    }
}

impl Value for Part {
    const EXPECTED: &'static str =
        "\"hash:K/N\" or \"duration:K/N\" with a K from 1 to N, or \"\" for all tests";

    fn from_text(text: &str) -> Option<Self> {
        if text.is_empty() { Some(Self(None)) } else { text.parse().ok().map(Some).map(Self) }
    }

    fn to_toml(&self) -> toml::Value {
        text(self.0.map_or_else(String::new, |partition| partition.to_string()))
    }
}

impl Value for Template {
    const EXPECTED: &'static str = "\"pytest\", \"collected\" or \"off\"";

    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.name() == text)
    }

    fn to_toml(&self) -> toml::Value {
        text(self.name())
    }
}

impl Value for ColorWhen {
    const EXPECTED: &'static str = "\"auto\", \"always\" or \"never\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "always" => Some(Self::Always),
            "never" => Some(Self::Never),
            _ => None,
        }
    }

    fn to_toml(&self) -> toml::Value {
        text(match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        })
    }
}
