//! Asking test binaries for their tests.

use std::collections::HashSet;
use std::ffi::OsString;
use std::process::{Output, Stdio};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::process::Command;

use super::LibtestError;
use super::plan::{Place, Program, ProgramKind};
use super::remembered::Remembered;
use crate::adapters::group::Group;
use crate::launch::tie_to_parent;
use crate::model::RunIgnored;

/// The end of what a binary printed in place of a listing, in bytes.
const SHOWN: usize = 4096;

/// Asks all programs, several at once, each for no longer than the limit.
pub(super) async fn list(
    programs: Vec<Program>,
    places: &[Place],
    run_ignored: RunIgnored,
    limit: Duration,
    env: &[(OsString, Option<OsString>)],
    known: &Remembered,
) -> Result<Vec<Program>, LibtestError> {
    // A listing is over as soon as it is begun: while one is read, the next is started.
    let cpus = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    let at_once = 2 * cpus;
    let ask = |mut program: Program| async move {
        let only_ignored = run_ignored == RunIgnored::Only;
        let has_harness = program.kind == ProgramKind::Libtest && program.args.is_empty();
        // What another harness says may depend on anything, and so may what a runner makes of it.
        let recalled = has_harness.then(|| known.recall(&program.path, only_ignored));
        let (stamp, tests) = recalled.unwrap_or_default();
        if let Some(tests) = tests {
            program.tests = tests;
            return Ok(program);
        }
        let asked = Asked { program: &program, place: &places[program.place], limit, env };
        let (kind, tests, ignored) = asked.all(run_ignored).await?;
        if let Some(stamp) = stamp {
            known.keep(stamp, &tests);
        }
        program.kind = kind;
        program.tests = tests;
        program.ignored = ignored;
        Ok(program)
    };
    let listed: Vec<Result<Program, LibtestError>> =
        stream::iter(programs.into_iter().map(ask)).buffered(at_once).collect().await;
    listed.into_iter().collect()
}

/// One program and how it is asked.
struct Asked<'a> {
    program: &'a Program,
    place: &'a Place,
    limit: Duration,
    env: &'a [(OsString, Option<OsString>)],
}

impl Asked<'_> {
    async fn all(
        &self,
        run_ignored: RunIgnored,
    ) -> Result<(ProgramKind, Vec<String>, Vec<String>), LibtestError> {
        let only = run_ignored == RunIgnored::Only;
        let output = self.output(only).await?;
        let answer = String::from_utf8_lossy(&output.stdout);
        let tests = output.status.success().then(|| names(&answer)).flatten();
        match (self.program.kind, tests) {
            (ProgramKind::Libtest, Some(tests)) => Ok((ProgramKind::Libtest, tests, Vec::new())),
            (ProgramKind::Libtest, None) => {
                let why = if output.status.success() {
                    "printed something else".to_owned()
                } else {
                    format!("failed ({})", output.status)
                };
                Err(self.wrong(why, &output))
            }
            // A harness of its own, which says that it has read what it was asked.
            (kind, Some(tests)) if !tests.is_empty() => {
                let ignored = if run_ignored == RunIgnored::Default {
                    let output = self.output(true).await?;
                    names(&String::from_utf8_lossy(&output.stdout)).unwrap_or_default()
                } else {
                    Vec::new()
                };
                Ok((kind, tests, ignored))
            }
            (_, Some(_) | None) if only => Ok((ProgramKind::Whole, Vec::new(), Vec::new())),
            (_, Some(_) | None) => Ok((ProgramKind::Whole, vec![String::new()], Vec::new())),
        }
    }

    async fn output(&self, ignored: bool) -> Result<Output, LibtestError> {
        let program = self.program;
        let path = program.path.display().to_string();
        let mut command = Command::new(&program.path);
        command
            .args(&program.args)
            .args(["--list", "--format", "terse"])
            .args(ignored.then_some("--ignored"))
            .current_dir(&self.place.cwd)
            .envs(self.place.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for (name, value) in self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        tie_to_parent(&mut command, []);
        let wrong =
            |error| LibtestError::Start { id: program.id.clone(), path: path.clone(), error };
        let child = command.spawn().map_err(wrong)?;
        let group = Group::of(&child);
        match tokio::time::timeout(self.limit, child.wait_with_output()).await {
            Ok(output) => {
                group.is_over();
                output.map_err(wrong)
            }
            Err(_elapsed) => Err(LibtestError::Hangs {
                id: program.id.clone(),
                path: path.clone(),
                limit: self.limit,
            }),
        }
    }

    fn wrong(&self, why: String, output: &Output) -> LibtestError {
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let end = &said[said.len().saturating_sub(SHOWN)..];
        LibtestError::Listing {
            id: self.program.id.clone(),
            path: self.program.path.display().to_string(),
            why,
            text: String::from_utf8_lossy(end).trim_end().to_owned(),
        }
    }
}

/// The names in a terse listing, each once; `None` if it is none.
pub(super) fn names(listing: &str) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for line in listing.lines().filter(|line| !line.trim().is_empty()) {
        let name = line.strip_suffix(": test").or_else(|| line.strip_suffix(": benchmark"));
        let name = name?;
        if seen.insert(name) {
            names.push(name.to_owned());
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_nothing_but_names() {
        let listing =
            "a::b: test\nbenches::c: benchmark\n\na::b: test\nsrc/lib.rs - x (line 3): test\n";
        let expected = ["a::b", "benches::c", "src/lib.rs - x (line 3)"].map(str::to_owned);
        assert_eq!(names(listing), Some(expected.to_vec()));
        assert_eq!(names(""), Some(vec![]));
        assert_eq!(names("a: test\nall is well\n"), None);
    }
}
