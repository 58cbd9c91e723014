//! From how a command ended and what it said to its outcome, and the words for it. Pure.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::adapters::command::CommandTest;
use crate::model::{Outcome, Phase};
use crate::worker::Report;
use crate::worker::tap::{Directive, Ending, Point};

/// How many processes that were left behind are named.
const NAMED: usize = 5;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// At its deadline.
    TimedOut(Duration),
    /// It was never there.
    NotStarted(String),
    /// Nobody knows.
    Lost(String),
}

impl End {
    pub(super) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Lost("its exit status is neither a code nor a signal".to_owned()),
        }
    }
}

/// What TAP has told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct TapEnd {
    /// How many subtests.
    pub(super) told: u32,
    /// How many of them fail the command.
    pub(super) failed: u32,
    pub(super) ending: Ending,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    /// What is shown of a failure before the output.
    pub(super) text: String,
    /// Why, in one line.
    pub(super) brief: String,
}

/// The outcome: the end of the process first, then what TAP says, then the exit code.
pub(super) fn verdict(test: &CommandTest, end: &End, tap: Option<&TapEnd>) -> Verdict {
    let (outcome, brief) = match end {
        End::NotStarted(why) => (Outcome::Error, not_started(test, why)),
        End::Lost(why) => (Outcome::Error, format!("nobody knows how it ended: {why}")),
        End::TimedOut(limit) => {
            let limit = humantime::format_duration(*limit);
            (Outcome::TimedOut, format!("it did not end within {limit} and was ended"))
        }
        End::Signal(signal) => (Outcome::Crashed, format!("it was killed by {}", named(*signal))),
        End::Code(code) => of_code(test, *code, tap),
    };
    let shown = if outcome.is_bad() {
        let line = as_typed(&test.command);
        format!("$ {line}\n{brief}\n({}, run in {})", test.location, test.directory.display())
    } else {
        String::new()
    };
    Verdict { outcome, text: shown, brief }
}

/// What could not be started, and where it was looked for.
fn not_started(test: &CommandTest, why: &str) -> String {
    let program = test.command.first().map_or("", String::as_str);
    let place = if program.starts_with('/') {
        "name another in the manifest"
    } else if program.contains('/') {
        "its path is meant from the directory of the test"
    } else {
        "it is looked for in PATH"
    };
    format!("`{program}` could not be started: {why}; {place}")
}

/// A command as people write it.
fn as_typed(command: &[String]) -> String {
    if let [sh, option, line] = command
        && (sh.as_str(), option.as_str()) == ("sh", "-c")
    {
        return line.clone();
    }
    let words = command.iter().map(String::as_str);
    shlex::try_join(words).unwrap_or_else(|_| command.join(" "))
}

fn of_code(test: &CommandTest, code: i32, tap: Option<&TapEnd>) -> (Outcome, String) {
    let mut wrong = Vec::new();
    let is_expected = test.exit.contains(&code);
    if let Some(TapEnd { failed, ending, .. }) = tap {
        if let Some(reason) = &ending.bail_out {
            wrong.push(if reason.is_empty() {
                "it bailed out".to_owned()
            } else {
                format!("it bailed out: {reason}")
            });
        }
        if *failed > 0 {
            let s = if *failed == 1 { "" } else { "s" };
            wrong.push(format!("contains {failed} failed subtest{s}"));
        }
    }
    let skips = test.skip == Some(code) && !is_expected;
    if skips && wrong.is_empty() {
        return (Outcome::Skipped, format!("exit code {code}"));
    }
    if let Some(TapEnd { ending, .. }) = tap {
        wrong.extend(ending.complaints.iter().cloned());
        if let Some(reason) = &ending.skip_all
            && wrong.is_empty()
            && is_expected
        {
            let reason = if reason.is_empty() { "its plan is empty" } else { reason };
            return (Outcome::Skipped, reason.to_owned());
        }
    }
    if !is_expected {
        let codes: Vec<String> = test.exit.iter().map(ToString::to_string).collect();
        // A shell tells so of what it has run.
        let shell = match code - 128 {
            signal @ 1..=64 if test.command.first().is_some_and(|program| program == "sh") => {
                format!(" (the shell's word for {})", named(signal))
            }
            _ => String::new(),
        };
        wrong.push(format!("exit code {code}{shell}, expected {}", codes.join(" or ")));
    }
    if wrong.is_empty() {
        (Outcome::Passed, String::new())
    } else {
        (Outcome::Failed, wrong.join("; "))
    }
}

fn named(signal: i32) -> String {
    match Signal::try_from(signal) {
        Ok(known) => known.to_string(),
        Err(_) => format!("signal {signal}"),
    }
}

