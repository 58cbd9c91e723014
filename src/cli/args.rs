//! The arguments, and what they mean as overrides of the configuration.

use std::path::PathBuf;

use callsheet::config::{Key, Origin, Overrides};
use callsheet::model::Dist;
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  callsheet                              run the project's tests on all CPUs
  callsheet -n 4 tests/unit -k 'not slow'
  callsheet --dist loadfile -x
  callsheet -P ci                        with the profile `ci`
  callsheet -n 4 -- --durations=3 -p no:randomly
                                         everything after `--` goes to pytest
  callsheet list tests/unit              show what would be run
  callsheet config show                  show every setting and where it comes from

Exit codes:
  0  all tests passed                    4  wrong command line or configuration
  1  tests failed                        5  no tests were collected
  2  interrupted, or not collected       7  workers or hosts failed, results incomplete
  3  internal error";

/// Run a test suite on many supervised worker processes
///
/// `callsheet` alone is `callsheet run`. A file that is called like a subcommand is written with its directory: `./list`.
#[derive(Debug, Parser)]
#[command(name = "callsheet", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,

    #[command(flatten)]
    pub(super) run: RunArguments,
}

/// What to do, when it is not to run tests.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run tests (what `callsheet` does without a subcommand)
    #[command(after_help = EXAMPLES)]
    Run(RunArguments),

    /// Print the ids of the tests that would be run, one a line
    List(ListArguments),

    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),

    /// Print a completion script for a shell
    Completions {
        /// The shell to complete in
        shell: Shell,
    },

    /// Serve as the agent of this machine on standard input and output (started by callsheet itself)
    #[command(hide = true)]
    Agent,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every setting with where it comes from, as a file that could be kept
    Show(RunArguments),
}

/// What a run is asked for.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    selection: SelectionArguments,

    #[command(flatten)]
    distribution: DistributionArguments,

    #[command(flatten)]
    supervision: SupervisionArguments,

    #[command(flatten)]
    output: OutputArguments,

    #[command(flatten)]
    project: ProjectArguments,
}

/// What a list is asked for.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    selection: SelectionArguments,

    #[command(flatten)]
    project: ProjectArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Tests")]
struct SelectionArguments {
    /// Files, directories and test ids to run
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    paths: Vec<String>,

    /// Only tests whose names match, as pytest's `-k`: `'login and not slow'`
    #[arg(short = 'k', value_name = "EXPRESSION", allow_hyphen_values = true)]
    keyword: Option<String>,

    /// Only tests whose marks match, as pytest's `-m`
    #[arg(short = 'm', value_name = "EXPRESSION", allow_hyphen_values = true)]
    mark: Option<String>,

    /// The Python interpreter, by name or path [default: `VIRTUAL_ENV`, `.venv`, then `python3`]
    #[arg(long, value_name = "PYTHON", value_hint = ValueHint::CommandName)]
    python: Option<String>,

    /// Make (or find in the cache) a virtual environment from a requirements file, and use it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    provision: Option<String>,

    /// Options for pytest
    #[arg(last = true, value_name = "PYTEST OPTION")]
    pytest: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Distribution")]
struct DistributionArguments {
    /// How many workers: a number, `auto` or `logical` (the CPUs there are to use) [default: auto]
    #[arg(
        short = 'n',
        long,
        alias = "numprocesses",
        value_name = "N",
        allow_negative_numbers = true
    )]
    workers: Option<String>,

    /// The most workers that `auto` or a number may give
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    maxprocesses: Option<String>,

    /// How tests are distributed [default: load]
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(Dist::ALL.map(Dist::name)))]
    dist: Option<String>,

    /// Add workers by specification: `2*popen//python=python3.12//chdir=DIR//env:NAME=VALUE`
    #[arg(long, value_name = "SPEC")]
    tx: Vec<String>,

    /// The most tests sent to a worker in one step under `load`
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    maxschedchunk: Option<String>,

    /// Under `loadscope`, `loadfile` and `loadgroup`, send scopes with many tests first [default]
    #[arg(long, overrides_with = "no_loadscope_reorder")]
    loadscope_reorder: bool,

    /// Send scopes in the order of collection
    #[arg(long, overrides_with = "loadscope_reorder")]
    no_loadscope_reorder: bool,

    /// The run's id, which tests see as `testrun_uid` [default: a new one]
    #[arg(long, value_name = "ID")]
    testrunuid: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Stopping and restarting")]
struct SupervisionArguments {
    /// Stop after the first failure
    #[arg(short = 'x', long = "exitfirst", overrides_with_all = ["exitfirst", "maxfail"])]
    exitfirst: bool,

