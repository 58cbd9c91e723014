//! The tests of a Rust project: cargo builds them, each binary lists its own, and workers of callsheet's run them in processes.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::{Care, WorkerCommand};
use crate::model::{LibtestSuite, SuiteInfo, WorkerId, WorkerInput, WorkerSpec};

mod binaries;
mod cargo;
mod doctests;
mod environment;
mod error;
mod group;
mod listing;
mod plan;
mod selection;
mod toolchain;

pub use error::LibtestError;
pub use plan::{Place, Plan, Program, ProgramKind};

use cargo::Cargo;
use toolchain::Toolchain;

/// A Rust project whose tests are built and known.
#[derive(Debug)]
pub struct Libtest {
    root: PathBuf,
    plan: Plan,
    toolchain: String,
    /// How long a test may take.
    timeout: Option<f64>,
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
        let (programs, mut places) = binaries::programs(&built, &metadata, &toolchain);
        let limit = care.deadlines.collect;
        let listed = listing::list(programs, &places, suite.run_ignored, limit, &cargo.env);
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
                Ok(listed) => listed.map(|(stdout, _)| stdout),
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
        let plan =
            Plan { programs, places, isolation: suite.isolation, run_ignored: suite.run_ignored };
        let info = SuiteInfo {
            executable: Cargo::program().display().to_string(),
            chosen_by: "Cargo.toml".to_owned(),
            framework: format!("libtest, {}", toolchain.version),
        };
        let timeout = care.deadlines.test.map(|limit| limit.as_secs_f64());
        Ok((Self { root, plan, toolchain: toolchain.version, timeout }, info))
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
        if spec.python.is_some() {
            return Err(LibtestError::Spec("python="));
        }
        if spec.chdir.is_some() {
            return Err(LibtestError::Spec("chdir="));
        }
        let mut env: Vec<(OsString, OsString)> = vec![
            ("CALLSHEET_WORKER".into(), worker.to_string().into()),
            ("CALLSHEET_WORKER_COUNT".into(), input.worker_count.to_string().into()),
        ];
        env.extend(spec.env.iter().map(|(name, value)| (name.into(), value.into())));
        let setup = json!({
            "protocol": 1,
            "worker": worker.to_string(),
            "worker_count": input.worker_count,
            "run_id": input.run_id,
            "dist": input.dist,
            "argv": input.argv,
            "args": [],
            "root": self.root,
            "basetemp": null,
            "color": input.color,
            "columns": input.columns,
            "verbosity": input.verbosity,
            "live_output": input.live_output,
            "stream": input.stream,
            "lazy_import": input.lazy_import,
            "collect_only": input.collect_only,
            "halt_on_failure": input.halt_on_failure,
            "seed": input.seed,
            "timeout": self.timeout,
            "native": {"framework": "libtest", "version": self.toolchain, "plan": self.plan},
        });
        Ok(WorkerCommand {
            program: "callsheet".into(),
            native: true,
            longest_test: None,
            args: Vec::new(),
            env,
            cwd: self.root.clone(),
            setup: setup.to_string(),
            alone: None,
            common: None,
        })
    }
}
