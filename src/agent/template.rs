//! Templates: idle interpreters, one a program, that workers are forked from (`worker/template.py` is the other side).

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::child::{Family, WorkerChild};
use super::collected::Collected;
use super::descriptor::Descriptor;
use super::link::Sender;
use super::process::variables;
use super::talk::{Failure, LastWords, State, Talk, Why, listen};
use crate::adapters::pytest::Idle;
use crate::adapters::{Adapter, WorkerCommand};
use crate::model::{Deadlines, WorkerInput};
use crate::wire::FromAgent;

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

impl Drop for Template {
    fn drop(&mut self) {
        self.kill();
    }
}
