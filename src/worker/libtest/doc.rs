//! Running the doctests of a package: all of them in one run of rustdoc, whose names can not be told to it, since it takes its
//! arguments apart at each space. What is left of a name is enough to run few beside those that are run again.
//!
//! rustdoc compiles and runs several at once, each in a process of its own, and captures what they write. It says of each that it is
//! over, and of those that failed at the end why.

use std::collections::{HashMap, HashSet};
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::time::Instant;

use super::Shared;
use super::batch::{Batch, Done};
use super::ledger::Ledger;
use super::run::wait_until;
use super::verdict::{Verdict, brief};
use crate::adapters::libtest::Program;
use crate::model::{Outcome, RunIgnored};
use crate::worker::process::{TestProcess, ending};
use crate::worker::{Channel, ChannelError};

/// How much is read in one go.
const CHUNK: usize = 64 * 1024;

/// How much longer than a test may take nothing may be heard of any: rustdoc compiles them first.
const COMPILING: Duration = Duration::from_secs(25);

/// What came of the doctests of a package, by name.
pub(super) type Results = HashMap<String, Done>;

/// Runs all doctests of the package, unless a worker of this host has; tells of those in the batch as their turn comes, and gives the others
/// to be told when they are asked for. Of these, `again` names those of which the results that are known do not count. `true` if the session
/// is to end.
pub(super) async fn run(
    channel: &mut Channel,
    shared: &Shared,
    program: &Program,
    ledger: &Ledger,
    batch: &mut Batch,
    again: &HashSet<String>,
    results: &mut Results,
) -> Result<bool, ChannelError> {
    // Which of them runs first nobody can tell.
    batch.start_early(&mut |event| channel.say(event));
    channel.flush()?;
    let Some(mut pen) = ledger.turn(channel).await? else { return Ok(true) };
    merge(pen.read().into_iter().filter(|(name, _)| !again.contains(name)), results);
    fill(batch, results);
    batch.tell(&mut |event| channel.say(event));
    channel.flush()?;
    let left = batch.left();
    if left.is_empty() {
        return Ok(false);
    }
    // After a whole run only some are left.
    let is_whole = results.is_empty();
    let left: Vec<String> = left.iter().map(|place| batch.entries[*place].name.clone()).collect();
    let mut args: Vec<&str> = program.args.iter().map(String::as_str).collect();
    match shared.plan.run_ignored {
        RunIgnored::Default => {}
        RunIgnored::Only => args.push("--ignored"),
        RunIgnored::All => args.push("--include-ignored"),
    }
    if !is_whole {
        args.extend(left.iter().filter_map(|name| name.split_whitespace().last()));
    }
    let place = &shared.plan.places[program.place];
    let env = place.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let begun = Instant::now();
    let mut interrupted = false;
    batch.start_early(&mut |event| channel.say(event));
    channel.flush()?;
    let mut found = Results::new();
    let mut text = String::new();
    let mut over_time = None;
    let started = TestProcess::start(&program.path, args, env, &place.cwd);
    let status = match started {
        Err(error) => Err(error),
        Ok((mut process, mut output)) => {
            let mut buffer = vec![0; CHUNK];
            let mut last = begun;
            let limit = batch.entries.iter().filter_map(|entry| entry.limit).max();
            let status = loop {
                let due = if over_time.is_none() {
                    limit.map(|limit| last + limit + COMPILING)
                } else {
                    None
                };
                tokio::select! {
                    biased;
                    stopped = channel.interrupted(), if !interrupted => {
                        stopped?;
                        interrupted = true;
                        process.kill_group();
                    }
                    status = process.wait() => break status,
                    came = output.comes() => if came.is_ok() {
                        while let Some(count) = output.take(&mut buffer) {
                            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
                        }
                        if take_results(&text, begun, &mut found) {
                            last = Instant::now();
                            merge(found.clone(), results);
                            fill(batch, results);
                            batch.tell(&mut |event| channel.say(event));
                            batch.start_early(&mut |event| channel.say(event));
                            channel.flush()?;
                        }
                    },
                    () = wait_until(due) => {
                        over_time = limit;
                        process.kill_group();
                    }
                }
            };
            while let Some(count) = output.take(&mut buffer) {
                text.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
            process.kill_group();
            status
        }
    };
    if interrupted {
        return Ok(true);
    }
    take_results(&text, begun, &mut found);
    take_failures(&text, begun, &mut found);
    merge(found, results);
    for name in if is_whole { &program.tests } else { &left } {
        if !results.contains_key(name) {
            let verdict = without_result(&status, over_time, &text);
            results.insert(name.clone(), Done { verdict, seconds: 0.0 });
        }
    }
    pen.write(results);
    fill(batch, results);
    batch.tell(&mut |event| channel.say(event));
    channel.flush()?;
    Ok(false)
}

/// Adds what is not known yet.
fn merge(found: impl IntoIterator<Item = (String, Done)>, results: &mut Results) {
    for (name, done) in found {
        results.entry(name).or_insert(done);
    }
}

/// Gives the tests of the batch what came of them.
pub(super) fn fill(batch: &mut Batch, results: &Results) {
    for entry in &mut batch.entries {
        if entry.done.is_none() {
            entry.done = results.get(&entry.name).cloned();
        }
    }
}

/// Takes the lines `test NAME ... ok`; failures wait for what rustdoc says of them. Whether there was a new one.
fn take_results(text: &str, begun: Instant, results: &mut Results) -> bool {
    let known = results.len();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    for line in whole.lines() {
        let Some((head, word)) =
            line.strip_prefix("test ").and_then(|line| line.rsplit_once(" ... "))
        else {
            continue;
        };
        let (outcome, brief) = match word {
            "ok" => (Outcome::Passed, String::new()),
            "ignored" => (Outcome::Skipped, String::new()),
            other => match other.strip_prefix("ignored, ") {
                Some(reason) => (Outcome::Skipped, reason.to_owned()),
                None => continue,
            },
        };
        let verdict = Verdict { outcome, text: String::new(), brief };
        results.entry(plain(head).to_owned()).or_insert_with(|| {
            // Beside which others it ran, and since when, nobody can tell.
            let seconds =
                if outcome == Outcome::Skipped { 0.0 } else { begun.elapsed().as_secs_f64() };
            Done { verdict, seconds }
        });
    }
    // The whole run is no test's time: each is taken to have its share.
    share(results, known, begun);
    results.len() > known
}

/// Those that came with the same piece of output share the time since the ones before.
fn share(results: &mut Results, known: usize, begun: Instant) {
    let new = results.len() - known;
    if new == 0 {
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "there are fewer than a million")]
    let each = begun.elapsed().as_secs_f64() / results.len() as f64;
    for done in results.values_mut() {
        if done.verdict.outcome != Outcome::Skipped {
            done.seconds = done.seconds.min(each);
        }
    }
}

