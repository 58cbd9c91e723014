//! Why a configuration was refused.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::Origin;
use crate::model::SpecError;
use crate::select::FilterError;

/// Why a configuration was refused; always for the user to mend.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A configuration file cannot be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },

    /// A configuration file is not TOML.
    #[error("`{file}` is not valid TOML, {message}")]
    Syntax {
        /// The file's name as shown to people.
        file: String,
        /// What is wrong with its place, and the lines concerned.
        message: String,
    },

    /// A key that nobody knows.
    #[error("unknown key `{key}` in {origin}; {}", suggestion(nearest.as_deref()))]
    UnknownKey {
        /// The key's dotted path.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// The known key most like it.
        nearest: Option<String>,
    },

    /// A value that is not what its key needs.
    #[error("{origin}: `{found}` is no value for `{key}`; expected {expected}")]
    Value {
        /// The key's dotted path.
        key: String,
        /// Where it was set.
        origin: Origin,
        /// What was found, as written.
        found: String,
        /// What would be right.
        expected: &'static str,
    },

    /// A filter that does not parse.
    #[error("{origin}: {error}")]
    Filter {
        /// Where it was set.
        origin: Origin,
        /// Where it is wrong, and what was expected.
        error: FilterError,
    },

    /// An override that says nothing that can be heeded.
    #[error("override {number} in {origin}: {problem}")]
    Override {
        /// Where it stands.
        origin: Origin,
        /// Which one of those there, from 1 on.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },

    /// A profile that is nowhere defined.
    #[error("{origin}: there is no profile `{name}`; there are {known}")]
    UnknownProfile {
        /// Its name.
        name: String,
        /// Who asks for it.
        origin: Origin,
        /// All that are defined, with commas.
        known: String,
    },

    /// Profiles that inherit from one another in a circle.
    #[error("profiles inherit in a circle: {0}")]
    ProfileCycle(String),

    /// No worker is to run tests.
    #[error(
        "{0}: 0 workers cannot run tests; tests never run in the process of callsheet itself, so use `-n 1`, or `pytest` for a run without workers"
    )]
    NoWorkers(Origin),

    /// Workers of an allocation and other workers, asked for at the same place.
    #[error(
        "{slurm} asks for an allocation of Slurm, whose nodes have the workers, and {other} sets `{key}`; leave one of the two out (`--ntasks-per-node=N` among the options gives each node N workers)"
    )]
    BesideSlurm {
        /// Who asks for the allocation.
        slurm: Origin,
        /// Who asks for others.
        other: Origin,
        /// By which key.
        key: &'static str,
    },

    /// A specification of a worker is wrong.
    #[error("{error} (set by {origin})")]
    Spec {
        /// Where it was set.
        origin: Origin,
        /// What is wrong.
        error: Box<SpecError>,
    },

    /// A table `[[host]]` is wrong.
    #[error("`{key}` of a `[[host]]` in {origin}: {what}")]
    Host {
        /// The key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What is wrong and what would be right.
        what: String,
    },

    /// A variable that a host is to be given is not set.
    #[error(
        "`env:{name}` of host {host} takes its value from the environment, where `{name}` is not set; set it, or write `env:{name}=VALUE`"
    )]
    HostVariable {
        /// The variable.
        name: String,
        /// The host.
        host: String,
    },

    /// A file, directory or test id to run does not exist.
    #[error("file or directory not found: {0}")]
    PathNotFound(String),

    /// The requirements file does not exist.
    #[error("{origin}: requirements file not found: `{}`", path.display())]
    RequirementsNotFound {
        /// Where it was set.
        origin: Origin,
        /// The file.
        path: PathBuf,
    },

    /// A setting that the framework of the suite has no use for.
    #[error("{origin}: this is for pytest, and the tests here are a Rust project's; {way_out}")]
    NotForRust {
        /// Where it was set.
        origin: Origin,
        /// What to do instead.
        way_out: &'static str,
    },

    /// A setting that commands have no use for.
    #[error("{origin}: this is for pytest, and the tests here are commands; {way_out}")]
    NotForCommands {
        /// Where it was set.
        origin: Origin,
        /// What to do instead.
        way_out: &'static str,
    },

    /// A custom suite without its worker.
    #[error(
        "{0}: a custom suite needs the program that speaks the worker protocol: `--worker-command 'node worker.mjs'`, or the key `custom.worker_command`"
    )]
    NoWorkerCommand(Origin),

    /// The working directory cannot be found out or does not exist.
    #[error("failed to find the directory to run in, `{}`", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },

    /// The working directory's name can not be told to an agent.
    #[error("tests can not be run in `{}`: its name is not UTF-8; rename it, or run in another", .0.display())]
    DirectoryNotText(PathBuf),
}

fn suggestion(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("the nearest known key is `{nearest}`"),
        None => "`callsheet config show` lists the known ones".to_owned(),
    }
}
