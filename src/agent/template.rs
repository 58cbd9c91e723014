//! Templates: idle interpreters, one a program, that workers are forked from (`worker/template.py` is the other side).

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::socket::{ControlMessage, MsgFlags, Shutdown, recv, sendmsg, shutdown};
use nix::sys::stat::fstat;
use nix::sys::uio::pread;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Mutex;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::child::{Family, WorkerChild};
use super::collected::Collected;
use super::descriptor::Descriptor;
use super::link::Sender;
use super::process::variables;
use crate::adapters::pytest::Idle;
use crate::adapters::{Adapter, WorkerCommand};
use crate::model::{Deadlines, WorkerInput};
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
    deadlines: Cell<Deadlines>,
    collected: Collected,
    of_program: RefCell<HashMap<PathBuf, Rc<Template>>>,
    reaps: Cell<bool>,
    told: RefCell<HashSet<String>>,
}

/// One template.
#[derive(Debug)]
pub(super) struct Template {
    /// Its process, as long as it has not been waited for.
    pid: Cell<Option<Pid>>,
    /// How long it may take to be ready.
    warm_up: Duration,
    /// How long it may take to answer a request.
    patience: Duration,
    is_warming: Cell<bool>,
    talk: Mutex<Talk>,
}

/// Where the last words of a template are.
#[derive(Debug)]
pub(super) enum LastWords {
    /// Heard as they came.
    Heard(Rc<RefCell<Vec<u8>>>),
    /// Kept in a file of its own.
    Kept(OwnedFd),
}

/// The conversation with a template: one request at a time.
#[derive(Debug)]
struct Talk {
    child: WorkerChild,
    link: Descriptor,
    last_words: LastWords,
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
pub(super) struct Why {
    text: String,
    /// Whether people must know, even if they did not ask to be told more.
    is_loud: bool,
}

impl Why {
    pub(super) fn quiet(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_loud: false }
    }

