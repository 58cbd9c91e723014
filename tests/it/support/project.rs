//! A project of a user in a directory of its own, and the command run in it.

use std::cell::RefCell;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::events::terminal_states;
use super::{Marked, assert_valid, python};

/// How long a run may take: far above what any of these needs on a slow machine. A run that hangs is a failure.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long killed processes may take to be gone after the command has ended.
const AFTERLIFE: Duration = Duration::from_secs(20);

/// The variable that says where events are written to.
const EVENTS: &str = "CALLSHEET_EVENTS";

/// A directory with a project's files and the interpreter it is run by.
pub(crate) struct Project {
    directory: TempDir,
    /// Where its runs write what happens, out of its own way.
    events: TempDir,
    python: PathBuf,
}

impl Project {
    /// A project with these files, run by pytest 9.2.0 alone.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        Self::with(&["pytest==9.2.0"], files)
    }

    /// A project with these files, run by an interpreter with these requirements.
    pub(crate) fn with(requirements: &[&str], files: &[(&str, &str)]) -> Self {
        let (directory, events) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let project = Self { directory, events, python: python(requirements) };
        for (name, text) in files {
            project.write(name, text);
        }
        project
    }

    /// A Rust project with these files.
    pub(crate) fn cargo(files: &[(&str, &str)]) -> Self {
        let (directory, events) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let project = Self { directory, events, python: PathBuf::new() };
        for (name, text) in files {
            project.write(name, text);
        }
        project
    }

    /// A copy of a suite of `tests/suites`, run by pytest 9.2.0 alone.
    pub(crate) fn suite(name: &str) -> Self {
        let project = Self::new(&[]);
        let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suites").join(name);
        project.copy(&suite, &suite);
        project
    }

    fn copy(&self, root: &Path, directory: &Path) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.copy(root, &path);
            } else if path.extension().is_none_or(|extension| extension != "pyc") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                self.write(name, &fs::read_to_string(&path).unwrap());
            }
        }
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What a file of the project holds; empty if there is none.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }

    /// The project's directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The interpreter.
    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    /// `callsheet ARGS` in the project, with its interpreter and an environment that says nothing else.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callsheet"));
        command
            .args(args)
            .current_dir(self.path())
            .env("CALLSHEET_PYTEST_PYTHON", &self.python)
            // What Rust projects share is built once; they are told apart by their directories.
            .env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/rust-projects"))
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TERM_COLOR", "never")
            .env("RUST_BACKTRACE", "0")
            .env_remove("CARGO")
            .env_remove("RUSTFLAGS")
            .env_remove("VIRTUAL_ENV")
            .env_remove("PYTEST_ADDOPTS")
            .env_remove("CI")
            .env_remove("GITHUB_ACTIONS");
        if !matches!(args.first(), Some(&("list" | "config" | "preload" | "completions" | "agent")))
        {
            let events = self.events.path().join(uuid::Uuid::new_v4().to_string());
            command.env(EVENTS, events);
        }
        command
    }

    /// Runs `callsheet ARGS` to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Told {
        Running::start(self.command(args)).end()
    }

    /// Runs `callsheet ARGS` with these variables to its end.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Told {
        let mut command = self.command(args);
        command.envs(variables.iter().copied());
        Running::start(command).end()
    }

    /// Runs the project's own interpreter, for example plain pytest, to its end.
    pub(crate) fn run_python(&self, args: &[&str]) -> Told {
        let mut command = Command::new(&self.python);
        command.args(args).current_dir(self.path()).env_remove("PYTEST_ADDOPTS").env_remove("CI");
        Running::start(command).end()
    }
}

/// A command on its way.
pub(crate) struct Running {
    child: RefCell<Child>,
    mark: Marked,
    /// The file of events, if it writes one.
    events: Option<PathBuf>,
    /// What was read of `stdout` already.
    heard: Vec<u8>,
    stdout: mpsc::Receiver<Vec<u8>>,
    stderr: mpsc::Receiver<Vec<u8>>,
}

impl Running {
    /// Starts it with its output caught.
    pub(crate) fn start(mut command: Command) -> Self {
        let mark = Marked::new();
        let (name, value) = mark.variable();
        command.env(name, value).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let events = command.get_envs().find(|(name, _)| *name == EVENTS);
        let events = events.and_then(|(_, path)| path).map(PathBuf::from);
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self {
            child: RefCell::new(child),
            mark,
            events,
            heard: Vec::new(),
            stdout: chunks(stdout),
            stderr: chunks(stderr),
        }
    }

