//! The worker for the tests of Rust projects: it takes tests from its queue, runs them in processes of the binaries that cargo has built,
//! and tells of each.

mod batch;
mod doc;
mod ledger;
mod leftovers;
mod location;
mod pace;
mod reader;
mod run;
mod summary;
mod verdict;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::message::{Job, Message};
use super::setup::Setup;
use super::{Channel, ChannelError, Event, ItemLine, Ready, VERSION};
use crate::adapters::libtest::{Plan, Program, ProgramKind};
use crate::model::{Isolation, Outcome};
use batch::{Batch, Done, Entry};
use doc::Results;
use ledger::Ledger;
use location::Sources;
use pace::Pace;
use verdict::Verdict;

/// How many items or files one line holds.
const PART: usize = 1000;

/// How long is waited for more tests of the process that the first of them is about to have.
const GLANCE: Duration = Duration::from_millis(1);

/// The most doctests that are taken at once: all that stand in the queue.
const ALL: usize = 1024;

/// What holds for the whole session.
#[derive(Debug)]
struct Shared {
    plan: Plan,
    sources: Sources,
    live_output: bool,
    halts: bool,
    timeout: Option<Duration>,
}

/// A session.
struct Session<'a> {
    channel: &'a mut Channel,
    shared: &'a Shared,
    /// The items that were told of, by their numbers: program and test.
    items: Vec<(usize, usize)>,
    paces: Vec<Pace>,
    /// Items that broke a process or left something behind.
    troublesome: HashSet<u32>,
    /// What came of doctests, by program.
    doctests: HashMap<usize, Results>,
    failed: bool,
}

/// Serves until the session is over.
///
/// # Errors
/// The conversation with the agent broke.
pub(super) async fn serve(
    channel: &mut Channel,
    setup: &Setup,
    version: &str,
    plan: Plan,
) -> Result<(), ChannelError> {
    let sources = Sources {
        workspace: plan.workspace.clone(),
        root: std::env::current_dir().unwrap_or_default(),
    };
    let shared = Shared {
        plan,
        sources,
        live_output: setup.live_output,
        halts: setup.halt_on_failure,
        timeout: setup.timeout.and_then(|limit| Duration::try_from_secs_f64(limit).ok()),
    };
    let pace = |program: &Program| Pace::new(program.kind == ProgramKind::Doc, program.tests.len());
    let mut session = Session {
        channel,
        items: Vec::new(),
        paces: shared.plan.programs.iter().map(pace).collect(),
        shared: &shared,
        troublesome: HashSet::new(),
        doctests: HashMap::new(),
        failed: false,
    };
    session.introduce(version)?;
    if setup.stream {
        session.list()?;
    } else {
        session.collect()?;
    }
    session.work().await?;
    let exit_code = i32::from(session.failed);
    channel.send(&Event::Finished { exit_code })
}

