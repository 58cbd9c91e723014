//! The seed's `TerminalDistReporter`: where each node stands before tests run, and what becomes of it later.

use std::collections::HashMap;

use unicode_width::UnicodeWidthStr;

use super::page::{BOLD, PLAIN, Page, RED};
use crate::model::{Death, RunEvent, WorkerId, WorkerInfo};

/// How many lines of a dead worker's last output are shown.
const TAIL_LINES: usize = 40;

/// Where each worker stands: `I` started, `C` connected, `ok` ready, `[120]` collected.
#[derive(Debug, Default)]
pub(super) struct Status {
    workers: Vec<(WorkerId, String)>,
    tails: HashMap<String, WorkerId>,
}

impl Status {
    /// Takes in what an event says of where a worker stands.
    pub(super) fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunStarted { workers, .. } => {
                for (worker, _) in workers {
                    self.set(*worker, "I");
                }
            }
            RunEvent::WorkerStarting { worker, replaces, .. } => {
                // A clone stands where its predecessor stood.
                if let Some(old) = replaces.and_then(|old| self.find(old)) {
                    *old = (*worker, "I".to_owned());
                }
                self.set(*worker, "I");
            }
            RunEvent::WorkerSpawned { worker, .. } => self.set(*worker, "C"),
            RunEvent::WorkerReady { worker, .. } => self.set(*worker, "ok"),
            RunEvent::WorkerCollected { worker, tests, .. } => {
                self.set(*worker, &format!("[{tests}]"));
            }
            RunEvent::WorkerListed { worker, files } => {
                let plural = if *files == 1 { "" } else { "s" };
                self.set(*worker, &format!("[{files} file{plural}]"));
            }
            RunEvent::WorkerDown { worker, .. } => self.set(*worker, "down"),
            RunEvent::Progress(_)
            | RunEvent::Notice(_)
            | RunEvent::SuiteReady(_)
            | RunEvent::CollectReported { .. }
            | RunEvent::Collected { .. }
            | RunEvent::CollectionDiffers(_)
            | RunEvent::SchedulingStarted { .. }
            | RunEvent::FileCollected { .. }
            | RunEvent::FileNotRun { .. }
            | RunEvent::TestStarted { .. }
            | RunEvent::TestReported { .. }
            | RunEvent::TestFinished { .. }
            | RunEvent::TestNotRun { .. }
            | RunEvent::Warned { .. }
            | RunEvent::Output { .. }
            | RunEvent::TestSlow { .. }
            | RunEvent::TestRetried { .. }
            | RunEvent::WorkerRecycled { .. }
            | RunEvent::WorkerUsage { .. }
            | RunEvent::WorkerReplaced { .. }
            | RunEvent::ReplacementDenied { .. }
            | RunEvent::Host { .. }
            | RunEvent::TestLost { .. }
            | RunEvent::Stopping(_)
            | RunEvent::Conclusion { .. }
            | RunEvent::RunFinished(_) => {}
        }
    }

    fn find(&mut self, worker: WorkerId) -> Option<&mut (WorkerId, String)> {
        self.workers.iter_mut().find(|(id, _)| *id == worker)
    }

    fn set(&mut self, worker: WorkerId, status: &str) {
        match self.find(worker) {
            Some((_, known)) => status.clone_into(known),
            None => self.workers.push((worker, status.to_owned())),
        }
    }

    /// Each worker with where it stands, in the order of the run's specifications.
    pub(super) fn workers(&self) -> &[(WorkerId, String)] {
        &self.workers
    }

    /// The seed's status line: `gw0 I / gw1 C / gw2 ok / gw3 [120]`; where that is too wide, how many workers stand where:
    /// `64 workers: 60 [120], 4 C`.
    pub(super) fn line(&self, columns: usize) -> String {
        let each: Vec<String> =
            self.workers.iter().map(|(worker, status)| format!("{worker} {status}")).collect();
        let line = each.join(" / ");
        if line.width() <= columns {
            return line;
        }
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for (_, status) in &self.workers {
            match counts.iter_mut().find(|(known, _)| known == status) {
                Some((_, count)) => *count += 1,
                None => counts.push((status, 1)),
            }
        }
        let counts: Vec<String> =
            counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
        format!("{} workers: {}", self.workers.len(), counts.join(", "))
    }

    /// The seed's line of a node that went down, with its last output unless a crash item shows that.
    pub(super) fn down(&mut self, page: &mut Page, worker: WorkerId, death: &Death, crashed: bool) {
        page.line(RED, &format!("[{worker}] node down: {death}"));
        if crashed || death.tail.trim().is_empty() {
            return;
        }
        if let Some(first) = self.tails.get(&death.tail) {
            page.say(format_args!("    (its last output is that of {first})"));
            return;
        }
        self.tails.insert(death.tail.clone(), worker);
        for line in tail(&death.tail) {
            page.say(format_args!("    {line}"));
        }
    }
}

/// The last lines of an output, with a line that says how much was left out.
pub(super) fn tail(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let cut = lines.len().saturating_sub(TAIL_LINES);
    let note = (cut > 0).then(|| format!("… {cut} lines before"));
    note.into_iter().chain(lines[cut..].iter().map(|line| (*line).to_owned())).collect()
}

/// What the seed tells with `-v` of a new gateway and of a node that is ready.
pub(super) fn introduce(page: &mut Page, worker: WorkerId, info: &WorkerInfo) {
    let WorkerInfo { platform, runtime, cwd, framework, .. } = info;
    if runtime.is_empty() {
        return page.say(format_args!("[{worker}] {platform} {framework} cwd: {cwd}"));
    }
    if runtime.is_empty() {
        page.say(format_args!("[{worker}] {platform} cwd: {cwd}"));
        return page.say(format_args!("[{worker}] {framework}"));
    }
    page.say(format_args!("[{worker}] {platform} Python {runtime} cwd: {cwd}"));
    page.say(format_args!("[{worker}] Python {runtime} -- {framework}"));
}

/// The framework's header, from the first worker that is ready.
pub(super) fn header(page: &mut Page, info: &WorkerInfo) {
    for line in &info.header {
        page.line(PLAIN, line);
    }
}

/// The first line of a run.
pub(super) fn begin(page: &mut Page) {
    page.separator('=', BOLD, "test session starts");
}
