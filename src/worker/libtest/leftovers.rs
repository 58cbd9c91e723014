//! Which tests may have left a process behind, by when it was started. Pure.

use std::time::Duration;

use tokio::time::Instant;

use super::batch::Entry;

/// How exactly the system tells when a process was started.
const GRAIN: Duration = Duration::from_millis(10);

/// How many tests are named.
const NAMED: usize = 10;

/// Those of the tests at these places that may have run when the process was started; at least one.
pub(super) fn suspects(entries: &[Entry], left: &[usize], started: Instant) -> Vec<usize> {
    let (earliest, latest) = (started.checked_sub(GRAIN).unwrap_or(started), started + GRAIN);
    let may_have = |place: &&usize| {
        entries[**place].ran.is_some_and(|(began, ended)| {
            began <= latest && ended.is_none_or(|ended| ended >= earliest)
        })
    };
    let suspects: Vec<usize> = left.iter().filter(may_have).copied().collect();
    if suspects.is_empty() { left.first().copied().into_iter().collect() } else { suspects }
}

/// What is told of a process that one of these has left behind.
pub(super) fn warning(suspects: &[&str], process: &str) -> String {
    if suspects.len() == 1 {
        return format!("it left a process behind, which was killed: {process}");
    }
    let named: Vec<&str> = suspects.iter().take(NAMED).copied().collect();
    let more = match suspects.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "one of {}{more} left a process behind, which was killed: {process}; `--isolation process` shows which",
        named.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_have_run_is_suspected() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let entry = |(began, ended): (u64, Option<u64>)| Entry {
            item: 0,
            id: String::new(),
            name: String::new(),
            limit: None,
            began: None,
            ran: Some((at(began), ended.map(at))),
            over: None,
            done: None,
            is_alone: false,
        };
        let ran = [(0, Some(1)), (1, Some(500)), (500, Some(501)), (501, Some(600)), (600, None)];
        let entries = ran.map(entry);
        let of = |millis| suspects(&entries, &[0, 1, 2, 3, 4], at(millis));
        assert_eq!(of(5), [0, 1]);
        assert_eq!(of(250), [1]);
        assert_eq!(of(495), [1, 2, 3]);
        assert_eq!(of(900), [4]);
        assert_eq!(suspects(&entries, &[2], at(5)), [2]);
    }

    #[test]
    fn all_that_are_suspected_are_named() {
        assert_eq!(warning(&["a"], "7 `x`"), "it left a process behind, which was killed: 7 `x`");
        assert!(warning(&["a", "b"], "7 `x`").starts_with("one of a, b left a process behind"));
        assert!(warning(&["a"; 12], "x").contains("a, a and 2 more left"));
    }
}
