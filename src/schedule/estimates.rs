//! How long tests are expected to take, by what they took before.

use std::collections::HashMap;
use std::ops::Range;

use crate::model::Durations;

/// What is known of the tests of one file.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FileEstimate {
    /// How many of its tests are known.
    pub tests: u32,

    /// Seconds of all of them together.
    pub seconds: f64,

    /// Seconds of the longest of them.
    pub longest: f64,
}

/// Expected seconds by test and by file. Plain data; a test or file that nobody has seen is `None`, which is not 0.
///
/// ```
/// use callsheet::model::Durations;
/// use callsheet::schedule::Estimates;
///
/// let seconds = |call| Durations { setup: 0.5, call, teardown: 0.0 };
/// let estimates: Estimates =
///     [("a.py::test_x", seconds(1.5)), ("a.py::test_y", seconds(3.5))].into_iter().collect();
/// assert_eq!(estimates.test("a.py::test_x").map(|test| test.total()), Some(2.0));
/// assert_eq!(estimates.file("a.py").map(|file| (file.seconds, file.longest)), Some((6.0, 4.0)));
/// assert_eq!(estimates.test("a.py::test_new"), None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Estimates {
    /// All ids, one behind the other: a test costs its id and 16 bytes.
    text: String,

    /// The tests of a file stand together, in the order of their ids.
    tests: Vec<Row>,

    files: HashMap<Box<str>, File>,
}

/// A test; its id begins where the one before ends.
#[derive(Debug, Clone, Copy)]
struct Row {
    end: u32,
    setup: f32,
    call: f32,
    teardown: f32,
}

impl Row {
    // A microsecond of a test of a minute is all that is lost.
    #[expect(clippy::cast_possible_truncation, reason = "half the memory, and precise enough")]
    fn new(end: u32, seconds: Durations) -> Self {
        Self {
            end,
            setup: seconds.setup as f32,
            call: seconds.call as f32,
            teardown: seconds.teardown as f32,
        }
    }

    fn durations(self) -> Durations {
        Durations {
            setup: self.setup.into(),
            call: self.call.into(),
            teardown: self.teardown.into(),
        }
    }
}

#[derive(Debug, Clone)]
struct File {
    /// Where its tests stand.
    rows: Range<u32>,
    estimate: FileEstimate,
}

impl Estimates {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// How many tests are known.
    pub fn len(&self) -> usize {
        self.tests.len()
    }

    /// What one test is expected to take.
    pub fn test(&self, id: &str) -> Option<Durations> {
        let rows = &self.files.get(file_of(id))?.rows;
        let (mut low, mut high) = (rows.start, rows.end);
        while low < high {
            let middle = low.midpoint(high);
            match self.id(middle).cmp(id) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(self.row(middle).durations()),
            }
        }
        None
    }

    /// What the known tests of one file are expected to take.
    pub fn file(&self, file: &str) -> Option<FileEstimate> {
        self.files.get(file).map(|file| file.estimate)
    }

    /// The known tests of one file with what each is expected to take, in the order of their ids.
    pub fn tests_of(&self, file: &str) -> impl Iterator<Item = (&str, Durations)> {
        let rows = self.files.get(file).map_or(0..0, |file| file.rows.clone());
        rows.map(|row| (self.id(row), self.row(row).durations()))
    }

    fn row(&self, row: u32) -> Row {
        self.tests[row as usize]
    }

    fn id(&self, row: u32) -> &str {
        let start = row.checked_sub(1).map_or(0, |before| self.row(before).end);
        &self.text[start as usize..self.row(row).end as usize]
    }

    /// Adds a test that stands behind all others. `None` if there is no more room, at 4 GiB of ids.
    fn push(&mut self, id: &str, seconds: Durations) -> Option<()> {
        let end = u32::try_from(self.text.len() + id.len()).ok()?;
        let row = u32::try_from(self.tests.len()).ok()?;
        self.text.push_str(id);
        self.tests.push(Row::new(end, seconds));
        let file = match self.files.get_mut(file_of(id)) {
            Some(file) => file,
            None => self
                .files
                .entry(file_of(id).into())
                .or_insert_with(|| File { rows: row..row, estimate: FileEstimate::default() }),
        };
        file.rows.end = row + 1;
        file.estimate.tests += 1;
        file.estimate.seconds += seconds.total();
        file.estimate.longest = file.estimate.longest.max(seconds.total());
        Some(())
    }
}

