//! The agent of one host: takes the controller's messages and has them carried out.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use log::debug;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, LocalSet};

use super::descriptor::Descriptor;
use super::guardian::{self, Guardian};
use super::link::{Receiver, Sender};
use super::template::Templates;
use super::worker::{self, Limits, Order};
use crate::adapters::{Adapter, Care};
use crate::exit::ExitCode;
use crate::launch::{AGENT_VARIABLE, ROLE_VARIABLE, Role, kill_leftovers};
use crate::model::{Deadlines, Death, Ending, Suite, WorkerId, WorkerInput, WorkerSpec};
use crate::select::{Selection, Selector};
use crate::wire::{FromAgent, PrepareRefusal, StopMode, ToAgent, WireError, WorkerEvent};
use crate::worker as native;

/// How long the conclusion may take: combining and reporting the coverage of a large project.
const CONCLUSION: Duration = Duration::from_secs(600);

/// How long killed processes may take to be gone: long enough for the kernel to free 100 GiB.
const ENDING: Duration = Duration::from_secs(20);

/// How long a controller that no longer reads is waited for at the end; longer than [`ENDING`].
const FAREWELL: Duration = Duration::from_secs(30);

/// Why an agent ended otherwise than it was told to.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The runtime or the standard streams can not be used.
    #[error(
        "failed to serve as an agent on stdin and stdout: {0}; an agent is started by callsheet, over two pipes or sockets"
    )]
    Streams(io::Error),

    /// The link broke.
    #[error(transparent)]
    Link(#[from] WireError),

    /// Nothing said that the controller still hears.
    #[error(
        "nothing that was said arrived within {} s, so that the controller may have given the tests to others; the workers were ended",
        .0.as_secs_f64()
    )]
    Unheard(Duration),

    /// A signal told it to.
    #[error("it was told to end by SIGTERM; the workers were ended")]
    ToldToEnd,
}

/// Whether this process was started to serve as an agent.
pub fn is_asked() -> bool {
    Role::asked() == Some(Role::Agent)
}

/// Serves as an agent, or as what belongs to one, and ends the process, if it was started for that; returns at once otherwise.
///
/// A program that embeds callsheet calls this first in its `main`, before it reads stdin or does anything that only one process should;
/// a `main` marked `#[tokio::main]` or `#[actix::main]` may call it too.
#[expect(clippy::exit, reason = "an agent has no other work than serving")]
pub fn serve_if_asked() {
    let Some(role) = Role::asked() else { return };
    let serve = move || match role {
        Role::Agent => match serve() {
            Ok(()) => 0,
            Err(error) => {
                // The controller keeps what an agent says here; nobody is left to hear that it failed.
                let _ = writeln!(io::stderr(), "callsheet agent: {error}");
                i32::from(ExitCode::Infrastructure.number())
            }
        },
        Role::Worker => native::serve(),
        Role::Guardian => {
            guardian::guard();
            0
        }
    };
    // On a thread of its own, since a `main` that an async runtime was started for can not start another.
    let code = thread::spawn(serve).join();
    std::process::exit(code.unwrap_or_else(|_told| i32::from(ExitCode::Infrastructure.number())));
}

/// Serves as an agent over stdin and stdout until the controller closes the link or says so.
///
/// Every worker and everything its tests have started is gone when it returns.
///
/// # Errors
/// [`AgentError`]
pub fn serve() -> Result<(), AgentError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(AgentError::Streams)?;
    let tasks = LocalSet::new();
    let guardian = Rc::default();
    let result = tasks.block_on(&runtime, converse(&guardian));
    // Workers die with the tasks that own their processes.
    drop(tasks);
    drop(runtime);
    let count = kill_leftovers(std::process::id());
    debug!("killed {count} processes that tests had left behind");
    drop(guardian);
    result
}

async fn converse(guardian: &Rc<OnceCell<Guardian>>) -> Result<(), AgentError> {
    let (stdin, stdout) = streams().map_err(AgentError::Streams)?;
    let mut told_to_end = signal(SignalKind::terminate()).map_err(AgentError::Streams)?;
    let sender = Sender::default();
    let mut receiver = Receiver::new(stdin);
    let mut host = Host::new(sender.clone(), guardian.clone());
    let orders = async {
        loop {
            match receiver.next().await? {
                Some(ToAgent::Shutdown) | None => return Ok(()),
                Some(message) => host.take(message),
            }
        }
    };
    let writing = sender.write_to(&stdout);
    tokio::pin!(writing);
    let result = tokio::select! {
        result = orders => result,
        // What leads to it may tell so in place of the link's end, and a batch system tells its workers too. What they die of is
        // then of no test's doing: nothing more is said.
        _ = told_to_end.recv() => {
            host.end().await;
            return Err(AgentError::ToldToEnd);
        }
        limit = sender.lease().run_out() => {
            host.end().await;
            return Err(AgentError::Unheard(limit));
        }
        // The controller no longer listens or can not be told everything.
        written = &mut writing => {
            host.end().await;
            return Ok(written?);
        }
    };
    let ending = async {
        host.end().await;
        sender.close();
    };
    // At the end of a run the controller may have stopped listening already.
    let _ = tokio::join!(ending, tokio::time::timeout(FAREWELL, writing));
    result
}

