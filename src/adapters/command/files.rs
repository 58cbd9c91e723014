//! Tests that are lines of a file, and tests that are executables.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::CommandError;
use super::manifest::SKIP;
use super::plan::CommandTest;
use super::untold;
use super::value::shell;
use crate::model::CommandSuite;

/// The tests of a file of one command a line: each is named by its line. Lines that come again are told apart by a number.
pub(super) fn of_lines(name: &str, text: &str, directory: &Path) -> Vec<CommandTest> {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let lines = (1..).zip(text.lines()).map(|(number, line): (u32, _)| (number, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            let count = seen.entry(line).or_default();
            *count += 1;
            let id = if *count == 1 { line.to_owned() } else { format!("{line} #{count}") };
            CommandTest {
                id,
                location: format!("{name}:{number}"),
                command: shell(line),
                directory: directory.to_owned(),
                exit: vec![0],
                skip: Some(SKIP),
                ..CommandTest::default()
            }
        })
        .collect()
}

/// The executables that a pattern matches, in the order of their names: each is a test, named by its path.
pub(super) fn of_pattern(suite: &CommandSuite) -> Result<Vec<CommandTest>, CommandError> {
    let wrong = |what: String| CommandError::Pattern {
        pattern: suite.manifest.clone(),
        named_by: suite.named_by.clone(),
        what,
    };
    let root = suite.root.display().to_string();
    let pattern = if Path::new(&suite.manifest).is_absolute() {
        suite.manifest.clone()
    } else {
        format!("{}/{}", glob::Pattern::escape(&root), suite.manifest)
    };
    let mut tests = Vec::new();
    for path in glob::glob(&pattern).map_err(|error| wrong(error.to_string()))? {
        let path = path.map_err(|error| wrong(error.to_string()))?;
        if !path.is_dir() {
            tests.push(of_executable(&path, &suite.root)?);
        }
    }
    if let Some(path) = untold::find(&suite.root, &suite.manifest) {
        let shown = path.strip_prefix(&suite.root).unwrap_or(&path);
        return Err(CommandError::NotText(shown.display().to_string()));
    }
    if tests.is_empty() {
        let (pattern, named_by) = (suite.manifest.clone(), suite.named_by.clone());
        return Err(CommandError::NoMatch { pattern, named_by, root });
    }
    Ok(tests)
}

/// The test that an executable is.
pub(super) fn of_executable(path: &Path, root: &Path) -> Result<CommandTest, CommandError> {
    let shown = path.strip_prefix(root).unwrap_or(path);
    let (Some(id), Some(program)) = (shown.to_str(), path.to_str()) else {
        return Err(CommandError::NotText(shown.display().to_string()));
    };
    if !is_executable(path) {
        return Err(CommandError::NotExecutable(id.to_owned()));
    }
    Ok(CommandTest {
        id: id.to_owned(),
        location: id.to_owned(),
        command: vec![program.to_owned()],
        directory: root.to_owned(),
        exit: vec![0],
        skip: Some(SKIP),
        ..CommandTest::default()
    })
}

pub(super) fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
