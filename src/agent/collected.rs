//! The deeper template: a process, forked from the template of its program, that has collected the suite, and where all workers
//! of one kind go on from (`worker/collected.py` is the other side).

use std::cell::{Cell, OnceCell};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use tokio::sync::Mutex;

use super::child::{Family, WorkerChild};
use super::process::{Mark, memory_file};
use super::talk::{LastWords, Why};
use super::template::{Template, request};
use crate::adapters::WorkerCommand;
use crate::model::{Deadlines, WorkerInput};

/// The collected template of this host, if workers are to be forked from one.
#[derive(Debug, Default)]
pub(super) struct Collected {
    made: OnceCell<Result<Made, Why>>,
    /// Held by whoever makes it.
    making: Mutex<()>,
    /// Nobody shall wait for a collection any more.
    is_pressed: Cell<bool>,
}

#[derive(Debug)]
struct Made {
    /// What its workers have in common; others do not come from it.
    command: WorkerCommand,
    template: Rc<Template>,
}

impl Collected {
    /// A worker forked from it. The first that is asked for waits for the collection, as do all that are asked for meanwhile.
    pub(super) async fn fork(
        &self,
        below: &Template,
        (command, input): (&WorkerCommand, &WorkerInput),
        descriptors: [BorrowedFd<'_>; 6],
        family: &Family,
        deadlines: Deadlines,
    ) -> Result<WorkerChild, Why> {
        let Some(common) = command.common.as_deref() else {
            return Err(Why::quiet("it is an option of another framework"));
        };
        let making = self.making.lock().await;
        if self.made.get().is_none() {
            let made = make(below, common, input, family, deadlines).await;
            // Nobody else sets it while this one makes it.
            let _first = self.made.set(made);
        }
        drop(making);
        let Some(made) = self.made.get() else {
            return Err(Why::quiet("it was not made"));
        };
        let made = made.as_ref().map_err(Clone::clone)?;
        if made.command != *common {
            return Err(Why::quiet("its specification is not that of the first worker"));
        }
        self.press_on();
        let request = request(command, input).ok_or_else(Why::no_text)?;
        made.template.fork(&request, descriptors, family, &mut Vec::new()).await
    }

    /// Nobody shall wait for the collection now: workers that are interrupted can only be told so when they are there.
    pub(super) fn press(&self) {
        self.is_pressed.set(true);
        self.press_on();
    }

    fn press_on(&self) {
        if self.is_pressed.get()
            && let Some(Ok(made)) = self.made.get()
            && made.template.is_warming()
        {
            made.template.kill();
        }
    }

    /// Ends it.
    pub(super) fn end(&self) {
        if let Some(Ok(made)) = self.made.get() {
            made.template.kill();
        }
    }
}

/// Has a session without identity begin, in a fork of the template below.
async fn make(
    below: &Template,
    common: &WorkerCommand,
    input: &WorkerInput,
    family: &Family,
    deadlines: Deadlines,
) -> Result<Made, Why> {
    let request = request(common, input).ok_or_else(Why::no_text)?;
    let wrong = |error: io::Error| Why::quiet(error.to_string());
    let (link, theirs) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .map_err(|error| wrong(error.into()))?;
    let empty = |name| memory_file(name, &[]).map_err(wrong);
    // Files in place of pipes: each worker prints by itself what was printed before it was forked.
    let (stdout, stderr) = (empty(c"callsheet-stdout")?, empty(c"callsheet-stderr")?);
    let mark = memory_file(c"callsheet-mark", &[0; Mark::SIZE]).map_err(wrong)?;
    let setup = memory_file(c"callsheet-setup", common.setup.as_bytes()).map_err(wrong)?;
    // It has no events of its own.
    let descriptors = [&stdout, &stderr, &theirs, &theirs, &mark, &setup].map(AsFd::as_fd);
    let child = below.fork(&request, descriptors, family, &mut Vec::new()).await?;
    let warm_up = Duration::saturating_add(deadlines.startup, deadlines.collect);
    let last_words = LastWords::Kept(stderr);
    let template =
        Template::new(child, link, last_words, warm_up, deadlines.agent).map_err(wrong)?;
    Ok(Made { command: common.clone(), template: Rc::new(template) })
}
