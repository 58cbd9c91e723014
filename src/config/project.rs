//! The project's file: where it is found and what it holds, key by key.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::hosts;
use super::key::nearest;
use super::stated::{self, OVERRIDE, Stated};
use super::{ConfigError, Key, Origin};
use crate::model::HostSpec;

const OWN: &str = "callsheet.toml";
const PYPROJECT: &str = "pyproject.toml";
const PROFILE: &str = "profile";
const INHERITS: &str = "inherits";
const HOST: &str = "host";

/// The words of which a file holds one if it says what may be secret: values of variables, and commands that lead to hosts.
const SECRETIVE: [&str; 3] = ["env", HOST, "tx"];

/// What a project says about its runs.
#[derive(Debug, Clone)]
pub(super) struct Project {
    /// The directory of its file; the working directory if it has none.
    pub(super) directory: PathBuf,

    /// The file itself.
    pub(super) file: Option<PathBuf>,

    /// The top of the file, as a place where values are set.
    pub(super) origin: Option<Origin>,

    /// The keys at the top of the file.
    pub(super) top: Vec<(Key, Value)>,

    /// Its tables `[[host]]`.
    pub(super) hosts: Vec<HostSpec>,
    /// What it says there of some tests.
    pub(super) overrides: Vec<Stated>,

    /// Its profiles in the order of their names.
    pub(super) profiles: Vec<Profile>,
}

/// A named set of values.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) inherits: Option<String>,
    pub(super) values: Vec<(Key, Value)>,
    pub(super) overrides: Vec<Stated>,
    pub(super) origin: Origin,
}

impl Project {
    /// Reads `file`, or else what is found from `directory` upward: `callsheet.toml`, or a `pyproject.toml` with a table
    /// `[tool.callsheet]`, whichever comes first.
    pub(super) fn load(file: Option<&Path>, directory: &Path) -> Result<Self, ConfigError> {
        if let Some(file) = file {
            let file = directory.join(file);
            let text = read(&file)?;
            return if file.file_name().is_some_and(|name| name == PYPROJECT) {
                let table = pyproject_table(&text, &file, directory)?.unwrap_or_default();
                Self::from_table(&table, &file, directory)
            } else {
                Self::from_table(&parse(&text, &file, directory)?, &file, directory)
            };
        }
        for parent in directory.ancestors() {
            let own = parent.join(OWN);
            if own.is_file() {
                let table = parse(&read(&own)?, &own, directory)?;
                return Self::from_table(&table, &own, directory);
            }
            let pyproject = parent.join(PYPROJECT);
            if pyproject.is_file() {
                let text = read(&pyproject)?;
                if let Some(table) = pyproject_table(&text, &pyproject, directory)? {
                    return Self::from_table(&table, &pyproject, directory);
                }
            }
        }
        Ok(Self::none(directory))
    }

    /// A project that says nothing.
    pub(super) fn none(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            file: None,
            origin: None,
            top: Vec::new(),
            hosts: Vec::new(),
            overrides: Vec::new(),
            profiles: Vec::new(),
        }
    }

    fn from_table(table: &Table, file: &Path, cwd: &Path) -> Result<Self, ConfigError> {
        let shown = shown(file, cwd);
        let origin = Origin::File(shown.clone());
        let mut top = table.clone();
        let profiles = match top.remove(PROFILE) {
            None => Table::new(),
            Some(Value::Table(profiles)) => profiles,
            Some(other) => {
                return Err(ConfigError::Value {
                    key: PROFILE.to_owned(),
                    origin,
                    found: other.to_string(),
                    expected: "tables such as `[profile.ci]`",
                });
            }
        };
        let profiles = profiles
            .into_iter()
            .map(|(name, body)| {
                let origin = Origin::Profile { name: name.clone(), file: shown.clone() };
                match body {
                    Value::Table(body) => Profile::from_table(name, body, origin),
                    other => Err(ConfigError::Value {
                        key: format!("{PROFILE}.{name}"),
                        origin: Origin::File(shown.clone()),
                        found: other.to_string(),
                        expected: "a table of keys",
                    }),
                }
            })
            .collect::<Result<_, _>>()?;
        let hosts = match top.remove(HOST) {
            Some(tables) => hosts::from_toml(&tables, &origin)?,
            None => Vec::new(),
        };
        let overrides = stated::take(&mut top, &origin)?;
        Ok(Self {
            overrides,
            directory: file.parent().unwrap_or(cwd).to_owned(),
            top: keys(&top, &origin, &[PROFILE, HOST, OVERRIDE])?,
            hosts,
            origin: Some(origin),
            file: Some(file.to_owned()),
            profiles,
        })
    }
}

