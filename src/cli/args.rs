//! The arguments, exactly as they are typed.

use std::path::PathBuf;

use callsheet::exit::ExitCode;
use callsheet::model::{Dist, Isolation, RunIgnored, SuiteKind, Template};
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  callsheet                              run the project's tests on all CPUs
  callsheet -n 4 tests/unit -k 'not slow'
  callsheet --dist loadfile -x
  callsheet -P ci                        with the profile `ci`
  callsheet -n 4 -- --strict-markers -p no:randomly
                                         everything after `--` goes to pytest
  callsheet --suite libtest -- --workspace --release
                                         a Rust project's tests; the rest goes to cargo
  callsheet list tests/unit              show what would be run
  callsheet config show                  show every setting and where it comes from";

/// Examples and exit codes.
fn footer() -> String {
    ExitCode::ALL.iter().fold(format!("{EXAMPLES}\n\nExit codes:"), |footer, code| {
        format!("{footer}\n  {}  {}", code.number(), code.meaning())
    })
}

/// Run a test suite on many supervised worker processes
///
/// `callsheet` alone is `callsheet run`. A file that is called like a subcommand is written with its directory: `./list`.
#[derive(Debug, Parser)]
#[command(name = "callsheet", version, after_help = footer(), args_conflicts_with_subcommands = true)]
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
    #[command(after_help = footer())]
    Run(RunArguments),

    /// Print the tests that would be run
    List(ListingArguments),

    /// Measure what the tests import, and say which modules are worth to be imported once for all workers
    Preload(ListArguments),

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
    pub(super) selection: SelectionArguments,

    #[command(flatten)]
    pub(super) distribution: DistributionArguments,

    #[command(flatten)]
    pub(super) supervision: SupervisionArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,

    #[command(flatten)]
    pub(super) project: ProjectArguments,
}

/// What a list is asked for.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    pub(super) selection: SelectionArguments,

    #[command(flatten)]
    pub(super) project: ProjectArguments,
}

/// How a list is asked for.
#[derive(Debug, Args)]
pub(super) struct ListingArguments {
    #[command(flatten)]
    pub(super) list: ListArguments,

    /// How they are written: ids, one a line, or all that is known of them
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(super) format: ListFormat,

    /// The file that durations of past runs are kept in [default: `.callsheet/history.db` in the project]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(super) history: Option<String>,
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum ListFormat {
    #[default]
    Text,
    Json,
}

/// Which tests, and what runs them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tests")]
pub(super) struct SelectionArguments {
    /// Files, directories and test ids to run; of a Rust project or commands, parts of the ids of tests
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(super) paths: Vec<String>,

    /// What runs the tests [default: auto, by what stands in the working directory]
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(SuiteKind::ALL.map(SuiteKind::name)))]
    pub(super) suite: Option<String>,

    /// The manifest of a suite of commands: a TOML file, a file of one command a line, or a
    /// pattern of executables such as 'tests/*.sh' [default: callsheet-commands.toml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) manifest: Option<String>,

    /// A worker for another framework, which speaks the worker protocol: 'node worker.mjs'
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub(super) worker_command: Option<String>,

    /// What becomes of Rust tests marked `#[ignore]` [default: default, which skips them]
    #[arg(long, value_name = "WHICH", value_parser = PossibleValuesParser::new(RunIgnored::ALL.map(RunIgnored::name)))]
    pub(super) run_ignored: Option<String>,

    /// How many Rust tests share a process [default: adaptive]
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(Isolation::ALL.map(Isolation::name)))]
    pub(super) isolation: Option<String>,

    /// Only tests whose names match, as pytest's `-k`: `'login and not slow'`
    #[arg(short = 'k', value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub(super) keyword: Option<String>,

    /// Only tests whose marks match, as pytest's `-m`
    #[arg(short = 'm', value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub(super) mark: Option<String>,

    /// Only tests that a filter holds for: `'tag(slow) and not file(tests/old/**)'`
    #[arg(short = 'E', long, value_name = "FILTER", allow_hyphen_values = true)]
    pub(super) filter: Option<String>,

    /// Only one part of them, for one machine of several: `hash:1/4` or `duration:1/4`
    #[arg(long, value_name = "PART")]
    pub(super) partition: Option<String>,

    /// The Python interpreter, by name or path [default: `VIRTUAL_ENV`, `.venv`, then `python3`]
    #[arg(long, value_name = "PYTHON", value_hint = ValueHint::CommandName)]
    pub(super) python: Option<String>,

    /// Make (or find in the cache) a virtual environment from a requirements file, and use it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) provision: Option<String>,

    /// What workers are forked from: an interpreter with `pytest` imported, one that has
    /// `collected` the suite, or nothing [default: pytest]
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(Template::ALL.map(Template::name)))]
    pub(super) template: Option<String>,

    /// Have that interpreter import this third-party module as well; may be repeated
    #[arg(long, value_name = "MODULE")]
    pub(super) preload: Vec<String>,

    /// Options for pytest, arguments for `cargo test`, or those for a worker of your own
    #[arg(last = true, value_name = "OPTION")]
    pub(super) pytest: Vec<String>,
}

