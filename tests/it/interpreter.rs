//! Which Python runs the tests, and what is said of one that can not.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::support::{Project, Running, Told};

fn project() -> Project {
    Project::new(&[("test_a.py", "def test_1(): pass\n")])
}

/// A program of the project.
fn script(project: &Project, name: &str, text: &str) -> PathBuf {
    project.write(name, &format!("#!/bin/sh\n{text}\n"));
    let path = project.path().join(name);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Runs with an environment that names no interpreter but these variables.
fn run(project: &Project, variables: &[(&str, &Path)], args: &[&str]) -> Told {
    let mut command = project.command(args);
    command.env_remove("CALLSHEET_PYTEST_PYTHON").envs(variables.iter().copied());
    Running::start(command).end()
}

/// An environment of the project: a link to its real one.
fn environment(project: &Project, name: &str) -> PathBuf {
    let place = project.path().join(name);
    symlink(project.python().ancestors().nth(2).unwrap(), &place).unwrap();
    place
}

/// That it was refused with this cause in one line, and this code.
fn refused(told: &Told, code: i32, cause: &str) {
    assert_eq!(told.code, Some(code), "{told}");
    told.says(cause).is_silent_on("panicked");
    let all = format!("{}{}", told.stdout, told.stderr);
    assert_eq!(all.matches(cause).count(), 1, "{told}");
}

#[test]
fn one_that_is_not_there_is_refused() {
    let project = project();
    refused(
        &run(&project, &[], &["-n", "2", "--python", "python9.9"]),
        4,
        "there is no interpreter `python9.9` (--python)",
    );
    let path = project.path().join("bin/python").display().to_string();
    refused(
        &run(&project, &[], &["-n", "2", "--python", "bin/python"]),
        4,
        &format!("there is no interpreter `{path}` (--python)"),
    );
    project.write("callsheet.toml", "[pytest]\npython = 'python9.9'\n");
    refused(
        &run(&project, &[], &["-n", "2"]),
        4,
        "there is no interpreter `python9.9` (callsheet.toml)",
    );
}

#[test]
fn one_that_is_broken_is_told_with_its_last_words() {
    let project = project();
    let path = script(&project, "broken", "echo 'libpython.so is missing' >&2; exit 3");
    refused(
        &run(&project, &[], &["-n", "2", "--python", "./broken"]),
        7,
        "does not start: libpython.so is missing",
    );
    script(&project, "mute", "exit 3");
    refused(
        &run(&project, &[], &["-n", "2", "--python", "./mute"]),
        7,
        "does not start: exit status: 3",
    );
    fs::write(path, [0, 1, 2, 3]).unwrap();
    refused(
        &run(&project, &[], &["-n", "2", "--python", "./broken"]),
        7,
        "does not start: Exec format error",
    );
}

#[test]
fn one_that_hangs_meets_the_deadline_of_the_agent() {
    let project = project();
    script(&project, "slow", "exec sleep 1000");
    project.write("callsheet.toml", "[deadlines]\nagent = '2s'\n");
    refused(
        &run(&project, &[], &["-n", "2", "--python", "./slow"]),
        7,
        "did not answer within 2 s",
    );
}

#[test]
fn one_without_pytest_is_refused_with_the_command_that_helps() {
    let project = project();
    let bare =
        script(&project, "bare", &format!("exec '{}' -S \"$@\"", project.python().display()));
    let bare = bare.display();
    refused(
        &run(&project, &[], &["-n", "2", "--python", "./bare"]),
        4,
        &format!("has no pytest; install it with `{bare} -m pip install pytest`"),
    );
}

#[test]
fn one_with_an_old_pytest_is_refused_with_the_command_that_helps() {
    let project = project();
    project.write("old/_pytest/__init__.py", "__version__ = '6.2.5'\n");
    let wrapped = format!("PYTHONPATH='{}' ", project.path().join("old").display());
    script(&project, "old.sh", &format!("{wrapped} exec '{}' \"$@\"", project.python().display()));
    refused(
        &run(&project, &[], &["-n", "2", "--python", "./old.sh"]),
        4,
        "has pytest 6.2.5; pytest 7.0 or newer is needed, get it with",
    );
}

#[test]
fn the_environment_in_force_comes_first_then_that_of_the_project() {
    let project = project();
    let own = environment(&project, ".venv");
    let told = run(&project, &[], &["-n", "2"]);
    told.assert(0, "1 passed").says(&format!("using {}/bin/python (.venv)", own.display()));

    let active = environment(&project, "active");
    let told = run(&project, &[("VIRTUAL_ENV", &active)], &["-n", "2"]);
    told.assert(0, "1 passed")
        .says(&format!("using {}/bin/python (VIRTUAL_ENV)", active.display()));

    let told =
        run(&project, &[("VIRTUAL_ENV", &active)], &["-n", "2", "--python", ".venv/bin/python"]);
    told.assert(0, "1 passed").says("/.venv/bin/python (--python)");

    let variables =
        [("VIRTUAL_ENV", active.as_path()), ("CALLSHEET_PYTEST_PYTHON", project.python())];
    run(&project, &variables, &["-n", "2"]).assert(0, "1 passed").says("(CALLSHEET_PYTEST_PYTHON)");

    let gone = project.path().join("gone");
    refused(&run(&project, &[("VIRTUAL_ENV", &gone)], &["-n", "2"]), 4, "(VIRTUAL_ENV)");
}

#[test]
fn without_any_environment_it_is_that_of_the_path() {
    let project = project();
    let bin = project.path().join("bin");
    script(&project, "bin/python3", &format!("exec '{}' \"$@\"", project.python().display()));
    let told = run(&project, &[("PATH", &bin)], &["-n", "2"]);
    told.assert(0, "1 passed").says("(python3 on PATH)");
    refused(&run(&project, &[("PATH", Path::new(""))], &["-n", "2"]), 7, "no Python was found");
}

#[test]
fn one_that_the_specification_of_a_worker_names_in_vain_is_told() {
    let project = project();
    let told = run(
        &project,
        &[("CALLSHEET_PYTEST_PYTHON", project.python())],
        &["--tx", "popen//python=python9.9"],
    );
    refused(&told, 4, "there is no interpreter `python9.9` (python= of --tx)");
}
