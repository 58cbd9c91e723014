//! One worker under the agent: its process, its queue, its conversation and its deadlines, until its death notice.

mod ending;

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::FusedFuture;
use log::debug;
use nix::sys::signal::Signal;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use self::ending::Condemned;
use super::choice::Choice;
use super::conversation::{Conversation, LONGEST_LINE, ProtocolError, Stage};
use super::ear::{Ear, Heard};
use super::link::Sender;
use super::output::{Output, Tail};
use super::patience;
use super::process::Process;
use super::queue::Close;
use super::sampler::Sampler;
use super::template::Templates;
use super::watch::Watch;
use crate::adapters::WorkerCommand;
use crate::model::{Batch, Deadlines, Death, Ending, Stream, WorkerId, WorkerInput};
use crate::select::Selector;
use crate::wire::{StopMode, WorkerEvent};

/// How long a worker may live on with its protocol descriptor closed: it is either exiting or broken.
const CLOSED_GRACE: Duration = Duration::from_secs(3);

/// With what code a worker ends that can no longer speak or hear, by the worker protocol.
const CHANNEL_LOST: i32 = 70;

/// How soon after a worker its agent hears of what ends both.
const TOLD_TOGETHER: Duration = Duration::from_millis(100);

/// What a worker is told to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Add items to its queue.
    Run(Batch),
    /// Add files to the end of its queue, whose items it is to make, and to run if so said.
    Make { files: Vec<u32>, run: bool },
    /// Take items and files back.
    Withdraw { items: Vec<u32>, files: Vec<u32> },
    /// Go on after a halt.
    Resume,
    /// Nothing more comes.
    Finish,
    /// End before its time.
    Stop(StopMode),
}

/// The limits a worker lives under.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    /// The clock's.
    pub(super) deadlines: Deadlines,
    /// The most memory, in bytes.
    pub(super) memory: Option<u64>,
}

/// Starts the worker and serves it until its death notice is sent.
pub(super) async fn serve(
    id: WorkerId,
    (command, input): (&WorkerCommand, &WorkerInput),
    limits: Limits,
    selector: Rc<Selector>,
    templates: &Templates,
    sender: Sender,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let (process, pipes) = match Process::start(command, input, templates).await {
        Ok(started) => started,
        Err(error) => {
            let why = format!(
                "failed to start `{}` in `{}`: {error}",
                command.program.display(),
                command.cwd.display()
            );
            sender.worker(id, WorkerEvent::Exited(Death::early(Ending::NotStarted(why))));
            return;
        }
    };
    let pid = process.pid.as_raw();
    sender.worker(id, WorkerEvent::Spawned { pid: pid.unsigned_abs() });

    let tail = Tail::default();
    let live = input.live_output.then(|| sender.clone());
    let mut stdout = Output::new(id, Stream::Stdout, tail.clone(), live.clone());
    let mut stderr = Output::new(id, Stream::Stderr, tail.clone(), live);
    let mut worker = Worker {
        id,
        watch: Watch::new(patience::deadlines(command, limits.deadlines), Instant::now()),
        sampler: Sampler::new(pid, limits.memory, limits.deadlines.silence),
        process,
        conversation: Conversation::new(input.stream),
        choice: Choice::new(selector),
        sender,
        line: Vec::new(),
        heard: Heard::default(),
        broken: false,
        condemned: None,
        interrupted: false,
        silent_until: None,
        slack: patience::slack(command),
    };

    // Live output is shown where it belongs between the events.
    let mut ear = Ear::new(pipes.events, !input.live_output);
    let ending = {
        let follow = async {
            tokio::join!(stdout.follow(&pipes.stdout), stderr.follow(&pipes.stderr));
        };
        let mut follow = pin!(follow.fuse());
        let ending = worker.live(&mut orders, &mut ear, follow.as_mut()).await;
        worker.see_off(&mut orders, follow).await;
        ending
    };

    // The rest of its process group goes first, so that nobody writes any more.
    worker.process.kill();
    // What it had still to say when it ended.
    ear.drain(|chunk| worker.hear(chunk));
    stdout.drain(&pipes.stdout);
    stderr.drain(&pipes.stderr);
    // What tells a whole job to end tells the agent too, in any order: then no test is to blame, and nothing more is said.
    if ending == Ending::Signal(Signal::SIGTERM as i32) && worker.condemned.is_none() {
        tokio::time::sleep(TOLD_TOGETHER).await;
    }
    worker.report_death(ending, &tail);
}