    /// Stop after this many failures; 0 for never
    #[arg(long, value_name = "N", overrides_with_all = ["exitfirst", "maxfail"], allow_negative_numbers = true)]
    maxfail: Option<String>,

    /// The longest a test may take, such as `30s` or `5m` (a number alone is seconds) [default: none]
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true)]
    timeout: Option<String>,

    /// How many crashed workers are replaced [default: 4 for each worker]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_worker_restart: Option<String>,

    /// How many crashed workers are replaced within any restart window
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_restarts: Option<String>,

    /// The length of that window [default: 1m]
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true)]
    restart_window: Option<String>,

    /// The most memory a worker may use before it is killed, such as `512MiB`
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    worker_memory: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
struct OutputArguments {
    /// Show what tests print as it comes, each line under its worker's name
    #[arg(short = 's')]
    live_output: bool,

    /// List this many of the slowest tests
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    durations: Option<String>,

    /// How pytest shows a failure
    #[arg(long, value_name = "STYLE", value_parser = ["auto", "long", "short", "line", "native", "no"])]
    tb: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "General")]
struct ProjectArguments {
    /// The profile in force: `ci`, `campaign`, or one of the project's own
    #[arg(short = 'P', long, value_name = "NAME")]
    profile: Option<String>,

    /// The project's file [default: `callsheet.toml` or `pyproject.toml`, found upward from here]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// When to use colour
    #[arg(long, value_name = "WHEN", value_parser = ["auto", "always", "never"])]
    color: Option<String>,

    /// Say more; may be repeated
    #[arg(short = 'v', long, action = ArgAction::Count)]
    verbose: u8,

    /// Say less; may be repeated
    #[arg(short = 'q', long, action = ArgAction::Count)]
    quiet: u8,
}

impl Arguments {
    /// Whether a word is the name of a subcommand.
    pub(super) fn is_subcommand(word: &str) -> bool {
        Self::command().find_subcommand(word).is_some()
    }
}

impl RunArguments {
    /// What these arguments set.
    pub(super) fn overrides(&self, argv: Vec<String>) -> Overrides {
        let mut overrides = Overrides::default();
        overrides.argv = argv;
        overrides.run_id.clone_from(&self.distribution.testrunuid);
        self.distribution.set(&mut overrides);
        self.supervision.set(&mut overrides);
        self.output.set(&mut overrides);
        self.project.set(&mut overrides);
        self.selection.set(&mut overrides);
        overrides
    }
}

impl ListArguments {
    /// What these arguments set.
    pub(super) fn overrides(&self, argv: Vec<String>) -> Overrides {
        let mut overrides = Overrides::default();
        overrides.argv = argv;
        overrides.collect_only = true;
        self.project.set(&mut overrides);
        self.selection.set(&mut overrides);
        overrides
    }
}

impl SelectionArguments {
    fn set(&self, overrides: &mut Overrides) {
        set(
            overrides,
            Key::PytestPython,
            "--python",
            self.python.as_ref(),
        );
        set(
            overrides,
            Key::PytestProvision,
            "--provision",
            self.provision.as_ref(),
        );
        for (name, value) in [("-k", &self.keyword), ("-m", &self.mark)] {
            if let Some(value) = value {
                overrides.add_pytest_args(flag(name), vec![name.to_owned(), value.clone()]);
            }
        }
        if !self.pytest.is_empty() {
            overrides.add_pytest_args(flag("--"), self.pytest.clone());
        }
        if !self.paths.is_empty() {
            overrides.set_list(Key::PytestPaths, flag("command line"), self.paths.clone());
        }
    }
}

impl DistributionArguments {
    fn set(&self, overrides: &mut Overrides) {
        set(overrides, Key::Workers, "--workers", self.workers.as_ref());
        set(
            overrides,
            Key::MaxProcesses,
            "--maxprocesses",
            self.maxprocesses.as_ref(),
        );
        set(overrides, Key::Dist, "--dist", self.dist.as_ref());
        set(
            overrides,
            Key::MaxSchedChunk,
            "--maxschedchunk",
            self.maxschedchunk.as_ref(),
        );
        if !self.tx.is_empty() {
            overrides.set_list(Key::Tx, flag("--tx"), self.tx.clone());
        }
        if self.loadscope_reorder {
            overrides.set(Key::LoadscopeReorder, flag("--loadscope-reorder"), "true");
        }
        if self.no_loadscope_reorder {
            overrides.set(
                Key::LoadscopeReorder,
                flag("--no-loadscope-reorder"),
                "false",
            );
        }
    }
}

