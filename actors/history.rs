//! Notes what tests took while a run lasts, and has it kept at its end.

use actix::{Actor, ActorContext, Context, Handler, ResponseFuture};
use tokio::task::spawn_blocking;

use super::messages::{Event, KeepHistory, Retire};
use crate::history::{History, Recorder};

/// The history of the suite, with what this run adds to it.
pub(super) struct HistoryActor {
    history: History,
    recorder: Option<Recorder>,
}

impl HistoryActor {
    pub(super) fn new(history: History, recorder: Recorder) -> Self {
        Self { history, recorder: Some(recorder) }
    }
}

impl Actor for HistoryActor {
    type Context = Context<Self>;
}

impl Handler<Event> for HistoryActor {
    type Result = ();

    fn handle(&mut self, Event(event): Event, _context: &mut Context<Self>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.event(&event);
        }
    }
}

impl Handler<KeepHistory> for HistoryActor {
    type Result = ResponseFuture<Option<String>>;

    /// On a thread of its own: the disk may be slow and the file held by another run, and other runs may live on this one.
    fn handle(&mut self, _: KeepHistory, _context: &mut Context<Self>) -> Self::Result {
        let history = self.history.clone();
        let recorder = self.recorder.take();
        Box::pin(async move {
            let record = recorder?.finish();
            match spawn_blocking(move || history.store(&record)).await {
                Ok(problem) => problem,
                Err(error) => Some(format!("durations are not recorded: {error}")),
            }
        })
    }
}

impl Handler<Retire> for HistoryActor {
    type Result = ();

    fn handle(&mut self, _: Retire, context: &mut Context<Self>) {
        context.stop();
    }
}
