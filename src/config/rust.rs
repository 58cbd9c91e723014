//! Whether a Rust project's tests are what is to be run, and which of them.

use std::fs;
use std::path::Path;

use super::resolve::Resolved;
use super::{ConfigError, Origin, Overrides};
use crate::model::{LibtestSuite, SuiteKind};

/// Files that configure pytest wherever they stand beside the tests.
const PYTEST_FILES: [&str; 7] = [
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
    "conftest.py",
];

/// What runs the tests in a directory when nobody says it, and a note if that may be a surprise.
pub(super) fn kind(resolved: &Resolved, overrides: &Overrides) -> (SuiteKind, Option<String>) {
    let asked = resolved.settings.suite.value;
    let cwd = &resolved.cwd;
    if asked != SuiteKind::Auto {
        return (asked, None);
    }
    if !cwd.join("Cargo.toml").is_file() || is_for_pytest(resolved, overrides) {
        return (SuiteKind::Pytest, None);
    }
    if !has_pytest(cwd) {
        return (SuiteKind::Libtest, None);
    }
    let note = "a Cargo.toml stands beside files of pytest: pytest is run; `--suite libtest` runs the tests of the Rust project, and \
                the key `suite` settles it";
    (SuiteKind::Pytest, Some(note.to_owned()))
}

/// Whether something is said that is for pytest alone, which says enough.
pub(super) fn is_for_pytest(resolved: &Resolved, overrides: &Overrides) -> bool {
    let settings = &resolved.settings;
    let is_flag = |origin: &Origin| matches!(origin, Origin::Flag(_) | Origin::Program);
    !settings.provision.value.is_empty()
        || settings.python.origins.iter().any(is_flag)
        || overrides.pytest_args.iter().any(|(origin, _)| *origin == Origin::Program)
        || settings.paths.value.iter().any(|path| {
            path.contains(".py") || has_pytest(&resolved.base(&settings.paths.origin()).join(path))
        })
}

/// Whether pytest has something to do with a directory.
pub(super) fn has_pytest(directory: &Path) -> bool {
    PYTEST_FILES.iter().any(|file| directory.join(file).is_file())
        || has_test_modules(directory)
        || ["tests", "test"].iter().any(|name| {
            let tests = directory.join(name);
            tests.join("conftest.py").is_file() || has_test_modules(&tests)
        })
}

fn has_test_modules(directory: &Path) -> bool {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| {
        let is_python = Path::new(&name).extension().is_some_and(|extension| extension == "py");
        is_python && (name.starts_with("test_") || name.ends_with("_test.py"))
    })
}

/// The suite: cargo's arguments, and the names that choose tests.
pub(super) fn suite(
    resolved: &Resolved,
    overrides: &Overrides,
) -> Result<LibtestSuite, ConfigError> {
    let settings = &resolved.settings;
    let mut suite = LibtestSuite {
        root: resolved.cwd.clone(),
        args: settings.libtest_args.value.clone(),
        names: settings.paths.value.clone(),
        keyword: None,
        isolation: settings.isolation.value,
        run_ignored: settings.run_ignored.value,
    };
    for (origin, args) in &overrides.pytest_args {
        let Origin::Flag(flag) = origin else {
            let way_out = "arguments for cargo are the key `libtest.args`";
            return Err(ConfigError::NotForRust { origin: origin.clone(), way_out });
        };
        match (flag.as_str(), &args[..]) {
            ("-k", [_, keyword]) => suite.keyword = Some(keyword.clone()),
            ("--", args) => suite.args.extend_from_slice(args),
            ("-m", _) => {
                let way_out = "Rust tests have no marks; choose them by parts of their names, as arguments or with `-k`";
                return Err(ConfigError::NotForRust { origin: origin.clone(), way_out });
            }
            _ => {
                let way_out = "leave it out, or say `--suite pytest`";
                return Err(ConfigError::NotForRust { origin: origin.clone(), way_out });
            }
        }
    }
    Ok(suite)
}
