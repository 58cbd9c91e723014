//! The manifest as TOML: what it may hold, and what each test of it is.
//!
//! Pure: text in, tests out, or the sentence that says what is wrong in which line.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::CommandError;
use super::plan::CommandTest;
use super::value::{self, Expected};

/// The exit code by which automake's tests say that they were skipped.
pub(super) const SKIP: i32 = 77;

/// The keys of a test.
const OF_TEST: [&str; 13] = [
    "name",
    "command",
    "directory",
    "env",
    "exit",
    "skip",
    "tags",
    "group",
    "timeout",
    "tap",
    "resources",
    "exclusive",
    "requires",
];

/// The keys of a test that make no sense for all tests at once.
const NOT_OF_ALL: [&str; 2] = ["name", "command"];

/// The tables of the file.
const OF_FILE: [&str; 2] = ["defaults", "test"];

/// A known word must be so like an unknown one to be shown: clap's threshold for its own suggestions.
const ALIKE: f64 = 0.7;

/// A manifest that is read.
pub(super) struct Manifest<'a> {
    /// Its name as people are shown it.
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    /// The directory that it stands in.
    pub(super) directory: &'a Path,
}

/// What a table of the file says; the defaults are one such, and each test begins as a copy of them.
#[derive(Debug, Clone)]
struct Said {
    test: CommandTest,
    is_named: bool,
    env: Vec<(String, String)>,
    resources: Vec<String>,
    requires: Vec<String>,
    exclusive: bool,
}

