//! The tests of a Rust project: cargo builds them, each binary lists its own, and workers of callsheet's run them in processes.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use super::{Care, WorkerCommand};
use crate::model::{Dist, LibtestSuite, SuiteInfo, WorkerId, WorkerInput, WorkerSpec};

mod arguments;
mod binaries;
mod cargo;
mod doctests;
mod environment;
mod error;
mod listing;
mod plan;
mod remembered;
mod selection;
mod settings;
mod toolchain;

pub use error::LibtestError;
pub use plan::{Place, Plan, Program, ProgramKind};

use cargo::Cargo;
use remembered::Remembered;
use settings::Settings;
use toolchain::Toolchain;

/// A Rust project whose tests are built and known.
#[derive(Debug)]
pub struct Libtest {
    root: PathBuf,
    plan: Plan,
    toolchain: String,
    /// How long a test may take.
    timeout: Option<f64>,
    /// Where workers tell each other what came of doctests, as long as this lives.
    doc_results: Option<TempDir>,
}

impl Libtest {
    /// Builds the test binaries and asks each for its tests.
    ///
    /// # Errors
    /// [`LibtestError`]: the project does not build, or a binary does not list its tests.
    pub async fn prepare(
        suite: &LibtestSuite,
        care: Care,
        progress: &impl Fn(String),
    ) -> Result<(Self, SuiteInfo), LibtestError> {
        arguments::check(&suite.args)?;
        let root = fs::canonicalize(&suite.root).unwrap_or_else(|_| suite.root.clone());
        let cargo = Cargo { root: root.clone(), args: suite.args.clone(), env: care.env };
        let making = async {
            if cargo.is_only_doc() {
                Ok(cargo::Built::default())
            } else {
                cargo.build(progress).await
            }
        };
        let (built, metadata) = tokio::join!(making, cargo.metadata());
        // What is wrong with a manifest is told best by the build.
        let (built, metadata) = (built?, metadata?);
        let target = metadata.target_directory.as_std_path();
        let toolchain = Toolchain::find(&cargo, target).await?;
        let (mut programs, mut places) = binaries::programs(&built, &metadata, &toolchain);
        let settings = Settings::read(&cargo, &toolchain);
        settings.apply(&cargo, &toolchain, target, &mut programs, &mut places).await;
        let limit = care.deadlines.collect;
        let known = Remembered::below(target);
        let listed = listing::list(programs, &places, suite.run_ignored, limit, &cargo.env, &known);
        let has_doc = cargo.has_doc()
            && metadata
                .packages
                .iter()
                .any(|package| package.targets.iter().any(|target| target.doctest));
        let doc = async {
            if !has_doc {
                return Ok(String::new());
            }
            match tokio::time::timeout(limit, cargo.list_doctests(progress)).await {
                Ok(Ok((stdout, _))) => Ok(stdout),
                // The user's choice of packages has none, which only cargo knows.
                Ok(Err(error)) if error.is_without_library() && !cargo.is_only_doc() => {
                    Ok(String::new())
                }
                Ok(Err(error)) => Err(error),
                Err(_elapsed) => Err(LibtestError::Hangs {
                    id: "doctests".to_owned(),
                    path: "cargo test --doc".to_owned(),
                    limit,
                }),
            }
        };
        let (listed, doc) = tokio::join!(listed, doc);
        let mut programs = listed?;
        let doc = doctests::programs(&doc?, &cargo, &metadata, &[], &mut places);
        programs.extend(doc.map_err(|name| LibtestError::Answer {
            command: "cargo test --doc -- --list".to_owned(),
            error: format!("the file of `{name}` stands in no package of the workspace"),
        })?);
        selection::select(&mut programs, &suite.names, suite.keyword.as_deref());
        let plan = Plan {
            programs,
            places,
            workspace: metadata.workspace_root.into_std_path_buf(),
            isolation: suite.isolation,
            run_ignored: suite.run_ignored,
            doc_results: None,
        };
        let has_doc = plan.programs.iter().any(|program| program.kind == ProgramKind::Doc);
        let doc_results =
            has_doc.then(|| tempfile::Builder::new().prefix("callsheet-doc-").tempdir());
        let doc_results = doc_results
            .transpose()
            .map_err(|error| LibtestError::Results { place: std::env::temp_dir(), error })?;
        let info = SuiteInfo {
            executable: Cargo::program().display().to_string(),
            chosen_by: "Cargo.toml".to_owned(),
            framework: format!("libtest, {}", toolchain.version),
        };
        let timeout = care.deadlines.test.map(|limit| limit.as_secs_f64());
        Ok((Self { root, plan, toolchain: toolchain.version, timeout, doc_results }, info))
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
    ) -> Result<WorkerCommand, LibtestError> {
        if let Some(key) = super::pytests_own(spec) {
            return Err(LibtestError::Spec(key));
        }
        let mut setup = super::setup_of(worker, &self.root, &[], input);
        setup["timeout"] = json!(self.timeout);
        let mut plan = json!(self.plan);
        if input.dist != Dist::Each.name() {
            plan["doc_results"] = json!(self.doc_results.as_ref().map(TempDir::path));
        }
        setup["native"] = json!({"framework": "libtest", "version": self.toolchain, "plan": plan});
        let env = super::variables_of(worker, spec, input);
        Ok(WorkerCommand::native(&self.root, env, &setup))
    }
}
