//! Suites of commands: a manifest names them, and workers of callsheet's own run each in a process.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::{Care, WorkerCommand};
use crate::model::{CommandSuite, SuiteInfo, WorkerId, WorkerInput, WorkerSpec};

mod error;
mod files;
mod manifest;
mod plan;
#[cfg(test)]
mod tests;
mod untold;
mod value;

pub use error::CommandError;
pub use plan::{CommandTest, Plan};

use manifest::Manifest;

/// A suite of commands that are known.
#[derive(Debug)]
pub struct Commands {
    root: PathBuf,
    plan: Plan,
    /// How long a command may take that says nothing of it.
    timeout: Option<f64>,
}

impl Commands {
    /// Reads the manifest, or finds the executables.
    ///
    /// # Errors
    /// [`CommandError`]: what is wrong with it, and in which line.
    pub fn prepare(suite: &CommandSuite, care: &Care) -> Result<(Self, SuiteInfo), CommandError> {
        let root = fs::canonicalize(&suite.root).unwrap_or_else(|_| suite.root.clone());
        let suite = CommandSuite { root: root.clone(), ..suite.clone() };
        let mut tests = tests(&suite)?;
        let all = tests.len();
        tests.retain(|test| is_chosen(&suite, &test.id));
        let deselected = u32::try_from(all - tests.len()).unwrap_or(u32::MAX);
        let info = SuiteInfo {
            executable: suite.manifest.clone(),
            chosen_by: suite.named_by.clone(),
            framework: "commands".to_owned(),
        };
        let timeout = care.deadlines.test.map(|limit| limit.as_secs_f64());
        Ok((Self { root, plan: Plan { tests, deselected }, timeout }, info))
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
    ) -> Result<WorkerCommand, CommandError> {
        if let Some(key) = super::pytests_own(spec) {
            return Err(CommandError::Spec(key));
        }
        let mut setup = super::setup_of(worker, &self.root, &[], input);
        setup["timeout"] = json!(self.timeout);
        setup["native"] = json!({"framework": "command", "plan": self.plan});
        let env = super::variables_of(worker, spec, input);
        Ok(WorkerCommand {
            longest_test: self.longest(),
            ..WorkerCommand::native(&self.root, env, &setup)
        })
    }

    /// The longest that any command may take by its own word.
    fn longest(&self) -> Option<Duration> {
        self.plan.tests.iter().filter_map(|test| test.timeout).max().map(Duration::from_millis)
    }
}

/// All tests of the suite.
fn tests(suite: &CommandSuite) -> Result<Vec<CommandTest>, CommandError> {
    let path = suite.root.join(&suite.manifest);
    if !path.exists() && suite.manifest.contains(['*', '?', '[']) {
        return files::of_pattern(suite);
    }
    let is_toml = path.extension().is_some_and(|extension| extension == "toml");
    if !is_toml && files::is_executable(&path) {
        return Ok(vec![files::of_executable(&path, &suite.root)?]);
    }
    let text = fs::read_to_string(&path).map_err(|error| CommandError::Read {
        path: suite.manifest.clone(),
        named_by: suite.named_by.clone(),
        error,
    })?;
    let directory = path.parent().unwrap_or(&suite.root);
    // Without `..`, so that it is shown as people write it.
    let directory = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    let name = shown(&path, &suite.root);
    if is_toml {
        Manifest { name: &name, text: &text, directory: &directory }.tests()
    } else {
        Ok(files::of_lines(&name, &text, &directory))
    }
}

fn is_chosen(suite: &CommandSuite, id: &str) -> bool {
    (suite.names.is_empty() || suite.names.iter().any(|name| id.contains(name.as_str())))
        && suite.keyword.as_ref().is_none_or(|keyword| id.contains(keyword.as_str()))
}

fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
