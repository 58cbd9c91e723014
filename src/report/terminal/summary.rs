//! The end of a run: its sections in pytest's order, ours beside them, and the last line.

use std::sync::Arc;
use std::time::Duration;

use super::TerminalOptions;
use super::failures;
use super::page::{PLAIN, Page, RED, YELLOW};
use super::palette::{self, KNOWN};
use super::short;
use crate::model::{Outcome, StopReason};
use crate::report::tally::{Down, Flaky, NotRun};
use crate::report::{Spread, Tally};

/// The exit code of a worker that refuses its command line.
const USAGE: i32 = 4;

/// Everything after the last result.
pub(super) fn summary(
    page: &mut Page,
    tally: &Tally,
    spread: Option<&Spread>,
    options: &TerminalOptions,
    letters: &str,
    passed: &[Arc<str>],
    elapsed: Duration,
) {
    if !options.live {
        failures::failures(page, tally);
    }
    if letters.contains('w') {
        warnings(page, tally);
    }
    failures::passes(page, tally, letters);
    slowest(page, tally, options.slowest);
    conclusions(page, tally);
    differences(page, tally);
    crashed_workers(page, tally);
    lost_hosts(page, tally);
    flaky(page, tally);
    apart(page, tally);
    short::summary(page, tally, letters, passed, options.whole_briefs);
    not_run(page, tally, options.verbosity);
    stopped(page, tally);
    explained(page, tally);
    if let Some(spread) = spread.filter(|_| options.verbosity >= 0 && tally.stop().is_none()) {
        makespan(page, spread);
    }
    if options.verbosity >= -1 {
        last_line(page, tally, elapsed, options.verbosity >= 0);
    }
}

fn warnings(page: &mut Page, tally: &Tally) {
    if tally.warnings().groups().is_empty() {
        return;
    }
    page.separator('=', YELLOW, "warnings summary");
    for group in tally.warnings().groups() {
        let places = group.places();
        for place in &places {
            page.line(PLAIN, place);
        }
        let indent = if places.is_empty() { "" } else { "  " };
        for line in group.text.trim_end().lines() {
            page.line(PLAIN, format!("{indent}{line}").trim_end());
        }
        page.end_line();
    }
    page.line(PLAIN, "-- Docs: https://docs.pytest.org/en/stable/how-to/capture-warnings.html");
}

fn slowest(page: &mut Page, tally: &Tally, asked: usize) {
    let list = tally.slowest().list();
    if list.is_empty() {
        return;
    }
    page.separator('=', PLAIN, &format!("slowest {asked} tests"));
    for slow in list {
        let durations = slow.durations;
        let around = [("setup", durations.setup), ("teardown", durations.teardown)]
            .into_iter()
            .filter(|(_, seconds)| *seconds >= durations.total() / 4.0)
            .map(|(phase, seconds)| format!("{phase} {seconds:.2}s"))
            .collect::<Vec<_>>();
        let around =
            if around.is_empty() { String::new() } else { format!(" ({})", around.join(", ")) };
        page.say(format_args!("{:.2}s {}{around}", durations.total(), slow.test.id));
    }
}

fn conclusions(page: &mut Page, tally: &Tally) {
    for conclusion in tally.conclusions() {
        if !conclusion.text.trim().is_empty() {
            page.block(&conclusion.text);
        }
        if let Some(failure) = &conclusion.failure
            && !conclusion.text.contains(failure)
        {
            page.line(RED, failure);
        }
    }
}

fn differences(page: &mut Page, tally: &Tally) {
    if tally.diffs().is_empty() {
        return;
    }
    page.separator('=', PLAIN, "different collections");
    for diff in tally.diffs() {
        page.block(&diff.to_string());
    }
}

fn flaky(page: &mut Page, tally: &Tally) {
    if tally.flaky().is_empty() {
        return;
    }
    page.separator('=', YELLOW, "flaky tests");
    for Flaky { test, brief, alone } in tally.flaky() {
        let alone = if *alone { " (passed alone in a fresh process)" } else { "" };
        page.say(format_args!("{test}: {brief}{alone}"));
    }
}

