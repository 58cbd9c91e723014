//! A subscriber of the host program: hands it every event.

use actix::{Actor, ActorContext, Context, Handler};

use super::messages::{Event, Flush};
use super::system::Subscriber;

/// Hands events to one subscriber.
pub(super) struct ReporterActor {
    subscriber: Box<dyn Subscriber>,
}

impl ReporterActor {
    pub(super) fn new(subscriber: Box<dyn Subscriber>) -> Self {
        Self { subscriber }
    }
}

impl Actor for ReporterActor {
    type Context = Context<Self>;
}

impl Handler<Event> for ReporterActor {
    type Result = ();

    fn handle(&mut self, Event(event): Event, _context: &mut Context<Self>) {
        self.subscriber.event(&event);
    }
}

impl Handler<Flush> for ReporterActor {
    type Result = ();

    fn handle(&mut self, _: Flush, context: &mut Context<Self>) {
        context.stop();
    }
}
