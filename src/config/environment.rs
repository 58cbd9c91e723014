//! What the configuration needs to know of the process and its machine, as one value.

use std::collections::HashMap;
use std::num::NonZeroUsize;

/// A snapshot of the process: its variables, its CPUs, its standard output.
///
/// The default knows no variable, one CPU and no terminal.
#[derive(Debug, Clone)]
pub struct Environment {
    variables: HashMap<String, String>,

    /// CPUs that this process may use.
    pub cpus: NonZeroUsize,

    /// What standard output is.
    pub output: Output,
}

/// What standard output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Output {
    /// Whether it is a terminal.
    pub terminal: bool,

    /// Whether colour is wanted there when nobody says otherwise.
    pub color: bool,

    /// The terminal's width in columns, where it is known.
    pub columns: Option<u16>,
}

impl Environment {
    /// The process as it is now, with an output that is no terminal.
    ///
    /// CPUs are those that affinity and the cgroup's quota leave to the process. A variable that is not Unicode is kept with
    /// its broken parts replaced, so that an error can show it.
    pub fn capture() -> Self {
        Self {
            variables: std::env::vars_os()
                .map(|(name, value)| {
                    (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
                })
                .collect(),
            cpus: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            output: Output::default(),
        }
    }

    /// The same with this variable set.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The names of all variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self { variables: HashMap::new(), cpus: NonZeroUsize::MIN, output: Output::default() }
    }
}
