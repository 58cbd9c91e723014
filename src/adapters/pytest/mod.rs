//! Suites that pytest runs: a worker is a real pytest session, driven by the plugin in `worker/`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{Care, WorkerCommand, setup_of_all};
use crate::model::{
    NamedPython, PytestSuite, SuiteInfo, Template, WorkerId, WorkerInput, WorkerSpec,
};

mod basetemp;
mod files;
mod idle;
mod imports;
mod interpreter;
mod provision;
#[cfg(test)]
mod script;

pub use idle::Idle;
pub use imports::{Imports, Preloadable};
pub use interpreter::{Interpreter, InterpreterError};
pub use provision::ProvisionError;

use basetemp::BaseTemp;
use idle::Warmth;
use interpreter::Surroundings;

/// The variable that decides the order of sets.
const HASH_SEED: &str = "PYTHONHASHSEED";

/// Why pytest can not run the suite.
#[derive(Debug, Error)]
pub enum PytestError {
    /// No interpreter that can.
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),

    /// No environment.
    #[error(transparent)]
    Provision(#[from] ProvisionError),

    /// The requirements leave out what is needed most.
    #[error(
        "the environment made from `{0}` can not run the suite: {1}; add the line `pytest>=7` to that file"
    )]
    Provisioned(String, InterpreterError),

    /// The project's directory.
    #[error("`{path}` is no directory to run tests in: {error}")]
    Root {
        /// Its path.
        path: String,
        /// What the system said.
        error: io::Error,
    },

    /// A place for files of callsheet's own.
    #[error(
        "failed to prepare `{path}`: {error}; TMPDIR and XDG_CACHE_HOME say where such files go"
    )]
    Place {
        /// The path.
        path: String,
        /// What the system said.
        error: io::Error,
    },

    /// `--basetemp` would empty the project.
    #[error(
        "`--basetemp {0}` holds the project or all of its parents; name an empty directory, it is emptied before a run"
    )]
    BaseTemp(String),

    /// The measurement did not do its work.
    #[error("the imports of the suite could not be measured: {0}")]
    Imports(String),

    /// The conclusion did not do its work.
    #[error("the reports of pytest's plugins could not be made: {0}")]
    Conclusion(String),
}

impl PytestError {
    /// Whether the user's words are at fault, rather than the host.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Interpreter(error) => error.is_usage(),
            Self::Provision(error) => error.is_usage(),
            Self::Provisioned(..) | Self::Root { .. } | Self::BaseTemp(_) => true,
            Self::Place { .. } | Self::Imports(_) | Self::Conclusion(_) => false,
        }
    }
}

/// A suite that pytest can run on this host.
#[derive(Debug)]
pub struct Pytest {
    suite: PytestSuite,
    interpreter: Interpreter,
    files: PathBuf,
    base_temp: BaseTemp,
    /// Where environments are kept.
    cache: PathBuf,
    hash_seed: Option<String>,
    /// When the run was prepared, in seconds since the Unix epoch.
    begun: f64,
    surroundings: Surroundings,
    warmth: Option<Warmth>,
    /// Templates that nobody has taken yet.
    idle: RefCell<Vec<Idle>>,
    /// Interpreters that specifications name, asked once each.
    others: RefCell<HashMap<String, PathBuf>>,
}

/// Where callsheet keeps files of its own.
#[derive(Debug)]
struct Places {
    cache: PathBuf,
    temp: PathBuf,
}

/// What the conclusion answers.
#[derive(Debug, Deserialize)]
struct Concluded {
    text: String,
    failure: Option<String>,
}

impl Pytest {
    /// Finds the interpreter, or makes its environment, and a place for the run's temporary directories.
    ///
    /// # Errors
    /// [`PytestError`]
    pub async fn prepare(
        suite: &PytestSuite,
        care: Care,
        progress: &impl Fn(String),
    ) -> Result<(Self, SuiteInfo), PytestError> {
        let places = Places {
            cache: cache_home().join("callsheet"),
            temp: env::var_os("PYTEST_DEBUG_TEMPROOT").map_or_else(env::temp_dir, PathBuf::from),
        };
        let surroundings = Surroundings::of_process(care.patience);
        Self::prepare_in(suite, surroundings, care.env, &places, progress).await
    }

