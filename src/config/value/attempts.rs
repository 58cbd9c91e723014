//! What is said of attempts at tests and of what they need.

use super::{Value, text};

/// What a test counts as that passed after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::config) enum FlakyCounts {
    #[default]
    Pass,
    Fail,
}

/// Counted resources by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::config) struct Resources(pub(in crate::config) Vec<(String, u32)>);

impl Value for FlakyCounts {
    const EXPECTED: &'static str = "\"pass\" or \"fail\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "pass" => Some(Self::Pass),
            "fail" => Some(Self::Fail),
            _ => None,
        }
    }

    fn to_toml(&self) -> toml::Value {
        text(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
        })
    }
}

impl Value for Resources {
    const EXPECTED: &'static str =
        "a table of numbers from 1 up such as { db = 2 } (in the environment: `db=2 gpu=1`)";

    fn from_text(text: &str) -> Option<Self> {
        let each = text.split([' ', ',']).filter(|part| !part.is_empty()).map(|part| {
            let (name, count) = part.split_once('=')?;
            let count = count.parse().ok().filter(|count| *count > 0)?;
            (!name.is_empty()).then(|| (name.to_owned(), count))
        });
        each.collect::<Option<_>>().map(Self)
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        let each = value.as_table()?.iter().map(|(name, count)| {
            let count = u32::try_from(count.as_integer()?).ok().filter(|count| *count > 0)?;
            Some((name.clone(), count))
        });
        each.collect::<Option<_>>().map(Self)
    }

    fn to_toml(&self) -> toml::Value {
        let each = self.0.iter().map(|(name, count)| (name.clone(), i64::from(*count).into()));
        toml::Value::Table(each.collect())
    }
}
