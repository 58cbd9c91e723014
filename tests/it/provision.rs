//! Environments that are made from a requirements file, kept in a cache and found again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::support::{Project, Running, Told};

/// The progress that tells of a new environment.
const MAKING: &str = "making an environment from";

/// A project that needs a package of its own, with a cache of its own.
struct Provisioned {
    project: Project,
    cache: TempDir,
}

impl Provisioned {
    fn new(requirements: &str) -> Self {
        let test = "import iniconfig, sys\n\
                    def test_1(): assert 'callsheet/venvs' in sys.executable\n";
        let files = [("requirements.txt", requirements), ("test_a.py", test)];
        Self { project: Project::new(&files), cache: tempfile::tempdir().unwrap() }
    }

    fn start(&self, args: &[&str]) -> Running {
        let mut command = self.project.command(args);
        command.env_remove("CALLSHEET_PYTEST_PYTHON").env("XDG_CACHE_HOME", self.cache.path());
        Running::start(command)
    }

    fn run(&self, args: &[&str]) -> Told {
        self.start(args).end()
    }

    /// The environments in the cache.
    fn environments(&self) -> usize {
        let complete = |path: &Path| path.join("callsheet-complete").exists();
        let places = fs::read_dir(self.cache.path().join("callsheet/venvs")).unwrap();
        places.filter(|entry| complete(&entry.as_ref().unwrap().path())).count()
    }
}

#[test]
fn two_runs_at_once_make_one_environment_and_a_third_finds_it() {
    let provisioned = Provisioned::new("pytest==9.2.0\n");
    let args = ["-n", "1", "--provision", "requirements.txt"];
    let runs = [provisioned.start(&args), provisioned.start(&args)];
    let told = runs.map(Running::end);
    for told in &told {
        told.assert(0, "1 passed").says("(made from ");
    }
    let made =
        told.iter().filter(|told| told.stdout.contains(MAKING) || told.stderr.contains(MAKING));
    assert_eq!(made.count(), 1, "{}\n{}", told[0], told[1]);
    assert_eq!(provisioned.environments(), 1);

    let again = provisioned.run(&args);
    again.assert(0, "1 passed").is_silent_on(MAKING).is_silent_on("Collecting");

    provisioned.project.write("callsheet.toml", "[pytest]\nprovision = 'requirements.txt'\n");
    provisioned.run(&["-n", "2"]).assert(0, "1 passed").is_silent_on(MAKING);
    assert_eq!(provisioned.environments(), 1);
}

#[test]
fn each_interpreter_that_is_named_has_an_environment() {
    let provisioned = Provisioned::new("pytest==9.2.0\n");
    let names = ["one", "other"].map(|name| {
        provisioned.project.write(name, "#!/bin/sh\nexec python3 \"$@\"\n");
        let path = provisioned.project.path().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        format!("popen//python={}", path.display())
    });
    let args = ["--dist", "each", "--tx", &names[0], "--tx", &names[1]];
    let told = provisioned.run(&[&args[..], &["--provision", "requirements.txt"]].concat());
    told.assert(0, "2 passed");
}

#[test]
fn a_requirement_that_does_not_exist_is_told_by_the_installer_and_leaves_no_half_environment() {
    let provisioned = Provisioned::new("pytest==9.2.0\npytest==1.2.3.4\n");
    let args = ["-n", "1", "--provision", "requirements.txt"];
    for _again in 0..2 {
        let told = provisioned.run(&args);
        assert_eq!(told.code, Some(7), "{told}");
        told.says("pytest==1.2.3.4").says("its last words:").says(MAKING).is_silent_on("panicked");
        assert_eq!(provisioned.environments(), 0);
    }
}

#[test]
fn requirements_without_pytest_are_refused_with_the_line_to_add() {
    let provisioned = Provisioned::new("# nothing yet\n");
    let told = provisioned.run(&["-n", "1", "--provision", "requirements.txt"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("has no pytest").says("add the line `pytest>=7` to that file");
}

#[test]
fn requirements_that_are_not_there_are_refused() {
    let provisioned = Provisioned::new("");
    let told = provisioned.run(&["--provision", "none.txt"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("none.txt").says("--provision");
}

#[test]
fn a_cache_that_can_not_be_written_is_told_with_the_way_out() {
    let provisioned = Provisioned::new("pytest==9.2.0\n");
    fs::write(provisioned.cache.path().join("callsheet"), "no directory").unwrap();
    let told = provisioned.run(&["-n", "1", "--provision", "requirements.txt"]);
    assert_eq!(told.code, Some(7), "{told}");
    told.says("failed to make the environment in").says("set XDG_CACHE_HOME");
}
