//! What is known of a worker process: how it introduced itself and how it ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Phase;

/// How a worker introduces itself when its framework is up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Its process id on its host.
    pub pid: u32,

    /// The interpreter or program that runs the tests.
    pub executable: String,

    /// The runtime's version, for example `3.11.7`.
    pub runtime: String,

    /// The framework and its version, for example `pytest 9.2.0`.
    pub framework: String,

    /// `linux`, `darwin`, ….
    pub platform: String,

    /// The directory it works in.
    pub cwd: String,

    /// The lines that the framework would print as its header (rootdir, plugins, seeds, …).
    pub header: Vec<String>,

    /// `maxfail` as the project's own framework configuration asks for it; 0 for none.
    pub maxfail: u32,

    /// Whether tests are run although something could not be collected
    /// (`--continue-on-collection-errors`).
    pub continue_on_collection_errors: bool,

    /// The kinds of result that the short summary lists, as pytest's `-r` letters; `w` asks for the warnings.
    pub summary_letters: String,

    /// Hooks and options of the project that have no controller to serve them here, by name.
    pub unserved: Vec<String>,

    /// Where the framework keeps what it remembers between runs, if it does.
    pub cache_dir: Option<String>,
}

/// What a worker uses of its host, together with all that it has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes of memory in use now.
    pub memory: u64,

    /// Milliseconds of processor time spent since its start, by itself, by what it has started and runs still, and by what it
    /// has waited for.
    pub cpu_ms: u64,
}

/// One of the two output streams of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stream {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// It exited with this code.
    Code(i32),

    /// This signal ended it.
    Signal(i32),

    /// It could not be started; the text says why and what to do.
    NotStarted(String),

    /// Its agent is gone and with it the knowledge of its end.
    AgentLost(String),

    /// Its host is out of reach or gone, which no test is to blame for.
    HostLost(String),

    /// Nobody knows how, or whether; the text says why.
    Unknown(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(number) => match nix::sys::signal::Signal::try_from(*number) {
                Ok(signal) => write!(f, "killed by signal {number} ({signal})"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
            Self::NotStarted(why) => write!(f, "could not be started: {why}"),
            Self::AgentLost(why) => write!(f, "lost with its agent: {why}"),
            Self::HostLost(why) => write!(f, "lost with its host: {why}"),
            Self::Unknown(why) => write!(f, "ended nobody knows how: {why}"),
        }
    }
}

/// The end of a worker process, with all that helps to say why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// How the process ended.
    pub ending: Ending,

    /// Why our side ended it, when it did: a deadline, a limit, a broken protocol, a stop.
    pub cause: Option<String>,

    /// The item it was running, by its place in the worker's own collection, and the phase.
    pub running: Option<(u32, Option<Phase>)>,

    /// The file whose tests it was making, by its place in the worker's own listing.
    pub making: Option<u32>,

    /// Whether a test deadline ended it.
    pub timed_out: bool,

    /// Whether it was ended because the run was told to end at once.
    pub on_request: bool,

    /// Whether the framework's session had come to its end before.
    pub finished: bool,

    /// The last output of the process, at most 64 KiB.
    pub tail: String,
}

impl Death {
    /// The end of a worker that never ran a test, for this cause.
    pub fn early(ending: Ending) -> Self {
        Self {
            ending,
            cause: None,
            running: None,
            making: None,
            timed_out: false,
            on_request: false,
            finished: false,
            tail: String::new(),
        }
    }

    /// Whether the worker ended as it should: its session over and exit code 0.
    pub fn is_clean(&self) -> bool {
        self.finished && self.ending == Ending::Code(0) && self.cause.is_none()
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "{cause} ({})", self.ending),
            None => write!(f, "{}", self.ending),
        }
    }
}