impl Manifest<'_> {
    /// The tests, in the order of the file.
    pub(super) fn tests(&self) -> Result<Vec<CommandTest>, CommandError> {
        let file = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().unwrap_or_default();
            self.wrong(&at, format!("this is not valid TOML: {}", error.message().trim_end()))
        })?;
        let file = file.get_ref();
        for (key, value) in in_order(file) {
            let (name, what) = (key.get_ref().as_ref(), value.get_ref());
            let right = match name {
                "defaults" => what.is_table(),
                "test" => what.as_array().is_some_and(|tests| tests.iter().all(is_table)),
                _ => return Err(self.unknown(name, &key.span(), &OF_FILE)),
            };
            if !right {
                let expected =
                    if name == "test" { "tables `[[test]]`" } else { "a table `[defaults]`" };
                return Err(self.wrong(&key.span(), format!("`{name}` is to be {expected}")));
            }
        }
        let mut defaults = Said {
            test: CommandTest {
                directory: self.directory.to_owned(),
                exit: vec![0],
                skip: Some(SKIP),
                ..CommandTest::default()
            },
            is_named: false,
            env: Vec::new(),
            resources: Vec::new(),
            requires: Vec::new(),
            exclusive: false,
        };
        if let Some(table) = file.get("defaults").and_then(|value| value.get_ref().as_table()) {
            for (key, value) in in_order(table) {
                if NOT_OF_ALL.contains(&key.get_ref().as_ref()) {
                    let what =
                        format!("`{}` is a test's own and can not be a default", key.get_ref());
                    return Err(self.wrong(&key.span(), what));
                }
                self.say(&mut defaults, key, value)?;
            }
        }
        let tests = file.get("test").and_then(|value| value.get_ref().as_array());
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut found = Vec::new();
        for table in tests.into_iter().flat_map(|tests| tests.iter()) {
            let line = self.line(&table.span());
            let test = self.test(&defaults, table)?;
            if let Some(before) = known.insert(test.id.clone(), line) {
                let what = format!(
                    "there is another test `{}` in line {before}; each needs a name of its own",
                    test.id
                );
                return Err(self.wrong(&table.span(), what));
            }
            found.push(test);
        }
        Ok(found)
    }

    fn test(
        &self,
        defaults: &Said,
        table: &Spanned<DeValue<'_>>,
    ) -> Result<CommandTest, CommandError> {
        let at = table.span();
        let mut said = defaults.clone();
        for (key, value) in table.get_ref().as_table().into_iter().flat_map(in_order) {
            self.say(&mut said, key, value)?;
        }
        if !said.is_named {
            let what = "this test has no `name`; results are told by it".to_owned();
            return Err(self.wrong(&at, what));
        }
        let mut test = said.test;
        if test.command.is_empty() {
            let what = format!(
                "the test `{}` has no `command`: a list such as `[\"./check\", \"--fast\"]`, or a line for `sh`",
                test.id
            );
            return Err(self.wrong(&at, what));
        }
        test.location = format!("{}:{}", self.name, self.line(&at));
        test.env = said.env;
        test.tags.extend(said.resources.iter().map(|resource| format!("resource:{resource}")));
        test.tags.extend(said.requires.iter().map(|what| format!("requires:{what}")));
        test.tags.extend(said.exclusive.then(|| "exclusive".to_owned()));
        Ok(test)
    }

    /// Takes one key of a table. Lists and variables are added to those of the defaults.
    fn say(
        &self,
        said: &mut Said,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), CommandError> {
        let name = key.get_ref().as_ref();
        let expected = |expected: Expected| {
            let found = self.text.get(value.span()).unwrap_or_default();
            let found = found.lines().next().unwrap_or_default();
            self.wrong(
                &value.span(),
                format!("`{found}` is no value for `{name}`; expected {expected}"),
            )
        };
        let it = value.get_ref();
        let test = &mut said.test;
        match name {
            "name" => {
                test.id = value::name(it).map_err(expected)?;
                said.is_named = true;
            }
            "command" => test.command = value::command(it).map_err(expected)?,
            "directory" => {
                test.directory = self.directory.join(value::word(it).map_err(expected)?);
            }
            "env" => {
                for (name, value) in value::variables(it).map_err(expected)? {
                    said.env.retain(|(known, _)| *known != name);
                    said.env.push((name, value));
                }
            }
            "exit" => test.exit = value::exit_codes(it).map_err(expected)?,
            "skip" => test.skip = value::skip(it).map_err(expected)?,
            "tags" => test.tags.extend(value::words(it).map_err(expected)?),
            "group" => test.group = Some(value::word(it).map_err(expected)?),
            "timeout" => {
                let limit: Duration = value::duration(it).map_err(expected)?;
                test.timeout = Some(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
            }
            "tap" => test.tap = value::yes(it).map_err(expected)?,
            "resources" => said.resources.extend(value::resources(it).map_err(expected)?),
            "requires" => said.requires.extend(value::words(it).map_err(expected)?),
            "exclusive" => said.exclusive = value::yes(it).map_err(expected)?,
            _ => return Err(self.unknown(name, &key.span(), &OF_TEST)),
        }
        Ok(())
    }

    fn unknown(&self, name: &str, at: &Range<usize>, known: &[&str]) -> CommandError {
        let near = known
            .iter()
            .map(|known| (strsim::jaro(&name.to_ascii_lowercase(), known), *known))
            .filter(|(likeness, _)| *likeness > ALIKE)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        let hint = match near {
            Some((_, near)) => format!("the nearest known key is `{near}`"),
            None => format!("there are `{}`", known.join("`, `")),
        };
        self.wrong(at, format!("unknown key `{name}`; {hint}"))
    }

    fn wrong(&self, at: &Range<usize>, what: String) -> CommandError {
        CommandError::Manifest { place: format!("{}:{}", self.name, self.line(at)), what }
    }

    /// The line, from 1 on, in which something begins.
    fn line(&self, at: &Range<usize>) -> usize {
        1 + self.text.get(..at.start).unwrap_or(self.text).matches('\n').count()
    }
}

fn is_table(value: &Spanned<DeValue<'_>>) -> bool {
    value.get_ref().is_table()
}

/// The keys of a table as they stand in the file, so that the first mistake is the one that is told.
fn in_order<'a, 'i>(
    table: &'a DeTable<'i>,
) -> Vec<(&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>)> {
    let mut keys: Vec<_> = table.iter().collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    keys
}