/// The file that holds the test, as [`Item::file`](crate::model::Item::file) has it.
fn file_of(id: &str) -> &str {
    id.split_once("::").map_or(id, |(file, _)| file)
}

impl<S: AsRef<str>> FromIterator<(S, Durations)> for Estimates {
    /// In any order; of two entries with one id the first counts.
    fn from_iter<I: IntoIterator<Item = (S, Durations)>>(tests: I) -> Self {
        let mut tests: Vec<(S, Durations)> = tests.into_iter().collect();
        // By file, then by id. Stable, and quick where the order is right already, as it is out of a database.
        tests.sort_by(|a, b| {
            let (file_a, file_b) = (file_of(a.0.as_ref()), file_of(b.0.as_ref()));
            file_a.cmp(file_b).then_with(|| a.0.as_ref().cmp(b.0.as_ref()))
        });
        tests.dedup_by(|second, first| first.0.as_ref() == second.0.as_ref());
        let mut estimates = Self { tests: Vec::with_capacity(tests.len()), ..Self::default() };
        estimates.text.reserve(tests.iter().map(|(id, _)| id.as_ref().len()).sum());
        for (id, seconds) in &tests {
            if estimates.push(id.as_ref(), *seconds).is_none() {
                break;
            }
        }
        estimates
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(call: f64) -> Durations {
        Durations { setup: 0.25, call, teardown: 0.5 }
    }

    #[test]
    fn a_file_adds_up_its_tests() {
        let estimates: Estimates = [
            ("b.py::t", seconds(1.0)),
            ("a.py::C::t[x::y]", seconds(2.0)),
            ("a.py", seconds(0.0)),
            ("a.py-b.py::t", seconds(7.0)),
            ("a.py::t", seconds(4.0)),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            estimates.file("a.py"),
            Some(FileEstimate { tests: 3, seconds: 8.25, longest: 4.75 })
        );
        let ids: Vec<&str> = estimates.tests_of("a.py").map(|(id, _)| id).collect();
        assert_eq!(ids, ["a.py", "a.py::C::t[x::y]", "a.py::t"]);
        assert_eq!(estimates.test("a.py::t"), Some(seconds(4.0)));
        assert_eq!(estimates.len(), 5);
    }

    #[test]
    fn what_was_never_seen_is_unknown_and_not_nothing() {
        let estimates: Estimates = [("a.py::t", seconds(0.0))].into_iter().collect();
        assert_eq!(estimates.test("a.py::u"), None);
        assert_eq!(estimates.test("b.py::t"), None);
        assert_eq!(estimates.file("b.py"), None);
        assert_eq!(estimates.tests_of("b.py").count(), 0);
        assert!(Estimates::default().is_empty());
    }

    proptest! {
        #[test]
        fn every_test_is_found_whatever_it_is_called(
            ids in prop::collection::btree_set("[ab]{0,2}(::)?[ab:é]{0,3}", 0..40),
        ) {
            let of = |id: &str| seconds(f64::from(u32::try_from(id.len()).unwrap()));
            let estimates: Estimates = ids.iter().rev().map(|id| (id, of(id))).collect();
            prop_assert_eq!(estimates.len(), ids.len());
            for id in &ids {
                prop_assert_eq!(estimates.test(id), Some(of(id)));
                prop_assert_eq!(
                    estimates.tests_of(file_of(id)).filter(|(known, _)| known == id).count(),
                    1
                );
            }
        }
    }
}
