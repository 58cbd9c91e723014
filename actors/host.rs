//! One agent: its process, its link, its heartbeat. Frames in and out; it decides nothing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, StreamHandler,
};
use log::{debug, warn};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::timeout;
use tokio_util::codec::FramedRead;

use super::messages::{Attach, FromHost, HostNews, ToHost};
use crate::launch::kill_leftovers;
use crate::model::WorkerId;
use crate::wire::{FrameCodec, FromAgent, Outbox, ToAgent, WireError, WorkerEvent};

/// How many heartbeats go into the time of silence after which an agent is taken for lost.
const BEATS: u32 = 6;

/// How long an agent may take to end after its link is closed: it kills its workers first.
const ENDING: Duration = Duration::from_secs(30);

/// How long an agent that has ended may take to be read to the end of its stderr, which a process it started may still hold.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What to look at when this program, started as its own agent, does not become one.
const SERVE_FIRST: &str = "; a program that is its own agent calls `callsheet::agent::serve_if_asked()` first in its `main`";

/// One agent and its link.
#[derive(Debug)]
pub(super) struct HostActor {
    child: Option<Child>,
    pid: Option<u32>,
    outbox: Outbox,
    to_agent: mpsc::UnboundedSender<Vec<u8>>,
    inbox: Option<mpsc::UnboundedReceiver<Vec<u8>>>,
    stderr: Option<JoinHandle<()>>,
    workers: HashMap<WorkerId, Recipient<FromHost>>,
    supervisor: Recipient<HostNews>,
    own_program: bool,
    patience: Patience,
    greeted: bool,
    silent: Duration,
    lost: bool,
    /// Whether the agent has ended its session by itself, after all that was below it.
    ended_well: bool,
    last_words: Rc<RefCell<String>>,
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
    /// `own_program`: the agent is this very program, asked to be one.
    pub(super) fn new(
        child: Child,
        own_program: bool,
        patience: Patience,
        supervisor: Recipient<HostNews>,
    ) -> Self {
        let (to_agent, inbox) = mpsc::unbounded_channel();
        Self {
            pid: child.id(),
            child: Some(child),
            outbox: Outbox::default(),
            to_agent,
            inbox: Some(inbox),
            stderr: None,
            workers: HashMap::new(),
            supervisor,
            own_program,
            patience,
            greeted: false,
            silent: Duration::ZERO,
            lost: false,
            ended_well: false,
            last_words: Rc::default(),
        }
    }

    fn send(&mut self, message: &ToAgent, context: &mut Context<Self>) {
        match self.outbox.push(message) {
            // A closed channel means that the agent is gone, which the read side tells.
            Ok(()) => drop(self.to_agent.send(self.outbox.take())),
            // Whoever waits for the answer would wait for ever.
            Err(problem) => self.lose(&problem.to_string(), context),
        }
    }

    /// The agent is gone or as good as gone, and its workers with it.
    fn lose(&mut self, why: &str, context: &mut Context<Self>) {
        if std::mem::replace(&mut self.lost, true) {
            return;
        }
        let last_words = self.last_words.take();
        let mut why = why.to_owned();
        if !last_words.is_empty() {
            why = format!("{why}; it said: {last_words}");
        }
        if self.own_program && !self.greeted {
            why.push_str(SERVE_FIRST);
        }
        debug!("agent lost: {why}");
        if let Some(child) = &mut self.child {
            // It may be gone already.
            let _gone = child.start_kill();
        }
        if let Some(stderr) = &self.stderr {
            stderr.abort();
        }
        // Its workers have died with it; what their tests had started may have not, unless it has seen to that itself.
        if let Some(pid) = self.pid.filter(|_| !self.ended_well) {
            kill_leftovers(pid);
        }
        self.supervisor.do_send(HostNews::Lost(why));
        context.stop();
    }

