//! Templates: idle interpreters, one a program, that workers are forked from (`worker/template.py` is the other side).

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{ControlMessage, MsgFlags, Shutdown, recv, sendmsg, shutdown};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::sync::Mutex;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::child::{Family, WorkerChild};
use super::descriptor::Descriptor;
use super::link::Sender;
use super::process::variables;
use crate::adapters::pytest::Idle;
use crate::adapters::{Adapter, WorkerCommand};
use crate::model::WorkerInput;
use crate::wire::FromAgent;

/// Longer than any answer of a template.
const LONGEST: usize = 64 * 1024;

/// How much of what a template says on stderr is kept.
const LAST_WORDS: usize = 4096;

/// The templates of this host.
#[derive(Debug)]
pub(super) struct Templates {
    family: Family,
    sender: Sender,
    of_program: RefCell<HashMap<PathBuf, Rc<Template>>>,
    reaps: Cell<bool>,
    told: RefCell<HashSet<String>>,
}

/// One template.
#[derive(Debug)]
struct Template {
    /// Its process, as long as it has not been waited for.
    pid: Cell<Option<Pid>>,
    patience: Duration,
    talk: Mutex<Talk>,
}

/// The conversation with a template: one request at a time.
#[derive(Debug)]
struct Talk {
    child: Child,
    link: Descriptor,
    last_words: Rc<RefCell<Vec<u8>>>,
    state: State,
}

#[derive(Debug)]
enum State {
    Warming,
    Ready,
    /// A request is under way, or whoever made it was dropped before the answer.
    Asked,
    Gone(Why),
}

/// Why no worker can be forked from a template.
#[derive(Debug, Clone)]
struct Why {
    text: String,
    /// Whether people must know, even if they did not ask to be told more.
    is_loud: bool,
}

impl Why {
    fn quiet(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_loud: false }
    }

    fn loud(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_loud: true }
    }
}

/// What a template says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Ready(Warmed),
    Unfit(Unfit),
    Pid(i32),
    Error(String),
}

/// It can fork workers.
#[derive(Debug, Deserialize)]
struct Warmed {
    notes: Vec<String>,
}

/// It can not fork workers.
#[derive(Debug, Deserialize)]
struct Unfit {
    why: String,
    /// The module of the configuration that is to blame.
    preload: Option<String>,
    notes: Vec<String>,
}

impl Templates {
    pub(super) fn new(sender: Sender) -> Self {
        Self {
            family: Family::default(),
            sender,
            of_program: RefCell::default(),
            reaps: Cell::default(),
            told: RefCell::default(),
        }
    }

    /// The children of this process.
    pub(super) fn family(&self) -> &Family {
        &self.family
    }

    /// Takes over the templates that the adapter has started; each may take so long to answer a request.
    pub(super) fn adopt(&self, adapter: &Adapter, patience: Duration) {
        while let Some(idle) = adapter.take_idle() {
            let program = idle.program.clone();
            let template = match Template::new(idle, patience) {
                Ok(template) => template,
                Err(error) => {
                    self.tell(&Why::quiet(error.to_string()), false);
                    continue;
                }
            };
            // Of two that were started side by side one is enough.
            self.of_program.borrow_mut().entry(program).or_insert_with(|| Rc::new(template));
            if !self.reaps.replace(true) {
                spawn_local(self.family.clone().reap_strays());
            }
        }
    }

    /// A worker forked from the template of its program; `None` if it must be started otherwise, which people are told.
    pub(super) async fn fork(
        &self,
        command: &WorkerCommand,
        input: &WorkerInput,
        descriptors: [BorrowedFd<'_>; 6],
    ) -> Option<WorkerChild> {
        let is_asked_for = input.verbosity > 0;
        if let Some(why) = &command.alone {
            self.tell(&Why::quiet(why), is_asked_for);
            return None;
        }
        let template = self.of_program.borrow().get(&command.program).cloned()?;
        let mut notes = Vec::new();
        let forked = match request(command, input) {
            Some(request) => template.fork(&request, descriptors, &self.family, &mut notes).await,
            None => Err(Why::quiet("its environment or directory is no text")),
        };
        for note in notes {
            self.sender.send(&FromAgent::Notice(note));
        }
        forked.map_err(|why| self.tell(&why, is_asked_for)).ok()
    }

    /// Ends all templates: whoever waits for one waits no longer.
    pub(super) fn end(&self) {
        for template in self.of_program.borrow().values() {
            template.kill();
        }
    }

    /// Tells, once, why a worker is not forked.
    fn tell(&self, why: &Why, is_asked_for: bool) {
        let text = format!("starting workers without the template: {}", why.text);
        if (why.is_loud || is_asked_for) && self.told.borrow_mut().insert(text.clone()) {
            let tell = if why.is_loud { FromAgent::Notice } else { FromAgent::Progress };
            self.sender.send(&tell(text));
        }
    }
}

/// What a template is asked; `None` if that is no text.
fn request(command: &WorkerCommand, input: &WorkerInput) -> Option<Vec<u8>> {
    let env = variables(command, input)
        .map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
        .collect::<Option<HashMap<_, _>>>()?;
    Some(json!({ "cwd": command.cwd.to_str()?, "env": env }).to_string().into_bytes())
}

impl Template {
    fn new(idle: Idle, patience: Duration) -> io::Result<Self> {
        let last_words = Rc::default();
        spawn_local(listen(idle.stdout, Rc::default()));
        spawn_local(listen(idle.stderr, Rc::clone(&last_words)));
        let pid = idle.child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        let link = Descriptor::new(idle.link)?;
        let talk = Talk { child: idle.child, link, last_words, state: State::Warming };
        Ok(Self { pid: Cell::new(pid), patience, talk: Mutex::new(talk) })
    }