    pub(super) fn no_text() -> Self {
        Self::quiet("its environment or directory is no text")
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
            deadlines: Cell::default(),
            collected: Collected::default(),
            of_program: RefCell::default(),
            reaps: Cell::default(),
            told: RefCell::default(),
        }
    }

    /// The children of this process.
    pub(super) fn family(&self) -> &Family {
        &self.family
    }

    /// Takes over the templates that the adapter has started, under these deadlines.
    pub(super) fn adopt(&self, adapter: &Adapter, deadlines: Deadlines) {
        self.deadlines.set(deadlines);
        while let Some(idle) = adapter.take_idle() {
            let program = idle.program.clone();
            let template = match Template::idle(idle, &self.family, deadlines.agent) {
                Ok(template) => template,
                Err(error) => {
                    self.tell("template", &Why::quiet(error.to_string()), false);
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
            self.tell("template", &Why::quiet(why), is_asked_for);
            return None;
        }
        let template = self.of_program.borrow().get(&command.program).cloned()?;
        if command.common.is_some() {
            let (family, deadlines) = (&self.family, self.deadlines.get());
            let whom = (command, input);
            match self.collected.fork(&template, whom, descriptors, family, deadlines).await {
                Ok(forked) => return Some(forked),
                // The worker collects by itself then, and tells whatever there is to tell.
                Err(why) => self.tell("collected template", &Why::quiet(why.text), is_asked_for),
            }
        }
        let mut notes = Vec::new();
        let forked = match request(command, input) {
            Some(request) => template.fork(&request, descriptors, &self.family, &mut notes).await,
            None => Err(Why::no_text()),
        };
        for note in notes {
            self.sender.send(&FromAgent::Notice(note));
        }
        forked.map_err(|why| self.tell("template", &why, is_asked_for)).ok()
    }

    /// Ends all templates: whoever waits for one waits no longer.
    pub(super) fn end(&self) {
        self.collected.end();
        for template in self.of_program.borrow().values() {
            template.kill();
        }
    }

    /// Whoever waits for a collection that all workers are to share waits no longer.
    pub(super) fn press(&self) {
        self.collected.press();
    }

    /// Tells, once, why a worker is not forked.
    fn tell(&self, from: &str, why: &Why, is_asked_for: bool) {
        let text = format!("starting workers without the {from}: {}", why.text);
        if (why.is_loud || is_asked_for) && self.told.borrow_mut().insert(text.clone()) {
            let tell = if why.is_loud { FromAgent::Notice } else { FromAgent::Progress };
            self.sender.send(&tell(text));
        }
    }
}

/// What a template is asked; `None` if that is no text.
pub(super) fn request(command: &WorkerCommand, input: &WorkerInput) -> Option<Vec<u8>> {
    let env = variables(command, input)
        .map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
        .collect::<Option<HashMap<_, _>>>()?;
    Some(json!({ "cwd": command.cwd.to_str()?, "env": env }).to_string().into_bytes())
}

impl Template {
    fn idle(idle: Idle, family: &Family, patience: Duration) -> io::Result<Self> {
        let last_words = Rc::default();
        spawn_local(listen(idle.stdout, Rc::default()));
        spawn_local(listen(idle.stderr, Rc::clone(&last_words)));
        let child = family.spawned(idle.child);
        Self::new(child, idle.link, LastWords::Heard(last_words), patience, patience)
    }

    /// With the agent's end of its link.
    pub(super) fn new(
        child: WorkerChild,
        link: OwnedFd,
        last_words: LastWords,
        warm_up: Duration,
        patience: Duration,
    ) -> io::Result<Self> {
        let pid = Cell::new(Some(child.pid()));
        let link = Descriptor::new(link)?;
        let talk = Mutex::new(Talk { child, link, last_words, state: State::Warming });
        Ok(Self { pid, warm_up, patience, is_warming: Cell::new(true), talk })
    }

    /// Whether it has not been ready yet.
    pub(super) fn is_warming(&self) -> bool {
        self.is_warming.get()
    }

    /// Ends it with its process group.
    pub(super) fn kill(&self) {
        if let Some(pid) = self.pid.get() {
            // It may have ended already.
            let _gone = killpg(pid, Signal::SIGKILL);
            let _gone = kill(pid, Signal::SIGKILL);
        }
    }

    /// A worker; the first that is asked for waits until the template is ready.
    pub(super) async fn fork(
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
        let late = |limit: Duration| {
            Failure::Lost(Why::loud(format!("it did not answer within {} s", limit.as_secs())))
        };
        let warmed = timeout(self.warm_up, talk.warm(notes)).await;
        self.is_warming.set(false);
        let result = match warmed.unwrap_or_else(|_| Err(late(self.warm_up))) {
            Ok(()) => timeout(self.patience, talk.fork(request, descriptors, family))
                .await
                .unwrap_or_else(|_| Err(late(self.patience))),
            Err(failure) => Err(failure),
        };
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

impl Drop for Template {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Talk {
    /// Waits until it is ready.
    async fn warm(&mut self, notes: &mut Vec<String>) -> Result<(), Failure> {
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
        Ok(())
    }

    async fn fork(
        &mut self,
        request: &[u8],
        descriptors: [BorrowedFd<'_>; 6],
        family: &Family,
    ) -> Result<WorkerChild, Failure> {
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
        let said = match &self.last_words {
            LastWords::Heard(said) => said.borrow().clone(),
            LastWords::Kept(file) => end_of(file).unwrap_or_default(),
        };
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

/// The end of what stands in a file.
fn end_of(file: &OwnedFd) -> io::Result<Vec<u8>> {
    let size = fstat(file)?.st_size;
    let mut end = vec![0; LAST_WORDS];
    let count = pread(file, &mut end, size.saturating_sub(LAST_WORDS as i64).max(0))?;
    end.truncate(count);
    Ok(end)
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
