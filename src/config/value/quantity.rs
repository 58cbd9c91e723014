//! Durations and sizes.

use std::time::Duration;

use bytesize::ByteSize;

use super::{UNLIMITED, Value, text};
use crate::select::duration;

/// A duration above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::config) struct Span(pub(in crate::config) Duration);

/// A duration above zero, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::config) struct OptionalSpan(pub(in crate::config) Option<Duration>);

/// A size of memory in bytes, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::config) struct Size(pub(in crate::config) Option<u64>);

const MEBIBYTE: u64 = 1 << 20;

fn write_duration(duration: Duration) -> toml::Value {
    text(humantime::format_duration(duration).to_string())
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
        duration(text).filter(|duration| !duration.is_zero()).map(Self)
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
