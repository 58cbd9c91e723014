//! The terminal reporter: hands events and the passing of time to the pure `report::terminal`, which writes.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler};
use log::{debug, warn};

use super::messages::{Event, Flush};
use super::system::TerminalSize;
use crate::report::{TerminalOptions, TerminalReport};

/// How often the live view's clocks go on: what people see as steady.
const TICK: Duration = Duration::from_millis(100);

/// Shows a run to a person.
pub(super) struct TerminalReporter {
    report: TerminalReport<Box<dyn Write + Send>>,
    begun: Instant,
    broken: bool,
    ask_size: Option<TerminalSize>,
    size: Option<(u16, u16)>,
}

impl TerminalReporter {
    pub(super) fn new(
        options: TerminalOptions,
        out: Box<dyn Write + Send>,
        ask_size: Option<TerminalSize>,
    ) -> Self {
        let report = TerminalReport::new(options, out);
        let mut reporter =
            Self { report, begun: Instant::now(), broken: false, ask_size, size: None };
        reporter.follow_size();
        reporter
    }

    /// Lets the report know of a size that has changed.
    fn follow_size(&mut self) {
        let size = self.ask_size.as_ref().and_then(|ask| ask());
        if let Some((columns, rows)) = size
            && self.size != size
        {
            self.size = size;
            self.report.resize(columns, rows);
        }
    }

    /// A terminal that went away does not end the run: its results are still wanted by others.
    fn note(&mut self, written: std::io::Result<()>) {
        if let Err(problem) = written
            && !std::mem::replace(&mut self.broken, true)
        {
            if problem.kind() == ErrorKind::BrokenPipe {
                debug!("nobody reads the terminal output any more");
            } else {
                warn!("failed to write the terminal output: {problem}");
            }
        }
    }
}

impl Actor for TerminalReporter {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(TICK, |actor, _context| {
            if !actor.broken {
                actor.follow_size();
                let written = actor.report.tick(actor.begun.elapsed());
                actor.note(written);
            }
        });
    }
}

impl Handler<Event> for TerminalReporter {
    type Result = ();

    fn handle(&mut self, Event(event): Event, _context: &mut Context<Self>) {
        if !self.broken {
            let written = self.report.event(self.begun.elapsed(), &event);
            self.note(written);
        }
    }
}

impl Handler<Flush> for TerminalReporter {
    type Result = Option<String>;

    fn handle(&mut self, _: Flush, context: &mut Context<Self>) -> Option<String> {
        if !self.broken {
            let written = self.report.close();
            self.note(written);
        }
        context.stop();
        None
    }
}
