//! Modules that the template imports beside pytest.

use super::says_plain;
use crate::support::Project;

/// Runs with the project's directory on the module path.
fn run(project: &Project, args: &[&str]) -> crate::support::Told {
    let path = project.path().join("lib");
    project.run_with(&[("PYTHONPATH", path.to_str().unwrap())], args)
}

/// A library that says where it is imported, and a test that has it imported.
fn with_library(source: &str) -> Project {
    let count = "import os, pathlib\n\
        with open(os.environ.get('COUNT', 'imports'), 'a') as file: file.write(f'{os.getpid()}\\n')\n";
    Project::new(&[
        ("lib/heavy.py", &format!("{count}{source}")),
        (
            "test_it.py",
            "import sys\nearly = 'heavy' in sys.modules\nimport heavy, os, pathlib\n\
             def test_it(): pathlib.Path(os.environ['PYTEST_XDIST_WORKER'] + '.early').write_text(str(early))\n",
        ),
    ])
}

#[test]
fn what_is_preloaded_is_imported_once_for_all() {
    let project = with_library("");
    let args = ["-n", "3", "--dist", "each"];
    run(&project, &args).assert(0, "3 passed");
    assert_eq!(project.read("imports").lines().count(), 3);
    assert_eq!(project.read("gw0.early"), "False");

    project.write("imports", "");
    run(&project, &[&args[..], &["--preload", "heavy"]].concat()).assert(0, "3 passed");
    assert_eq!(project.read("imports").lines().count(), 1);
    assert_eq!(
        ["gw0", "gw1", "gw2"].map(|worker| project.read(&format!("{worker}.early"))),
        ["True"; 3]
    );

    project.write("imports", "");
    project.write("callsheet.toml", "preload = ['heavy']\n");
    run(&project, &args).assert(0, "3 passed");
    assert_eq!(project.read("imports").lines().count(), 1);
}

#[test]
fn a_module_that_is_not_there_is_a_note() {
    let project = with_library("");
    let told = run(&project, &["-n", "2", "--preload", "heavyy", "--preload", "heavy"]);
    told.assert(0, "1 passed");
    told.says("note: preload: `heavyy` can not be imported: No module named 'heavyy'");
    assert_eq!(told.stdout.matches("note:").count(), 1, "{told}");
    assert_eq!(project.read("imports").lines().count(), 1);
}

#[test]
fn a_module_that_ends_the_interpreter_is_a_note() {
    let project = with_library("import sys; print('noise' * 50_000); sys.exit('no licence')\n");
    let told = project.run(&["-n", "1", "--preload", "heavy", "test_other.py"]);
    assert_eq!(told.code, Some(4), "{told}");
    project.write("test_other.py", "def test_it(): pass\n");
    let told = run(&project, &["-n", "1", "--preload", "heavy", "test_other.py"]);
    told.assert(0, "1 passed").says("note: preload: `heavy` can not be imported: no licence");
    told.is_silent_on("noise");
}

#[test]
fn a_module_that_kills_the_template_is_no_loss() {
    let project = with_library("");
    project.write(
        "lib/deadly.py",
        "import os, sys\nprint('no luck', file=sys.stderr, flush=True)\nos._exit(3)\n",
    );
    let told = run(&project, &["-n", "2", "--preload", "deadly"]);
    told.assert(0, "1 passed");
    says_plain(&told, "it has ended: no luck");
}

#[test]
fn what_a_fork_would_not_copy_is_refused() {
    for (source, reason) in [
        (
            "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n",
            "preload: `heavy`: it leaves a thread running",
        ),
        (
            "import subprocess; child = subprocess.Popen(['sleep', '1000'])\n",
            "preload: `heavy`: it leaves a child process running",
        ),
        ("import socket; held = socket.socket()\n", "preload: `heavy`: it holds socket:["),
    ] {
        let project = with_library(source);
        let told = run(&project, &["-n", "2", "-v", "--preload", "heavy"]);
        told.assert(0, "1 passed");
        says_plain(&told, reason);
        assert_eq!(told.stdout.matches("without the template").count(), 1, "{told}");
    }
}

#[test]
fn a_template_that_does_not_come_up_is_given_up() {
    let project = with_library(
        "if 'PYTEST_XDIST_WORKER' not in os.environ:\n    import signal; signal.pause()\n",
    );
    project.write("callsheet.toml", "[deadlines]\nagent = '3s'\n");
    let told = run(&project, &["-n", "2", "--preload", "heavy"]);
    told.assert(0, "1 passed");
    says_plain(&told, "it did not answer within 3 s");
}

#[test]
fn a_plugin_is_left_to_the_workers() {
    let project = super::super::plugins::with_plugins(&[
        ("lib/heavy.py", "import hypothesis\n"),
        ("test_it.py", "def test_it(): pass\n"),
    ]);
    let told = run(&project, &["-n", "1", "--preload", "hypothesis.strategies"]);
    told.assert(0, "1 passed").is_silent_on("PytestAssertRewriteWarning");
    told.says("note: preload: `hypothesis.strategies` belongs to a pytest plugin");
    let told = run(&project, &["-n", "1", "--preload", "heavy"]);
    told.assert(0, "1 passed").is_silent_on("PytestAssertRewriteWarning");
    says_plain(
        &told,
        "preload: `heavy`: it has imported `_hypothesis_globals`, which belongs to a pytest plugin",
    );
}
