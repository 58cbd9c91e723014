//! What is known of tests before they run: how long they took in the past.

use std::collections::HashMap;
use std::sync::Arc;

/// How long one test takes, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TestEstimate {
    /// Its set-up.
    pub setup: f64,
    /// Its call.
    pub call: f64,
    /// Its teardown.
    pub teardown: f64,
}

impl TestEstimate {
    /// Seconds of all phases.
    pub fn total(&self) -> f64 {
        self.setup + self.call + self.teardown
    }
}

/// How long the tests of one file take.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FileEstimate {
    /// How many tests are known.
    pub tests: u32,
    /// Their sum in seconds.
    pub seconds: f64,
    /// The longest of them in seconds.
    pub longest: f64,
}

/// The durations of past runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Estimates {
    files: HashMap<Arc<str>, (FileEstimate, HashMap<Arc<str>, TestEstimate>)>,
}

impl Estimates {
    /// Takes a test in.
    pub fn add(&mut self, id: &str, estimate: TestEstimate) {
        let file = file_of(id);
        let (sum, tests) = match self.files.get_mut(file) {
            Some(known) => known,
            None => self.files.entry(file.into()).or_default(),
        };
        sum.tests += 1;
        sum.seconds += estimate.total();
        sum.longest = sum.longest.max(estimate.total());
        tests.insert(id.into(), estimate);
    }

    /// What is known of a test.
    pub fn test(&self, id: &str) -> Option<TestEstimate> {
        self.files.get(file_of(id))?.1.get(id).copied()
    }

    /// What is known of the tests of a file.
    pub fn file(&self, file: &str) -> Option<FileEstimate> {
        Some(self.files.get(file)?.0)
    }

    /// What is known of each test of a file.
    pub fn tests_of(&self, file: &str) -> impl Iterator<Item = (&Arc<str>, TestEstimate)> {
        let tests = self.files.get(file).into_iter().flat_map(|(_, tests)| tests);
        tests.map(|(id, estimate)| (id, *estimate))
    }
}

fn file_of(id: &str) -> &str {
    id.split_once("::").map_or(id, |(file, _)| file)
}