    fn kill(&self) {
        if let Some(pid) = self.pid.get() {
            // It may have ended already.
            let _gone = kill(pid, Signal::SIGKILL);
        }
    }

    async fn fork(
        &self,
        request: &[u8],
        descriptors: [BorrowedFd<'_>; 6],
        family: &Family,
        notes: &mut Vec<String>,
    ) -> Result<WorkerChild, Why> {
        let mut talk = self.talk.lock().await;
        if let State::Gone(why) = &talk.state {
            return Err(why.clone());
        }
        let forked = timeout(self.patience, talk.fork(request, descriptors, family, notes)).await;
        let result = forked.unwrap_or_else(|_| {
            let seconds = self.patience.as_secs();
            Err(Failure::Lost(Why::loud(format!("it did not answer within {seconds} s"))))
        });
        match result {
            Ok(child) => Ok(child),
            Err(Failure::Refused(why)) => Err(why),
            Err(Failure::Lost(why)) => {
                self.kill();
                talk.break_off();
                self.pid.set(None);
                talk.state = State::Gone(why.clone());
                // A process that is killed ends; the kernel is not waited for.
                let _reaped = timeout(Duration::from_secs(1), talk.child.wait()).await;
                Err(why)
            }
        }
    }
}

/// Why a request came to nothing.
#[derive(Debug)]
enum Failure {
    /// The template can do better another time.
    Refused(Why),
    /// The template is of no more use.
    Lost(Why),
}

impl Talk {
    async fn fork(
        &mut self,
        request: &[u8],
        descriptors: [BorrowedFd<'_>; 6],
        family: &Family,
        notes: &mut Vec<String>,
    ) -> Result<WorkerChild, Failure> {
        if matches!(self.state, State::Asked) {
            return Err(Failure::Lost(Why::quiet("a request was given up")));
        }
        if matches!(self.state, State::Warming) {
            match self.hear().await? {
                Said::Ready(warmed) => notes.extend(warmed.notes),
                Said::Unfit(unfit) => {
                    notes.extend(unfit.notes);
                    return Err(Failure::Lost(match unfit.preload {
                        Some(module) => Why::loud(format!("preload: `{module}`: {}", unfit.why)),
                        None => Why::quiet(unfit.why),
                    }));
                }
                other => return Err(confused(&other)),
            }
            self.state = State::Ready;
        }
        let refuse = |error: io::Error| Failure::Refused(Why::loud(error.to_string()));
        let adoption = family.adopt().map_err(refuse)?;
        self.state = State::Asked;
        let fds = descriptors.map(|fd| fd.as_raw_fd());
        sendmsg::<()>(
            self.link.as_fd().as_raw_fd(),
            &[IoSlice::new(request)],
            &[ControlMessage::ScmRights(&fds)],
            MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT,
            None,
        )
        .map_err(|error| match error {
            Errno::EPIPE | Errno::ECONNRESET => Failure::Lost(self.farewell()),
            error => Failure::Lost(Why::loud(error.to_string())),
        })?;
        let said = self.hear().await?;
        self.state = State::Ready;
        match said {
            Said::Pid(pid) => Ok(adoption.done(Pid::from_raw(pid))),
            Said::Error(why) => Err(Failure::Refused(Why::loud(why))),
            other => Err(confused(&other)),
        }
    }

    /// The next thing that it says.
    async fn hear(&self) -> Result<Said, Failure> {
        let mut buffer = vec![0; LONGEST];
        match self.link.read(&mut buffer).await {
            Ok(count) if count > 0 => serde_json::from_slice(&buffer[..count])
                .map_err(|error| Failure::Lost(Why::loud(format!("it makes no sense: {error}")))),
            Ok(_) | Err(_) => Err(Failure::Lost(self.farewell())),
        }
    }

    /// Ends the conversation: no worker that has not said yet that it is there goes on.
    fn break_off(&self) {
        let link = self.link.as_fd().as_raw_fd();
        // It may be broken already.
        let _broken = shutdown(link, Shutdown::Both);
        let mut buffer = vec![0; LONGEST];
        while let Ok(count) = recv(link, &mut buffer, MsgFlags::MSG_DONTWAIT)
            && count > 0
        {
            // One that came too late; another is started in its place.
            if let Ok(Said::Pid(pid)) = serde_json::from_slice(&buffer[..count])
                && let Ok(WaitStatus::StillAlive) =
                    waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG))
            {
                let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }

    /// It has ended.
    fn farewell(&self) -> Why {
        let said = self.last_words.borrow();
        let said = String::from_utf8_lossy(&said);
        let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
        Why::loud(
            last.map_or_else(|| "it has ended".to_owned(), |last| format!("it has ended: {last}")),
        )
    }
}

fn confused(said: &Said) -> Failure {
    Failure::Lost(Why::loud(format!("it makes no sense: {said:?}")))
}

/// Reads what comes, so that nobody waits for it to be read, and keeps the end of it.
async fn listen(mut stream: impl AsyncRead + Unpin, last_words: Rc<RefCell<Vec<u8>>>) {
    let mut chunk = vec![0; LAST_WORDS];
    while let Ok(count) = stream.read(&mut chunk).await
        && count > 0
    {
        let mut kept = last_words.borrow_mut();
        kept.extend_from_slice(&chunk[..count]);
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
}
