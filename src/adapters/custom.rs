//! Suites that a program of the user's own runs: it speaks the worker protocol, and nothing else is known of it.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use thiserror::Error;

use super::WorkerCommand;
use crate::model::{CustomSuite, SuiteInfo, WorkerId, WorkerInput, WorkerSpec};

/// Why a suite of a custom worker can not be run.
#[derive(Debug, Error)]
pub enum CustomError {
    /// No command.
    #[error(
        "`--suite custom` needs the worker that speaks the worker protocol: `--worker-command 'node worker.mjs'`, or the key `custom.worker_command`"
    )]
    NoCommand,

    /// A worker's specification asks for what there is not.
    #[error(
        "`{0}` of a worker's specification is for pytest; `--worker-command` says what a custom worker is"
    )]
    Spec(&'static str),
}

/// A worker of the user's own.
#[derive(Debug)]
pub struct Custom {
    suite: CustomSuite,
}

impl Custom {
    /// Takes the suite as it is: what its worker is shows when it is started.
    ///
    /// # Errors
    /// There is no command.
    pub fn prepare(suite: &CustomSuite) -> Result<(Self, SuiteInfo), CustomError> {
        let Some(program) = suite.command.first() else { return Err(CustomError::NoCommand) };
        let info = SuiteInfo {
            executable: program.clone(),
            chosen_by: "--worker-command".to_owned(),
            framework: suite.command.join(" "),
        };
        let root = fs::canonicalize(&suite.root).unwrap_or_else(|_| suite.root.clone());
        Ok((Self { suite: CustomSuite { root, ..suite.clone() } }, info))
    }

    /// How the worker is started.
    ///
    /// # Errors
    /// The specification asks for what is pytest's.
    pub fn command(
        &self,
        worker: WorkerId,
        spec: &WorkerSpec,
        input: &WorkerInput,
    ) -> Result<WorkerCommand, CustomError> {
        if spec.python.is_some() {
            return Err(CustomError::Spec("python="));
        }
        let mut cwd = self.suite.root.clone();
        cwd.extend(&spec.chdir);
        let [program, args @ ..] = &self.suite.command[..] else {
            return Err(CustomError::NoCommand);
        };
        Ok(WorkerCommand {
            program: PathBuf::from(program),
            native: false,
            longest_test: None,
            args: args.iter().map(OsString::from).collect(),
            env: super::variables_of(worker, spec, input),
            cwd,
            setup: super::setup_of(worker, &self.suite.root, &self.suite.args, input).to_string(),
            alone: None,
            common: None,
        })
    }
}