/// Where every worker runs all tests, what each host and interpreter has come to.
fn apart(page: &mut Page, tally: &Tally) {
    let parts = tally.lanes().parts();
    if parts.len() < 2 {
        return;
    }
    page.separator('=', PLAIN, "each apart");
    for part in &parts {
        let bad = part.outcomes.keys().any(|outcome| outcome.is_bad());
        let counts: Vec<String> =
            part.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
        let mut about = vec![part.with.clone()];
        about.extend((part.workers > 1).then(|| counted(part.workers as usize, "worker")));
        about.retain(|text| !text.is_empty());
        let about =
            if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
        let style = if bad { RED } else { PLAIN };
        page.line(style, &format!("{}{about}: {counts}", part.spec));
    }
}

fn crashed_workers(page: &mut Page, tally: &Tally) {
    if tally.downs().is_empty() {
        return;
    }
    page.separator('=', PLAIN, "crashed workers");
    for down in tally.downs() {
        let Down { worker, why, crashed, replacement, denied } = down;
        let test = crashed.as_ref().map_or(String::new(), |test| format!(" while running {test}"));
        let then = match (replacement, denied) {
            (Some(new), _) => format!("replaced by {new}"),
            (None, Some(reason)) => format!("not replaced: {reason}"),
            (None, None) => "not replaced".to_owned(),
        };
        page.say(format_args!("{worker} {why}{test}; {then}"));
    }
}

fn lost_hosts(page: &mut Page, tally: &Tally) {
    let mut losses = tally.losses().list().peekable();
    if losses.peek().is_some() {
        page.separator('=', PLAIN, "lost hosts");
    }
    for loss in losses {
        page.line(PLAIN, &loss.to_string());
    }
}

/// Lost tests by name; those left out on purpose as a count, unless `-v` asks for their names too.
fn not_run(page: &mut Page, tally: &Tally, verbosity: i32) {
    let is_named = |group: &&NotRun| group.lost || verbosity > 0;
    if tally.not_run().iter().any(|group| is_named(&group)) {
        page.separator('=', YELLOW.bold(), "tests not run");
    }
    for group in tally.not_run().iter().filter(is_named) {
        let (style, word) = if group.lost { (RED, "lost") } else { (YELLOW, "not run") };
        page.line(style, &format!("{} {word}: {}", extent(group), group.reason));
        for test in &group.tests {
            page.say(format_args!("    {test}"));
        }
        for file in &group.files {
            page.say(format_args!("    {file} (its tests were not collected)"));
        }
    }
    for group in tally.not_run().iter().filter(|group| !is_named(group)) {
        page.line(YELLOW, &format!("{} not run: {}", extent(group), group.reason));
    }
}