    async fn prepare_in(
        suite: &PytestSuite,
        surroundings: Surroundings,
        mut env: Vec<(OsString, Option<OsString>)>,
        places: &Places,
        progress: &impl Fn(String),
    ) -> Result<(Self, SuiteInfo), PytestError> {
        let root = &suite.root;
        let root = fs::canonicalize(root)
            .map_err(|error| PytestError::Root { path: root.display().to_string(), error })?;
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        // Sets and dictionaries must have one order in all workers, else they may collect differently.
        let hash_seed = env::var_os(HASH_SEED)
            .is_none()
            .then(|| (uuid::Uuid::new_v4().as_u128() % (1 << 32)).to_string());
        env.extend(hash_seed.iter().map(|seed| (HASH_SEED.into(), Some(seed.into()))));
        let cached = files::install(&places.cache);
        let warmth = match &cached {
            Ok(files) if suite.template != Template::Off && idle::IS_POSSIBLE => {
                Some(Warmth { files: files.clone(), env, preload: suite.preload.clone() })
            }
            Ok(_) | Err(_) => None,
        };
        let (interpreter, idle) =
            choose(suite, &root, &places.cache, &surroundings, warmth.as_ref(), progress).await?;
        let base_temp = base_temp(suite.basetemp.as_deref(), &root, &places.temp)?;
        // Without a cache the files live as long as the run's temporary directory.
        let files = cached.or_else(|_| files::install(base_temp.path())).map_err(|error| {
            PytestError::Place { path: base_temp.path().display().to_string(), error }
        })?;
        let info = SuiteInfo {
            executable: interpreter.path.display().to_string(),
            chosen_by: interpreter.chosen_by.clone(),
            framework: format!(
                "pytest {}, Python {}",
                interpreter.pytest.as_deref().unwrap_or("unknown"),
                interpreter.python
            ),
        };
        let named = suite.python.as_ref().map(|python| python.name.clone());
        let others = named.map(|name| (name, interpreter.path.clone())).into_iter().collect();
        let others = RefCell::new(others);
        let idle = RefCell::new(idle.into_iter().collect());
        let suite = PytestSuite { root, ..suite.clone() };
        let pytest = Self {
            suite,
            interpreter,
            files,
            base_temp,
            cache: places.cache.clone(),
            hash_seed,
            begun,
            surroundings,
            warmth,
            idle,
            others,
        };
        Ok((pytest, info))
    }

    /// How the worker is started. A directory that its specification names is made if it is missing, as xdist does.
    ///
    /// # Errors
    /// The specification names an interpreter or a directory that can not be used.
    pub async fn command(
        &self,
        worker: WorkerId,
        spec: &WorkerSpec,
        input: &WorkerInput,
    ) -> Result<WorkerCommand, PytestError> {
        let program = match &spec.python {
            Some(name) => self.other(name).await?,
            None => self.interpreter.path.clone(),
        };
        let mut cwd = self.suite.root.clone();
        if let Some(chdir) = &spec.chdir {
            cwd.push(chdir);
            fs::create_dir_all(&cwd)
                .map_err(|error| PytestError::Root { path: cwd.display().to_string(), error })?;
        }
        let mut env: Vec<(OsString, OsString)> = vec![
            ("PYTEST_XDIST_WORKER_COUNT".into(), input.worker_count.to_string().into()),
            ("PYTEST_XDIST_TESTRUNUID".into(), (&input.run_id).into()),
        ];
        env.extend(self.hash_seed.iter().map(|seed| (HASH_SEED.into(), seed.into())));
        env.extend(spec.env.iter().map(|(name, value)| (name.into(), value.into())));
        let mut setup = setup_of_all(&self.suite.root, &self.suite.args, input);
        setup["basetemp"] = json!(self.base_temp.path());
        setup["several_hosts"] = input.several_hosts.into();
        setup["begun"] = self.begun.into();
        let common = WorkerCommand {
            program,
            native: false,
            longest_test: None,
            args: files::arguments(&self.files, "main").into(),
            env: env.clone(),
            cwd,
            setup: setup.to_string(),
            alone: self.alone(spec),
            common: None,
        };
        setup["worker"] = worker.to_string().into();
        env.push(("PYTEST_XDIST_WORKER".into(), worker.to_string().into()));
        Ok(WorkerCommand {
            env,
            setup: setup.to_string(),
            common: (self.suite.template == Template::Collected).then(|| Box::new(common.clone())),
            ..common
        })
    }

    /// Why a worker of this specification can not be forked from a template.
    fn alone(&self, spec: &WorkerSpec) -> Option<String> {
        if self.warmth.is_none() && self.suite.template != Template::Off {
            let why = if idle::IS_POSSIBLE {
                "the cache can not be written"
            } else {
                "it can be forked on Linux only"
            };
            return Some(why.to_owned());
        }
        if let Some((name, _)) = spec.env.iter().find(|(name, _)| acts_at_start(name)) {
            return Some(format!("`{name}` acts at the start of an interpreter"));
        }
        if let (Some((name, _)), [module, ..]) = (spec.env.first(), &self.suite.preload[..]) {
            return Some(format!("`{module}`, which is preloaded, may look at `{name}`"));
        }
        // Its relative entries are meant from the directory in which an interpreter starts.
        (spec.chdir.is_some() && env::var_os("PYTHONPATH").is_some())
            .then(|| "PYTHONPATH is set and it works in a directory of its own".to_owned())
    }

