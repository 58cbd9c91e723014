//! Hands the record to one report for programs: `JUnit`, events, annotations, a summary.

use std::time::SystemTime;

use actix::{Actor, ActorContext, Context, Handler, Recipient};

use super::messages::{Event, Flush, SessionNote};
use crate::report::Report;

/// One report, until it can not be written any more.
pub(super) struct FileReporter {
    report: Option<Box<dyn Report>>,
    /// What it is, for people.
    name: String,
    session: Recipient<SessionNote>,
}

impl FileReporter {
    pub(super) fn new(
        report: Box<dyn Report>,
        name: String,
        session: Recipient<SessionNote>,
    ) -> Self {
        Self { report: Some(report), name, session }
    }
}

impl Actor for FileReporter {
    type Context = Context<Self>;
}

impl Handler<Event> for FileReporter {
    type Result = ();

    fn handle(&mut self, Event(event): Event, _context: &mut Context<Self>) {
        let Some(report) = &mut self.report else {
            return;
        };
        if let Err(error) = report.event(&event, SystemTime::now()) {
            self.report = None;
            let what = format!("{} can not be written any more: {error}", self.name);
            self.session.do_send(SessionNote::OutputFailed(what));
        }
    }
}

impl Handler<Flush> for FileReporter {
    type Result = Option<String>;

    fn handle(&mut self, _: Flush, context: &mut Context<Self>) -> Option<String> {
        context.stop();
        let error = self.report.take()?.finish().err()?;
        Some(format!("{} could not be written: {error}", self.name))
    }
}
