//! What a worker without work takes from the others.

use crate::model::{TestIndex, WorkerId};
use crate::schedule::{Move, View};

/// How many of the heaviest workers are looked at.
const LOOKED_AT: usize = 8;

/// A file that the heaviest of the others has not begun, else about half of what it has ahead: the end of its queue, cut
/// between two scopes if there is such a place near the middle.
///
/// Tests that are run at once with those that the worker has begun stay where they are. While each worker without work will get something of what is on its way back, nothing more is asked for.
pub(super) fn steal(worker: WorkerId, view: &View<'_>) -> Vec<Move> {
    if view.coming_back_len() >= view.idle_len().max(1) {
        return Vec::new();
    }
    for (_, victim) in view.heaviest().take(LOOKED_AT) {
        if victim == worker {
            continue;
        }
        // One that has nothing else is about to begin it.
        let has_more = view.load(victim) > 1;
        if let Some(file) = view.files_backward(victim).next().filter(|_| has_more) {
            return vec![Move::TakeBackFile { worker: victim, file }];
        }
        let tests = half(victim, view);
        if !tests.is_empty() {
            return vec![Move::take_back(victim, tests)];
        }
    }
    Vec::new()
}

/// Whether whoever runs this test runs all of its file.
pub(super) fn is_run_at_once(test: TestIndex, view: &View<'_>) -> bool {
    view.file_of(test).is_some_and(|file| view.files()[file as usize].at_once)
}

/// The end of a worker's queue that weighs about half of all it has.
fn half(victim: WorkerId, view: &View<'_>) -> Vec<TestIndex> {
    let weight = view.weight(victim);
    let mut sum = 0;
    let mut tests: Vec<TestIndex> = Vec::new();
    let mut middle = None;
    let mut queue = view.queue_backward(victim).peekable();
    while let Some(test) = queue.next() {
        // A worker that is in no test is about to begin its first.
        if queue.peek().is_none() && !view.is_in_test(victim) {
            break;
        }
        if is_run_at_once(test, view) {
            break;
        }
        sum += u64::from(view.test_weight(test));
        if middle.is_none() && sum * 2 > weight && !tests.is_empty() {
            middle = Some(tests.len());
        }
        tests.push(test);
        // A quarter beyond the middle there may be a better place.
        if middle.is_some_and(|middle| tests.len() > middle + middle / 4) {
            break;
        }
    }
    let middle = middle.unwrap_or(tests.len());
    let scope = |test: TestIndex| view.items()[test.0 as usize].scope();
    let between = |cut: &usize| *cut < tests.len() && scope(tests[cut - 1]) != scope(tests[*cut]);
    let near = (middle - middle / 4).max(1)..=middle + middle / 4;
    let cut = near.filter(between).min_by_key(|cut| cut.abs_diff(middle)).unwrap_or(middle);
    tests.truncate(cut.max(1).min(tests.len()));
    tests.reverse();
    tests
}