    /// Loses the agent once its process has ended, after a problem with its link by force, and its last words are read.
    fn part(&mut self, problem: Option<WireError>, context: &mut Context<Self>) {
        let Some(mut child) = self.child.take() else { return };
        let stderr = self.stderr.take();
        let parted = async move {
            if problem.is_some() {
                // It may be gone already.
                let _gone = child.start_kill();
            }
            let ended = timeout(ENDING, child.wait()).await;
            if let Some(mut stderr) = stderr
                && timeout(LAST_WORDS, &mut stderr).await.is_err()
            {
                stderr.abort();
            }
            match (problem, ended) {
                (Some(problem), _) => (false, problem.to_string()),
                (None, Ok(Ok(status))) => (status.success(), format!("its agent ended: {status}")),
                (None, Ok(Err(problem))) => (false, format!("its agent ended: {problem}")),
                (None, Err(_)) => (false, "its agent closed the link".to_owned()),
            }
        };
        let lose = |(well, why): (bool, String), actor: &mut Self, context: &mut Context<Self>| {
            actor.ended_well = well;
            actor.lose(&why, context);
        };
        context.wait(wrap_future(parted).map(lose));
    }

    fn interval(&self) -> Duration {
        self.patience.silence / BEATS
    }

    fn beat(&mut self, context: &mut Context<Self>) {
        if !self.supervisor.connected() {
            return self.lose("its supervisor is gone", context);
        }
        // Counted in beats, not by the clock: if this process was suspended, the agent is not to blame.
        self.silent += self.interval();
        let (limit, what) = if self.greeted {
            (self.patience.silence, "said nothing")
        } else {
            (self.patience.greeting, "did not answer")
        };
        if self.silent > limit {
            self.lose(&format!("its agent {what} for {} s", limit.as_secs()), context);
        } else {
            self.send(&ToAgent::Ping(0), context);
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
        let stderr = child.stderr.take().expect("agents are launched with stderr piped");
        let inbox = self.inbox.take().expect("an actor is started once");
        context.add_stream(FramedRead::with_capacity(stdout, FrameCodec::default(), 256 * 1024));
        context.spawn(wrap_future(write_frames(stdin, inbox)));
        // Not of this actor: it is heard while the actor waits for the agent's end.
        self.stderr = Some(spawn_local(log_stderr(stderr, self.last_words.clone())));
        context.run_later(self.interval(), Self::beat);
    }

    /// Only a panic ends the actor before it has lost its agent.
    fn stopped(&mut self, context: &mut Context<Self>) {
        self.lose("its actor failed", context);
    }
}

impl StreamHandler<Result<FromAgent, WireError>> for HostActor {
    fn handle(&mut self, frame: Result<FromAgent, WireError>, context: &mut Context<Self>) {
        self.silent = Duration::ZERO;
        self.greeted |= frame.is_ok();
        match frame {
            Ok(FromAgent::Worker(id, event)) => {
                let last = matches!(event, WorkerEvent::Exited(_));
                match self.workers.get(&id) {
                    Some(worker) => worker.do_send(FromHost(event)),
                    None => warn!("the agent speaks of {id}, which is not its worker"),
                }
                if last {
                    self.workers.remove(&id);
                }
            }
            Ok(FromAgent::Progress(step)) => self.supervisor.do_send(HostNews::Progress(step)),
            Ok(FromAgent::Notice(text)) => self.supervisor.do_send(HostNews::Notice(text)),
            Ok(FromAgent::Prepared(info)) => self.supervisor.do_send(HostNews::Prepared(info)),
            Ok(FromAgent::Refused(refusal)) => self.supervisor.do_send(HostNews::Refused(refusal)),
            Ok(FromAgent::Concluded { text, failure }) => {
                self.supervisor.do_send(HostNews::Concluded { text, failure });
            }
            Ok(FromAgent::Pong(_)) => {}
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
        self.send(&message, context);
    }
}

impl Handler<Attach> for HostActor {
    type Result = ();

    fn handle(&mut self, Attach { worker, recipient }: Attach, _context: &mut Context<Self>) {
        self.workers.insert(worker, recipient);
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

/// An agent says nothing on stderr but its log and a panic.
async fn log_stderr(stderr: ChildStderr, last_words: Rc<RefCell<String>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        warn!(target: "callsheet::agent", "{line}");
        if !line.trim().is_empty() {
            *last_words.borrow_mut() = line;
        }
    }
}