impl SupervisionArguments {
    fn set(&self, overrides: &mut Overrides) {
        if self.exitfirst {
            overrides.set(Key::Maxfail, flag("-x"), "1");
        }
        for (key, name, value) in [
            (Key::Maxfail, "--maxfail", &self.maxfail),
            (Key::DeadlineTest, "--timeout", &self.timeout),
            (
                Key::MaxWorkerRestart,
                "--max-worker-restart",
                &self.max_worker_restart,
            ),
            (Key::MaxRestarts, "--max-restarts", &self.max_restarts),
            (Key::RestartWindow, "--restart-window", &self.restart_window),
            (Key::WorkerMemory, "--worker-memory", &self.worker_memory),
        ] {
            set(overrides, key, name, value.as_ref());
        }
    }
}

impl OutputArguments {
    fn set(&self, overrides: &mut Overrides) {
        if self.live_output {
            overrides.set(Key::LiveOutput, flag("-s"), "true");
        }
        set(
            overrides,
            Key::Durations,
            "--durations",
            self.durations.as_ref(),
        );
        if let Some(style) = &self.tb {
            overrides.add_pytest_args(flag("--tb"), vec![format!("--tb={style}")]);
        }
    }
}

impl ProjectArguments {
    fn set(&self, overrides: &mut Overrides) {
        overrides.config_file.clone_from(&self.config);
        overrides.profile = self
            .profile
            .as_ref()
            .map(|name| (name.clone(), flag("--profile")));
        set(overrides, Key::Color, "--color", self.color.as_ref());
        if self.verbose + self.quiet > 0 {
            let verbosity = i32::from(self.verbose) - i32::from(self.quiet);
            let name = if self.quiet == 0 { "-v" } else { "-q" };
            overrides.set(Key::Verbosity, flag(name), verbosity.to_string());
        }
    }
}

fn set(overrides: &mut Overrides, key: Key, name: &str, value: Option<&String>) {
    if let Some(value) = value {
        overrides.set(key, flag(name), value);
    }
}

fn flag(name: &str) -> Origin {
    Origin::Flag(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Arguments {
        Arguments::try_parse_from(format!("callsheet {line}").split_whitespace()).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn run_is_what_is_done_without_a_subcommand() {
        let arguments = parse("-n 4 tests -k foo -- --durations=3 list");
        assert!(arguments.command.is_none());
        let run = arguments.run;
        assert_eq!(run.distribution.workers.as_deref(), Some("4"));
        assert_eq!(run.selection.paths, ["tests"]);
        assert_eq!(run.selection.keyword.as_deref(), Some("foo"));
        assert_eq!(run.selection.pytest, ["--durations=3", "list"]);
        assert!(matches!(
            parse("run -n4 tests").command,
            Some(Command::Run(_))
        ));
    }

    #[test]
    fn a_subcommand_is_one_only_as_the_first_word_and_without_a_directory() {
        assert!(matches!(
            parse("list tests").command,
            Some(Command::List(_))
        ));
        assert!(matches!(parse("agent").command, Some(Command::Agent)));
        assert_eq!(parse("./list").run.selection.paths, ["./list"]);
        assert_eq!(parse("tests list").run.selection.paths, ["tests", "list"]);
        assert_eq!(parse("-x list").run.selection.paths, ["list"]);
        let Some(Command::Run(run)) = parse("run list").command else {
            panic!("`run` was not taken for a subcommand");
        };
        assert_eq!(run.selection.paths, ["list"]);
    }

    #[test]
    fn the_last_word_about_stopping_counts() {
        let last = |line: &str| {
            let supervision = parse(line).run.supervision;
            (supervision.exitfirst, supervision.maxfail)
        };
        assert_eq!(last("-x --maxfail 3"), (false, Some("3".to_owned())));
        assert_eq!(last("--maxfail 3 -x"), (true, None));
        assert_eq!(last("-x -x"), (true, None));
        let reorder = parse("--no-loadscope-reorder --loadscope-reorder")
            .run
            .distribution;
        assert!(reorder.loadscope_reorder && !reorder.no_loadscope_reorder);
    }

    #[test]
    fn names_that_xdist_has_are_known() {
        let line = "--numprocesses=2 --dist worksteal --tx popen --tx 2*popen --maxprocesses 3 \
                    --max-worker-restart 0 --maxschedchunk 1 --testrunuid abc";
        let distribution = parse(line).run.distribution;
        assert_eq!(distribution.workers.as_deref(), Some("2"));
        assert_eq!(distribution.tx, ["popen", "2*popen"]);
        assert_eq!(distribution.testrunuid.as_deref(), Some("abc"));
    }
}