/// The report of a subtest, in the words of pytest's.
pub(super) fn with_report(
    test: &CommandTest,
    item: u32,
    point: &Point,
    tell: impl FnOnce(Report<'_>),
) {
    let (category, letter, word, failed, brief) = match (&point.directive, point.ok) {
        (Some(Directive::Skip(why)), _) => {
            let why = if why.is_empty() { "skipped by TAP" } else { why };
            ("skipped", "-", "SUBSKIPPED", false, why)
        }
        (Some(Directive::Todo(why)), false) => ("xfailed", "y", "SUBXFAIL", false, why.as_str()),
        (Some(Directive::Todo(why)), true) => ("xpassed", "Y", "SUBXPASS", false, why.as_str()),
        (None, true) => ("subtests passed", "u", "SUBPASSED", false, ""),
        (None, false) => ("failed", "u", "SUBFAILED", true, brief(&point.detail)),
    };
    tell(Report {
        i: item,
        phase: Phase::Call.word(),
        category,
        letter,
        word: &format!("{word}[{}]", point.name),
        failed,
        headline: &format!("{} [{}]", test.id, point.name),
        text: if failed { point.detail.trim_end() } else { "" },
        brief,
        location: &test.location,
        sections: &[],
        d: 0.0,
    });
}

/// The line of a subtest's details that says most: the error of its YAML, or the first one.
fn brief(detail: &str) -> &str {
    let mut lines = detail.lines().map(str::trim).filter(|line| !line.is_empty());
    while let Some(line) = lines.next() {
        let error = ["error:", "message:"].iter().find_map(|key| line.strip_prefix(key));
        let Some(error) = error.map(|error| error.trim().trim_matches(['\'', '"'])) else {
            continue;
        };
        // A block of several lines stands below.
        if error.starts_with(['|', '>']) {
            return lines.next().unwrap_or_default();
        }
        if !error.is_empty() {
            return error;
        }
    }
    detail.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// The warning about what a command has left behind.
pub(super) fn left_behind(test: &CommandTest, left: &[String]) -> String {
    let mut named: Vec<String> = left.iter().take(NAMED).map(|line| format!("`{line}`")).collect();
    if left.len() > NAMED {
        named.push(format!("{} more", left.len() - NAMED));
    }
    let s = if left.len() == 1 { "a process" } else { "processes" };
    let was = if left.len() == 1 { "was" } else { "were" };
    format!("{}: it left {s} behind, which {was} killed: {}", test.location, named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test() -> CommandTest {
        CommandTest {
            id: "a".to_owned(),
            location: "m.toml:1".to_owned(),
            command: vec!["sh".to_owned(), "-c".to_owned(), "x y".to_owned()],
            directory: "/d".into(),
            exit: vec![0, 3],
            skip: Some(77),
            ..CommandTest::default()
        }
    }

    fn told(end: &End, tap: Option<&TapEnd>) -> (Outcome, String) {
        let Verdict { outcome, brief, .. } = verdict(&test(), end, tap);
        (outcome, brief)
    }

    #[test]
    fn the_exit_code_decides() {
        assert_eq!(told(&End::Code(0), None).0, Outcome::Passed);
        assert_eq!(told(&End::Code(3), None).0, Outcome::Passed);
        assert_eq!(told(&End::Code(77), None), (Outcome::Skipped, "exit code 77".to_owned()));
        let failed = (Outcome::Failed, "exit code 1, expected 0 or 3".to_owned());
        assert_eq!(told(&End::Code(1), None), failed);
        let (outcome, brief) = told(&End::Code(139), None);
        assert_eq!(outcome, Outcome::Failed);
        assert_eq!(brief, "exit code 139 (the shell's word for SIGSEGV), expected 0 or 3");
        let crashed = (Outcome::Crashed, "it was killed by SIGKILL".to_owned());
        assert_eq!(told(&End::Signal(9), None), crashed);
        assert_eq!(told(&End::TimedOut(Duration::from_secs(90)), None).0, Outcome::TimedOut);
        assert_eq!(told(&End::NotStarted("no".to_owned()), None).0, Outcome::Error);
        let text = verdict(&test(), &End::Code(1), None).text;
        assert!(text.starts_with("$ x y\nexit code 1"), "{text}");
    }

    #[test]
    fn tap_and_the_exit_code_must_both_be_right() {
        let tap = |failed, ending: Ending| TapEnd { told: 2, failed, ending };
        let good = Ending::default();
        assert_eq!(told(&End::Code(0), Some(&tap(0, good.clone()))).0, Outcome::Passed);
        let one = told(&End::Code(0), Some(&tap(1, good.clone())));
        assert_eq!(one, (Outcome::Failed, "contains 1 failed subtest".to_owned()));
        let both = told(&End::Code(1), Some(&tap(2, good.clone()))).1;
        assert_eq!(both, "contains 2 failed subtests; exit code 1, expected 0 or 3");
        assert_eq!(told(&End::Code(1), Some(&tap(0, good))).0, Outcome::Failed);
        let bail = Ending { bail_out: Some("no disk".to_owned()), ..Ending::default() };
        let bailed = told(&End::Code(77), Some(&tap(0, bail)));
        assert_eq!(bailed.0, Outcome::Failed);
        assert!(bailed.1.starts_with("it bailed out: no disk"), "{}", bailed.1);
        let skip = Ending { skip_all: Some("no net".to_owned()), ..Ending::default() };
        assert_eq!(
            told(&End::Code(0), Some(&tap(0, skip.clone()))),
            (Outcome::Skipped, "no net".to_owned())
        );
        assert_eq!(told(&End::Code(1), Some(&tap(0, skip))).0, Outcome::Failed);
        let short = Ending { complaints: vec!["short".to_owned()], ..Ending::default() };
        assert_eq!(
            told(&End::Code(0), Some(&tap(0, short))),
            (Outcome::Failed, "short".to_owned())
        );
    }

    #[test]
    fn the_brief_of_a_subtest_is_its_error() {
        assert_eq!(brief("duration_ms: 1\nerror: 'boo'\n"), "boo");
        assert_eq!(brief("duration_ms: 1\nerror: |-\n  two\n  lines\n"), "two");
        assert_eq!(brief("\ngot 1\n"), "got 1");
        assert_eq!(brief(""), "");
    }
}
