//! The configuration in force as a file that could be kept, with where each value came from.

use std::fmt::Write as _;

use super::Key;
use super::resolve::Resolved;
use super::stated::OVERRIDE;
use crate::model::HostSpec;

/// Comments stand one below the other up to this column.
const WIDEST: usize = 40;

/// Valid TOML: `key = value  # where it came from`.
pub(super) fn show(mut resolved: Resolved) -> String {
    let lines: Vec<_> = Key::ALL
        .into_iter()
        .map(|key| {
            let slot = resolved.settings.slot(key);
            let (table, name) = key.split();
            let origins: Vec<_> = slot.origins().iter().map(ToString::to_string).collect();
            let assignment = format!("{name} = {}", without_secrets(key, slot.written()));
            (table, assignment, origins.join(", "))
        })
        .collect();
    let width = lines
        .iter()
        .map(|(_, assignment, _)| assignment.chars().count())
        .filter(|width| *width <= WIDEST)
        .max()
        .unwrap_or(0);

    // Writing to a string does not fail.
    let mut text = String::new();
    if let Some(file) = &resolved.project.file {
        let _ = writeln!(text, "# file: {}", one_line(&file.display().to_string()));
    }
    if let Some((profile, origin)) = &resolved.profile {
        let _ = writeln!(text, "# profile: {profile} ({})", one_line(&origin.to_string()));
    }
    let mut current = None;
    for (table, assignment, origins) in lines {
        if table != current {
            let _ = writeln!(text, "\n[{}]", table.unwrap_or_default());
            current = table;
        }
        let _ = writeln!(text, "{assignment:width$}  # {}", one_line(&origins));
    }
    for stated in &resolved.overrides {
        let _ = writeln!(text, "\n[[{OVERRIDE}]]  # {}", one_line(&stated.origin.to_string()));
        for (key, value) in &stated.table {
            let _ = writeln!(text, "{key} = {value}");
        }
    }
    text
}

/// The values of variables of hosts may be secrets.
fn without_secrets(key: Key, value: toml::Value) -> toml::Value {
    match value {
        toml::Value::Array(list) if key == Key::Tx => list
            .into_iter()
            .map(|spec| spec.as_str().map_or(spec.clone(), |text| HostSpec::redacted(text).into()))
            .collect::<Vec<toml::Value>>()
            .into(),
        value => value,
    }
}

/// A comment ends with its line, whatever a file is called.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
