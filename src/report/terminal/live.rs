//! The live region at the foot of a terminal: a line a worker, the counts, a bar with an honest estimate.
//!
//! Events only change what is known; the region is drawn at most ten times a second, whatever the number of events.
//! Text for above the region waits for the next drawing, so that both change at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::canvas::Canvas;
use super::page::{BOLD, DIM, PLAIN, Page, YELLOW, trimmed};
use super::{status::Status, summary};
use crate::model::{RunEvent, WorkerId};
use crate::report::Tally;

/// The shortest time between two drawings.
const PERIOD: Duration = Duration::from_millis(100);

/// The most lines that workers get.
const MOST_LINES: u16 = 16;

/// Below this, neither the past nor the rest is long enough to say anything about the rest.
const WORTH_AN_ESTIMATE: Duration = Duration::from_secs(2);

/// The live region.
#[derive(Debug)]
pub(super) struct Live {
    bar: ProgressBar,
    canvas: Canvas,
    shown: Arc<Mutex<Shown>>,
    size: (u16, u16),
    running: BTreeMap<WorkerId, Running>,
    scheduled: Option<Duration>,
    drawn: Option<Duration>,
    above: String,
    /// How many lines of it are on the screen.
    lines: usize,
}

/// What a worker runs.
#[derive(Debug)]
struct Running {
    test: Arc<str>,
    since: Duration,
    slow: bool,
}

/// The parts of the region that indicatif's template asks for.
#[derive(Debug, Default)]
struct Shown {
    region: String,
    rest: String,
}

impl Live {
    pub(super) fn new(columns: u16, rows: u16) -> Self {
        let canvas = Canvas::new(columns, rows);
        let target = ProgressDrawTarget::term_like(Box::new(canvas.clone()));
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let live = Self {
            bar,
            canvas,
            shown: Arc::default(),
            size: (columns, rows),
            running: BTreeMap::new(),
            scheduled: None,
            drawn: None,
            above: String::new(),
            lines: 0,
        };
        live.bar.set_style(live.style("{region}"));
        live
    }

    fn style(&self, template: &str) -> ProgressStyle {
        let part = |pick: fn(&Shown) -> &str| {
            let shown = Arc::clone(&self.shown);
            move |_: &ProgressState, out: &mut dyn fmt::Write| {
                let shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
                // The sink is a string of indicatif's; it does not fail.
                let _ = out.write_str(pick(&shown));
            }
        };
        ProgressStyle::with_template(template)
            .expect("the templates are constants of this file")
            .progress_chars("=> ")
            .with_key("region", part(|shown| &shown.region))
            .with_key("rest", part(|shown| &shown.rest))
    }

    pub(super) fn resize(&mut self, columns: u16, rows: u16) {
        if columns != self.size.0 {
            self.remove_broken(columns);
        }
        self.size = (columns, rows);
        self.canvas.resize(columns, rows);
    }

    /// Removes the region from a terminal that has become narrower or wider. To the terminal it is one line, which indicatif
    /// has filled up at each row's end, so that it was broken anew.
    fn remove_broken(&mut self, columns: u16) {
        let above = self.lines.saturating_sub(1);
        let up = above * usize::from(self.size.0) / usize::from(columns.max(1));
        if up > 0 {
            self.canvas.push(&format!("\x1b[{up}A"));
        }
        // The next drawing takes the cursor to be in the region's last row.
        self.canvas.push(&format!("\r\x1b[J{}", "\n".repeat(above)));
    }