    /// The mark of the command's processes.
    pub(crate) fn mark(&self) -> &Marked {
        &self.mark
    }

    /// The command's own process id.
    pub(crate) fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.child.borrow().id()).unwrap())
    }

    /// Sends a signal to the command alone.
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(self.pid(), signal).unwrap();
    }

    /// Waits until the file appears in the project; the way tests tell the outside how far they are.
    pub(crate) fn wait_for(&self, file: &Path) {
        let begun = Instant::now();
        while !file.exists() {
            let ended = self.child.borrow_mut().try_wait().unwrap();
            assert!(ended.is_none(), "it ended before {} appeared: {ended:?}", file.display());
            assert!(begun.elapsed() < PATIENCE, "{} did not appear", file.display());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the command's standard output holds this.
    pub(crate) fn wait_for_stdout(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.heard).contains(text) {
            match self.stdout.recv_timeout(PATIENCE) {
                Ok(chunk) => self.heard.extend(chunk),
                Err(problem) => {
                    panic!(
                        "it does not say {text:?} ({problem})\n{}",
                        String::from_utf8_lossy(&self.heard)
                    )
                }
            }
        }
    }

    /// Waits for the end of the command alone; `None` if it takes too long.
    pub(crate) fn wait(&mut self) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.borrow_mut().try_wait().unwrap() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Waits for the end, and for the end of all that it started.
    ///
    /// Panics with the output if it takes too long or if anything of it is left.
    pub(crate) fn end(mut self) -> Told {
        let status = self.wait();
        let ended = Instant::now();
        let mut left = self.mark.alive();
        while !left.is_empty() && ended.elapsed() < AFTERLIFE && status.is_some() {
            thread::sleep(Duration::from_millis(5));
            left = self.mark.alive();
        }
        self.mark.kill();
        let collect = |mut bytes: Vec<u8>, chunks: &mpsc::Receiver<Vec<u8>>| {
            bytes.extend(chunks.iter().flatten());
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let stdout = collect(std::mem::take(&mut self.heard), &self.stdout);
        let stderr = collect(Vec::new(), &self.stderr);
        let Some(status) = status else {
            panic!("it did not end\n{stdout}\n{stderr}\nprocesses: {left:#?}");
        };
        assert!(left.is_empty(), "processes are left: {left:#?}\n{stdout}\n{stderr}");
        let events = self.events.as_ref().and_then(|events| fs::read_to_string(events).ok());
        if let Some(events) = &events {
            assert_valid(events);
        }
        let ends = events.map(|events| terminal_states(&events)).unwrap_or_default();
        Told { code: status.code(), stdout, stderr, ends }
    }
}

impl Drop for Running {
    /// A test that fails on the way leaves nothing behind either.
    fn drop(&mut self) {
        let _ended = self.child.borrow_mut().kill();
        let _status = self.child.borrow_mut().wait();
        self.mark.kill();
    }
}

fn chunks(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(count) = stream.read(&mut chunk) {
            if count == 0 || sender.send(chunk[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Told {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Each test with its terminal state, sorted; empty where no events were written.
    pub(crate) ends: Vec<(String, String)>,
}

impl Told {
    /// The counts of the last line, without its time: `1 failed, 3 passed`.
    pub(crate) fn counts(&self) -> &str {
        let line = self.stdout.lines().rev().find(|line| line.contains(" in ")).unwrap_or_default();
        let line = line.trim_matches(|c| c == '=' || c == ' ');
        line.split_once(" in ").map_or(line, |(counts, _)| counts)
    }

    /// Asserts the exit code and the counts, showing everything if they differ.
    pub(crate) fn assert(&self, code: i32, counts: &str) -> &Self {
        assert_eq!((self.code, self.counts()), (Some(code), counts), "\n{self}");
        self
    }

    /// Asserts that the output says this.
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "it does not say {text:?}\n{self}"
        );
        self
    }

    /// Asserts that the output does not say this.
    pub(crate) fn is_silent_on(&self, text: &str) -> &Self {
        assert!(
            !self.stdout.contains(text) && !self.stderr.contains(text),
            "it says {text:?}\n{self}"
        );
        self
    }

    /// Ids of the short summary with this word (`FAILED`, `ERROR`), sorted.
    pub(crate) fn ids(&self, word: &str) -> Vec<&str> {
        let mut ids: Vec<&str> = self
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix(word)?.strip_prefix(' '))
            .map(|line| line.split_once(" - ").map_or(line, |(id, _)| id))
            .collect();
        ids.sort_unstable();
        ids
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}