fn streams() -> io::Result<(Descriptor, Descriptor)> {
    // Slurm's unbuffered output goes through a terminal without any processing; whoever asks for the role knows.
    if io::stdin().is_terminal() || io::stdout().is_terminal() && !is_asked() {
        return Err(io::Error::other("a terminal speaks no frames"));
    }
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    Ok((Descriptor::new(stdin)?, Descriptor::new(stdout)?))
}

#[derive(Debug)]
struct Host {
    sender: Sender,
    state: Rc<RefCell<State>>,
    templates: Rc<Templates>,
    /// Whether no preparation is under way: workers that are ordered meanwhile wait for its end.
    prepared: Rc<watch::Sender<bool>>,
    /// The workers' lives.
    workers: JoinSet<()>,
    /// The preparation and the conclusion, which nobody waits for at the end.
    chores: JoinSet<()>,
    /// Kills what is left if this process is killed; only where the controller can not.
    guardian: Rc<OnceCell<Guardian>>,
}

#[derive(Debug, Default)]
struct State {
    adapter: Option<Rc<Adapter>>,
    limits: Limits,
    /// As far as it has come; whole before the suite is prepared.
    selection: Selection,
    selector: Rc<Selector>,
    workers: HashMap<WorkerId, mpsc::UnboundedSender<Order>>,
}

impl Host {
    fn new(sender: Sender, guardian: Rc<OnceCell<Guardian>>) -> Self {
        let templates = Rc::new(Templates::new(sender.clone()));
        let (workers, chores) = (JoinSet::new(), JoinSet::new());
        let prepared = Rc::new(watch::Sender::new(true));
        Self { sender, state: Rc::default(), templates, prepared, workers, chores, guardian }
    }

    fn take(&mut self, message: ToAgent) {
        match message {
            ToAgent::Select(part) => self.state.borrow_mut().selection.add(part),
            ToAgent::Prepare { suite, deadlines, worker_memory, lease } => {
                self.sender.lease().begin(lease);
                if lease.is_some() {
                    self.guard();
                }
                let mut state = self.state.borrow_mut();
                state.limits = Limits { deadlines, memory: worker_memory };
                match Selector::new(std::mem::take(&mut state.selection)) {
                    Ok(selector) => state.selector = Rc::new(selector),
                    Err(error) => {
                        let message = error.to_string();
                        let refusal = PrepareRefusal { message, usage: true };
                        return self.sender.send(&FromAgent::Refused(refusal));
                    }
                }
                drop(state);
                let care = Care {
                    patience: deadlines.agent,
                    deadlines,
                    env: vec![
                        (AGENT_VARIABLE.into(), Some(std::process::id().to_string().into())),
                        (ROLE_VARIABLE.into(), None),
                    ],
                };
                let (sender, state) = (self.sender.clone(), self.state.clone());
                let (templates, prepared) = (self.templates.clone(), self.prepared.clone());
                prepared.send_replace(false);
                self.chores.spawn_local(async move {
                    prepare(sender, state, templates, suite, care, deadlines).await;
                    prepared.send_replace(true);
                });
            }
            ToAgent::Start { worker, spec, input } => self.start(worker, spec, input),
            ToAgent::Run { worker, batch } => self.order(worker, Order::Run(batch)),
            ToAgent::Make { worker, files, run } => self.order(worker, Order::Make { files, run }),
            ToAgent::Withdraw { worker, items, files } => {
                self.order(worker, Order::Withdraw { items, files });
            }
            ToAgent::Resume { worker } => self.order(worker, Order::Resume),
            ToAgent::Finish { worker } => self.order(worker, Order::Finish),
            ToAgent::Stop { worker, mode } => {
                // Nobody shall wait for a collection or, at once, for a fork now.
                match mode {
                    StopMode::AfterTest => self.templates.press(),
                    StopMode::Kill => self.templates.end(),
                }
                self.order(worker, Order::Stop(mode));
            }
            ToAgent::Conclude { requests, input } => {
                self.chores.spawn_local(conclude(
                    self.sender.clone(),
                    self.state.clone(),
                    requests,
                    input,
                ));
            }
            ToAgent::Arrived(bytes) => self.sender.lease().arrived(bytes),
            ToAgent::Ping(number) => self.sender.send(&FromAgent::Pong(number)),
            ToAgent::Shutdown => {}
        }
        // Forget the tasks that have ended.
        while self.workers.try_join_next().is_some() {}
        while self.chores.try_join_next().is_some() {}
    }

