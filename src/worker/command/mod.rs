//! The worker for commands: it takes them from its queue one by one, runs each in a process group, and tells what came of it.
//!
//! Commands whose ids begin alike up to the first `::` make a file, which is handed out as a whole where workers list files.

mod adopted;
mod lines;
mod run;
mod verdict;

use std::time::Duration;

use super::message::{Job, Message};
use super::setup::Setup;
use super::{Channel, ChannelError, Event, ItemLine, Ready, Report, VERSION};
use crate::adapters::command::{CommandTest, Plan};
use crate::model::{Durations, Outcome, Phase};

use verdict::Verdict;

/// How many items or files one line holds.
const PART: usize = 1000;

/// By its size in bytes a file's weight is guessed.
const BYTES_A_TEST: u64 = 100;

/// A session.
struct Session<'a> {
    channel: &'a mut Channel,
    setup: &'a Setup,
    tests: &'a [CommandTest],
    deselected: u32,
    /// Files by their ids, with the places of their tests.
    files: Vec<(&'a str, Vec<usize>)>,
    /// The items that were told of, by their numbers, as places of tests.
    items: Vec<usize>,
    failed: bool,
}

/// Serves until the session is over.
///
/// # Errors
/// The conversation with the agent broke.
pub(super) async fn serve(
    channel: &mut Channel,
    setup: &Setup,
    plan: Plan,
) -> Result<(), ChannelError> {
    adopted::adopt();
    let mut session = Session {
        channel,
        setup,
        tests: &plan.tests,
        deselected: plan.deselected,
        files: files(&plan.tests),
        items: Vec::new(),
        failed: false,
    };
    session.introduce()?;
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
    fn introduce(&mut self) -> Result<(), ChannelError> {
        let cwd = std::env::current_dir().unwrap_or_default().display().to_string();
        self.channel.send(&Event::Ready(Ready {
            protocol: VERSION,
            pid: std::process::id(),
            executable: "callsheet",
            runtime: "",
            framework: "commands",
            platform: std::env::consts::OS,
            cwd: &cwd,
            summary_letters: "fEw",
        }))
    }

    fn list(&mut self) -> Result<(), ChannelError> {
        let files = self.files.iter();
        let files: Vec<(&str, u64, bool)> =
            files.map(|(id, tests)| (*id, BYTES_A_TEST * tests.len() as u64, false)).collect();
        for files in files.chunks(PART) {
            self.channel.say(&Event::Files { files: files.to_vec() });
        }
        self.channel.send(&Event::Listed { count: number(files.len()) })
    }

    fn collect(&mut self) -> Result<(), ChannelError> {
        self.items = (0..self.tests.len()).collect();
        for places in self.items.chunks(PART) {
            let items = places.iter().map(|place| line(&self.tests[*place])).collect();
            self.channel.say(&Event::Items { items });
        }
        let (count, deselected) = (number(self.items.len()), self.deselected);
        self.channel.send(&Event::Collected { count, deselected })
    }

    fn make(&mut self, file: u32) -> Result<(), ChannelError> {
        let Some((_, places)) = self.files.get(file as usize) else {
            return Err(ChannelError::Unknown(format!("file {file}")));
        };
        self.channel.say(&Event::Making { f: file });
        // Nobody but the first file can tell of what is in none.
        let deselected = if file == 0 { self.deselected } else { 0 };
        let parts = places.chunks(PART);
        let last = parts.len();
        for (part, places) in (1..).zip(parts) {
            let items = places.iter().map(|place| line(&self.tests[*place])).collect();
            let last = part == last;
            let deselected = if last { deselected } else { 0 };
            self.channel.say(&Event::Made { f: file, items, last, deselected });
        }
        self.items.extend_from_slice(places);
        self.channel.flush()
    }

    async fn work(&mut self) -> Result<(), ChannelError> {
        loop {
            match self.channel.take().await? {
                Message::Run(job) => self.run(&job).await?,
                Message::Make(file) => self.make(file)?,
                Message::Resume => {}
                Message::Finish | Message::Interrupt => return Ok(()),
            }
        }
    }

    async fn run(&mut self, job: &Job) -> Result<(), ChannelError> {
        let place = self.items.get(job.item as usize);
        let place = *place.ok_or_else(|| ChannelError::Unknown(format!("item {}", job.item)))?;
        let test = &self.tests[place];
        let own = test.timeout.map(Duration::from_millis);
        let all = self.setup.timeout.and_then(|limit| Duration::try_from_secs_f64(limit).ok());
        let limit = job.limit(own.or(all));
        let started = run::now();
        self.channel.send(&Event::Start { i: job.item })?;
        self.channel.mark(Some(Phase::Call));
        let live = self.setup.live_output;
        let ran = run::run(self.channel, test, job, limit, live).await?;
        self.channel.mark(None);
        let verdict = verdict::verdict(test, &ran.end, ran.tap.as_ref());
        let seconds = ran.took.as_secs_f64();
        let sections = [("stdout", ran.stdout), ("stderr", ran.stderr)];
        let sections: Vec<(String, String)> = sections
            .into_iter()
            .filter(|(_, text)| !text.trim().is_empty())
            .map(|(name, text)| (format!("Captured {name} call"), text))
            .collect();
        let has_parts = ran.tap.is_some_and(|tap| tap.told > 0);
        let halted = self.report(job.item, test, &verdict, seconds, &sections, has_parts);
        if !ran.left.is_empty() {
            let warning = verdict::left_behind(test, &ran.left);
            let (id, location) = (test.id.as_str(), test.location.as_str());
            self.channel.say(&Event::Warning { stage: "run", id, location, text: &warning });
        }
        let durations = Durations { call: seconds, ..Durations::default() };
        let outcome = verdict.outcome;
        self.channel.send(&Event::End { i: job.item, outcome, durations, started })?;
        self.failed |= outcome.is_bad();
        if halted {
            self.channel.resumed().await?;
        }
        Ok(())
    }

    /// Tells what is to be said beside the outcome; whether the worker halts now.
    fn report(
        &mut self,
        item: u32,
        test: &CommandTest,
        verdict: &Verdict,
        seconds: f64,
        sections: &[(String, String)],
        has_parts: bool,
    ) -> bool {
        let (category, letter, word, failed) = match verdict.outcome {
            Outcome::Skipped => ("skipped", "s", "SKIPPED", false),
            Outcome::Failed => ("failed", "F", "FAILED", true),
            Outcome::Error => ("error", "E", "ERROR", true),
            Outcome::Crashed => ("failed", "F", "CRASHED", true),
            Outcome::TimedOut => ("failed", "F", "TIMED OUT", true),
            Outcome::Passed if has_parts => ("passed", ".", "PASSED", false),
            Outcome::Passed | Outcome::XFailed | Outcome::XPassed | Outcome::NotRun => {
                return false;
            }
        };
        let is_skipped = verdict.outcome == Outcome::Skipped;
        let phase = if verdict.outcome == Outcome::Error { Phase::Setup } else { Phase::Call };
        let skipped = format!("{word} ({})", verdict.brief);
        self.channel.say(&Event::Report(Report {
            i: item,
            phase: phase.word(),
            category,
            letter,
            word: if is_skipped { &skipped } else { word },
            failed,
            headline: &test.id,
            text: &verdict.text,
            brief: &verdict.brief,
            location: &test.location,
            sections: if failed { sections } else { &[] },
            d: seconds,
        }));
        if failed && self.setup.halt_on_failure {
            self.channel.say(&Event::Halted { i: item });
            return true;
        }
        false
    }
}

/// The tests by the file that they are in, in the order of the manifest.
fn files(tests: &[CommandTest]) -> Vec<(&str, Vec<usize>)> {
    let mut places = std::collections::HashMap::new();
    let mut files: Vec<(&str, Vec<usize>)> = Vec::new();
    for (place, test) in tests.iter().enumerate() {
        let id = &test.id[..scope(&test.id)];
        let file = *places.entry(id).or_insert_with(|| {
            files.push((id, Vec::new()));
            files.len() - 1
        });
        files[file].1.push(place);
    }
    files
}

/// How much of an id names what the test is in.
fn scope(id: &str) -> usize {
    id.find("::").unwrap_or(id.len())
}

fn line(test: &CommandTest) -> ItemLine<'_> {
    let scope = number(scope(&test.id));
    match &test.group {
        None if test.tags.is_empty() => ItemLine::Plain(&test.id, scope),
        group => ItemLine::Tagged(&test.id, scope, group.as_deref(), &test.tags),
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
