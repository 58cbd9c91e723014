//! tmp
use std::{ffi::OsString, path::PathBuf};
use crate::model::*;
/// tmp
#[derive(Debug)]
pub struct WorkerCommand { pub program: PathBuf, pub args: Vec<OsString>, pub env: Vec<(OsString, OsString)>, pub cwd: PathBuf, pub setup: String }
/// tmp
#[derive(Debug)]
pub struct Adapter { suite: PytestSuite, dir: PathBuf }
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct AdapterError;
impl AdapterError { pub fn is_usage(&self) -> bool { true } }
impl Adapter {
    pub async fn prepare(suite: &Suite, _p: impl Fn(String)) -> Result<(Self, SuiteInfo), AdapterError> {
        let Suite::Pytest(s) = suite;
        let dir = PathBuf::from("/work/main/src/adapters/pytest/worker");
        Ok((Self { suite: s.clone(), dir }, SuiteInfo::default()))
    }
    pub async fn command(&self, worker: WorkerId, spec: &WorkerSpec, input: &WorkerInput) -> Result<WorkerCommand, AdapterError> {
        let s = &self.suite;
        let setup = serde_json::json!({"protocol":1,"worker":worker.to_string(),"worker_count":input.worker_count,"run_id":input.run_id,"dist":input.dist,"argv":input.argv,"args":s.args,"root":s.root,"basetemp":s.basetemp,"color":input.color,"columns":input.columns,"verbosity":input.verbosity,"live_output":input.live_output,"collect_only":input.collect_only,"halt_on_failure":input.halt_on_failure,"seed":input.seed}).to_string();
        Ok(WorkerCommand { program: spec.python.clone().or(s.python.clone()).unwrap_or("python3".into()).into(), args: vec!["-c".into(), include_str!("pytest/worker/bootstrap.py").into(), self.dir.clone().into()],
          env: vec![("PYTEST_XDIST_WORKER".into(), worker.to_string().into()), ("PYTEST_XDIST_WORKER_COUNT".into(), input.worker_count.to_string().into()), ("PYTEST_XDIST_TESTRUNUID".into(), input.run_id.clone().into())], cwd: s.root.clone(), setup })
    }
    pub async fn conclude(&self, _r: &[String], _i: &WorkerInput) -> Result<(String, Option<String>), AdapterError> { Ok((String::new(), None)) }
}
