//! The run as people see it: pytest's look on any output, a live region on a terminal.
//!
//! [`TerminalReport`] takes the events of a run with the time of each and writes bytes. It reads no clock and
//! starts nothing, so a script of events and times always gives the same bytes.

mod canvas;
mod failures;
mod live;
mod page;
mod palette;
mod progress;
mod short;
mod status;
mod summary;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use self::live::Live;
use self::page::{DIM, PLAIN, Page, RED, YELLOW, tamed};
use self::progress::Told;
use self::status::Status;
use super::{Makespan, Tally};
use crate::model::{
    Death, Ending, HostNews, Outcome, PhaseReport, RunEvent, StopReason, TestName, WorkerId,
};

/// How people are shown a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Whether escape sequences for colour are written.
    pub color: bool,

    /// Whether the output is a terminal on which lines can be rewritten.
    pub live: bool,

    /// The width of the terminal, in columns.
    pub columns: u16,

    /// `-v` counts up, `-q` counts down.
    pub verbosity: i32,

    /// Show output of workers as it comes, each line under its worker's name (`-s`).
    pub live_output: bool,

    /// How many of the slowest tests the summary lists.
    pub slowest: usize,

    /// Whether lines of the short summary are longer than the terminal is wide, if need be; pytest: on CI and with `-vv`.
    pub whole_briefs: bool,
}

/// Rows that are assumed until [`TerminalReport::resize`] says better.
const ROWS: u16 = 24;

/// How long a written dot may wait in a buffer below us, when events go on coming.
const FLUSH: Duration = Duration::from_millis(100);

/// Writes a run to `W`.
///
/// Every time that it is given counts from one fixed moment, whichever that is, and does not go back.
#[derive(Debug)]
pub struct TerminalReport<W> {
    out: W,
    flushed: Option<Duration>,
    options: TerminalOptions,
    tally: Tally,
    makespan: Makespan,
    status: Status,
    page: Page,
    live: Option<Live>,
    began: Duration,
    letters: Option<String>,
    shown: usize,
    passed: Vec<Arc<str>>,
}

impl<W: io::Write> TerminalReport<W> {
    /// A report on a run that has not begun.
    pub fn new(options: TerminalOptions, out: W) -> Self {
        Self {
            out,
            flushed: None,
            tally: Tally::new(options.slowest),
            makespan: Makespan::default(),
            status: Status::default(),
            page: Page::new(options.columns, options.color),
            live: options.live.then(|| Live::new(options.columns, ROWS)),
            began: Duration::ZERO,
            letters: None,
            shown: 0,
            passed: Vec::new(),
            options,
        }
    }

    /// The terminal's size has changed, or is known only now.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.page.set_columns(columns);
        if let Some(live) = &mut self.live {
            live.resize(columns, rows);
        }
    }

    /// Takes in the next event.
    ///
    /// # Errors
    /// What the output said; a broken pipe among others. The report can go on being used.
    pub fn event(&mut self, at: Duration, event: &RunEvent) -> io::Result<()> {
        let implied = self.tally.event(event);
        self.makespan.event(event);
        self.status.event(event);
        if let Some(live) = &mut self.live {
            live.event(at, event);
        }
        self.narrate(at, event, implied);
        if let RunEvent::RunFinished(_) = event {
            self.close()?;
            let elapsed = at.saturating_sub(self.began);
            summary::summary(
                &mut self.page,
                &self.tally,
                self.makespan.spread().as_ref(),
                &self.options,
                self.letters.as_deref().unwrap_or("wfE"),
                &self.passed,
                elapsed,
            );
            return self.close();
        }
        self.write(at)
    }

    /// Time passes. To be called about ten times a second while the run lasts, so that clocks go on and nothing waits
    /// in a buffer.
    ///
    /// # Errors
    /// As for [`event`](Self::event).
    pub fn tick(&mut self, at: Duration) -> io::Result<()> {
        self.write(at)?;
        if self.flushed.is_none_or(|flushed| flushed < at) {
            self.flushed = Some(at);
            self.out.flush()?;
        }
        Ok(())
    }

    /// Removes the live region and writes what still waits. [`RunEvent::RunFinished`] does it by itself; this is for a
    /// run that breaks off without one.
    ///
    /// # Errors
    /// As for [`event`](Self::event).
    pub fn close(&mut self) -> io::Result<()> {
        let text = self.page.take();
        if let Some(mut live) = self.live.take() {
            live.above(&tamed(&text));
            self.out.write_all(live.clear().as_bytes())?;
        } else if self.options.live {
            self.out.write_all(tamed(&text).as_bytes())?;
        } else {
            self.out.write_all(text.as_bytes())?;
        }
        self.out.flush()
    }

    fn write(&mut self, at: Duration) -> io::Result<()> {
        if let Some(live) = &mut self.live {
            live.above(&tamed(&self.page.take()));
            if live.is_due(at) {
                let bytes = live.draw(at, &self.page, &self.tally, &self.status);
                self.out.write_all(bytes.as_bytes())?;
                self.out.flush()?;
            }
            return Ok(());
        }
        if !self.page.is_empty() {
            self.out.write_all(self.page.take().as_bytes())?;
        }
        let due = |flushed| at.saturating_sub(flushed) >= FLUSH;
        if self.flushed.is_none_or(due) {
            self.flushed = Some(at);
            self.out.flush()?;
        }
        Ok(())
    }
}