/// Who runs them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Distribution")]
pub(super) struct DistributionArguments {
    /// How many workers: a number, `auto` or `logical` (the CPUs there are to use) [default: auto]
    #[arg(
        short = 'n',
        long,
        alias = "numprocesses",
        value_name = "N",
        allow_negative_numbers = true
    )]
    pub(super) workers: Option<String>,

    /// The most workers that `auto` or a number may give
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) maxprocesses: Option<String>,

    /// How tests are distributed [default: stream]
    #[arg(long, value_name = "MODE", value_parser = PossibleValuesParser::new(Dist::ALL.map(Dist::name)))]
    pub(super) dist: Option<String>,

    /// Add workers by specification: `2*popen//python=python3.12//chdir=DIR//env:NAME=VALUE`, `8*ssh=user@host//chdir=DIR`,
    /// `exec=COMMAND`
    #[arg(long, value_name = "SPEC")]
    pub(super) tx: Vec<String>,

    /// Run on the nodes of an allocation of Slurm: the one this is started in, or one asked for with these options of salloc
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub(super) slurm: Option<String>,

    /// The most tests sent to a worker in one step under `load`
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) maxschedchunk: Option<String>,

    /// Under `loadscope`, `loadfile` and `loadgroup`, send scopes with many tests first [default]
    #[arg(long, overrides_with = "no_loadscope_reorder")]
    pub(super) loadscope_reorder: bool,

    /// Send scopes in the order of collection
    #[arg(long, overrides_with = "loadscope_reorder")]
    pub(super) no_loadscope_reorder: bool,

    /// Under `stream`, import a test module when its file's turn comes, not all before the first test
    #[arg(long)]
    pub(super) lazy_import: bool,

    /// The file that durations of past runs are kept in [default: `.callsheet/history.db` in the project]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, overrides_with = "no_history")]
    pub(super) history: Option<String>,

    /// Neither use nor keep durations of past runs
    #[arg(long, overrides_with = "history")]
    pub(super) no_history: bool,

    /// The run's id, which tests see as `testrun_uid` [default: a new one]
    #[arg(long, value_name = "ID")]
    pub(super) testrunuid: Option<String>,
}

/// What ends them before their time.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stopping and restarting")]
pub(super) struct SupervisionArguments {
    /// Stop after the first failure
    #[arg(short = 'x', long = "exitfirst", overrides_with_all = ["exitfirst", "maxfail"])]
    pub(super) exitfirst: bool,

    /// Stop after this many failures; 0 for never
    #[arg(long, value_name = "N", overrides_with_all = ["exitfirst", "maxfail"], allow_negative_numbers = true)]
    pub(super) maxfail: Option<String>,

    /// The longest a test may take, such as `30s` or `5m` (a number alone is seconds) [default: none]
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true)]
    pub(super) timeout: Option<String>,

    /// How often a failed test is run again [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) retries: Option<String>,

    /// How many crashed workers are replaced [default: 4 for each worker]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) max_worker_restart: Option<String>,

    /// How many crashed workers are replaced within any restart window
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) max_restarts: Option<String>,

    /// The length of that window [default: 1m]
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true)]
    pub(super) restart_window: Option<String>,

    /// The most memory a worker may use before it is killed, such as `512MiB`
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    pub(super) worker_memory: Option<String>,
}

/// What is shown of them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArguments {
    /// Show what tests print as it comes, each line under its worker's name
    #[arg(short = 's')]
    pub(super) live_output: bool,

    /// List this many of the slowest tests
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) durations: Option<String>,

    /// Write the results at the end of the run as `JUnit` XML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) junit: Option<String>,

    /// Write what happens as JSON lines, as it happens; `-` for standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) events: Option<String>,

    /// How pytest shows a failure
    #[arg(long, value_name = "STYLE", value_parser = ["auto", "long", "short", "line", "native", "no"])]
    pub(super) tb: Option<String>,
}

/// Where the configuration is, and how much is said.
#[derive(Debug, Args)]
#[command(next_help_heading = "General")]
pub(super) struct ProjectArguments {
    /// The profile in force: `ci`, `campaign`, or one of the project's own
    #[arg(short = 'P', long, value_name = "NAME")]
    pub(super) profile: Option<String>,

    /// The project's file [default: `callsheet.toml` or `pyproject.toml`, found upward from here]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) config: Option<PathBuf>,

    /// When to use colour
    #[arg(long, value_name = "WHEN", value_parser = ["auto", "always", "never"])]
    pub(super) color: Option<String>,

    /// Say more; may be repeated
    #[arg(short = 'v', long, action = ArgAction::Count)]
    pub(super) verbose: u8,

    /// Say less; may be repeated
    #[arg(short = 'q', long, action = ArgAction::Count)]
    pub(super) quiet: u8,
}

impl Arguments {
    /// Whether a word is the name of a subcommand.
    pub(super) fn is_subcommand(word: &str) -> bool {
        Self::command().find_subcommand(word).is_some()
    }
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
        assert!(matches!(parse("run -n4 tests").command, Some(Command::Run(_))));
    }

    #[test]
    fn a_subcommand_is_one_only_as_the_first_word_and_without_a_directory() {
        assert!(matches!(parse("list tests").command, Some(Command::List(_))));
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
        let reorder = parse("--no-loadscope-reorder --loadscope-reorder").run.distribution;
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
