//! `callsheet preload`: what is worth to be imported once.

use nix::sys::signal::Signal;

use crate::support::{Project, Running};

/// An environment of its own that has pytest and, beside it, these modules.
fn with_installed(files: &[(&str, &str)], modules: &[(&str, &str)]) -> Project {
    let project = Project::new(files);
    for (name, text) in modules {
        project.write(&format!("env/lib/site-packages/{name}"), text);
    }
    project
}

fn run(project: &Project, args: &[&str]) -> crate::support::Told {
    let place = project.path().join("env/lib/site-packages");
    project.run_with(&[("PYTHONPATH", place.to_str().unwrap())], args)
}

/// Modules that cost the time that a clock shows.
const BUSY: &str =
    "import time\nuntil = time.perf_counter() + 0.1\nwhile time.perf_counter() < until: pass\n";

#[test]
fn costly_modules_of_third_parties_are_named_with_the_line_to_write() {
    let project = with_installed(
        &[
            ("own.py", BUSY),
            ("conftest.py", &format!("import sys\nsys.path.insert(0, '.')\n{BUSY}")),
            ("test_it.py", "import own, heavy.part, cheap, busy\ndef test_it(): pass\n"),
        ],
        &[
            ("heavy/__init__.py", ""),
            ("heavy/part.py", &format!("import inner\n{BUSY}")),
            ("inner.py", BUSY),
            ("cheap.py", ""),
            (
                "busy.py",
                &format!(
                    "{BUSY}import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
                ),
            ),
        ],
    );
    let told = run(&project, &["preload"]);
    assert_eq!(told.code, Some(0), "{told}");
    told.says("s  heavy.part\n")
        .says("s  busy (can not be preloaded: it leaves a thread running)\n");
    told.says("\nfor callsheet.toml:\npreload = [\"heavy.part\"]\n");
    for name in ["own", "cheap", "inner", "conftest"] {
        told.is_silent_on(&format!("s  {name}"));
    }
    let line = told.stdout.lines().last().unwrap();
    project.write("callsheet.toml", line);
    run(&project, &["-n", "1", "-v"]).assert(0, "1 passed").is_silent_on("note:");
}

#[test]
fn where_nothing_is_worth_it_that_is_said() {
    let project = Project::new(&[("test_it.py", "def test_it(): pass\n")]);
    let told = project.run(&["preload"]);
    assert_eq!(told.code, Some(0), "{told}");
    told.says("nothing of third parties is worth to be preloaded");
}

#[test]
fn a_collection_that_fails_is_told() {
    let project = Project::new(&[("test_it.py", "import nowhere\n")]);
    let told = project.run(&["preload"]);
    assert_eq!(told.code, Some(0), "{told}");
    told.says("pytest did not collect everything (exit code 2)");
    let told = project.run(&["preload", "--python", "python9.9"]);
    assert_eq!(told.code, Some(4), "{told}");
}

/// A collection that hangs, with a process of its own.
fn hanging() -> Project {
    Project::new(&[
        (
            "conftest.py",
            "import pathlib, signal, subprocess\nsubprocess.Popen(['sleep', '1000'])\n\
             pathlib.Path('hangs').touch()\nsignal.pause()\n",
        ),
        ("test_it.py", "def test_it(): pass\n"),
    ])
}

#[test]
fn a_collection_that_hangs_is_ended_with_all_that_it_started() {
    let project = hanging();
    project.write("callsheet.toml", "deadlines = { collect = '5s' }\n");
    let told = project.run(&["preload"]);
    assert_eq!(told.code, Some(7), "{told}");
    told.says("the collection did not end within 5 s");
    assert!(project.path().join("hangs").exists(), "{told}");
}

#[test]
fn it_ends_with_the_command_whatever_ends_that() {
    let project = hanging();
    // What a suite has started by itself is in nobody's hands then.
    project.write("conftest.py", &project.read("conftest.py").replace("subprocess.Popen", "print"));
    let running = Running::start(project.command(&["preload"]));
    running.wait_for(&project.path().join("hangs"));
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().code, None);
}
