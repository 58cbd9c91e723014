//! Suites of commands, and suites of a custom worker: whether they are what is to be run, and which of their tests.

use super::resolve::Resolved;
use super::rust::{has_pytest, is_for_pytest};
use super::{ConfigError, Key, Origin, Overrides};
use crate::model::{CommandSuite, CustomSuite, SuiteKind};

/// The manifest that is found by itself.
const MANIFEST: &str = "callsheet-commands.toml";

/// What runs the tests when nobody says it, given what it is without commands, and a note if that may be a surprise.
pub(super) fn kind(
    resolved: &Resolved,
    overrides: &Overrides,
    (without, note): (SuiteKind, Option<String>),
) -> (SuiteKind, Option<String>) {
    let settings = &resolved.settings;
    if settings.suite.value != SuiteKind::Auto {
        return (without, note);
    }
    // Who names one wants it.
    if !settings.worker_command.value.is_empty() {
        return (SuiteKind::Custom, None);
    }
    if settings.manifest.strength > 0 {
        return (SuiteKind::Command, None);
    }
    if !resolved.cwd.join(MANIFEST).is_file() {
        return (without, note);
    }
    let other = match without {
        SuiteKind::Libtest => "a Cargo.toml",
        _ if is_for_pytest(resolved, overrides) => return (without, note),
        _ if has_pytest(&resolved.cwd) => "files of pytest",
        _ => return (SuiteKind::Command, None),
    };
    let note = format!(
        "a {MANIFEST} stands beside {other}: {} is run; `--suite command` runs the commands, and the key `suite` settles it",
        without.name()
    );
    (without, Some(note))
}

/// The suite of commands, and the names that choose tests.
pub(super) fn commands(
    resolved: &Resolved,
    overrides: &Overrides,
) -> Result<CommandSuite, ConfigError> {
    let settings = &resolved.settings;
    let origin = settings.manifest.origin();
    let base = resolved.base(&origin);
    let manifest = if base == resolved.cwd {
        settings.manifest.value.clone()
    } else {
        base.join(&settings.manifest.value).display().to_string()
    };
    let mut keyword = None;
    for (origin, args) in &overrides.pytest_args {
        match (origin, &args[..]) {
            (Origin::Flag(flag), [_, word]) if flag == "-k" => keyword = Some(word.clone()),
            _ => {
                return Err(ConfigError::NotForCommands {
                    origin: origin.clone(),
                    way_out: "choose tests by parts of their names, as arguments or with `-k`; the manifest says how each is run",
                });
            }
        }
    }
    Ok(CommandSuite {
        root: resolved.cwd.clone(),
        manifest,
        named_by: match origin {
            Origin::Default => "the default".to_owned(),
            other => other.to_string(),
        },
        names: settings.paths.value.clone(),
        keyword,
    })
}

/// The suite of a custom worker: what the user wants of it goes to it as it is.
pub(super) fn custom(
    resolved: &Resolved,
    overrides: &Overrides,
) -> Result<CustomSuite, ConfigError> {
    let settings = &resolved.settings;
    let line = &settings.worker_command;
    let command = shlex::split(&line.value).ok_or_else(|| ConfigError::Value {
        key: Key::CustomWorkerCommand.name().to_owned(),
        origin: line.origin(),
        found: line.value.clone(),
        expected: "a command as a shell takes it apart: a quote is not closed",
    })?;
    if command.first().is_none_or(String::is_empty) {
        return Err(ConfigError::NoWorkerCommand(settings.suite.origin()));
    }
    let mut args = settings.custom_args.value.clone();
    for (_, more) in &overrides.pytest_args {
        args.extend_from_slice(more);
    }
    args.extend_from_slice(&settings.paths.value);
    Ok(CustomSuite { root: resolved.cwd.clone(), command, args })
}
