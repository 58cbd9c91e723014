//! A subscriber of the host program: hands it every event.

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix::{Actor, ActorContext, Context, Handler, Recipient};

use super::messages::{Event, Flush, SessionNote};
use super::panic_text;
use super::system::Subscriber;

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
    type Result = ();

    fn handle(&mut self, _: Flush, context: &mut Context<Self>) {
        // What it writes when dropped is written before the answer.
        self.subscriber = None;
        context.stop();
    }
}