/// How much was not run; tests alone are a bare number.
fn extent(group: &NotRun) -> String {
    match (group.tests.len(), group.files.len()) {
        (tests, 0) => tests.to_string(),
        (0, files) => counted(files, "uncollected file"),
        (tests, files) => {
            format!("{} and {}", counted(tests, "test"), counted(files, "uncollected file"))
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn stopped(page: &mut Page, tally: &Tally) {
    let (style, why) = match tally.stop() {
        None => return,
        Some(StopReason::MaxFail(count)) => (RED, format!("stopping after {count} failures")),
        Some(StopReason::Requested(by)) => (PLAIN, format!("Interrupted: {by}")),
        Some(StopReason::Worker { worker, reason, exit_code }) => {
            match (exit_code, reason.trim_end().contains('\n')) {
                // In pytest's form.
                (Some(USAGE), _) => {
                    return page.block(&page.paint(RED, &format!("ERROR: {}", reason.trim_end())));
                }
                (_, true) => {
                    page.separator('!', RED, &format!("{worker} stopped the run"));
                    return page.block(reason);
                }
                (_, false) => (PLAIN, format!("{worker}: {}", reason.trim_end())),
            }
        }
        Some(StopReason::Deadline(limit)) => {
            let limit = humantime::format_duration(*limit);
            (RED, format!("the run took longer than its deadline of {limit}"))
        }
        Some(StopReason::CollectionsDiffer) => {
            (PLAIN, "Interrupted: collections differ".to_owned())
        }
        Some(StopReason::CollectionFailed) => {
            let errors = tally.counted("error");
            let plural = if errors == 1 { "" } else { "s" };
            (PLAIN, format!("Interrupted: {errors} error{plural} during collection"))
        }
    };
    page.separator('!', style, &why);
}

/// What the verdict says of the exit code, unless the line on the stop has just said it.
fn explained(page: &mut Page, tally: &Tally) {
    let verdict = tally.verdict();
    let Some(explanation) = verdict.and_then(|verdict| verdict.explanation.as_deref()) else {
        return;
    };
    let is_said = match tally.stop() {
        None | Some(StopReason::MaxFail(_)) => false,
        Some(StopReason::Requested(by)) => explanation.ends_with(by),
        Some(StopReason::Worker { worker, .. }) => explanation.starts_with(&format!("{worker}: ")),
        Some(
            StopReason::CollectionsDiffer | StopReason::CollectionFailed | StopReason::Deadline(_),
        ) => true,
    };
    if !is_said {
        page.line(palette::of_run(tally), explanation);
    }
}

/// Below so many percent of the bound it is not the tests that took the time, and what more workers would change nobody can say.
const MOSTLY_TESTS: f64 = 50.0;

/// How long the tests took, how near that is to what is possible, and what more workers would change.
fn makespan(page: &mut Page, spread: &Spread) {
    let (longest, seconds) = &spread.longest;
    let more = if spread.percent() < MOSTLY_TESTS {
        "most of the time was not spent in tests".to_owned()
    } else if spread.useful > spread.workers {
        format!("up to {} workers would help, given the CPUs", spread.useful)
    } else {
        "more workers would not help".to_owned()
    };
    page.say(format_args!(
        "{} on {} workers: {:.0} % of the bound; longest: {longest}, {}; {more}",
        span(spread.seconds),
        spread.workers,
        spread.percent(),
        span(*seconds),
    ));
}

/// A time for people: `4.2 s`, `0.07 s`, past a minute `1m 7s`.
fn span(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{seconds:.2} s")
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        let whole = Duration::try_from_secs_f64(seconds.round()).unwrap_or(Duration::MAX);
        humantime::format_duration(whole).to_string()
    }
}

/// The counts in pytest's order, words and colours.
pub(super) fn counts(tally: &Tally) -> Vec<(anstyle::Style, String)> {
    let main = palette::of_run(tally);
    let unknown = tally.categories().filter(|(name, _)| !KNOWN.contains(name));
    let mut parts: Vec<(anstyle::Style, String)> = KNOWN
        .into_iter()
        .map(|name| (name, tally.counted(name)))
        .chain(unknown)
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| {
            let word = match (name, count) {
                ("warnings", 1) => "warning",
                ("error", 2..) => "errors",
                _ => name,
            };
            (palette::of_category(name), format!("{count} {word}"))
        })
        .collect();
    if let Some(count) = tally.outcomes().get(&Outcome::NotRun) {
        let style = if tally.lost() > 0 { RED } else { YELLOW };
        parts.push((style, format!("{count} not run")));
    }
    if !tally.flaky().is_empty() {
        parts.push((YELLOW, format!("{} flaky", tally.flaky().len())));
    }
    for (style, _) in &mut parts {
        if *style == main {
            *style = style.bold();
        }
    }
    parts
}

fn last_line(page: &mut Page, tally: &Tally, elapsed: Duration, framed: bool) {
    let main = palette::of_run(tally);
    let mut counts = counts(tally);
    if counts.is_empty() {
        counts.push((YELLOW, "no tests ran".to_owned()));
    }
    let mut parts = Vec::new();
    for (place, part) in counts.into_iter().enumerate() {
        if place > 0 {
            parts.push((PLAIN, ", ".to_owned()));
        }
        parts.push(part);
    }
    parts.push((main, format!(" in {}", duration(elapsed))));
    if framed {
        page.separator_of('=', main, &parts);
    } else {
        page.fresh_line();
        for (style, text) in parts {
            page.write(style, &text);
        }
        page.end_line();
    }
}

/// pytest's form of a session's duration: `3.20s`, past a minute `67.01s (0:01:07)`.
fn duration(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds < 60.0 {
        return format!("{seconds:.2}s");
    }
    let whole = elapsed.as_secs();
    let days = match whole / 86_400 {
        0 => String::new(),
        1 => "1 day, ".to_owned(),
        days => format!("{days} days, "),
    };
    let (hours, minutes) = (whole / 3600 % 24, whole / 60 % 60);
    format!("{seconds:.2}s ({days}{hours}:{minutes:02}:{:02})", whole % 60)
}