#[derive(Debug)]
struct Worker {
    id: WorkerId,
    process: Process,
    conversation: Conversation,
    choice: Choice,
    watch: Watch,
    sampler: Sampler,
    sender: Sender,
    line: Vec<u8>,
    /// What was in what it said last.
    heard: Heard,
    /// It broke the protocol: whatever it says after that is void.
    broken: bool,
    condemned: Option<Condemned>,
    /// It was told by signal to stop what it did before any test.
    interrupted: bool,
    silent_until: Option<Instant>,
    /// How much longer than it may take a test is waited for.
    slack: Duration,
}

impl Worker {
    /// Serves the worker until its process ends.
    async fn live(
        &mut self,
        orders: &mut mpsc::UnboundedReceiver<Order>,
        ear: &mut Ear,
        mut follow_output: Pin<&mut impl FusedFuture<Output = ()>>,
    ) -> Ending {
        let (mut ordered, mut speaks) = (true, true);
        let mut look = tokio::time::interval(self.sampler.interval());
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.note(Instant::now());
            let wake_at = self.wake_at();
            let in_hand = self.process.queue.in_hand();
            tokio::select! {
                biased;
                order = orders.recv(), if ordered => if let Some(order) = order {
                    self.obey(order);
                } else {
                    // The agent is ending.
                    ordered = false;
                    self.process.kill();
                },
                heard = ear.listen(in_hand), if speaks => {
                    let bytes = heard.unwrap_or_default();
                    speaks = !bytes.is_empty();
                    self.hear(bytes);
                    let since = std::mem::take(&mut self.heard);
                    speaks = speaks && ear.rest(self.process.queue.in_hand(), since).is_ok();
                    if !speaks {
                        self.fell_silent();
                    }
                },
                status = self.process.child.wait() => return ending(status),
                () = &mut follow_output, if !follow_output.is_terminated() => {}
                () = sleep_until(wake_at) => if let Some(ending) = self.overdue() {
                    return ending;
                },
                _ = look.tick() => if let Some(cause) = self.sampler.look() {
                    self.condemn(cause);
                } else if let Some(usage) = self.sampler.usage() {
                    self.sender.worker(self.id, WorkerEvent::Usage(usage));
                },
            }
        }
    }

    fn note(&mut self, now: Instant) {
        let queue = &self.process.queue;
        self.watch.note(self.conversation.stage(), queue.work(), queue.closed_by(), now);
    }

    fn wake_at(&self) -> Option<Instant> {
        match &self.condemned {
            Some(condemned) => Some(condemned.due()),
            None => self.watch.due().map(|due| due.at).into_iter().chain(self.silent_until).min(),
        }
    }

    /// The worker has closed the descriptor on which it speaks.
    fn fell_silent(&mut self) {
        // A process that ends closes it too, a moment before its end is known.
        self.silent_until = Some(Instant::now() + CLOSED_GRACE);
    }

    fn obey(&mut self, order: Order) {
        let queue = &mut self.process.queue;
        let done = match order {
            Order::Run(batch) => queue.push(self.choice.own_batch(batch)),
            Order::Resume => queue.resume(),
            Order::Finish => queue.close(Close::Finish),
            Order::Make { files, run } => queue.push_files(&files, run),
            Order::Withdraw { mut items, files } => {
                for item in &mut items {
                    *item = self.choice.own(*item);
                }
                queue.withdraw(&items, &files).map(|(mut items, files)| {
                    for item in &mut items {
                        *item = self.choice.told(*item);
                    }
                    self.sender.worker(self.id, WorkerEvent::Withdrawn { items, files });
                })
            }
            Order::Stop(StopMode::AfterTest) => {
                let done = queue.close(Close::Interrupt);
                // No test can begin meanwhile: none stands behind a file in the queue.
                if matches!(
                    self.conversation.stage(),
                    Stage::Starting | Stage::Collecting | Stage::Making(_)
                ) {
                    self.interrupt();
                }
                done
            }
            Order::Stop(StopMode::Kill) => {
                self.end_now("killed because the run was told to end at once".to_owned(), true);
                Ok(())
            }
        };
        if let Err(error) = done {
            self.condemn(format!("its queue is broken: {error}"));
        }
    }

    /// Takes bytes of the event stream and acts on every whole line.
    fn hear(&mut self, mut bytes: &[u8]) {
        while !self.broken
            && let Some(newline) = bytes.iter().position(|byte| *byte == b'\n')
        {
            let (line, rest) = bytes.split_at(newline);
            bytes = &rest[1..];
            if self.line.is_empty() {
                self.accept(line);
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.accept(&whole);
            }
        }
        if self.line.len() + bytes.len() > LONGEST_LINE {
            self.break_off(&ProtocolError::TooLong.to_string());
        }
        if !self.broken {
            self.line.extend_from_slice(bytes);
        }
    }

    /// Ends what the worker does before any test.
    fn interrupt(&mut self) {
        self.process.signal(Signal::SIGINT);
        self.interrupted = true;
    }

    fn accept(&mut self, line: &[u8]) {
        let mut event = match self.conversation.accept(line) {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) => return self.break_off(&error.to_string()),
        };
        let made = self.choice.sift(&mut event);
        let queue = &mut self.process.queue;
        let followed = match &mut event {
            WorkerEvent::Started { item } => {
                self.heard.begun += 1;
                self.watch.begins(&queue.terms(*item), self.slack);
                queue.began(*item)
            }
            WorkerEvent::Making { file } => {
                let follows = queue.making(*file);
                // It had taken the file before it could be taken back, and had yet to say so.
                if queue.closed_by() == Some(Close::Interrupt) {
                    self.interrupt();
                }
                Ok(follows)
            }
            WorkerEvent::Made { items, queued, kept, .. } => {
                self.heard.made = true;
                // When a test may begin that needs something of the machine is for the scheduler to say.
                let (at_once, left_to_it) = self.choice.part(items, made);
                queue.made(at_once).map(|now| {
                    *queued = now;
                    *kept = if now { left_to_it } else { Vec::new() };
                    true
                })
            }
            WorkerEvent::Halted { .. } => queue.halt().map(|()| true),
            _other => Ok(true),
        };
        match followed {
            Ok(true) => {
                self.choice.rename(&mut event);
                self.sender.worker(self.id, event);
            }
            Ok(false) => {
                let what = if self.conversation.making().is_some() { "a file" } else { "an item" };
                self.break_off(&format!(
                    "it broke the worker protocol: it began {what} that was not the next of its queue"
                ));
            }
            Err(error) => self.condemn(format!("its queue is broken: {error}")),
        }
    }

    /// The worker is to be killed, and nothing more of what it says is heard.
    fn break_off(&mut self, cause: &str) {
        self.broken = true;
        self.line = Vec::new();
        self.condemn(format!("{cause}; docs/worker-protocol.md has the rules for workers"));
    }

    fn report_death(&self, ending: Ending, tail: &Tail) {
        let stage = self.conversation.stage();
        debug!(
            "{} {ending} after {:?} in {stage:?}",
            self.id,
            self.watch.stage_age(Instant::now())
        );
        let running = self.conversation.running();
        let running = running.map(|item| (self.choice.told(item), self.process.mark.phase()));
        let cause = match &self.condemned {
            Some(condemned) => Some(condemned.cause.clone()),
            None if ending == Ending::Signal(Signal::SIGKILL as i32) => self
                .process
                .may_be_out_of_memory()
                .then(|| "out of memory: the kernel killed it".to_owned()),
            None if ending == Ending::Code(CHANNEL_LOST) => {
                Some("the descriptors of the worker protocol were closed under it".to_owned())
            }
            None => None,
        };
        let death = Death {
            cause,
            running,
            making: self.conversation.making(),
            timed_out: self.condemned.as_ref().is_some_and(|condemned| condemned.is_test),
            on_request: match &self.condemned {
                Some(condemned) => condemned.on_request,
                None => self.interrupted && ending == Ending::Signal(Signal::SIGINT as i32),
            },
            ending,
            finished: stage == Stage::Finished,
            tail: tail.text(),
        };
        self.sender.worker(self.id, WorkerEvent::Exited(death));
    }
}

async fn sleep_until(wake_at: Option<Instant>) {
    match wake_at {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

fn ending(status: std::io::Result<std::process::ExitStatus>) -> Ending {
    use std::os::unix::process::ExitStatusExt;
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Ending::Code(code),
            (None, Some(signal)) => Ending::Signal(signal),
            (None, None) => {
                Ending::Unknown("its exit status is neither a code nor a signal".to_owned())
            }
        },
        Err(error) => Ending::Unknown(format!("its exit status could not be read: {error}")),
    }
}

#[cfg(test)]
mod tests;
