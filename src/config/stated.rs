//! `[[override]]`: what a project's file says of the tests that a filter holds for.

use std::sync::Arc;

use toml::{Table, Value as Toml};

use super::key::nearest;
use super::value::{OptionalSpan, Value};
use super::{ConfigError, Origin};
use crate::model::Isolation;
use crate::select::{Filter, Override, Settings, resource};

/// The name of the tables.
pub(super) const OVERRIDE: &str = "override";

const KEYS: [&str; 9] = [
    "filter",
    "timeout",
    "slow",
    "retries",
    "resources",
    "exclusive",
    "requires",
    "tags",
    "isolation",
];

/// One of these tables.
#[derive(Debug, Clone)]
pub(super) struct Stated {
    pub(super) origin: Origin,
    /// Which one of those there, from 1 on.
    number: usize,
    pub(super) table: Table,
    pub(super) means: Override,
}

/// Takes the overrides out of a table.
pub(super) fn take(table: &mut Table, origin: &Origin) -> Result<Vec<Stated>, ConfigError> {
    let wrong = |found: &Toml| ConfigError::Value {
        key: OVERRIDE.to_owned(),
        origin: origin.clone(),
        found: found.to_string(),
        expected: "tables such as `[[override]]`",
    };
    let all = match table.remove(OVERRIDE) {
        None => return Ok(Vec::new()),
        Some(Toml::Array(all)) => all,
        Some(other) => return Err(wrong(&other)),
    };
    (1..)
        .zip(all)
        .map(|(number, one)| match one {
            Toml::Table(table) => {
                let means = read(&table).map_err(|problem| ConfigError::Override {
                    origin: origin.clone(),
                    number,
                    problem,
                })?;
                Ok(Stated { origin: origin.clone(), number, table, means })
            }
            other => Err(wrong(&other)),
        })
        .collect()
}

impl Stated {
    /// That there is what its tests are to hold while they run.
    pub(super) fn check(&self, resources: &[(String, u32)]) -> Result<(), ConfigError> {
        let problem = self.means.settings.resources.iter().find_map(|(name, count)| {
            let there = resources.iter().find(|(known, _)| known == name).map(|(_, there)| *there);
            match there {
                None => Some(undefined(name, resources)),
                Some(there) if there < *count => Some(format!(
                    "its tests need {count} units of the resource `{name}`, of which `resources` has {there}"
                )),
                Some(_enough) => None,
            }
        });
        match problem {
            Some(problem) => {
                let (origin, number) = (self.origin.clone(), self.number);
                Err(ConfigError::Override { origin, number, problem })
            }
            None => Ok(()),
        }
    }
}

fn undefined(name: &str, resources: &[(String, u32)]) -> String {
    let known = || resources.iter().map(|(known, _)| &**known);
    let way_out = match nearest(name, known()) {
        Some(near) => format!("the nearest known one is `{near}`"),
        None if resources.is_empty() => format!("add it: resources = {{ {name} = 1 }}"),
        None => format!("there are {}", known().collect::<Vec<_>>().join(", ")),
    };
    format!("the resource `{name}` is not defined in `resources`; {way_out}")
}

/// What a table means, or what is wrong with it.
fn read(table: &Table) -> Result<Override, String> {
    let mut settings = Settings::default();
    let mut filter = None;
    for (key, value) in table {
        let slot = &mut settings;
        match &**key {
            "filter" => {
                let text = get::<String>(key, value)?;
                filter = Some(Filter::parse(&text).map_err(|error| error.to_string())?);
            }
            "timeout" => slot.timeout = Some(get::<OptionalSpan>(key, value)?.0),
            "slow" => slot.slow = Some(get::<OptionalSpan>(key, value)?.0),
            "retries" => slot.retries = Some(get(key, value)?),
            "resources" => slot.resources = resources(key, value)?,
            "exclusive" => slot.exclusive = Some(get(key, value)?),
            "requires" => slot.requires = get(key, value)?,
            "tags" => slot.tags = words(key, value)?.into_iter().map(Arc::from).collect(),
            "isolation" => slot.isolation = Some(get(key, value)?),
            _ => return Err(unknown(key)),
        }
    }
    let filter = filter.ok_or("it has no `filter` that says of which tests it speaks")?;
    if settings == Settings::default() {
        return Err(format!("it says nothing of them; there are {}", KEYS[1..].join(", ")));
    }
    Ok(Override { filter, settings })
}

fn get<T: Value>(key: &str, value: &Toml) -> Result<T, String> {
    // A number of seconds, as on the command line.
    let number = value.as_integer().map(|number| Toml::String(number.to_string()));
    T::from_toml(value)
        .or_else(|| T::from_toml(&number?))
        .ok_or_else(|| format!("`{value}` is no value for `{key}`; expected {}", T::EXPECTED))
}

fn words(key: &str, value: &Toml) -> Result<Vec<String>, String> {
    let words: Vec<String> = get(key, value)?;
    match words.iter().find(|word| word.trim().is_empty()) {
        Some(_) => Err(format!("`{value}` is no value for `{key}`: one of them is empty")),
        None => Ok(words),
    }
}

fn resources(key: &str, value: &Toml) -> Result<Vec<(String, u32)>, String> {
    let wrong = |text: &str| {
        format!("`{text}` is no resource; expected a name, or how many of it: \"db\", \"gpu=2\"")
    };
    let texts = get::<Vec<String>>(key, value)?;
    texts.iter().map(|text| resource(text).ok_or_else(|| wrong(text))).collect()
}

fn unknown(key: &str) -> String {
    match nearest(key, KEYS) {
        Some(near) => format!("unknown key `{key}`; the nearest known key is `{near}`"),
        None => format!("unknown key `{key}`; there are {}", KEYS.join(", ")),
    }
}

impl Value for Isolation {
    const EXPECTED: &'static str = "\"adaptive\" or \"process\"";

    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isolation| isolation.name() == text)
    }

    fn to_toml(&self) -> Toml {
        self.name().into()
    }
}
