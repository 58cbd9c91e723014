//! What is known of the tests before a run: what past runs have seen, and what the configuration says.

use std::collections::HashSet;
use std::sync::Arc;

use crate::config::Config;
use crate::history::History;
use crate::model::{Isolation, Outcome, Suite};
use crate::schedule::{Estimates, FileIsWanted, Rules, RulesOfTest, TestRules};
use crate::select::{Facts, Past, Seen, Selection};

/// All of it.
pub(super) struct Known {
    /// Where what comes is kept.
    pub(super) history: Option<History>,
    /// Why nothing is known of past runs, where something should be.
    pub(super) problem: Option<String>,
    pub(super) estimates: Arc<Estimates>,
    /// What agents are told.
    pub(super) selection: Selection,
    /// What the scheduler is.
    pub(super) rules: Rules,
}

impl Known {
    /// `own_policy`: whether the host program shares out the tests in its own way.
    pub(super) fn of(config: &Config, own_policy: bool) -> Self {
        let (history, (estimates, problem)) = match &config.history {
            Some(file) => {
                let mut history = History::new(file.clone(), &config.suite, &config.project);
                let loaded = history.load();
                (Some(history), loaded)
            }
            None => (None, <(Estimates, Option<String>)>::default()),
        };
        let estimates = Arc::new(estimates);
        let past = past(config, history.as_ref());
        let alone = troublemakers(config, &past);
        let guesses = estimates.is_empty() && !own_policy;
        let selection = selection(config, &past, alone.iter().cloned(), guesses);
        let rules = rules(config, past, alone, estimates.clone());
        Self { history, problem, estimates, selection, rules }
    }
}

/// What agents know of the tests before they are made, by past runs or, in a first one, by what is said of them.
fn selection(
    config: &Config,
    past: &Past,
    alone: impl Iterator<Item = Arc<str>>,
    guesses: bool,
) -> Selection {
    let selection =
        Selection::new(config.filter.as_ref(), config.partition, &config.overrides, past)
            .on_hosts(config.hosts.iter().map(|host| &*host.tags))
            .with_alone(alone);
    if guesses && config.workers.len() > 1 { selection.with_slow_apart() } else { selection }
}

/// What past runs have seen, where anything asks for it.
fn past(config: &Config, history: Option<&History>) -> Past {
    history
        .filter(|_| {
            minds_troublemakers(config)
                || Selection::needs_past(
                    config.filter.as_ref(),
                    config.partition,
                    &config.overrides,
                )
        })
        .map(History::past)
        .unwrap_or_default()
}

/// Whether a test that ended its process, or had to be ended, is to have one of its own from then on.
fn minds_troublemakers(config: &Config) -> bool {
    matches!(config.suite, Suite::Libtest(_))
}

/// The tests that are to have a process of their own for what they did in runs before.
fn troublemakers(config: &Config, past: &Past) -> HashSet<Arc<str>> {
    let ended_it = |seen: &Seen| matches!(seen.outcome, Outcome::Crashed | Outcome::TimedOut);
    past.iter()
        .filter(|(_, seen)| minds_troublemakers(config) && ended_it(seen))
        .map(|(id, _)| id.clone())
        .collect()
}

/// What the configuration says of tests beside how they are shared out.
fn rules(
    config: &Config,
    past: Past,
    alone: HashSet<Arc<str>>,
    estimates: Arc<Estimates>,
) -> Rules {
    let overrides = config.overrides.clone();
    let rules_differ = !overrides.is_empty() || !alone.is_empty();
    let of_test: RulesOfTest = Arc::new(move |item| {
        let terms = overrides.terms(&Facts::of(item, &past));
        let isolation = terms.isolation.unwrap_or(if alone.contains(&item.id) {
            Isolation::Process
        } else {
            Isolation::Adaptive
        });
        TestRules {
            retries: terms.retries,
            timeout: terms.timeout,
            slow: terms.slow,
            resources: terms.resources,
            exclusive: (terms.exclusive != item.is_exclusive()).then_some(terms.exclusive),
            requires: terms.requires,
            alone: isolation == Isolation::Process,
        }
    });
    // Those of a framework do not ask what a test takes.
    let tells_workers = matches!(config.suite, Suite::Libtest(_) | Suite::Command(_));
    Rules {
        retry: config.retry,
        resources: config.resources.clone(),
        offers: config.hosts.iter().map(|host| host.tags.clone()).collect(),
        recycle: config.recycle,
        of_test: rules_differ.then_some(of_test),
        of_file: wanted_files(config),
        slow: config.deadlines.slow,
        estimates: (tells_workers && !estimates.is_empty()).then_some(estimates),
    }
}

/// Which files can have tests that the filter selects. Only of pytest the id of a test begins with its file in every case.
fn wanted_files(config: &Config) -> Option<FileIsWanted> {
    let filter = config.filter.clone().filter(|_| matches!(config.suite, Suite::Pytest(_)))?;
    Some(Arc::new(move |file| filter.may_match_in(file)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::{Durations, SuiteKind};

    fn told(root: &Path, kind: SuiteKind, estimates: &Arc<Estimates>) -> bool {
        let config = Config::builder().root(root).suite(kind).workers(1).build().unwrap();
        let rules = rules(&config, Past::default(), HashSet::new(), estimates.clone());
        rules.estimates.is_some()
    }

    #[test]
    fn workers_of_our_own_are_told_what_tests_take_where_that_is_known() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("Cargo.toml"), "").unwrap();
        let manifest = root.path().join("callsheet-commands.toml");
        std::fs::write(manifest, "[[test]]\nname = 'a'\ncommand = ['true']\n").unwrap();
        let took = Durations { setup: 0.0, call: 1.0, teardown: 0.0 };
        let known: Arc<Estimates> = Arc::new([("a", took)].into_iter().collect());
        for (kind, is_told) in
            [(SuiteKind::Libtest, true), (SuiteKind::Command, true), (SuiteKind::Pytest, false)]
        {
            assert_eq!(told(root.path(), kind, &known), is_told, "{kind:?}");
            assert!(!told(root.path(), kind, &Arc::default()), "{kind:?}");
        }
    }
}