    /// A template that has been started since this was last asked.
    pub(super) fn take_idle(&self) -> Option<Idle> {
        self.idle.borrow_mut().pop()
    }

    /// Combines and reports what the workers' plugins left: the text, and the sentence that fails the run if there is one.
    ///
    /// # Errors
    /// It could not be run, or did not answer.
    pub async fn conclude(
        &self,
        requests: &[String],
        input: &WorkerInput,
    ) -> Result<(String, Option<String>), PytestError> {
        let wrong = |why: String| PytestError::Conclusion(why);
        let mut child = Command::new(&self.interpreter.path)
            .args(files::arguments(&self.files, "conclude"))
            .current_dir(&self.suite.root)
            .env("COLUMNS", input.columns.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| wrong(error.to_string()))?;
        let stdin = child.stdin.take();
        let question = format!("[{}]", requests.join(","));
        let ask = async move {
            if let Some(mut stdin) = stdin {
                // One that does not listen says why on stderr.
                let _deaf = stdin.write_all(question.as_bytes()).await;
            }
        };
        let ((), output) = tokio::join!(ask, child.wait_with_output());
        let output = output.map_err(|error| wrong(error.to_string()))?;
        if let Ok(Concluded { text, failure }) = serde_json::from_slice(&output.stdout) {
            return Ok((text, failure));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
        Err(wrong(last.map_or_else(|| output.status.to_string(), str::to_owned)))
    }

    /// The interpreter that a specification names.
    async fn other(&self, name: &str) -> Result<PathBuf, PytestError> {
        if let Some(known) = self.others.borrow().get(name) {
            return Ok(known.clone());
        }
        let python = NamedPython { name: name.to_owned(), named_by: "python= of --tx".to_owned() };
        let suite = PytestSuite { python: Some(python), ..self.suite.clone() };
        let (root, warmth) = (&self.suite.root, self.warmth.as_ref());
        let silent = |_step: String| {};
        let (found, idle) =
            choose(&suite, root, &self.cache, &self.surroundings, warmth, &silent).await?;
        let path = found.path;
        self.idle.borrow_mut().extend(idle);
        self.others.borrow_mut().insert(name.to_owned(), path.clone());
        Ok(path)
    }
}

async fn choose(
    suite: &PytestSuite,
    root: &Path,
    cache: &Path,
    surroundings: &Surroundings,
    warmth: Option<&Warmth>,
    progress: &impl Fn(String),
) -> Result<(Interpreter, Option<Idle>), PytestError> {
    let asked =
        suite.python.as_ref().map(|python| (python.name.as_str(), python.named_by.as_str()));
    let first = warmth.filter(|_| suite.provision.is_none());
    let (found, idle) = interpreter::find(asked, root, surroundings, first).await?;
    let Some(requirements) = &suite.provision else {
        return Ok((interpreter::with_pytest(found)?, idle));
    };
    let python =
        provision::environment(&found, requirements, root, cache, surroundings, progress).await?;
    let shown = requirements.display().to_string();
    let made =
        Surroundings { virtual_env: None, path: OsString::new(), patience: surroundings.patience };
    let name = python.display().to_string();
    let by = format!("made from {shown}");
    let (made, idle) = interpreter::find(Some((&name, &by)), root, &made, warmth).await?;
    match interpreter::with_pytest(made) {
        Ok(made) => Ok((made, idle)),
        Err(error) => Err(PytestError::Provisioned(shown, error)),
    }
}

/// Whether a variable is looked at when an interpreter or the C library starts, and later no more.
fn acts_at_start(name: &str) -> bool {
    const PREFIXES: [&str; 7] = ["PYTHON", "LD_", "MALLOC_", "GLIBC_", "LC_", "COVERAGE_", "COV_"];
    ["LANG", "LANGUAGE", "TZ"].contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn base_temp(asked: Option<&Path>, root: &Path, temp: &Path) -> Result<BaseTemp, PytestError> {
    let (path, made) = match asked {
        Some(path) => {
            let path = root.join(path);
            let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            if root.starts_with(&real) {
                return Err(PytestError::BaseTemp(path.display().to_string()));
            }
            let made = BaseTemp::given(&path);
            (path, made)
        }
        None => (temp.to_owned(), BaseTemp::numbered(temp, &user())),
    };
    made.map_err(|error| PytestError::Place { path: path.display().to_string(), error })
}

/// Where caches of this user are kept.
fn cache_home() -> PathBuf {
    let named = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    named("XDG_CACHE_HOME")
        .or_else(|| Some(named("HOME")?.join(".cache")))
        .unwrap_or_else(|| env::temp_dir().join(format!("callsheet-of-{}", user())))
}

/// This user's name, by the rule of Python's `getpass`.
fn user() -> String {
    ["LOGNAME", "USER", "LNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
        .or_else(|| Some(nix::unistd::User::from_uid(nix::unistd::getuid()).ok()??.name))
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests;
