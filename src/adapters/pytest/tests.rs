//! What the adapter gives the agent, with interpreters that are shell scripts.

use std::time::Duration;

use serde_json::Value;

use super::*;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.python(".venv/bin/python", r"printf 'callsheet-probe\t3.12.0\t8.4.2\n'");
        place
    }

    fn root(&self) -> PathBuf {
        fs::canonicalize(self.0.path()).unwrap()
    }

    fn python(&self, name: &str, script: &str) {
        super::script::write(&self.0.path().join(name), script);
    }

    fn suite(&self) -> PytestSuite {
        PytestSuite {
            root: self.root(),
            args: vec!["-k".into(), "not slow".into()],
            ..PytestSuite::default()
        }
    }

    async fn prepare(&self, suite: &PytestSuite) -> Result<(Pytest, SuiteInfo), PytestError> {
        let places = Places { cache: self.root().join("cache"), temp: self.root() };
        Pytest::prepare_in(suite, surroundings(), Vec::new(), &places, &|_| {}).await
    }
}

fn surroundings() -> Surroundings {
    Surroundings { virtual_env: None, path: OsString::new(), patience: Duration::from_secs(60) }
}

fn input() -> WorkerInput {
    WorkerInput {
        stream: false,
        lazy_import: false,
        run_id: "run-1".into(),
        worker_count: 4,
        dist: "load".into(),
        argv: vec!["callsheet".into()],
        color: false,
        columns: 100,
        verbosity: 1,
        live_output: false,
        collect_only: false,
        halt_on_failure: true,
        several_hosts: false,
        seed: 7,
    }
}

fn variable(command: &WorkerCommand, name: &str) -> Option<String> {
    let (_, value) = command.env.iter().rev().find(|(known, _)| known == name)?;
    value.clone().into_string().ok()
}

#[tokio::test]
async fn the_command_tells_all_that_a_worker_needs() {
    let place = Place::new();
    let (pytest, info) = place.prepare(&place.suite()).await.unwrap();
    assert_eq!(info.framework, "pytest 8.4.2, Python 3.12.0");
    assert_eq!(info.chosen_by, ".venv");

    let spec: WorkerSpec = "popen//chdir=deep/down//env:A=1".parse().unwrap();
    let command = pytest.command(WorkerId(3), &spec, &input()).await.unwrap();
    assert_eq!(command.program, place.root().join(".venv/bin/python"));
    assert_eq!(command.cwd, place.root().join("deep/down"));
    assert!(command.cwd.is_dir());
    assert_eq!(variable(&command, "PYTEST_XDIST_WORKER").as_deref(), Some("gw3"));
    assert_eq!(variable(&command, "PYTEST_XDIST_WORKER_COUNT").as_deref(), Some("4"));
    assert_eq!(variable(&command, "PYTEST_XDIST_TESTRUNUID").as_deref(), Some("run-1"));
    assert_eq!(variable(&command, "A").as_deref(), Some("1"));

    let setup: Value = serde_json::from_str(&command.setup).unwrap();
    assert_eq!(setup["worker"], "gw3");
    assert_eq!(setup["args"], json!(["-k", "not slow"]));
    assert_eq!(setup["halt_on_failure"], true);
    assert_eq!(setup["seed"], 7);
    let base = PathBuf::from(setup["basetemp"].as_str().unwrap());
    assert!(base.is_dir() && base.ends_with("pytest-0"));
}

#[tokio::test]
async fn all_workers_share_one_hash_seed_and_one_base_directory() {
    let place = Place::new();
    let (pytest, _) = place.prepare(&place.suite()).await.unwrap();
    let mut shared = Vec::new();
    for worker in 0..2 {
        let command =
            pytest.command(WorkerId(worker), &WorkerSpec::default(), &input()).await.unwrap();
        let setup: Value = serde_json::from_str(&command.setup).unwrap();
        shared.push((variable(&command, "PYTHONHASHSEED"), setup["basetemp"].clone()));
    }
    assert_eq!(shared[0], shared[1]);
    let spec: WorkerSpec = "popen//env:PYTHONHASHSEED=0".parse().unwrap();
    let command = pytest.command(WorkerId(2), &spec, &input()).await.unwrap();
    assert_eq!(variable(&command, "PYTHONHASHSEED").as_deref(), Some("0"));
}

#[tokio::test]
async fn an_interpreter_of_a_specification_is_held_to_the_same_rules() {
    let place = Place::new();
    let (pytest, _) = place.prepare(&place.suite()).await.unwrap();
    place.python("other/python", r"printf 'callsheet-probe\t3.12.0\t\n'");
    let spec: WorkerSpec = "popen//python=other/python".parse().unwrap();
    let error = pytest.command(WorkerId(0), &spec, &input()).await.unwrap_err();
    assert!(error.to_string().contains("other/python` (python= of --tx) has no pytest"), "{error}");
}

#[tokio::test]
async fn a_base_directory_that_holds_the_project_is_refused() {
    let place = Place::new();
    for path in [".", ".."] {
        let suite = PytestSuite { basetemp: Some(path.into()), ..place.suite() };
        let error = place.prepare(&suite).await.unwrap_err();
        assert!(matches!(error, PytestError::BaseTemp(_)) && error.is_usage());
    }
    assert!(place.root().join(".venv").exists());
}

#[tokio::test]
async fn the_conclusion_hands_over_the_requests_and_hears_the_answer() {
    let place = Place::new();
    let script = r#"[ "$4" = conclude ] || { printf 'callsheet-probe\t3.12.0\t8.4.2\n'; exit; }
cat > asked; echo "$4 $COLUMNS" >> asked
[ -e broken ] && { echo "no module named that" >&2; exit 1; }
echo '{"text": "all of it", "failure": "too little"}'"#;
    place.python(".venv/bin/python", script);
    let (pytest, _) = place.prepare(&place.suite()).await.unwrap();
    let requests = [r#"{"a":1}"#.to_owned(), r#"{"a":2}"#.to_owned()];
    let (text, failure) = pytest.conclude(&requests, &input()).await.unwrap();
    assert_eq!((text.as_str(), failure.as_deref()), ("all of it", Some("too little")));
    assert_eq!(
        fs::read_to_string(place.root().join("asked")).unwrap(),
        "[{\"a\":1},{\"a\":2}]conclude 100\n"
    );

    fs::write(place.root().join("broken"), "").unwrap();
    let error = pytest.conclude(&requests, &input()).await.unwrap_err();
    assert!(error.to_string().ends_with("no module named that"), "{error}");
}

#[tokio::test]
async fn a_root_that_is_not_there_is_named() {
    let place = Place::new();
    let suite = PytestSuite { root: place.root().join("nowhere"), ..place.suite() };
    let error = place.prepare(&suite).await.unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("nowhere"), "{error}");
}
