//! One agent: its process, its link, its heartbeat. Frames in and out; it decides nothing.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use actix::fut::wrap_future;
use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, StreamHandler,
};
use log::{debug, warn};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::codec::FramedRead;

use super::lists::Lists;
use super::messages::{Attach, FromHost, HostReport, OfHost, ToHost};
use crate::launch::{Held, LastWords, Link, kill_leftovers};
use crate::model::{HostId, WorkerId};
use crate::wire::{Arrived, FrameCodec, FromAgent, Outbox, ToAgent, WireError, WorkerEvent};

/// How many heartbeats go into the time of silence after which an agent is taken for lost.
/// Ten, so that the lease of an agent, which is three quarters of it, outlasts a link that is cut for half of it.
const BEATS: u32 = 10;

/// How long an agent may take to end after its link is closed: it kills its workers first.
const ENDING: Duration = Duration::from_secs(30);

/// What to look at when this program, started as its own agent, does not become one.
const SERVE_FIRST: &str = "; a program that is its own agent calls `callsheet::agent::serve_if_asked()` first in its `main`";

/// One agent and its link.
#[derive(Debug)]
pub(super) struct HostActor {
    id: HostId,
    kind: Kind,
    child: Option<Held>,
    pid: Option<u32>,
    words: Option<LastWords>,
    outbox: Outbox,
    to_agent: mpsc::UnboundedSender<Vec<u8>>,
    inbox: Option<mpsc::UnboundedReceiver<Vec<u8>>>,
    workers: HashMap<WorkerId, Recipient<FromHost>>,
    /// What is told of workers that were ordered in advance, until they are attached.
    early: HashMap<WorkerId, Vec<FromHost>>,
    /// Workers that were ordered in advance and called off: nobody is to hear of them.
    called_off: HashSet<WorkerId>,
    lists: Lists,
    supervisor: Recipient<OfHost>,
    patience: Patience,
    greeted: bool,
    silent: Duration,
    arrived: Arrived,
    /// The last question and when it was asked, until it is answered.
    asked: (u64, Option<Instant>),
    lost: bool,
    /// Whether the agent has ended its session by itself, after all that was below it.
    ended_well: bool,
}

/// What an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// This very program, asked to be one.
    OwnProgram,
    /// Another program on this machine.
    Local,
    /// On another machine, or as good as there: its link may break while it goes on.
    Remote,
}

/// The time limits of a host's link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From the start of the agent to its first message.
    pub(super) greeting: Duration,
    /// Silence after that.
    pub(super) silence: Duration,
}

impl HostActor {
    pub(super) fn new(
        id: HostId,
        kind: Kind,
        link: Link,
        patience: Patience,
        supervisor: Recipient<OfHost>,
    ) -> Self {
        let (to_agent, inbox) = mpsc::unbounded_channel();
        let Link { child, words } = link;
        Self {
            id,
            kind,
            pid: child.id(),
            child: Some(child),
            words: Some(words),
            outbox: Outbox::default(),
            to_agent,
            inbox: Some(inbox),
            workers: HashMap::new(),
            early: HashMap::new(),
            called_off: HashSet::new(),
            lists: Lists::default(),
            supervisor,
            patience,
            greeted: false,
            silent: Duration::ZERO,
            arrived: Arrived::default(),
            asked: (0, None),
            lost: false,
            ended_well: false,
        }
    }

    fn tell(&self, report: HostReport) {
        self.supervisor.do_send(OfHost { host: self.id, report });
    }

    fn send(&mut self, message: &ToAgent, context: &mut Context<Self>) {
        match self.outbox.push(message) {
            // A closed channel means that the agent is gone, which the read side tells.
            Ok(()) => drop(self.to_agent.send(self.outbox.take())),
            // Whoever waits for the answer would wait for ever.
            Err(problem) => self.lose(&problem.to_string(), false, context),
        }
    }