/// Takes what rustdoc says of those that failed.
fn take_failures(text: &str, begun: Instant, results: &mut Results) {
    for part in text.split("\n---- ").skip(1) {
        let Some((name, said)) = part.split_once(" stdout ----\n") else { continue };
        let said = said.split("\n\nfailures:\n").next().unwrap_or(said).trim_end().to_owned();
        let verdict = Verdict { outcome: Outcome::Failed, brief: brief(&said), text: said };
        results.insert(name.to_owned(), Done { verdict, seconds: begun.elapsed().as_secs_f64() });
    }
    // One of which nothing is said failed all the same.
    for line in text.lines() {
        if let Some(head) =
            line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED"))
        {
            results.entry(plain(head).to_owned()).or_insert_with(|| {
                let verdict = Verdict {
                    outcome: Outcome::Failed,
                    text: String::new(),
                    brief: "it failed without a word".to_owned(),
                };
                Done { verdict, seconds: 0.0 }
            });
        }
    }
}

/// The name without what rustdoc adds to it: ` - compile`, ` - compile fail`, ` - should panic`.
fn plain(head: &str) -> &str {
    match head.rsplit_once(") - ") {
        Some((name, _note)) => &head[..=name.len()],
        None => head,
    }
}

/// What is said of a test that rustdoc did not come to.
fn without_result(
    status: &io::Result<ExitStatus>,
    over_time: Option<Duration>,
    text: &str,
) -> Verdict {
    if let Some(limit) = over_time {
        let brief = format!(
            "no doctest of the package came to its end for {}: which of those that were left hangs can not be told",
            humantime::format_duration(limit)
        );
        return Verdict { outcome: Outcome::TimedOut, text: brief.clone(), brief };
    }
    let how = match status {
        Ok(status) => format!("`cargo test --doc` {}", ending(*status)),
        Err(error) => format!("`cargo test --doc` can not be run: {error}"),
    };
    let brief = format!("{how} and did not say what came of it");
    Verdict { outcome: Outcome::Error, text: format!("{brief}\n{}", text.trim_end()), brief }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\nrunning 4 tests\ntest a/src/lib.rs - one (line 1) ... ok\ntest a/src/lib.rs - three (line 12) ... ignored\n\
        test a/src/lib.rs - two (line 5) - compile ... ok\ntest a/src/lib.rs - two (line 8) ... FAILED\n\nfailures:\n\n\
        ---- a/src/lib.rs - two (line 8) stdout ----\nTest executable failed (exit status: 101).\n\nstderr:\n\nthread 'main' panicked at x:\nboo\n\n\n\nfailures:\n    a/src/lib.rs - two (line 8)\n\n\
        test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.12s\n\n";

    #[test]
    fn each_doctest_has_its_outcome_and_a_failure_its_text() {
        let mut results = Results::new();
        let begun = Instant::now();
        assert!(take_results(OUTPUT, begun, &mut results));
        assert!(!take_results(OUTPUT, begun, &mut results));
        assert_eq!(results.len(), 3);
        take_failures(OUTPUT, begun, &mut results);
        let outcome = |name: &str| results[name].verdict.outcome;
        assert_eq!(outcome("a/src/lib.rs - one (line 1)"), Outcome::Passed);
        assert_eq!(outcome("a/src/lib.rs - three (line 12)"), Outcome::Skipped);
        assert_eq!(outcome("a/src/lib.rs - two (line 5)"), Outcome::Passed);
        let failed = &results["a/src/lib.rs - two (line 8)"].verdict;
        assert_eq!((failed.outcome, failed.brief.as_str()), (Outcome::Failed, "boo"));
        assert!(failed.text.ends_with("boo"), "{}", failed.text);
    }
}
