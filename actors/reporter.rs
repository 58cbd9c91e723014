//! A subscriber of the host program: hands it every event.

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix::{Actor, ActorContext, Context, Handler, Recipient};

use super::messages::{Event, Flush, SessionNote};
use super::panic_text;
use crate::model::RunEvent;

/// Gets every event of a run, in order, on the thread that the run's actors live on.
///
/// What it does there holds the run up, heartbeats and deadlines included, so it should take milliseconds: count, write, send on.
/// [`RunEvent::RunFinished`] is the last event; the subscriber is dropped before the verdict is given to whoever waits for it, so
/// that what it writes when dropped is written by then.
///
/// A subscriber that panics gets no further events. The run goes on for all others; its exit code is
/// [`Internal`](crate::exit::ExitCode::Internal), whatever the tests say, since what that subscriber was for may be missing.
///
/// Every `FnMut(&RunEvent) + Send` is one:
///
/// ```
/// use callsheet::Subscriber;
/// use callsheet::model::RunEvent;
///
/// let (sender, _receiver) = std::sync::mpsc::channel();
/// let _subscriber: Box<dyn Subscriber> = Box::new(move |event: &RunEvent| {
///     if let RunEvent::TestFinished { test, end, .. } = event {
///         // A receiver that was dropped is no reason to panic.
///         let _ = sender.send((test.clone(), end.outcome));
///     }
/// });
/// ```
pub trait Subscriber: Send {
    /// The next event.
    fn event(&mut self, event: &RunEvent);
}

impl<F: FnMut(&RunEvent) + Send> Subscriber for F {
    fn event(&mut self, event: &RunEvent) {
        self(event);
    }
}

/// Hands events to one subscriber, until it panics.
pub(super) struct ReporterActor {
    subscriber: Option<Box<dyn Subscriber>>,
    session: Recipient<SessionNote>,
}

impl ReporterActor {
    pub(super) fn new(subscriber: Box<dyn Subscriber>, session: Recipient<SessionNote>) -> Self {
        Self { subscriber: Some(subscriber), session }
    }
}

impl Actor for ReporterActor {
    type Context = Context<Self>;
}

impl Handler<Event> for ReporterActor {
    type Result = ();

    fn handle(&mut self, Event(event): Event, _context: &mut Context<Self>) {
        let Some(mut subscriber) = self.subscriber.take() else {
            return;
        };
        // One that panics is dropped on the way out, so that nobody sees what it left half done.
        let told = catch_unwind(AssertUnwindSafe(move || {
            subscriber.event(&event);
            subscriber
        }));
        match told {
            Ok(subscriber) => self.subscriber = Some(subscriber),
            Err(panic) => {
                self.session.do_send(SessionNote::SubscriberFailed(panic_text(&*panic).to_owned()));
            }
        }
    }
}

impl Handler<Flush> for ReporterActor {
    type Result = Option<String>;

    fn handle(&mut self, _: Flush, context: &mut Context<Self>) -> Option<String> {
        // What it writes when dropped is written before the answer.
        self.subscriber = None;
        context.stop();
        None
    }
}