impl Session<'_> {
    fn introduce(&mut self, version: &str) -> Result<(), ChannelError> {
        let cwd = std::env::current_dir().unwrap_or_default().display().to_string();
        self.channel.send(&Event::Ready(Ready {
            protocol: VERSION,
            pid: std::process::id(),
            executable: "cargo",
            runtime: "",
            framework: &format!("libtest, {version}"),
            platform: std::env::consts::OS,
            cwd: &cwd,
            summary_letters: "fEw",
        }))
    }

    /// Tells of all programs, whose tests are told when they are asked for.
    fn list(&mut self) -> Result<(), ChannelError> {
        let programs = self.shared.plan.programs.iter();
        let files: Vec<(&str, u64, bool)> = programs
            .map(|program| {
                let size = bytes_a_test(program.kind) * program.tests.len() as u64;
                (program.id.as_str(), size, program.kind == ProgramKind::Doc)
            })
            .collect();
        for files in files.chunks(PART) {
            self.channel.say(&Event::Files { files: files.to_vec() });
        }
        self.channel.send(&Event::Listed { count: number(files.len()) })
    }

    fn collect(&mut self) -> Result<(), ChannelError> {
        let mut deselected = 0;
        for program in 0..self.shared.plan.programs.len() {
            let lines = self.take_in(program);
            for lines in lines.chunks(PART) {
                self.channel.say(&Event::Items { items: plain(lines) });
            }
            deselected += self.shared.plan.programs[program].deselected;
        }
        self.channel.send(&Event::Collected { count: number(self.items.len()), deselected })
    }

    /// Makes the items of a program: their ids, and how much of each names the program.
    fn take_in(&mut self, place: usize) -> Vec<(String, u32)> {
        let program = &self.shared.plan.programs[place];
        self.items.extend((0..program.tests.len()).map(|test| (place, test)));
        let scope = number(program.id.len());
        program.tests.iter().map(|test| (program.id_of(test), scope)).collect()
    }

    fn make(&mut self, file: u32) -> Result<(), ChannelError> {
        let Some(program) = self.shared.plan.programs.get(file as usize) else {
            return Err(ChannelError::Unknown(format!("file {file}")));
        };
        self.channel.say(&Event::Making { f: file });
        let lines = self.take_in(file as usize);
        let mut parts = lines.chunks(PART).peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                break;
            }
            self.channel.say(&Event::Made {
                f: file,
                items: plain(part),
                last: false,
                deselected: 0,
            });
        }
        let last = lines.chunks(PART).last().unwrap_or_default();
        self.channel.send(&Event::Made {
            f: file,
            items: plain(last),
            last: true,
            deselected: program.deselected,
        })
    }

    async fn work(&mut self) -> Result<(), ChannelError> {
        let mut carried = None;
        loop {
            let message = match carried.take() {
                Some(message) => message,
                None => self.channel.take().await?,
            };
            match message {
                Message::Run(job) => {
                    let (place, _) = self.item(job.item)?;
                    let jobs = self.gather(place, job, &mut carried).await?;
                    if self.run(place, jobs).await? {
                        return Ok(());
                    }
                }
                Message::Make(file) => self.make(file)?,
                Message::Resume => {}
                Message::Finish | Message::Interrupt => return Ok(()),
            }
        }
    }

    fn item(&self, item: u32) -> Result<(usize, usize), ChannelError> {
        let known = self.items.get(item as usize).copied();
        known.ok_or_else(|| ChannelError::Unknown(format!("item {item}")))
    }

    /// Takes those of the following items that share a process with this one. What was taken and is no such item is carried on.
    async fn gather(
        &mut self,
        place: usize,
        first: Job,
        carried: &mut Option<Message>,
    ) -> Result<Vec<Job>, ChannelError> {
        let kind = self.shared.plan.programs[place].kind;
        let is_doc = kind == ProgramKind::Doc;
        let shares = (is_doc && !self.shared.halts)
            || (kind == ProgramKind::Libtest
                && self.shared.plan.isolation == Isolation::Adaptive
                // A harness can not be held up between two tests.
                && !self.shared.halts
                && !self.is_alone(&first));
        let mut share = self.paces[place].share(first.estimate);
        let mut jobs = vec![first];
        // What is given at once comes message by message, and a process for the first alone costs more than this.
        if shares && share.has_room(None) && self.channel.try_peek()?.is_none() {
            tokio::time::sleep(GLANCE).await;
        }
        while shares && jobs.len() < ALL {
            let fits = match self.channel.try_peek()? {
                Some(Message::Run(next)) => self.fits(place, &next, is_doc, &share)?,
                _ => false,
            };
            if !fits {
                break;
            }
            // It may be another by now.
            match self.channel.try_take()? {
                Some(Message::Run(next)) if self.fits(place, &next, is_doc, &share)? => {
                    share.add(next.estimate);
                    jobs.push(next);
                }
                other => {
                    *carried = other;
                    break;
                }
            }
        }
        Ok(jobs)
    }

    fn fits(
        &self,
        place: usize,
        job: &Job,
        is_doc: bool,
        share: &pace::Share,
    ) -> Result<bool, ChannelError> {
        let (of, _) = self.item(job.item)?;
        Ok(of == place && (is_doc || (!self.is_alone(job) && share.has_room(job.estimate))))
    }

    fn is_alone(&self, job: &Job) -> bool {
        job.alone || self.troublesome.contains(&job.item)
    }

    /// Runs tests of one program; `true` if the session is to end.
    async fn run(&mut self, place: usize, jobs: Vec<Job>) -> Result<bool, ChannelError> {
        let program = &self.shared.plan.programs[place];
        let mut entries = Vec::with_capacity(jobs.len());
        let mut again = HashSet::new();
        for job in jobs {
            let name = &program.tests[self.item(job.item)?.1];
            let ignored = program.ignored.contains(name).then(|| Done {
                verdict: Verdict {
                    outcome: Outcome::Skipped,
                    text: String::new(),
                    brief: String::new(),
                },
                seconds: 0.0,
            });
            if job.attempt > 1 {
                again.insert(name.clone());
            }
            entries.push(Entry {
                item: job.item,
                id: program.id_of(name),
                name: name.clone(),
                limit: job.limit(self.shared.timeout),
                began: None,
                ran: None,
                over: None,
                done: ignored,
                is_alone: false,
            });
        }
        let sources = self.shared.sources.clone();
        let halts = self.shared.halts;
        let mut batch = Batch::new(entries, &program.id, sources, halts, run::epoch());
        let mut interrupted = false;
        let mut halted = false;
        if program.kind == ProgramKind::Doc {
            let known = self.doctests.entry(place).or_default();
            known.retain(|name, _| !again.contains(name));
            doc::fill(&mut batch, known);
            if !batch.left().is_empty() {
                let results = self.shared.plan.doc_results.as_ref();
                let ledger = Ledger(results.map(|results| results.join(place.to_string())));
                let (channel, shared) = (&mut *self.channel, self.shared);
                interrupted =
                    doc::run(channel, shared, program, &ledger, &mut batch, &again, known).await?;
            }
        }
        while !batch.left().is_empty() && !interrupted {
            let before = batch.next();
            let ran = run::run(self.channel, self.shared, program, &mut batch).await?;
            let broken = ran.broken_by.into_iter().chain(ran.leaky);
            self.troublesome.extend(broken.map(|place| batch.entries[place].item));
            let took = before
                .iter()
                .filter_map(|place| Some(batch.entries[*place].done.as_ref()?.seconds));
            self.paces[place].saw(ran.start, &took.collect::<Vec<_>>());
            interrupted = ran.interrupted;
            halted |= ran.halted;
        }
        halted |= batch.tell(&mut |event| self.channel.say(event));
        if interrupted {
            batch.abandon(&mut |event| self.channel.say(event));
        }
        self.channel.flush()?;
        self.failed |= batch
            .entries
            .iter()
            .any(|entry| entry.done.as_ref().is_some_and(|done| done.verdict.outcome.is_bad()));
        if halted && !interrupted {
            self.channel.resumed().await?;
        }
        Ok(interrupted)
    }
}

/// By a file's size in bytes its weight is guessed where nobody has seen it, at a millisecond for each hundred. rustdoc compiles
/// each test first; what is a test as a whole is rarely a small one.
fn bytes_a_test(kind: ProgramKind) -> u64 {
    match kind {
        ProgramKind::Libtest => 100,
        ProgramKind::Custom => 1000,
        ProgramKind::Whole | ProgramKind::Doc => 10_000,
    }
}

fn plain(items: &[(String, u32)]) -> Vec<ItemLine<'_>> {
    items.iter().map(|(id, scope)| ItemLine::Plain(id, *scope)).collect()
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
