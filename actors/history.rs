//! Notes what tests took while a run lasts, and has it kept at its end.

use std::thread;
use std::time::Instant;

use actix::{Actor, ActorContext, Context, Handler, ResponseFuture};
use tokio::sync::oneshot;

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
            recorder.event(&event, Instant::now());
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
            let (sender, stored) = oneshot::channel();
            // Not one of the runtime's, whose end would wait for it: a dead network file system holds it for ever.
            let thread =
                thread::Builder::new().name("callsheet-history".to_owned()).spawn(move || {
                    // The run may no longer wait for it.
                    let _nobody = sender.send(history.store(&record));
                });
            if let Err(error) = thread {
                return Some(format!("durations are not recorded: {error}"));
            }
            stored
                .await
                .unwrap_or_else(|error| Some(format!("durations are not recorded: {error}")))
        })
    }
}

impl Handler<Retire> for HistoryActor {
    type Result = ();

    fn handle(&mut self, _: Retire, context: &mut Context<Self>) {
        context.stop();
    }
}
