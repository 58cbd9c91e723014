//! What is to be run: pytest's arguments, the paths, the interpreter.

use std::path::{Path, PathBuf};

use super::resolve::Resolved;
use super::value::Automatic;
use super::{ConfigError, Origin};
use crate::model::{NamedPython, PytestSuite};

/// The suite. Workers work in the user's directory, wherever the project's file is: pytest itself finds its root.
///
/// Relative paths of a file are meant from its directory.
pub(super) fn pytest(resolved: &Resolved) -> Result<PytestSuite, ConfigError> {
    let settings = &resolved.settings;
    let (mut args, basetemp) = without_basetemp(&settings.args.value);
    if settings.maxfail.value == Automatic::Set(0) {
        // A limit in pytest's own configuration is lifted where it stands.
        args.push("--maxfail=0".to_owned());
    }
    let origin = settings.paths.origin();
    let base = resolved.base(&origin);
    let module_names = args.iter().any(|arg| arg == "--pyargs");
    for path in &settings.paths.value {
        // `@file` is a file of arguments to pytest.
        if !module_names && !path.starts_with('@') && !exists(base, path) {
            return Err(ConfigError::PathNotFound(path.clone()));
        }
        args.push(if base == resolved.cwd || module_names {
            path.clone()
        } else {
            base.join(path).display().to_string()
        });
    }
    Ok(PytestSuite {
        root: resolved.cwd.clone(),
        python: python(resolved),
        provision: provision(resolved)?,
        basetemp: basetemp.map(|path| resolved.cwd.join(path)),
        args,
        template: settings.template.value,
        preload: settings.preload.value.clone(),
    })
}

/// Whether the file or directory of a path or test id exists, as pytest takes ids apart.
fn exists(base: &Path, id: &str) -> bool {
    let plain = id.split_once('[').map_or(id, |(plain, _)| plain);
    let file = plain.split_once("::").map_or(plain, |(file, _)| file);
    base.join(file).exists() || base.join(id).exists()
}

/// The arguments without `--basetemp`, and its value.
fn without_basetemp(args: &[String]) -> (Vec<String>, Option<PathBuf>) {
    let mut rest = Vec::with_capacity(args.len());
    let mut basetemp = None;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if let Some(value) = arg.strip_prefix("--basetemp=") {
            basetemp = Some(value.into());
        } else if arg == "--basetemp"
            && let Some(value) = args.as_slice().first()
        {
            basetemp = Some(value.into());
            args.next();
        } else {
            rest.push(arg.clone());
        }
    }
    (rest, basetemp)
}

/// The interpreter; one given by a relative path is made absolute, because a worker may work elsewhere.
fn python(resolved: &Resolved) -> Option<NamedPython> {
    let python = &resolved.settings.python;
    if python.value.is_empty() {
        return None;
    }
    let origin = python.origin();
    let name = if python.value.contains('/') {
        let path = resolved.base(&origin).join(&python.value);
        // Without the `.` of `./python`.
        path.components().collect::<PathBuf>().display().to_string()
    } else {
        python.value.clone()
    };
    Some(NamedPython { name, named_by: origin.to_string() })
}

fn provision(resolved: &Resolved) -> Result<Option<PathBuf>, ConfigError> {
    let provision = &resolved.settings.provision;
    if provision.value.is_empty() {
        return Ok(None);
    }
    let origin: Origin = provision.origin();
    let path = resolved.base(&origin).join(&provision.value);
    if path.is_file() {
        Ok(Some(path))
    } else {
        Err(ConfigError::RequirementsNotFound { origin, path })
    }
}