    /// Takes in what an event says of who runs what.
    pub(super) fn event(&mut self, at: Duration, event: &RunEvent) {
        match event {
            RunEvent::SchedulingStarted { .. } => {
                self.scheduled = Some(at);
                let width = (self.size.0 / 3).clamp(4, 30);
                let template = format!("{{region}}\n[{{bar:{width}}}] {{rest}}");
                self.bar.set_style(self.style(&template));
            }
            RunEvent::TestStarted { worker, test, .. } => {
                let running = Running { test: test.id.clone(), since: at, slow: false };
                self.running.insert(*worker, running);
            }
            RunEvent::TestSlow { worker, .. } => {
                if let Some(running) = self.running.get_mut(worker) {
                    running.slow = true;
                }
            }
            RunEvent::TestFinished { worker, .. }
            | RunEvent::TestLost { worker, .. }
            | RunEvent::TestRetried { worker, .. }
            | RunEvent::WorkerDown { worker, .. } => {
                self.running.remove(worker);
            }
            RunEvent::RunStarted { .. }
            | RunEvent::Progress(_)
            | RunEvent::Notice(_)
            | RunEvent::SuiteReady(_)
            | RunEvent::WorkerStarting { .. }
            | RunEvent::WorkerSpawned { .. }
            | RunEvent::WorkerReady { .. }
            | RunEvent::CollectReported { .. }
            | RunEvent::WorkerCollected { .. }
            | RunEvent::Collected { .. }
            | RunEvent::CollectionDiffers(_)
            | RunEvent::FileCollected { .. }
            | RunEvent::FileNotRun { .. }
            | RunEvent::WorkerListed { .. }
            | RunEvent::TestReported { .. }
            | RunEvent::TestNotRun { .. }
            | RunEvent::Warned { .. }
            | RunEvent::Output { .. }
            | RunEvent::WorkerRecycled { .. }
            | RunEvent::WorkerUsage { .. }
            | RunEvent::WorkerReplaced { .. }
            | RunEvent::ReplacementDenied { .. }
            | RunEvent::Host { .. }
            | RunEvent::Stopping(_)
            | RunEvent::Conclusion { .. }
            | RunEvent::RunFinished(_) => {}
        }
    }

    /// Adds whole lines for above the region.
    pub(super) fn above(&mut self, text: &str) {
        self.above.push_str(text);
    }

    /// Whether the region may be drawn again.
    pub(super) fn is_due(&self, at: Duration) -> bool {
        self.drawn.is_none_or(|drawn| at.saturating_sub(drawn) >= PERIOD)
    }