    fn hand_on(&mut self, id: WorkerId, news: FromHost) {
        let last = matches!(news.event, WorkerEvent::Exited(_));
        match (self.workers.get(&id), self.early.get_mut(&id)) {
            (Some(worker), _) => worker.do_send(news),
            (None, Some(early)) => early.push(news),
            (None, None) if self.called_off.contains(&id) => {}
            (None, None) => warn!("the agent speaks of {id}, which is not its worker"),
        }
        if last {
            self.workers.remove(&id);
            self.called_off.remove(&id);
        }
    }

    /// The agent is gone or as good as gone, and its workers with it.
    fn lose(&mut self, why: &str, for_good: bool, context: &mut Context<Self>) {
        if std::mem::replace(&mut self.lost, true) {
            return;
        }
        let last_words = self.words.take().map(|words| words.last()).unwrap_or_default();
        let mut why = why.to_owned();
        if !last_words.is_empty() {
            why = format!("{why}; it said: {last_words}");
        }
        if self.kind == Kind::OwnProgram && !self.greeted {
            why.push_str(SERVE_FIRST);
        }
        debug!("agent lost: {why}");
        if let Some(child) = &mut self.child {
            // It may be gone already.
            let _gone = child.start_kill();
        }
        // Its workers have died with it; what their tests had started may have not, unless it has seen to that itself.
        let is_here = self.kind != Kind::Remote;
        if let Some(pid) = self.pid.filter(|_| is_here && !self.ended_well) {
            kill_leftovers(pid);
        }
        self.tell(HostReport::Lost { why, for_good });
        context.stop();
    }

    /// Loses the agent once its process has ended, after a problem with its link by force, and its last words are read.
    fn part(&mut self, problem: Option<WireError>, context: &mut Context<Self>) {
        let Some(mut child) = self.child.take() else { return };
        let words = self.words.take();
        let parted = async move {
            if problem.is_some() {
                // It may be gone already.
                let _gone = child.start_kill();
            }
            let ended = timeout(ENDING, child.wait()).await;
            let mut words = words;
            if let Some(words) = &mut words {
                words.end().await;
            }
            // One of another build stays one.
            let for_good = matches!(
                problem,
                Some(WireError::OtherBuild { .. } | WireError::NoPreamble { .. })
            );
            let well = problem.is_none() && matches!(&ended, Ok(Ok(status)) if status.success());
            let why = match (problem, ended) {
                (Some(problem), _) => problem.to_string(),
                (None, Ok(Ok(status))) => format!("its agent ended: {status}"),
                (None, Ok(Err(problem))) => format!("its agent ended: {problem}"),
                (None, Err(_)) => "its agent closed the link".to_owned(),
            };
            (why, for_good, well, words)
        };
        let lose = |(why, for_good, well, words): (String, bool, bool, _),
                    actor: &mut Self,
                    context: &mut Context<Self>| {
            actor.words = words;
            actor.ended_well = well;
            actor.lose(&why, for_good, context);
        };
        context.wait(wrap_future(parted).map(lose));
    }

    fn interval(&self) -> Duration {
        self.patience.silence / BEATS
    }

    fn ask(&mut self, context: &mut Context<Self>) {
        if self.asked.1.is_none() {
            self.asked = (self.asked.0 + 1, Some(Instant::now()));
        }
        self.send(&ToAgent::Arrived(self.arrived.bytes()), context);
        self.send(&ToAgent::Ping(self.asked.0), context);
    }

    fn beat(&mut self, context: &mut Context<Self>) {
        if !self.supervisor.connected() {
            return self.lose("its supervisor is gone", false, context);
        }
        // Counted in beats, not by the clock: if this process was suspended, the agent is not to blame.
        self.silent += self.interval();
        let (limit, what) = if self.greeted {
            (self.patience.silence, "said nothing")
        } else {
            (self.patience.greeting, "did not answer")
        };
        if self.silent > limit {
            self.lose(&format!("its agent {what} for {} s", limit.as_secs()), false, context);
        } else {
            self.ask(context);
            // Set anew each time: those of an interval that this process slept through would all come at once.
            context.run_later(self.interval(), Self::beat);
        }
    }
}

