//! One worker generation: translates between its process, as the host tells of it, and the scheduler.

use std::sync::Arc;

use actix::{Actor, ActorContext, Context, Handler, Recipient};
use log::debug;

use super::messages::{FromHost, News, StopWorker, ToHost, Told, WorkerNews, WorkerOrder};
use crate::model::{Death, Ending, WorkerId};
use crate::schedule::MadeFile;
use crate::wire::{StopMode, ToAgent, WorkerEvent};

/// Where the worker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Starting,
    Collecting,
    Ready,
    Running(u32),
    Making(u32),
    Stopping,
    Gone,
}

/// One worker generation. It lives until its death notice is sent.
#[derive(Debug)]
pub(super) struct WorkerActor {
    id: WorkerId,
    state: State,
    host: Recipient<ToHost>,
    scheduler: Recipient<WorkerNews>,
}

impl WorkerActor {
    pub(super) fn new(
        id: WorkerId,
        host: Recipient<ToHost>,
        scheduler: Recipient<WorkerNews>,
    ) -> Self {
        Self { id, state: State::Starting, host, scheduler }
    }

    fn tell(&self, news: News) {
        self.scheduler.do_send(WorkerNews { worker: self.id, news });
    }

    fn enter(&mut self, state: State) {
        debug!("{}: {:?} → {state:?}", self.id, self.state);
        self.state = state;
    }
}

impl Actor for WorkerActor {
    type Context = Context<Self>;

    /// The death notice of last resort: the actor ends without one, because it panicked.
    fn stopped(&mut self, _context: &mut Context<Self>) {
        if self.state != State::Gone {
            self.state = State::Gone;
            let why = "its actor ended".to_owned();
            self.tell(News::Down(Death::early(Ending::Unknown(why))));
            self.host.do_send(ToHost(ToAgent::Stop { worker: self.id, mode: StopMode::Kill }));
        }
    }
}

impl Handler<FromHost> for WorkerActor {
    type Result = ();

    fn handle(&mut self, FromHost { event, told }: FromHost, context: &mut Context<Self>) {
        let news = match event {
            WorkerEvent::Spawned { pid } => News::Spawned(pid),
            WorkerEvent::Ready(info) => {
                self.enter(State::Collecting);
                News::Ready(info)
            }
            WorkerEvent::CollectReport(report) => News::CollectReport(report),
            // Its host puts the parts together.
            WorkerEvent::Items(_) | WorkerEvent::Files(_) => return,
            WorkerEvent::Collected { count: _, deselected, whole } => {
                self.enter(State::Ready);
                let items = if let Told::Items(items) = told { items } else { Arc::default() };
                News::Collected(items.into(), deselected, whole)
            }
            WorkerEvent::Listed { count: _ } => {
                self.enter(State::Ready);
                News::Listed(if let Told::Files(files) = told { files } else { Arc::default() })
            }
            WorkerEvent::Making { file } => {
                self.state = State::Making(file);
                News::Making(file)
            }
            WorkerEvent::Made { file, first, items, deselected, queued, kept } => {
                self.state = State::Ready;
                News::Made(MadeFile { file, first, items, deselected, queued, kept })
            }
            WorkerEvent::Started { item } => {
                self.state = State::Running(item);
                News::Started(item)
            }
            WorkerEvent::Report { item, report } => News::Report(item, report),
            WorkerEvent::Ran { item, duration } => News::Ran(item, duration),
            WorkerEvent::Halted { .. } => News::Halted,
            WorkerEvent::Usage(usage) => News::Usage(usage),
            WorkerEvent::Ended { item, end } => {
                self.state = State::Ready;
                News::Ended(item, end)
            }
            WorkerEvent::Warning(warning) => News::Warning(warning),
            WorkerEvent::Output { stream, text } => News::Output(stream, text),
            WorkerEvent::Withdrawn { items, files } => News::Withdrawn(items, files),
            WorkerEvent::Stopping { reason, exit_code, kind } => {
                self.enter(State::Stopping);
                News::Stopping { reason, exit_code, kind }
            }
            WorkerEvent::Finished { exit_code, conclude } => {
                self.enter(State::Stopping);
                News::Finished(exit_code, conclude)
            }
            WorkerEvent::Exited(mut death) => {
                // Of a worker that was lost with its agent, this is all that is known.
                match self.state {
                    State::Running(item) if death.running.is_none() => {
                        death.running = Some((item, None));
                    }
                    State::Making(file) => {
                        death.making.get_or_insert(file);
                    }
                    _ => {}
                }
                self.enter(State::Gone);
                context.stop();
                News::Down(death)
            }
        };
        self.tell(news);
    }
}

impl Handler<WorkerOrder> for WorkerActor {
    type Result = ();

    fn handle(&mut self, order: WorkerOrder, _context: &mut Context<Self>) {
        let worker = self.id;
        self.host.do_send(ToHost(match order {
            WorkerOrder::Run(batch) => ToAgent::Run { worker, batch },
            WorkerOrder::Make(files, run) => ToAgent::Make { worker, files, run },
            WorkerOrder::Withdraw(items, files) => ToAgent::Withdraw { worker, items, files },
            WorkerOrder::Resume => ToAgent::Resume { worker },
            WorkerOrder::Finish => ToAgent::Finish { worker },
        }));
    }
}

impl Handler<StopWorker> for WorkerActor {
    type Result = ();

    fn handle(&mut self, StopWorker(mode): StopWorker, _context: &mut Context<Self>) {
        // A worker that has collected ends by the scheduler's word, which also takes back its queue; one that is at it is
        // interrupted.
        let collects = matches!(self.state, State::Starting | State::Collecting | State::Making(_));
        if mode == StopMode::Kill || collects {
            self.host.do_send(ToHost(ToAgent::Stop { worker: self.id, mode }));
        }
    }
}
