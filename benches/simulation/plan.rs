//! A suite as far as scheduling sees it: tests in files, each with the seconds that it takes.

use callsheet::model::{Durations, Item, TestFile};
use callsheet::schedule::Estimates;

use super::clock::{Instant, nanoseconds};

/// One test.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Test {
    /// Its id, the file's first.
    pub(crate) id: String,
    /// How long it takes.
    pub(crate) seconds: f64,
}

/// How tests lie in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// So many consecutive tests a file.
    PerFile(usize),
    /// All in one file.
    OneFile,
}

impl Layout {
    /// What people call it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::PerFile(1) => "a file a test".to_owned(),
            Self::PerFile(tests) => format!("{tests} tests a file"),
            Self::OneFile => "one file".to_owned(),
        }
    }

    fn file_of(self, test: usize) -> usize {
        match self {
            Self::PerFile(tests) => test / tests,
            Self::OneFile => 0,
        }
    }
}

/// The tests of a suite in collection order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    tests: Vec<Test>,
}

impl Plan {
    /// Tests as recorded.
    pub(crate) fn new(tests: Vec<Test>) -> Self {
        Self { tests }
    }

    /// Tests of these durations, in files of this layout.
    pub(crate) fn laid_out(seconds: &[f64], layout: Layout) -> Self {
        let id = |place| format!("test_{:05}.py::test_{place:05}", layout.file_of(place));
        let test = |(place, seconds): (usize, &f64)| Test { id: id(place), seconds: *seconds };
        Self { tests: seconds.iter().enumerate().map(test).collect() }
    }

    /// The tests.
    pub(crate) fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// What every worker collects.
    pub(super) fn items(&self) -> Vec<Item> {
        self.tests.iter().map(|test| Item::from_id(&test.id)).collect()
    }

    /// The files with the places of their tests.
    pub(super) fn files(&self) -> Vec<(TestFile, Vec<u32>)> {
        let mut files: Vec<(TestFile, Vec<u32>)> = Vec::new();
        for (item, place) in self.items().iter().zip(0..) {
            match files.iter_mut().rfind(|(file, _)| *file.id == *item.file()) {
                Some((_, tests)) => tests.push(place),
                None => {
                    files.push((
                        TestFile { id: item.file().into(), size: 0, at_once: false },
                        vec![place],
                    ));
                }
            }
        }
        files
    }

    /// What past runs would tell of the tests.
    pub(crate) fn estimates(&self) -> Estimates {
        let call = |test: &Test| Durations { call: test.seconds, ..Durations::default() };
        self.tests.iter().map(|test| (&*test.id, call(test))).collect()
    }

    /// What each test takes.
    pub(super) fn times(&self) -> Vec<Instant> {
        self.tests.iter().map(|test| nanoseconds(test.seconds)).collect()
    }

    /// No schedule is shorter: all work shared evenly, or the longest test.
    pub(crate) fn bound(&self, workers: u32) -> f64 {
        let seconds = self.tests.iter().map(|test| test.seconds);
        let longest = seconds.clone().fold(0.0, f64::max);
        longest.max(seconds.sum::<f64>() / f64::from(workers))
    }
}
