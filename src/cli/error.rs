//! Why a command could not do what it was asked for.

use std::io;

use callsheet::RunError;
use callsheet::agent::{AgentError, MeasureError};
use callsheet::config::ConfigError;
use callsheet::exit::ExitCode;
use callsheet::launch::SlurmError;
use thiserror::Error;

/// Why a command could not do what it was asked for.
#[derive(Debug, Error)]
pub(super) enum CliError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),

    /// A path that does not exist, whose name is a subcommand's.
    #[error("file or directory not found: {0}; the subcommand `{0}` must be the first word")]
    MisplacedSubcommand(String),

    /// The directory the user is in cannot be found out.
    #[error("failed to find the working directory")]
    WorkingDirectory(#[source] io::Error),

    /// Standard output takes no more, for another reason than that its reader left.
    #[error("failed to write to standard output")]
    Output(#[source] io::Error),

    /// Signals cannot be listened to.
    #[error("failed to listen to signals")]
    Signals(#[source] io::Error),

    /// There are no nodes to run on.
    #[error(transparent)]
    Slurm(#[from] SlurmError),

    /// The run gave no verdict.
    #[error(transparent)]
    Run(#[from] RunError),

    /// The imports could not be measured.
    #[error(transparent)]
    Measure(#[from] MeasureError),

    /// The agent could not go on.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

impl CliError {
    /// The exit code it means.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::MisplacedSubcommand(_) | Self::WorkingDirectory(_) => {
                ExitCode::Usage
            }
            Self::Run(RunError::Output(_)) | Self::Slurm(SlurmError::Options(_)) => ExitCode::Usage,
            Self::Output(_) | Self::Signals(_) | Self::Run(_) => ExitCode::Internal,
            Self::Measure(error) if error.is_usage() => ExitCode::Usage,
            Self::Measure(_) | Self::Agent(_) | Self::Slurm(_) => ExitCode::Infrastructure,
        }
    }
}
