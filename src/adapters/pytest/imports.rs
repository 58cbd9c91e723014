//! What a template could import once for all workers (`worker/imports.py` measures it).

use std::process::Stdio;

use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{Pytest, PytestError, files};
use crate::adapters::group::Group;
use crate::launch::tie_to_parent;

/// What the imports of one collection took.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Imports {
    /// pytest's exit code.
    pub exit_code: i32,

    /// Seconds of all imports beyond those of pytest itself.
    pub seconds: f64,

    /// The modules of third parties, the costliest first.
    pub modules: Vec<Preloadable>,
}

/// Modules of one third-party package that a template could import.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Preloadable {
    /// Their names; what they import themselves is not named.
    pub names: Vec<String>,

    /// Seconds that a template took to import them.
    pub seconds: f64,

    /// Why no worker could be forked then.
    pub refused: Option<String>,
}

/// What the measurement answers in place of [`Imports`].
#[derive(Debug, Deserialize)]
struct Failed {
    failure: String,
}

impl Pytest {
    /// Collects the suite once and measures what it imports.
    ///
    /// # Errors
    /// It could not be run, or did not answer.
    pub async fn imports(&self) -> Result<Imports, PytestError> {
        let wrong = |why: String| PytestError::Imports(why);
        let mut command = Command::new(&self.interpreter.path);
        command
            .args(files::arguments(&self.files, "imports"))
            .current_dir(&self.suite.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        tie_to_parent(&mut command, []);
        let mut child = command.spawn().map_err(|error| wrong(error.to_string()))?;
        // It has an interpreter of its own for each step.
        let group = Group::of(&child);
        let stdin = child.stdin.take();
        let question =
            json!({ "bootstrap": files::BOOTSTRAP, "args": self.suite.args }).to_string();
        let ask = async move {
            if let Some(mut stdin) = stdin {
                // One that does not listen says why on stderr.
                let _deaf = stdin.write_all(question.as_bytes()).await;
            }
        };
        let ((), output) = tokio::join!(ask, child.wait_with_output());
        group.is_over();
        let output = output.map_err(|error| wrong(error.to_string()))?;
        if let Ok(imports) = serde_json::from_slice(&output.stdout) {
            return Ok(imports);
        }
        if let Ok(Failed { failure }) = serde_json::from_slice(&output.stdout) {
            return Err(wrong(failure));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
        Err(wrong(last.map_or_else(|| output.status.to_string(), str::to_owned)))
    }
}
