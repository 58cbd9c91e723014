//! The project is brought to hosts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::{Project, Running};

use super::machines::{Machines, missing};
use super::ssh::WEIRD;

/// Tells what there is of the project, and that it is not the original.
const TELLS: &str = "import os, pathlib\n\
    def test_place():\n\
    \x20   here = pathlib.Path(__file__).parent\n\
    \x20   assert here == pathlib.Path.cwd() and here != pathlib.Path(os.environ['HERE'])\n\
    \x20   found = [p.relative_to(here) for p in here.rglob('*') if p.is_file()]\n\
    \x20   found = [str(p) for p in found if not {'made.txt', '.pytest_cache', '__pycache__'} & {*p.parts}]\n\
    \x20   assert sorted(found) == os.environ['THERE'].split('|')\n";

#[test]
fn the_project_is_brought_there_as_git_sees_it() {
    if missing(&["git"]) {
        return;
    }
    let Some(machines) = Machines::start(1) else { return };
    // Beside each that is left out stands one that is not.
    let files = [
        ("test_it.py", TELLS),
        (".gitignore", "*.txt\n!requirements.txt\n/only/here\nbuilt/\nodd\\[x\\]\n"),
        ("callsheet.toml", "sync_exclude = ['.git', '.callsheet', '__pycache__', '*.big']\n"),
        ("requirements.txt", ""),
        ("notes.txt", ""),
        ("tracked.txt", ""),
        ("only/here", ""),
        ("deep/only/here", ""),
        ("deep/built/x", ""),
        ("deep/notes.txt", ""),
        ("odd[x]", ""),
        ("oddx", ""),
        ("private", ""),
        ("deep/data.big", ""),
        ("deep/data", ""),
    ];
    let project = Project::new(&files);
    let git = |args: &[&str]| {
        let status = Command::new("git").args(args).current_dir(project.path()).status().unwrap();
        assert!(status.success(), "git {args:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "--force", "tracked.txt"]);
    project.write(".git/info/exclude", "private\n");
    let there = ".callsheet-sync|.gitignore|callsheet.toml|deep/data|deep/only/here|oddx|requirements.txt|test_it.py|tracked.txt";
    let here = project.path().display();
    let spec = format!("ssh=n1//sync=rsync//chdir=app//env:HERE={here}//env:THERE={there}");
    for _ in 0..2 {
        let told = Running::start(machines.command(&project, &["--tx", &spec])).end();
        told.assert(0, "1 passed");
        machines.assert_clean();
        // What was built there stays; what is gone here must not run there.
        fs::write(machines.home(1).join("app/made.txt"), "").unwrap();
        fs::write(machines.home(1).join("app/test_gone.py"), "def test(): assert 0").unwrap();
    }
    let told = Running::start(machines.command(&project, &["--tx", &spec])).end();
    told.assert(0, "1 passed");
    assert!(machines.home(1).join("app/made.txt").exists());
    machines.assert_clean();
}

#[test]
fn git_is_asked_about_a_project_of_another_user_too() {
    if missing(&["git"]) {
        return;
    }
    let Some(machines) = Machines::start(1) else { return };
    let files = [
        ("test_it.py", TELLS),
        (".gitignore", "*.txt\n!requirements.txt\n"),
        ("requirements.txt", ""),
        ("notes.txt", ""),
    ];
    let project = Project::new(&files);
    let run = |program: &str, args: &[&str]| {
        let status = Command::new(program).args(args).current_dir(project.path()).status().unwrap();
        assert!(status.success(), "{program} {args:?}");
    };
    run("git", &["init", "--quiet"]);
    run("chown", &["-R", "12345", "."]);
    let here = project.path().display();
    let there = ".callsheet-sync|.gitignore|requirements.txt|test_it.py";
    let spec = format!("ssh=n1//sync=rsync//env:HERE={here}//env:THERE={there}");
    let told = Running::start(machines.command(&project, &["--tx", &spec])).end();
    told.assert(0, "1 passed").is_silent_on("git does not say");
    machines.assert_clean();
}

#[test]
fn the_project_is_brought_there_without_what_its_gitignore_names() {
    let Some(machines) = Machines::start(2) else { return };
    let text = "import os, pathlib\n\
        def test_place():\n\
        \x20   here = pathlib.Path(__file__).parent\n\
        \x20   assert here == pathlib.Path.cwd() and here != pathlib.Path(os.environ['HERE'])\n\
        \x20   assert sorted(p.name for p in here.iterdir() if p.name[0] != '.' and p.name[0] != '_') == ['deep', 'test_it.py']\n\
        \x20   assert (here / 'deep' / 'kept.txt').read_text() == 'kept'\n";
    let files = [
        ("test_it.py", text),
        ("deep/kept.txt", "kept"),
        ("built.bin", "x"),
        (".gitignore", "*.bin\n"),
        // Git itself does not take it for a repository.
        (".git/config", "x"),
    ];
    let project = Project::new(&files);
    let here = format!("env:HERE={}", project.path().display());
    let first = format!("ssh=n1//sync=rsync//{here}");
    let second = format!("ssh=n2//sync=rsync//chdir=~/{WEIRD}/app//{here}");
    for _ in 0..2 {
        let args = ["--tx", &first, "--tx", &second, "--dist", "each"];
        let told = Running::start(machines.command(&project, &args)).end();
        told.assert(0, "2 passed").says("host n1: bringing the project there");
        told.says("host n1: git does not say what it ignores").says("fatal: not a git repository");
        machines.assert_clean();
        // What is gone here must not run there.
        fs::write(machines.home(2).join(WEIRD).join("app/test_gone.py"), "def test(): assert 0")
            .unwrap();
    }
}

/// A command that stands before `rsync`; what it notes are files beside it.
fn before_rsync(project: &Project, script: &str) -> String {
    project.write("wrapped", &format!("#!/bin/sh\n{script}\nexec rsync \"$@\"\n"));
    let wrapped = project.path().join("wrapped");
    fs::set_permissions(&wrapped, fs::Permissions::from_mode(0o755)).unwrap();
    wrapped.to_str().unwrap().to_owned()
}

#[test]
fn files_that_are_removed_meanwhile_keep_no_host_out() {
    let Some(machines) = Machines::start(1) else { return };
    let project = Project::new(&[("test_it.py", "def test_passes(): pass\n")]);
    let mut command = machines.command(&project, &["--tx", "ssh=n1//sync=rsync"]);
    command.env("CALLSHEET_RSYNC", before_rsync(&project, "rsync \"$@\" && exit 24"));
    let told = Running::start(command).end();
    told.assert(0, "1 passed").says("host n1: files that were removed meanwhile were not brought");
    machines.assert_clean();
}

#[test]
fn the_project_is_brought_to_hosts_side_by_side_which_is_told() {
    let Some(machines) = Machines::start(2) else { return };
    let project = Project::new(&[("test_it.py", "def test_passes(): pass\n")]);
    // Each is a fifth of all, so that rsync has something to tell.
    for number in 0..5 {
        project.write(&format!("data-{number}"), &"0123456789".repeat(20_000));
    }
    // Neither ends before the other has begun.
    let script = "for last; do :; done\ntouch \"$0.${last%%:*}\"\n\
        until [ -e \"$0.n1\" ] && [ -e \"$0.n2\" ]; do sleep 0.01; done";
    let rsync = before_rsync(&project, script);
    let args = ["--tx", "ssh=n1//sync=rsync", "--tx", "ssh=n2//sync=rsync", "--dist", "each"];
    let mut command = machines.command(&project, &args);
    command.env("CALLSHEET_RSYNC", rsync);
    let told = Running::start(command).end();
    told.assert(0, "2 passed");
    for host in ["n1", "n2"] {
        let begins = format!("host {host}: bringing the project there, ");
        let is_part = |line: &str| line.starts_with(&begins) && line.ends_with(" %");
        assert!(told.stdout.lines().any(is_part), "{told}");
    }
    machines.assert_clean();
}

#[test]
fn what_two_hosts_share_is_brought_there_once() {
    let Some(machines) = Machines::start(1) else { return };
    let project = Project::new(&[("test_it.py", "def test_passes(): pass\n")]);
    let rsync = before_rsync(&project, "echo called >>\"$0.calls\"");
    let other = crate::support::python(&["pytest==8.4.2"]);
    let one = format!("ssh=n1//sync=rsync//python={}", project.python().display());
    let two = format!("ssh=n1//sync=rsync//python={}", other.display());
    let apart = "ssh=n1//sync=rsync//chdir=apart";
    let mut command =
        machines.command(&project, &["--tx", &one, "--tx", &two, "--tx", apart, "--dist", "each"]);
    command.env("CALLSHEET_RSYNC", rsync);
    Running::start(command).end().assert(0, "3 passed");
    assert_eq!(project.read("wrapped.calls").lines().count(), 2);
    machines.assert_clean();
}

#[test]
fn a_directory_of_somebody_else_is_not_overwritten() {
    let Some(machines) = Machines::start(1) else { return };
    let own = machines.home(1).join("thesis");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("chapter"), "all of it").unwrap();
    let project = super::suite();
    let args = ["--tx", "ssh=n1//sync=rsync//chdir=thesis"];
    let told = Running::start(machines.command(&project, &args)).end();
    assert_eq!(told.code, Some(7), "{told}");
    told.says("`thesis` there holds files that callsheet has not brought");
    assert_eq!(fs::read_dir(&own).unwrap().count(), 1);
    machines.assert_clean();
}

#[test]
fn a_place_that_can_not_be_made_is_told_in_the_words_of_the_host() {
    let Some(machines) = Machines::start(1) else { return };
    fs::write(machines.home(1).join("file"), "").unwrap();
    // What ssh would say of itself.
    fs::write(machines.home(1).join(".bashrc"), "echo 'a: Permission denied' >&2\n").unwrap();
    let project = super::suite();
    let args = ["--tx", "ssh=n1//sync=rsync//chdir=file/app"];
    let told = Running::start(machines.command(&project, &args)).end();
    assert_eq!(told.code, Some(7), "{told}");
    told.says("`file/app` can not be made there: a: Permission denied")
        .says("Not a directory")
        .is_silent_on("ssh is not let in");
    machines.assert_clean();
}
