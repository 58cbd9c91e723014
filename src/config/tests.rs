//! Layers, origins and what is refused.

use std::fs;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::model::{Dist, PytestSuite};

/// A project's directory with these files.
fn project(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn machine() -> Environment {
    let mut environment = Environment::default();
    environment.cpus = NonZeroUsize::new(6).unwrap();
    environment
}

fn flags(given: &[(Key, &str, &str)]) -> Overrides {
    let mut overrides = Overrides::default();
    for (key, flag, text) in given {
        overrides.set(*key, Origin::Flag((*flag).to_owned()), *text);
    }
    overrides
}

fn profile(name: &str) -> Overrides {
    Overrides {
        profile: Some((name.to_owned(), Origin::Flag("--profile".to_owned()))),
        ..Overrides::default()
    }
}

fn resolve(
    directory: &TempDir,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<Config, ConfigError> {
    Config::resolve(overrides, environment, directory.path())
}

fn file(text: &str) -> Result<Config, ConfigError> {
    resolve(&project(&[("callsheet.toml", text)]), &Overrides::default(), &machine())
}

fn refusal(text: &str) -> String {
    file(text).unwrap_err().to_string()
}

fn suite(config: &Config) -> &PytestSuite {
    let Suite::Pytest(suite) = &config.suite else { panic!("{:?}", config.suite) };
    suite
}

#[test]
fn the_strongest_place_wins() {
    let text = "
        workers = 1
        [profile.default]
        workers = 2
        [profile.mine]
        workers = 3";
    let directory = project(&[("callsheet.toml", text)]);
    let count = |overrides: &Overrides, environment: &Environment| {
        resolve(&directory, overrides, environment).unwrap().workers.len()
    };
    let variable = machine().with("CALLSHEET_WORKERS", "4");
    let mut flag = flags(&[(Key::Workers, "--workers", "5")]);
    assert_eq!(resolve(&project(&[]), &Overrides::default(), &machine()).unwrap().workers.len(), 6);
    assert_eq!(count(&Overrides::default(), &machine()), 2);
    assert_eq!(count(&profile("mine"), &machine()), 3);
    assert_eq!(count(&profile("mine"), &variable), 4);
    flag.profile = profile("mine").profile;
    assert_eq!(count(&flag, &variable), 5);
    assert_eq!(count(&profile("ci"), &machine()), 2);
}

#[test]
fn a_profile_may_be_chosen_by_the_environment() {
    let directory = project(&[]);
    let environment = machine().with("CALLSHEET_PROFILE", "campaign");
    let config = resolve(&directory, &Overrides::default(), &environment).unwrap();
    assert_eq!(config.restart.max_worker_restart, None);
    assert_eq!(config.restart.max_restarts, Some(20));
    let error =
        resolve(&directory, &Overrides::default(), &machine().with("CALLSHEET_PROFILE", "no"));
    assert!(
        error.unwrap_err().to_string().starts_with("CALLSHEET_PROFILE: there is no profile `no`")
    );
}

#[test]
fn a_project_adds_to_a_built_in_profile_key_by_key() {
    let directory = project(&[("callsheet.toml", "[profile.ci.deadlines]\ntest = '5s'")]);
    let config = resolve(&directory, &profile("ci"), &machine()).unwrap();
    assert_eq!(config.deadlines.test, Some(Duration::from_secs(5)));
    assert_eq!(config.terminal.slowest, 10);
}

#[test]
fn the_file_is_found_upward_and_workers_stay_in_the_working_directory() {
    let directory = project(&[
        ("callsheet.toml", "[pytest]\npaths = ['sub']\npython = './bin/python'"),
        ("sub/deep/x.py", ""),
    ]);
    let cwd = directory.path().join("sub/deep");
    let config = Config::resolve(&Overrides::default(), &machine(), &cwd).unwrap();
    assert_eq!(config.project, directory.path());
    assert_eq!(suite(&config).root, cwd);
    assert_eq!(suite(&config).args, [directory.path().join("sub").display().to_string()]);
    let python = directory.path().join("bin/python").display().to_string();
    let named = suite(&config).python.as_ref().unwrap();
    let file = directory.path().join("callsheet.toml").display().to_string();
    assert_eq!((&named.name, &named.named_by), (&python, &file));
}

#[test]
fn pyproject_counts_only_with_its_own_table() {
    let with = "[tool.callsheet]\ndist = 'each'\n[tool.callsheet.profile.ci]\ndist = 'loadfile'";
    let directory = project(&[
        ("pyproject.toml", with),
        ("a/pyproject.toml", "[tool.other]"),
        ("b/pyproject.toml", "not TOML, and none of our business"),
        ("c/pyproject.toml", "[tool]\ncallsheet = 3"),
        ("d/pyproject.toml", "dependencies = 'callsheet"),
    ]);
    for below in ["a", "b"] {
        let cwd = directory.path().join(below);
        let config = Config::resolve(&profile("ci"), &machine(), &cwd).unwrap();
        assert_eq!(config.policy.dist, Dist::LoadFile);
    }
    for below in ["c", "d"] {
        let cwd = directory.path().join(below);
        Config::resolve(&profile("ci"), &machine(), &cwd).unwrap_err();
    }
}

#[test]
fn unknown_keys_are_refused_wherever_they_stand() {
    assert_eq!(
        refusal("wokers = 3"),
        "unknown key `wokers` in callsheet.toml; the nearest known key is `workers`"
    );
    assert_eq!(
        refusal("[deadlines]\ntests = '3s'"),
        "unknown key `deadlines.tests` in callsheet.toml; the nearest known key is `deadlines.test`"
    );
    assert_eq!(
        refusal("[profile.ci]\nmax-worker-restart = 3"),
        "unknown key `max-worker-restart` in profile ci in callsheet.toml; the nearest known key is `max_worker_restart`"
    );
    assert_eq!(
        refusal("[profiles.ci]\ndist = 'load'"),
        "unknown key `profiles.ci` in callsheet.toml; the nearest known key is `profile`"
    );
    assert!(refusal("[zzz]").contains("unknown key `zzz`"));
    assert!(refusal("\"pytest.args\" = 3").contains("pytest.args"));
}

#[test]
fn wrong_values_name_key_place_and_what_is_right() {
    assert_eq!(
        refusal("[deadlines]\ncollect = 30"),
        "callsheet.toml: `30` is no value for `deadlines.collect`; expected a duration above zero and up to 365 days such as \"30s\" or \"1h30m\""
    );
    assert_eq!(
        refusal("[profile.unused]\ndurations = 'many'"),
        "profile unused in callsheet.toml: `\"many\"` is no value for `durations`; expected \"auto\" or a number from 0 up"
    );
    assert_eq!(
        refusal("profile = 3"),
        "callsheet.toml: `3` is no value for `profile`; expected tables such as `[profile.ci]`"
    );
    assert!(refusal("pytest = 3").contains("expected a table of keys"));
    assert!(refusal("[workers]\na = 3").contains("workers"));
    let environment = machine().with("CALLSHEET_DEADLINES_TEST", "soon");
    let error = resolve(&project(&[]), &Overrides::default(), &environment).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("CALLSHEET_DEADLINES_TEST: `soon` is no value for `deadlines.test`")
    );
}

#[test]
fn broken_toml_is_told_with_its_place() {
    insta::assert_snapshot!(refusal("workers = 4\ndist = ="), @r"
    `callsheet.toml` is not valid TOML, line 2, column 8: extra `=`, expected nothing
      |
    2 | dist = =
      |        ^
    ");
}

#[test]
fn a_named_file_must_be_there() {
    let overrides = Overrides { config_file: Some("nowhere.toml".into()), ..Overrides::default() };
    let directory = project(&[]);
    let error = resolve(&directory, &overrides, &machine()).unwrap_err();
    let path = directory.path().join("nowhere.toml");
    assert_eq!(error.to_string(), format!("failed to read `{}`", path.display()));
}

#[test]
fn numbers_of_workers() {
    let count = |given: &[(Key, &str, &str)], environment: Environment| {
        resolve(&project(&[]), &flags(given), &environment)
            .map(|config| config.workers.len())
            .map_err(|error| error.to_string())
    };
    let workers = |text| (Key::Workers, "--workers", text);
    let xdist = |text| machine().with("PYTEST_XDIST_AUTO_NUM_WORKERS", text);
    assert_eq!(count(&[workers("auto")], machine()), Ok(6));
    assert_eq!(count(&[workers("logical")], xdist("3")), Ok(3));
    assert_eq!(count(&[workers("9")], xdist("3")), Ok(9));
    assert_eq!(count(&[(Key::MaxProcesses, "--maxprocesses", "2")], machine()), Ok(2));
    assert!(count(&[workers("0")], machine()).unwrap_err().starts_with("--workers: 0 workers"));
    assert!(
        count(&[], xdist("0")).unwrap_err().starts_with("PYTEST_XDIST_AUTO_NUM_WORKERS: 0 workers")
    );
    assert!(
        count(&[], xdist("many")).unwrap_err().starts_with("PYTEST_XDIST_AUTO_NUM_WORKERS: `many`")
    );
}

#[test]
fn a_number_of_workers_replaces_tx_unless_tx_is_stronger() {
    let tx = "tx = ['2*popen//python=python3', 'popen']";
    let directory = project(&[("callsheet.toml", tx)]);
    let run = |overrides: &Overrides| resolve(&directory, overrides, &machine()).unwrap().workers;
    let from_tx = run(&Overrides::default());
    assert_eq!(from_tx.len(), 3);
    assert_eq!(from_tx[1].python.as_deref(), Some("python3"));
    assert_eq!(run(&flags(&[(Key::Workers, "-n", "2")])), [(); 2].map(|()| WorkerSpec::default()));

    let directory = project(&[("callsheet.toml", "workers = 5")]);
    let mut overrides = Overrides::default();
    overrides.set_list(Key::Tx, Origin::Flag("--tx".to_owned()), vec!["2*popen".to_owned()]);
    assert_eq!(resolve(&directory, &overrides, &machine()).unwrap().workers.len(), 2);

    let both = "workers = 5\ntx = ['popen']";
    assert_eq!(file(both).unwrap().workers.len(), 5);
    let error = file("tx = ['x*popen']").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`x` in `--tx x*popen` is no number of workers; write for example `2*popen` (set by callsheet.toml)"
    );
}

#[test]
fn slurm_and_workers_of_another_kind_do_not_stand_at_one_place() {
    let slurm = (Key::SlurmOptions, "--slurm", "-N2");
    for (text, given, expected) in [
        ("", &[slurm][..], Ok(true)),
        ("workers = 3\ntx = ['popen']\n[[host]]\nssh = 'there'", &[slurm], Ok(true)),
        ("[slurm]\noptions = '-N2'", &[], Ok(true)),
        ("[slurm]\noptions = '-N2'", &[(Key::Workers, "--workers", "2")], Ok(false)),
        ("[slurm]\noptions = '-N2'", &[(Key::SlurmOptions, "--slurm", "")], Ok(false)),
        ("", &[slurm, (Key::Workers, "--workers", "2")], Err("--slurm asks for an allocation")),
        ("tx = ['popen']\n[slurm]\noptions = '-N2'", &[], Err("callsheet.toml sets `tx`")),
        ("[[host]]\nssh = 'there'\n[slurm]\noptions = '-N2'", &[], Err("sets `[[host]]`")),
    ] {
        let directory = project(&[("callsheet.toml", text)]);
        let config = resolve(&directory, &flags(given), &machine());
        match (config, expected) {
            (Ok(config), Ok(expected)) => assert_eq!(config.slurm.is_some(), expected, "{text}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (config, _) => panic!("{text}: {config:?}"),
        }
    }
}

#[test]
fn restarts_follow_the_number_of_workers() {
    assert_eq!(file("workers = 3").unwrap().restart.max_worker_restart, Some(12));
    assert_eq!(file("max_worker_restart = 0").unwrap().restart.max_worker_restart, Some(0));
    assert_eq!(file("max_worker_restart = 'unlimited'").unwrap().restart.max_worker_restart, None);
}

#[test]
fn maxfail_zero_lifts_a_limit_of_pytest_itself() {
    let config = file("maxfail = 0").unwrap();
    assert_eq!(
        (config.max_fail, suite(&config).args.as_slice()),
        (None, &["--maxfail=0".to_owned()][..])
    );
    let config = file("maxfail = 3").unwrap();
    assert_eq!((config.max_fail, suite(&config).args.len()), (NonZeroU32::new(3), 0));
}

#[test]
fn options_for_pytest_add_up_and_come_before_paths() {
    let directory = project(&[
        (
            "callsheet.toml",
            "[pytest]\nargs = ['-p', 'no:randomly', '--basetemp', 'scratch']\npaths = ['other']",
        ),
        ("tests/test_a.py", ""),
    ]);
    let mut overrides = Overrides::default();
    overrides.add_pytest_args(Origin::Flag("-k".to_owned()), vec!["-k".to_owned(), "x".to_owned()]);
    let id = "tests/test_a.py::test[a::b]".to_owned();
    overrides.set_list(Key::PytestPaths, Origin::Flag("paths".to_owned()), vec![id.clone()]);
    let config = resolve(&directory, &overrides, &machine()).unwrap();
    assert_eq!(suite(&config).args, ["-p", "no:randomly", "-k", "x", &id]);
    assert_eq!(suite(&config).basetemp, Some(directory.path().join("scratch")));
}

#[test]
fn what_is_not_there_is_refused() {
    assert_eq!(
        refusal("[pytest]\npaths = ['a.py::test']"),
        "file or directory not found: a.py::test"
    );
    assert!(
        refusal("[pytest]\nprovision = 'no.txt'")
            .starts_with("callsheet.toml: requirements file not found: `/")
    );
    file("[pytest]\nargs = ['--pyargs']\npaths = ['package.module']").unwrap();
}

#[test]
fn the_output_decides_colour_and_liveness() {
    let terminal = |text: &str, mut environment: Environment| {
        environment.output = Output { terminal: true, color: true, columns: Some(120) };
        resolve(&project(&[("callsheet.toml", text)]), &Overrides::default(), &environment)
            .unwrap()
            .terminal
    };
    let plain = terminal("", machine());
    assert!(plain.live && plain.color && plain.columns == 120);
    assert!(!terminal("verbosity = -1", machine()).live);
    assert!(!terminal("", machine().with("CI", "true")).live);
    assert!(!terminal("", machine().with("TERM", "dumb")).live);
    assert!(!terminal("color = 'never'", machine()).color);

    let piped =
        resolve(&project(&[]), &Overrides::default(), &machine().with("COLUMNS", "99")).unwrap();
    assert!(!piped.terminal.live && !piped.terminal.color);
    assert_eq!(piped.terminal.columns, 99);
    assert_eq!(file("color = 'always'").unwrap().terminal.columns, 80);
    assert!(file("color = 'always'").unwrap().terminal.color);
}

#[test]
fn what_is_shown_reads_as_the_same_configuration() {
    let text = "
        workers = 3
        tx = ['popen//env:A=\"quoted\"']
        worker_memory = '1048577B'
        [deadlines]
        test = '1h30m5s'
        [pytest]
        args = ['-k', \"it's\"]";
    let directory = project(&[("callsheet.toml", text)]);
    let show = |directory: &TempDir, profile_name| {
        Config::show(&profile(profile_name), &machine(), directory.path()).unwrap()
    };
    let values = |shown: &str| shown.parse::<toml::Table>().unwrap();
    let shown = show(&directory, "campaign");
    let again = project(&[("callsheet.toml", &shown)]);
    assert_eq!(values(&show(&again, "default")), values(&shown));
    assert!(shown.contains("max_restarts = 20"));
}

#[test]
fn the_builder_reads_no_file_and_sets_what_it_is_told() {
    let directory = project(&[("callsheet.toml", "workers = 3\n[profile.x]\ndist = 'each'")]);
    let config = Config::builder()
        .root(directory.path())
        .workers(2)
        .max_fail(1)
        .deadlines(Deadlines { begin: Duration::from_secs(1), ..Deadlines::default() })
        .run_id("run")
        .seed(7)
        .build()
        .unwrap();
    assert_eq!((config.workers.len(), config.seed, &*config.run_id), (2, 7, "run"));
    assert_eq!(config.max_fail, NonZeroU32::new(1));
    assert_eq!(config.deadlines.begin, Duration::from_secs(1));
    assert_eq!(config.policy.dist, Dist::Stream);
    assert!(matches!(
        Config::builder().workers(0).build(),
        Err(ConfigError::NoWorkers(Origin::Program))
    ));
    assert!(matches!(
        Config::builder().root("/no/where").build(),
        Err(ConfigError::Directory { .. })
    ));

    let with_file = Config::builder()
        .root(directory.path())
        .config_file("callsheet.toml")
        .profile("x")
        .tx("popen")
        .collect_only()
        .build()
        .unwrap();
    assert_eq!((with_file.workers.len(), with_file.policy.dist), (1, Dist::Each));
}

#[test]
fn durations_are_kept_beside_the_projects_file_or_where_one_says() {
    let directory = project(&[("callsheet.toml", ""), ("sub/x.py", "")]);
    let top = directory.path();
    let resolve = |overrides: &Overrides, environment: &Environment| {
        Config::resolve(overrides, environment, &top.join("sub")).unwrap().history
    };
    let none = Overrides::default();
    assert_eq!(resolve(&none, &machine()), Some(top.join(".callsheet/history.db")));
    let flag = flags(&[(Key::History, "--history", "kept.db")]);
    assert_eq!(resolve(&flag, &machine()), Some(top.join("sub/kept.db")));
    assert_eq!(resolve(&none, &machine().with("CALLSHEET_HISTORY", "off")), None);
    fs::write(top.join("callsheet.toml"), "history = 'ci/kept.db'").unwrap();
    assert_eq!(resolve(&none, &machine()), Some(top.join("ci/kept.db")));
}

#[test]
fn a_program_keeps_durations_only_where_it_says_so() {
    let directory = project(&[("own.toml", "history = 'auto'")]);
    let top = directory.path();
    let builder = || Config::builder().root(top);
    assert_eq!(builder().build().unwrap().history, None);
    assert_eq!(builder().history("kept.db").build().unwrap().history, Some(top.join("kept.db")));
    let with_file = builder().config_file("own.toml").build().unwrap();
    assert_eq!(with_file.history, Some(top.join(".callsheet/history.db")));
}