    /// From now on nothing that tests start outlives this process, whatever ends it.
    fn guard(&self) {
        if cfg!(target_os = "linux") && self.guardian.get().is_none() {
            match Guardian::start() {
                Ok(guardian) => drop(self.guardian.set(guardian)),
                Err(problem) => debug!("failed to start a guardian: {problem}"),
            }
        }
    }

    /// Orders for a worker that has just died are void: its death notice is on its way.
    fn order(&self, worker: WorkerId, order: Order) {
        if let Some(orders) = self.state.borrow().workers.get(&worker) {
            let _dead = orders.send(order);
        }
    }

    fn start(&mut self, worker: WorkerId, spec: WorkerSpec, input: WorkerInput) {
        let (orders, mut inbox) = mpsc::unbounded_channel();
        self.state.borrow_mut().workers.insert(worker, orders);
        let (sender, state) = (self.sender.clone(), self.state.clone());
        let (templates, mut prepared) = (self.templates.clone(), self.prepared.subscribe());
        let waits = !*prepared.borrow();
        self.workers.spawn_local(async move {
            // Without its sender this host is at its end. What it gives is a lock, which is let go at once.
            let _closed = prepared.wait_for(|is| *is).await.is_err();
            if waits && matches!(inbox.try_recv(), Ok(Order::Finish)) {
                let why = "it was not wanted any more when the suite was prepared".to_owned();
                let death = Death::early(Ending::NotStarted(why));
                sender.worker(worker, WorkerEvent::Exited(death));
                state.borrow_mut().workers.remove(&worker);
                return;
            }
            let (adapter, limits, selector) = {
                let state = state.borrow();
                (state.adapter.clone(), state.limits, state.selector.clone())
            };
            let command = match adapter {
                Some(adapter) => {
                    let command = adapter.command(worker, &spec, &input).await;
                    templates.adopt(&adapter, limits.deadlines);
                    command.map_err(|error| error.to_string())
                }
                None => Err("its suite was not prepared on this host".to_owned()),
            };
            match command {
                Ok(command) => {
                    let command = (&command, &input);
                    worker::serve(worker, command, limits, selector, &templates, sender, inbox)
                        .await;
                }
                Err(why) => sender
                    .worker(worker, WorkerEvent::Exited(Death::early(Ending::NotStarted(why)))),
            }
            state.borrow_mut().workers.remove(&worker);
        });
    }

    /// Ends every worker and waits until each has told of its death.
    async fn end(&mut self) {
        self.chores.shutdown().await;
        self.prepared.send_replace(true);
        // A worker whose orders end kills its process.
        self.state.borrow_mut().workers.clear();
        self.templates.end();
        let all_gone = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(ENDING, all_gone).await.is_err() {
            self.workers.shutdown().await;
        }
    }
}

async fn prepare(
    sender: Sender,
    state: Rc<RefCell<State>>,
    templates: Rc<Templates>,
    suite: Suite,
    care: Care,
    deadlines: Deadlines,
) {
    let progress = |step: String| sender.send(&FromAgent::Progress(step));
    let answer = match Adapter::prepare(&suite, care, progress).await {
        Ok((adapter, info)) => {
            templates.adopt(&adapter, deadlines);
            state.borrow_mut().adapter = Some(Rc::new(adapter));
            FromAgent::Prepared(info)
        }
        Err(error) => FromAgent::Refused(PrepareRefusal {
            message: error.to_string(),
            usage: error.is_usage(),
        }),
    };
    sender.send(&answer);
}

async fn conclude(
    sender: Sender,
    state: Rc<RefCell<State>>,
    requests: Vec<String>,
    input: WorkerInput,
) {
    let adapter = state.borrow().adapter.clone();
    let concluded = async {
        match adapter {
            Some(adapter) => {
                adapter.conclude(&requests, &input).await.map_err(|error| error.to_string())
            }
            None => Err("no suite was prepared on this host".to_owned()),
        }
    };
    let result = tokio::time::timeout(CONCLUSION, concluded)
        .await
        .unwrap_or_else(|_| Err(format!("it did not end within {} s", CONCLUSION.as_secs())));
    let (text, failure) = result.unwrap_or_else(|error| {
        (String::new(), Some(format!("the conclusion of the run failed: {error}")))
    });
    sender.send(&FromAgent::Concluded { text, failure });
}
