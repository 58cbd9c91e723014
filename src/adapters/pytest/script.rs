//! Programs for tests, as shell scripts.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Makes `path` a program that runs this shell script.
///
/// A child writes it: a file that this process has open for writing can not be executed while a sibling thread forks.
pub(super) fn write(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let draft = tempfile::NamedTempFile::new().unwrap();
    fs::write(draft.path(), format!("#!/bin/sh\n{script}\n")).unwrap();
    let done =
        Command::new("install").args(["-m", "755"]).arg(draft.path()).arg(path).status().unwrap();
    assert!(done.success());
}