impl Profile {
    /// A profile from its table.
    pub(super) fn from_table(
        name: String,
        mut table: Table,
        origin: Origin,
    ) -> Result<Self, ConfigError> {
        let inherits = match table.remove(INHERITS) {
            None => None,
            Some(Value::String(parent)) => Some(parent),
            Some(other) => {
                return Err(ConfigError::Value {
                    key: INHERITS.to_owned(),
                    origin,
                    found: other.to_string(),
                    expected: "the name of a profile",
                });
            }
        };
        let overrides = stated::take(&mut table, &origin)?;
        let values = keys(&table, &origin, &[INHERITS, OVERRIDE])?;
        Ok(Self { name, inherits, values, overrides, origin })
    }
}

/// The known keys of a table with their values; `others` are words that could have been meant besides keys.
pub(super) fn keys(
    table: &Table,
    origin: &Origin,
    others: &[&str],
) -> Result<Vec<(Key, Value)>, ConfigError> {
    let unknown = |name: &str| ConfigError::UnknownKey {
        nearest: nearest(name, Key::ALL.map(Key::name).iter().chain(others).copied())
            .map(str::to_owned),
        key: name.to_owned(),
        origin: origin.clone(),
    };
    let mut found = Vec::new();
    for (name, value) in table {
        if let Some(key) = Key::from_name(name) {
            found.push((key, value.clone()));
            continue;
        }
        match value {
            Value::Table(inner) => {
                for (inner_name, value) in inner {
                    let dotted = format!("{name}.{inner_name}");
                    let key = Key::from_name(&dotted).ok_or_else(|| unknown(&dotted))?;
                    found.push((key, value.clone()));
                }
                if !Key::is_table(name) {
                    return Err(unknown(name));
                }
            }
            other if Key::is_table(name) => {
                return Err(ConfigError::Value {
                    key: name.clone(),
                    origin: origin.clone(),
                    found: other.to_string(),
                    expected: "a table of keys",
                });
            }
            _ => return Err(unknown(name)),
        }
    }
    Ok(found)
}

fn read(file: &Path) -> Result<String, ConfigError> {
    let failed = |source: io::Error| ConfigError::Read { path: file.to_owned(), source };
    fs::read_to_string(file).map_err(failed)
}

fn parse(text: &str, file: &Path, cwd: &Path) -> Result<Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
        file: shown(file, cwd),
        message: syntax(&error, !SECRETIVE.iter().any(|word| text.contains(word))),
    })
}

/// Place and cause on one line, and then, if they may be shown, the lines concerned.
fn syntax(error: &toml::de::Error, shows_lines: bool) -> String {
    let whole = error.to_string();
    let (whole, cause) = (whole.trim_end(), error.message().trim_end());
    whole
        .strip_prefix("TOML parse error at ")
        .and_then(|rest| rest.strip_suffix(cause)?.split_once('\n'))
        .map_or_else(
            || if shows_lines { whole } else { cause }.to_owned(),
            |(place, lines)| match lines.trim_end() {
                lines if shows_lines => format!("{place}: {cause}\n{lines}"),
                _ => format!("{place}: {cause}"),
            },
        )
}

/// The table `[tool.callsheet]`; a file without the word is not even parsed, as it is none of our business.
fn pyproject_table(text: &str, file: &Path, cwd: &Path) -> Result<Option<Table>, ConfigError> {
    if !text.contains("callsheet") {
        return Ok(None);
    }
    let mut table = parse(text, file, cwd)?;
    let Some(Value::Table(mut tool)) = table.remove("tool") else {
        return Ok(None);
    };
    match tool.remove("callsheet") {
        None => Ok(None),
        Some(Value::Table(own)) => Ok(Some(own)),
        Some(other) => Err(ConfigError::Value {
            key: "tool.callsheet".to_owned(),
            origin: Origin::File(shown(file, cwd)),
            found: other.to_string(),
            expected: "a table of keys",
        }),
    }
}

/// A file as people are shown it: from the working directory if it is below, else in full.
fn shown(file: &Path, cwd: &Path) -> String {
    file.strip_prefix(cwd).unwrap_or(file).display().to_string()
}