impl Actor for HostActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        let child = self.child.as_mut().expect("the agent is taken only when the actor stops");
        let stdin = child.stdin.take().expect("agents are launched with stdin piped");
        let stdout = child.stdout.take().expect("agents are launched with stdout piped");
        let inbox = self.inbox.take().expect("an actor is started once");
        let codec = FrameCodec::default();
        self.arrived = codec.arrived();
        context.add_stream(FramedRead::with_capacity(stdout, codec, 256 * 1024));
        context.spawn(wrap_future(write_frames(stdin, inbox)));
        context.run_later(self.interval(), Self::beat);
    }

    /// Only a panic ends the actor before it has lost its agent.
    fn stopped(&mut self, context: &mut Context<Self>) {
        self.lose("its actor failed", false, context);
    }
}

impl StreamHandler<Result<FromAgent, WireError>> for HostActor {
    fn handle(&mut self, frame: Result<FromAgent, WireError>, context: &mut Context<Self>) {
        self.silent = Duration::ZERO;
        let first = !self.greeted && frame.is_ok();
        self.greeted |= first;
        if first && self.kind == Kind::Remote {
            // The way there and back is known before the first tests go out.
            self.ask(context);
        }
        match frame {
            Ok(FromAgent::Worker(id, event)) => {
                if let Some(news) = self.lists.hear(id, event) {
                    self.hand_on(id, news);
                }
            }
            Ok(FromAgent::Same { worker, list, count }) => {
                if !self.lists.same(worker, list, count) {
                    let why =
                        format!("its agent took {worker} for like others in what nobody told");
                    self.lose(&why, false, context);
                }
            }
            Ok(FromAgent::Progress(step)) => self.tell(HostReport::Progress(step)),
            Ok(FromAgent::Notice(text)) => self.tell(HostReport::Notice(text)),
            Ok(FromAgent::Prepared(info)) => self.tell(HostReport::Prepared(info)),
            Ok(FromAgent::Refused(refusal)) => self.tell(HostReport::Refused(refusal)),
            Ok(FromAgent::Concluded { text, failure }) => {
                self.tell(HostReport::Concluded { text, failure });
            }
            Ok(FromAgent::Pong(number)) => {
                if number == self.asked.0
                    && let Some(since) = self.asked.1.take()
                {
                    self.tell(HostReport::RoundTrip(since.elapsed()));
                }
            }
            Err(problem) => self.part(Some(problem), context),
        }
    }

    /// The agent has closed its end: how did it end?
    fn finished(&mut self, context: &mut Context<Self>) {
        self.part(None, context);
    }
}

impl Handler<ToHost> for HostActor {
    type Result = ();

    fn handle(&mut self, ToHost(message): ToHost, context: &mut Context<Self>) {
        match &message {
            ToAgent::Start { worker, .. } if !self.workers.contains_key(worker) => {
                self.early.insert(*worker, Vec::new());
            }
            ToAgent::Finish { worker } if self.early.remove(worker).is_some() => {
                self.called_off.insert(*worker);
            }
            _ => {}
        }
        self.send(&message, context);
    }
}

impl Handler<Attach> for HostActor {
    type Result = ();

    fn handle(&mut self, Attach { worker, recipient }: Attach, _context: &mut Context<Self>) {
        self.workers.insert(worker, recipient);
        for news in self.early.remove(&worker).unwrap_or_default() {
            self.hand_on(worker, news);
        }
    }
}

async fn write_frames(mut stdin: ChildStdin, mut inbox: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(mut bytes) = inbox.recv().await {
        // Whatever else is there joins the same write.
        while let Ok(more) = inbox.try_recv() {
            bytes.extend(more);
        }
        if let Err(problem) = stdin.write_all(&bytes).await {
            debug!("the agent no longer listens: {problem}");
            return;
        }
    }
}