    /// The bytes that bring the terminal up to date.
    pub(super) fn draw(
        &mut self,
        at: Duration,
        page: &Page,
        tally: &Tally,
        status: &Status,
    ) -> String {
        self.drawn = Some(at);
        let region = self.region(at, page, tally, status);
        let lines = region.split('\n').count() + usize::from(self.scheduled.is_some());
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) =
            Shown { region, rest: self.rest(at, tally) };
        if !self.above.is_empty() {
            let above = std::mem::take(&mut self.above);
            self.bar.suspend(|| self.canvas.push(&above));
        }
        self.bar.update(|state| {
            state.set_len(u64::from(tally.foreseen().0));
            state.set_pos(u64::from(tally.ended()));
        });
        self.lines = lines;
        // What the terminal echoes, `^C` for one, must not run over the right edge.
        self.canvas.push("\r");
        self.canvas.take()
    }

    /// The bytes that remove the region and write what waits for above it. Nothing is drawn after that.
    pub(super) fn clear(&mut self) -> String {
        self.bar.finish_and_clear();
        self.canvas.push(&std::mem::take(&mut self.above));
        self.canvas.take()
    }

    fn width(&self) -> usize {
        usize::from(self.size.0.saturating_sub(1))
    }

    fn region(&self, at: Duration, page: &Page, tally: &Tally, status: &Status) -> String {
        if self.scheduled.is_none() {
            let line = trimmed(&status.line(self.width()), self.width()).unwrap_or_default();
            return page.paint(BOLD, &line);
        }
        let mut lines: Vec<String> = Vec::new();
        let workers: Vec<_> =
            status.workers().iter().filter(|(_, status)| status != "down").collect();
        let most = usize::from((self.size.1 / 2).clamp(1, MOST_LINES));
        for (worker, status) in workers.iter().take(most) {
            // The seed's `[120]` says that it has collected; by now that means that it waits, or that it has done its part.
            let status = match status.starts_with('[') {
                false => status,
                true if tally.ended() >= tally.foreseen().0 => "finishing",
                true => "idle",
            };
            lines.push(self.worker_line(at, page, *worker, status));
        }
        if workers.len() > most {
            let more = format!("… and {} more", workers.len() - most);
            lines.push(page.paint(DIM, &more));
        }
        let parts = summary::counts(tally);
        let plain = join(parts.iter().map(|(_, text)| text.clone()));
        lines.push(if plain.width() <= self.width() {
            join(parts.iter().map(|(style, text)| page.paint(*style, text)))
        } else {
            trimmed(&plain, self.width()).unwrap_or_default()
        });
        lines.join("\n")
    }

    fn worker_line(&self, at: Duration, page: &Page, worker: WorkerId, status: &str) -> String {
        let name = format!("{worker:<4} ");
        let Some(Running { test, since, slow }) = self.running.get(&worker) else {
            return page.paint(DIM, &format!("{name}{status}"));
        };
        let time = clock(at.saturating_sub(*since));
        let (style, time) = if *slow { (YELLOW, format!("slow {time}")) } else { (PLAIN, time) };
        let room = self.width().saturating_sub(name.width() + time.width() + 2);
        let test = end_of(test, room);
        let gap = " ".repeat(room - test.width());
        format!("{}{test}{gap}  {}", page.paint(BOLD, &name), page.paint(style, &time))
    }

    /// What stands beside the bar.
    fn rest(&self, at: Duration, tally: &Tally) -> String {
        let (ended, (all, guessed)) = (tally.ended(), tally.foreseen());
        let percent = (u64::from(ended) * 100).checked_div(u64::from(all)).unwrap_or(100);
        let mut rest = if guessed {
            format!("{:>4} {ended}/{}+", format!("~{}%", percent.min(99)), tally.expected())
        } else {
            format!("{percent:3}% {ended}/{all}")
        };
        let left =
            self.scheduled.and_then(|scheduled| estimate(at.saturating_sub(scheduled), ended, all));
        if let Some(left) = left {
            rest.push_str(", about ");
            rest.push_str(&rounded(left));
            rest.push_str(" left");
        }
        rest
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// The time that is left if the rest goes as what is done went; `None` where that would be a guess.
fn estimate(elapsed: Duration, ended: u32, all: u32) -> Option<Duration> {
    // A twentieth of the tests: fewer say nothing of the others.
    if elapsed < WORTH_AN_ESTIMATE || ended == 0 || ended < all / 20 {
        return None;
    }
    let left = elapsed.mul_f64(f64::from(all.saturating_sub(ended)) / f64::from(ended));
    (left >= WORTH_AN_ESTIMATE).then_some(left)
}

/// A time left, as exact as an estimate can be.
fn rounded(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..10 => format!("{seconds}s"),
        seconds @ 10..90 => format!("{}s", seconds.div_ceil(5) * 5),
        seconds @ 90..5400 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{:.1} h", Duration::from_secs(seconds).as_secs_f64() / 3600.0),
    }
}

/// How long something has been running.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", time.as_secs_f64()),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// The end of a test's id, which tells more than its beginning.
fn end_of(id: &str, width: usize) -> String {
    let id: String = id.chars().map(|char| if char.is_control() { '?' } else { char }).collect();
    if id.width() <= width {
        return id;
    }
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    let mut used = 0;
    let from = id
        .char_indices()
        .rev()
        .take_while(|(_, char)| {
            used += char.width().unwrap_or(0);
            used <= room
        })
        .last()
        .map_or(id.len(), |(place, _)| place);
    format!("…{}", &id[from..])
}