impl<W> TerminalReport<W> {
    /// What the run has come to so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Puts what an event says to people on the page.
    fn narrate(&mut self, at: Duration, event: &RunEvent, implied: Option<Outcome>) {
        match event {
            RunEvent::RunStarted { .. } => {
                self.began = at;
                if self.is_told() {
                    status::begin(&mut self.page);
                    self.status_line();
                }
            }
            RunEvent::Progress(text) if self.is_told() => self.page.line(DIM, text),
            RunEvent::Notice(text) => self.page.line(YELLOW, &format!("note: {text}")),
            RunEvent::SuiteReady(suite) if self.is_told() => self.page.say(format_args!(
                "using {} ({}): {}",
                suite.executable, suite.chosen_by, suite.framework
            )),
            RunEvent::WorkerReady { worker, info } => {
                if self.letters.is_none() {
                    self.letters = Some(short::letters(&info.summary_letters));
                    if self.is_told() {
                        status::header(&mut self.page, info);
                    }
                }
                if self.options.verbosity > 0 {
                    status::introduce(&mut self.page, *worker, info);
                }
            }
            RunEvent::SchedulingStarted { policy, .. } if self.is_told() => {
                self.status_line();
                self.page.end_line();
                self.page.line(PLAIN, &format!("scheduling tests via {policy}"));
            }
            RunEvent::TestReported { worker, test, report } => {
                if implied.is_some() {
                    self.result(*worker, test, &Told::outcome(Outcome::Passed));
                }
                self.result(*worker, test, &Told::report(report));
                self.late_sections(*worker, test, report);
                self.show_failures();
            }
            RunEvent::TestFinished { worker, test, .. } => {
                if let Some(outcome) = implied {
                    self.result(*worker, test, &Told::outcome(outcome));
                }
            }
            RunEvent::Output { worker, text, .. } => self.output(*worker, text),
            RunEvent::WorkerDown { worker, death, crashed, expected, .. } => {
                self.worker_down(*worker, death, crashed.is_some(), *expected);
            }
            RunEvent::Host { host, news } => self.host(host, news),
            RunEvent::TestLost { test, times, .. } => {
                let again = format!(
                    "{test} was running on a host that is lost ({times}), and is run again"
                );
                self.page.line(YELLOW, &again);
            }
            RunEvent::TestSlow { worker, test, seconds }
                if self.is_told() && !self.options.live =>
            {
                let text = format!("[{worker}] slow: {test}, {seconds:.0} s so far");
                self.page.line(YELLOW, &text);
            }
            RunEvent::WorkerReplaced { old, .. } if self.is_told() && self.has_crashed(*old) => {
                self.page.line(PLAIN, &format!("replacing crashed worker {old}"));
            }
            RunEvent::ReplacementDenied { reason, .. } if self.is_told() => {
                self.page.line(RED, reason);
            }
            RunEvent::Stopping(reason) => {
                if let StopReason::Requested(by) = reason {
                    // A second request kills; only a person at a keyboard can make one.
                    let again = if by == "SIGINT" { "; once more kills them" } else { "" };
                    let text = format!("{by}: running tests are finished first{again}");
                    self.page.line(YELLOW, &text);
                }
                self.show_failures();
            }
            RunEvent::RunFinished(_) => self.end_of_progress(),
            RunEvent::CollectReported { .. } => self.show_failures(),
            RunEvent::Progress(_)
            | RunEvent::SuiteReady(_)
            | RunEvent::WorkerStarting { .. }
            | RunEvent::WorkerSpawned { .. }
            | RunEvent::WorkerCollected { .. }
            | RunEvent::Collected { .. }
            | RunEvent::CollectionDiffers(_)
            | RunEvent::SchedulingStarted { .. }
            | RunEvent::FileCollected { .. }
            | RunEvent::FileNotRun { .. }
            | RunEvent::WorkerListed { .. }
            | RunEvent::TestStarted { .. }
            | RunEvent::TestNotRun { .. }
            | RunEvent::Warned { .. }
            | RunEvent::TestSlow { .. }
            | RunEvent::TestRetried { .. }
            | RunEvent::WorkerRecycled { .. }
            | RunEvent::WorkerUsage { .. }
            | RunEvent::WorkerReplaced { .. }
            | RunEvent::ReplacementDenied { .. }
            | RunEvent::Conclusion { .. } => {}
        }
    }

