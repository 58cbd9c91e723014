//! The types of values: how each is read from TOML and from text, and how it is written again.

use std::num::NonZeroU32;
use std::time::Duration;

use bytesize::ByteSize;

use crate::model::Dist;

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

/// A duration above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span(pub(super) Duration);

/// A duration above zero, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct OptionalSpan(pub(super) Option<Duration>);

/// A size of memory in bytes, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Size(pub(super) Option<u64>);

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ColorWhen {
    #[default]
    Auto,
    Always,
    Never,
}

const UNLIMITED: &str = "unlimited";
const MEBIBYTE: u64 = 1 << 20;

/// Far above any use, and small enough that no clock overflows when it is added.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

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

/// A duration as humantime writes them; a number alone is seconds, as pytest-timeout has it.
fn duration(text: &str) -> Option<Duration> {
    let seconds = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let duration = if seconds {
        Duration::try_from_secs_f64(text.parse().ok()?).ok()?
    } else {
        humantime::parse_duration(text).ok()?
    };
    (duration <= LONGEST).then_some(duration)
}

fn write_duration(duration: Duration) -> toml::Value {
    text(humantime::format_duration(duration).to_string())
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
        self.0.map_or_else(
            || text(UNLIMITED),
            |number| toml::Value::Integer(number.into()),
        )
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
        value
            .as_array()?
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect()
    }

    fn to_toml(&self) -> toml::Value {
        self.iter().map(text).collect::<Vec<_>>().into()
    }
}

impl Value for Dist {
    const EXPECTED: &'static str =
        "\"load\", \"each\", \"loadscope\", \"loadfile\", \"loadgroup\" or \"worksteal\"";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
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

impl Value for Duration {
    const EXPECTED: &'static str =
        "a duration up to 365 days such as \"500ms\", \"30s\" or \"1h30m\"";

    fn from_text(text: &str) -> Option<Self> {
        duration(text)
    }

    fn to_toml(&self) -> toml::Value {
        write_duration(*self)
    }
}

impl Value for Span {
    const EXPECTED: &'static str =
        "a duration above zero and up to 365 days such as \"30s\" or \"1h30m\"";

    fn from_text(text: &str) -> Option<Self> {
        duration(text)
            .filter(|duration| !duration.is_zero())
            .map(Self)
    }

    fn to_toml(&self) -> toml::Value {
        write_duration(self.0)
    }
}

impl Value for OptionalSpan {
    const EXPECTED: &'static str =
        "a duration up to 365 days such as \"30s\" or \"1h30m\", or \"none\" for no limit";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self(None)),
            _ => duration(text).map(|duration| Self(Some(duration).filter(|d| !d.is_zero()))),
        }
    }

    fn to_toml(&self) -> toml::Value {
        self.0.map_or_else(|| text("none"), write_duration)
    }
}

impl Value for Size {
    const EXPECTED: &'static str = "\"unlimited\" or a size from 1MiB up such as \"512MiB\"";

    fn from_text(text: &str) -> Option<Self> {
        if text == UNLIMITED {
            return Some(Self(None));
        }
        let bytes = text.parse::<ByteSize>().ok()?.as_u64();
        (bytes >= MEBIBYTE).then_some(Self(Some(bytes)))
    }

    fn to_toml(&self) -> toml::Value {
        match self.0 {
            None => text(UNLIMITED),
            Some(bytes) if bytes.is_multiple_of(MEBIBYTE) => {
                text(format!("{}MiB", bytes / MEBIBYTE))
            }
            Some(bytes) => text(format!("{bytes}B")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was read and written reads as the same.
    fn round<T: Value + PartialEq + std::fmt::Debug>(text: &str) -> T {
        let value = T::from_text(text).unwrap_or_else(|| panic!("`{text}` was refused"));
        assert_eq!(T::from_toml(&value.to_toml()).as_ref(), Some(&value));
        value
    }

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        assert_eq!(round::<Size>("512MiB").0, Some(512 << 20));
        assert_eq!(round::<Size>("2GB").0, Some(2_000_000_000));
        assert_eq!(round::<Size>("unlimited").0, None);
        for wrong in ["", "512", "-1GiB", "many", "1KiB", "NaN MiB"] {
            assert_eq!(Size::from_text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_have_units_and_a_number_alone_is_seconds() {
        assert_eq!(round::<Duration>("1h30m").as_secs(), 5400);
        assert_eq!(round::<Duration>("500ms").as_millis(), 500);
        assert_eq!(round::<Duration>("0s"), Duration::ZERO);
        assert_eq!(round::<Span>("90").0.as_secs(), 90);
        assert_eq!(round::<Span>("1.5").0.as_millis(), 1500);
        for wrong in [
            "",
            "0",
            "0s",
            "-1s",
            "1e3",
            "inf",
            "400days",
            "99999999999999999999s",
            "none",
        ] {
            assert_eq!(Span::from_text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_a_duration_that_may_be_left_out_can_be_none() {
        for none in ["none", "0", "0s"] {
            assert_eq!(round::<OptionalSpan>(none).0, None);
        }
        assert_eq!(
            round::<OptionalSpan>("5m").0,
            Some(Duration::from_secs(300))
        );
    }

    #[test]
    fn numbers_with_words() {
        assert_eq!(round::<WorkerCount>("logical"), WorkerCount::Logical);
        assert_eq!(round::<WorkerCount>("8"), WorkerCount::Count(8));
        assert_eq!(WorkerCount::from_text("-1"), None);
        assert_eq!(WorkerCount::from_text("100000"), None);
        assert_eq!(Limit::from_text("0"), None);
        assert_eq!(round::<Budget>("0").0, Some(0));
        assert_eq!(
            round::<Automatic<Budget>>("unlimited"),
            Automatic::Set(Budget(None))
        );
        assert_eq!(round::<Automatic<u32>>("auto"), Automatic::Auto);
    }

    #[test]
    fn lists_in_the_environment_are_quoted_as_in_a_shell() {
        assert_eq!(round::<Vec<String>>("-k 'a or b'"), ["-k", "a or b"]);
        assert_eq!(Vec::<String>::from_text("'open"), None);
    }

    #[test]
    fn a_type_of_toml_is_not_bent() {
        assert_eq!(Span::from_toml(&toml::Value::Integer(30)), None);
        assert_eq!(u32::from_toml(&text("3")), None);
        assert_eq!(bool::from_toml(&text("true")), None);
        assert_eq!(String::from_toml(&toml::Value::Integer(3)), None);
        assert_eq!(Vec::<String>::from_toml(&text("a")), None);
    }
}
