//! What pytest remembers of a run for `--lf`, `--ff` and `--nf`: the failed tests and the known ones, in its cache directory.
//!
//! Kept as plain pytest keeps it: what did not run in this run stays as it was. It is a convenience and no reason for a run to fail.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::Report;
use super::replaced::Replaced;
use crate::model::RunEvent;

/// The files of a cache directory that say what it is, as pytest makes them.
const SUPPORT: [(&str, &str); 3] = [
    (
        "README.md",
        "# pytest cache directory #\n\nThis directory contains data from the pytest's cache plugin,\n\
      which provides the `--lf` and `--ff` options, as well as the `cache` fixture.\n\n\
      **Do not** commit this to version control.\n\n\
      See [the docs](https://docs.pytest.org/en/stable/how-to/cache.html) for more information.\n",
    ),
    (".gitignore", "# Created by pytest automatically.\n*\n"),
    (
        "CACHEDIR.TAG",
        "Signature: 8a477f597d28d172789f06886806bc55\n\
      # This file is a cache directory tag created by pytest.\n\
      # For information about cache directory tags, see:\n#\thttps://bford.info/cachedir/spec.html\n",
    ),
];

/// Keeps what the run says of failures and writes it at the end.
#[derive(Debug, Default)]
pub struct LastFailed {
    /// Where; not known before a worker of this machine has said so, and not if pytest keeps no cache.
    directory: Option<PathBuf>,
    /// By id, whether it failed, or nothing if it did not run to its end.
    tests: HashMap<Arc<str>, Option<bool>>,
    /// Collectors that failed.
    collectors: BTreeSet<String>,
}

impl LastFailed {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn note(&mut self, id: &Arc<str>, failed: Option<bool>) {
        let known = self.tests.entry(id.clone()).or_default();
        // Of several with one id, under `each` or by name, one that failed counts.
        *known = match (*known, failed) {
            (Some(a), Some(b)) => Some(a || b),
            (a, b) => a.or(b),
        };
    }

    /// What failed last, when this run is added to what was known before.
    fn merged(&self, before: &Map<String, Value>) -> Map<String, Value> {
        let mut failed = before.clone();
        let mut below: BTreeMap<&str, Vec<&Arc<str>>> = BTreeMap::new();
        for test in self.tests.keys() {
            let collectors = collectors_of(test).filter(|id| before.contains_key(*id));
            collectors.for_each(|id| below.entry(id).or_default().push(test));
        }
        below.retain(|id, _| !self.collectors.contains(*id));
        for (id, tests) in below {
            // It can be collected now: its tests take its place, until they have passed.
            failed.remove(id);
            failed.extend(tests.into_iter().map(|test| (test.to_string(), Value::Bool(true))));
        }
        failed.extend(self.collectors.iter().map(|id| (id.clone(), Value::Bool(true))));
        for (id, has_failed) in &self.tests {
            match has_failed {
                Some(true) => drop(failed.insert(id.to_string(), Value::Bool(true))),
                Some(false) => drop(failed.remove(&**id)),
                None => {}
            }
        }
        failed
    }

    /// All ids that are known.
    fn known(&self, before: &[Value]) -> BTreeSet<String> {
        let before = before.iter().filter_map(|id| id.as_str().map(str::to_owned));
        before.chain(self.tests.keys().map(ToString::to_string)).collect()
    }

    fn write(&self, directory: &Path) -> io::Result<()> {
        if !directory.is_dir() {
            fs::create_dir_all(directory)?;
            for (name, text) in SUPPORT {
                fs::write(directory.join(name), text)?;
            }
        }
        let file = |name: &str| directory.join("v").join("cache").join(name);
        let read = |name: &str| -> Option<Value> {
            serde_json::from_str(&fs::read_to_string(file(name)).ok()?).ok()
        };
        let write = |name: &str, value: &Value| {
            let text = serde_json::to_string_pretty(value)?;
            Replaced::prepare(&file(name))?.write(text.as_bytes())
        };
        let before = match read("lastfailed") {
            Some(Value::Object(before)) => before,
            _ => Map::new(),
        };
        let failed = self.merged(&before);
        if failed != before {
            write("lastfailed", &Value::Object(failed))?;
        }
        let before = match read("nodeids") {
            Some(Value::Array(before)) => before,
            _ => Vec::new(),
        };
        write("nodeids", &self.known(&before).into_iter().collect())
    }
}

impl Report for LastFailed {
    fn event(&mut self, event: &RunEvent, _now: SystemTime) -> io::Result<()> {
        match event {
            RunEvent::WorkerReady { info, .. } => {
                // One of another machine has a directory of its own, which is not for us to write.
                let directory = info.cache_dir.as_ref().map(PathBuf::from);
                let is_here =
                    |directory: &PathBuf| directory.is_absolute() && Path::new(&info.cwd).is_dir();
                self.directory = self.directory.take().or(directory.filter(is_here));
            }
            RunEvent::CollectReported { report, .. } if report.failed => {
                self.collectors.insert(report.id.clone());
            }
            RunEvent::TestFinished { test, end, .. } => {
                self.note(&test.id, Some(end.outcome.is_bad()));
            }
            RunEvent::TestNotRun { test, .. } => self.note(&test.id, None),
            _other => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(directory) = &self.directory
            && let Err(error) = self.write(directory)
        {
            log::warn!("pytest's cache is not updated in {}: {error}", directory.display());
        }
        Ok(())
    }
}

/// The ids of all that may have collected a test: what stands before a `/` or a `::` in its id.
fn collectors_of(test: &str) -> impl Iterator<Item = &str> {
    let places = test.match_indices("::").chain(test.match_indices('/'));
    places.map(|(place, _)| &test[..place])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::report::script::Script;

    fn merged(before: &[&str], script: Script) -> Vec<String> {
        let mut report = LastFailed::new();
        for (_, event) in script.events {
            report.event(&event, SystemTime::UNIX_EPOCH).unwrap();
        }
        let before = before.iter().map(|id| ((*id).to_owned(), Value::Bool(true))).collect();
        report.merged(&before).into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn what_did_not_run_stays_as_it_was() {
        let script = Script::begun(3)
            .pass(0, "a.py::now_good")
            .end(0, "a.py::bad", Outcome::Failed, 0.1)
            .end(1, "a.py::skipped", Outcome::Skipped, 0.1)
            .not_run("a.py::not_run", "stopped", false);
        let before = ["a.py::now_good", "a.py::not_run", "a.py::skipped", "b.py::elsewhere"];
        assert_eq!(merged(&before, script), ["a.py::bad", "a.py::not_run", "b.py::elsewhere"]);
    }

    #[test]
    fn a_file_that_can_be_collected_again_is_replaced_by_its_tests() {
        let script = Script::begun(2)
            .pass(0, "a.py::good")
            .not_run("a.py::never", "stopped", false)
            .pass(0, "b.pyx::good")
            .bad_collector("c.py");
        assert_eq!(merged(&["a.py", "b.py", "c.py"], script), ["a.py::never", "b.py", "c.py"]);
    }

    #[test]
    fn a_crash_is_a_failure_and_one_lane_that_failed_is_enough() {
        let script = Script::begun(2)
            .end(0, "a.py::x", Outcome::Crashed, 0.0)
            .pass(1, "a.py::x")
            .end(0, "a.py::y", Outcome::XFailed, 0.0);
        assert_eq!(merged(&["a.py::y"], script), ["a.py::x"]);
    }
}