    fn has_crashed(&self, worker: WorkerId) -> bool {
        self.tally.downs().iter().any(|down| down.worker == worker)
    }

    /// Whether more than results is told.
    fn is_told(&self) -> bool {
        self.options.verbosity >= 0
    }

    /// The seed's status line, where no live region shows it.
    fn status_line(&mut self) {
        if !self.options.live {
            let line = self.status.line(self.page.columns());
            self.page.line(PLAIN, &line);
        }
    }

    fn result(&mut self, worker: WorkerId, test: &TestName, told: &Told<'_>) {
        let listed = self.letters.as_ref().is_some_and(|it| it.contains('p'));
        if told.category == "passed" && listed {
            self.passed.push(test.id.clone());
        }
        let percent = !self.options.live_output;
        if self.options.verbosity > 0 {
            if !told.word.is_empty() {
                let of = (worker, &*test.id);
                progress::line(&mut self.page, &self.tally, of, told, percent);
            }
        } else if !self.options.live && !told.letter.is_empty() {
            progress::letter(&mut self.page, &self.tally, told, percent);
        }
    }

    /// What a teardown printed after its test's failure was already shown.
    fn late_sections(&mut self, worker: WorkerId, test: &TestName, report: &PhaseReport) {
        let last = self.tally.entries()[..self.shown].last();
        let late = self.options.live
            && report.category.is_empty()
            && last.is_some_and(|last| last.worker == Some(worker) && last.id == test.id);
        if late {
            for section in &report.sections {
                self.page.separator('-', PLAIN, &format!("{} of {test}", section.title));
                self.page.block(&section.text);
            }
        }
    }

    /// On a terminal failures are shown as they happen.
    fn show_failures(&mut self) {
        if !self.options.live {
            return;
        }
        for entry in &self.tally.entries()[self.shown..] {
            if matches!(entry.category.as_str(), "failed" | "error") {
                failures::failure(&mut self.page, &self.tally, entry);
            }
        }
        self.shown = self.tally.entries().len();
    }

    /// What people are told of a host.
    fn host(&mut self, host: &str, news: &HostNews) {
        let (style, text) = match news {
            HostNews::Progress(_) | HostNews::Ready(_) if !self.is_told() => return,
            HostNews::Progress(step) => (DIM, step.clone()),
            HostNews::Ready(info) => (PLAIN, info.framework.clone()),
            HostNews::Lost { reason, again } if *again == 0.0 => {
                (YELLOW, format!("lost: {reason}; it is tried again"))
            }
            HostNews::Lost { reason, again } => {
                (YELLOW, format!("lost: {reason}; it is tried again in {again:.1} s"))
            }
            HostNews::GivenUp(reason) => (RED, format!("given up: {reason}")),
        };
        self.page.line(style, &format!("host {host}: {text}"));
    }

    fn worker_down(&mut self, worker: WorkerId, death: &Death, crashed: bool, expected: bool) {
        let lost = matches!(death.ending, Ending::HostLost(_));
        if crashed || !(expected || lost || death.is_clean()) {
            self.status.down(&mut self.page, worker, death, crashed);
        }
        self.show_failures();
    }

    /// A worker's output, each line under its name.
    fn output(&mut self, worker: WorkerId, text: &str) {
        let prefix = self.page.paint(DIM, &format!("{worker} │ "));
        // A carriage return would carry the text out from under the name.
        for line in text.split_terminator('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line);
            for part in line.split('\r') {
                let part = self.page.confined(part);
                self.page.say(format_args!("{prefix}{part}"));
            }
        }
    }

    /// As pytest ends a line of letters, or sets off the summary from lines of results.
    fn end_of_progress(&mut self) {
        self.show_failures();
        if self.options.live {
            return;
        }
        if self.options.verbosity <= 0 && !self.options.live_output {
            progress::finish(&mut self.page, &self.tally);
        }
        self.page.end_line();
    }
}
