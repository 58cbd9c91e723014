//! Running tests in one process.

use std::io;
use std::process::ExitStatus;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::batch::Batch;
use super::leftovers;
use super::reader::{Reader, Seen};
use super::verdict::{Verdict, brief};
use crate::adapters::libtest::{Program, ProgramKind};
use crate::model::{Outcome, Phase, RunIgnored};
use crate::worker::captured::Captured;
use crate::worker::process::{TestOutput, TestProcess, ending};
use crate::worker::{Channel, ChannelError, Event};

/// After how long the agent is told that the next test begins although another one of the same process runs first.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much is read in one go.
const CHUNK: usize = 64 * 1024;

/// What one process did.
#[derive(Debug)]
pub(super) struct Ran {
    /// After how long its first test began.
    pub(super) start: Duration,
    /// The test that broke it, by its place in the batch.
    pub(super) broken_by: Option<usize>,
    /// The tests that have left processes behind.
    pub(super) leaky: Vec<usize>,
    /// Whether the session is to end.
    pub(super) interrupted: bool,
    /// Whether the worker has halted.
    pub(super) halted: bool,
}

/// Runs those tests of the batch that are left, in one process; of a program that runs one test at a time, the first of them.
pub(super) async fn run(
    channel: &mut Channel,
    shared: &Shared,
    program: &Program,
    batch: &mut Batch,
) -> Result<Ran, ChannelError> {
    let mut left = batch.next();
    if program.kind != ProgramKind::Libtest {
        left.truncate(1);
    }
    let spawned = Instant::now();
    let mut ran = Ran {
        start: Duration::ZERO,
        broken_by: None,
        leaky: Vec::new(),
        interrupted: false,
        halted: false,
    };
    // Before anything of it happens: should this worker die at once, it is known in which test.
    batch.start_early(&mut |event| channel.say(event));
    channel.flush()?;
    let names = left.iter().map(|place| batch.entries[*place].name.as_str());
    let args = arguments(program, shared.plan.run_ignored, names.clone());
    let place = &shared.plan.places[program.place];
    let env = place.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let args = args.iter().map(String::as_str);
    let (process, output) = match TestProcess::start(&program.path, args, env, &place.cwd) {
        Ok(started) => started,
        Err(error) => {
            let brief = format!("failed to start `{}`: {error}", program.path.display());
            let verdict = Verdict { outcome: Outcome::Error, text: brief.clone(), brief };
            batch.ended(left[0], verdict, spawned);
            ran.halted = batch.tell(&mut |event| channel.say(event));
            channel.flush()?;
            return Ok(ran);
        }
    };
    let reader =
        (program.kind == ProgramKind::Libtest).then(|| Reader::new(names, shared.live_output));
    let mut watch = Watched {
        reader,
        whole: Captured::default(),
        left,
        last: spawned,
        began_any: false,
        cut_off: false,
        over_time: None,
        live_output: shared.live_output,
    };
    if watch.reader.is_none() {
        batch.began(watch.left[0], spawned, epoch());
        watch.began_any = true;
        batch.tell(&mut |event| channel.say(event));
    }
    channel.mark(Some(Phase::Call));
    watch.follow(channel, batch, &mut ran, process, output, spawned).await?;
    channel.mark(None);
    Ok(ran)
}

/// A process while it runs.
#[derive(Debug)]
struct Watched {
    /// Of a program whose harness says what it does.
    reader: Option<Reader>,
    /// What any other writes.
    whole: Captured,
    /// The tests it was given, by their places in the batch.
    left: Vec<usize>,
    /// When something was last heard.
    last: Instant,
    began_any: bool,
    /// What it says is of no more interest: the session is interrupted.
    cut_off: bool,
    /// When it is killed because its test ran for too long, and how long that was allowed.
    over_time: Option<(Option<Instant>, Duration)>,
    live_output: bool,
}

impl Watched {
    async fn follow(
        &mut self,
        channel: &mut Channel,
        batch: &mut Batch,
        ran: &mut Ran,
        mut process: TestProcess,
        mut output: TestOutput,
        spawned: Instant,
    ) -> Result<(), ChannelError> {
        let mut early = Some(spawned + PATIENCE);
        let status = loop {
            let due = self.due(batch, spawned);
            tokio::select! {
                biased;
                stopped = channel.interrupted(), if !ran.interrupted => {
                    stopped?;
                    ran.interrupted = true;
                    if self.current().is_none() {
                        self.cut_off = true;
                        process.kill_group();
                    }
                }
                status = process.wait() => break status,
                came = output.comes() => {
                    if came.is_ok() {
                        self.hear(&mut output, channel, batch, ran)?;
                    }
                    if self.cut_off {
                        process.kill_group();
                    }
                }
                () = wait_until(due) => self.overdue(&process, batch),
                () = wait_until(early) => {
                    early = None;
                    batch.start_early(&mut |event| channel.say(event));
                    channel.flush()?;
                }
            }
        };
        self.hear(&mut output, channel, batch, ran)?;
        self.conclude(status, batch, ran);
        self.look_for_leftovers(&process, channel, batch, ran);
        process.kill_group();
        ran.halted |= batch.tell(&mut |event| channel.say(event));
        channel.flush()
    }

    /// The running test, by its place in the batch.
    fn current(&self) -> Option<usize> {
        match &self.reader {
            Some(reader) => reader.current().map(|local| self.left[local]),
            None => self.left.first().copied(),
        }
    }

    /// When something is to be done about a test that does not end.
    fn due(&self, batch: &Batch, spawned: Instant) -> Option<Instant> {
        if let Some((killed, _)) = self.over_time {
            return killed;
        }
        // What hangs before its first test hangs in it.
        let entry = &batch.entries[self.current().unwrap_or(self.left[0])];
        let since = entry.began.map_or(spawned, |began| began.at);
        entry.limit.map(|limit| since + limit)
    }

    /// The test ran past its deadline, or the process does not heed that it is to end.
    fn overdue(&mut self, process: &TestProcess, batch: &Batch) {
        if let Some((killed, _)) = &mut self.over_time {
            *killed = None;
            return process.kill_group();
        }
        let entry = &batch.entries[self.current().unwrap_or(self.left[0])];
        let limit = entry.limit.unwrap_or_default();
        self.over_time = Some((Some(TestProcess::grace()), limit));
        process.terminate();
    }

    /// Takes all that was written.
    fn hear(
        &mut self,
        output: &mut TestOutput,
        channel: &mut Channel,
        batch: &mut Batch,
        ran: &mut Ran,
    ) -> Result<(), ChannelError> {
        let mut buffer = vec![0; CHUNK];
        let mut seen = Vec::new();
        let mut rounds = 0;
        // One that writes without end is not followed to the end.
        while rounds < 16
            && let Some(count) = output.take(&mut buffer)
        {
            rounds += 1;
            if let Some(reader) = &mut self.reader {
                reader.feed(&buffer[..count], &mut seen);
                show(&reader.take_live());
                continue;
            }
            self.whole.add(&buffer[..count]);
            if self.live_output {
                show(&buffer[..count]);
            }
        }
        self.note(seen, batch, ran);
        ran.halted |= batch.tell(&mut |event| channel.say(event));
        channel.flush()
    }

    /// Takes note of tests that began and ended since something was last heard, which is taken to have been at even distances.
    fn note(&mut self, seen: Vec<Seen>, batch: &mut Batch, ran: &mut Ran) {
        let now = Instant::now();
        let is_over = |batch: &Batch, local: usize| batch.entries[self.left[local]].over.is_some();
        let ended = |seen: &&Seen| match seen {
            Seen::Began(_) => false,
            Seen::Over(local) | Seen::Ended(local, _) => !is_over(batch, *local),
        };
        let ended = seen.iter().filter(ended).count();
        let step = (now - self.last) / u32::try_from(ended).unwrap_or(u32::MAX).max(1);
        let epoch = epoch();
        let mut at = if ended == 0 { now } else { self.last };
        for seen in seen {
            if self.cut_off {
                return;
            }
            if let Seen::Over(local) | Seen::Ended(local, _) = &seen
                && let Some((_, ended)) = &mut batch.entries[self.left[*local]].ran
            {
                ended.get_or_insert(now);
            }
            match seen {
                Seen::Began(local) => {
                    if !self.began_any {
                        self.began_any = true;
                        ran.start = at.saturating_duration_since(self.last);
                    }
                    batch.began(self.left[local], at, epoch - (now - at).as_secs_f64());
                    // Heard of later than it was.
                    batch.entries[self.left[local]].ran = Some((self.last, None));
                }
                Seen::Ended(local, verdict) if is_over(batch, local) => {
                    batch.ended(self.left[local], verdict, at);
                }
                Seen::Over(local) => {
                    at += step;
                    batch.over(self.left[local], at);
                    self.cut_off = ran.interrupted;
                }
                Seen::Ended(local, verdict) => {
                    // Several may have come at once with the first that began.
                    at += step;
                    batch.ended(self.left[local], verdict, at);
                    // The next may have begun: of that nothing was told.
                    self.cut_off = ran.interrupted;
                }
            }
        }
        if self.began_any {
            self.last = now;
        }
    }

    /// The process has ended.
    fn conclude(&mut self, status: io::Result<ExitStatus>, batch: &mut Batch, ran: &mut Ran) {
        if self.cut_off {
            return;
        }
        let how = match &status {
            Ok(status) => ending(*status),
            Err(error) => format!("can not be waited for: {error}"),
        };
        let Some(reader) = &mut self.reader else {
            let text = std::mem::take(&mut self.whole).text();
            let verdict = match (self.over_time, status) {
                (Some((_, limit)), _) => over_time(limit, &text),
                (None, Ok(status)) if status.success() => {
                    Verdict { outcome: Outcome::Passed, text, brief: String::new() }
                }
                (None, Ok(status)) if status.code().is_some() => {
                    let brief = match brief(&text) {
                        brief if brief.is_empty() => format!("it {how}"),
                        brief => brief,
                    };
                    Verdict { outcome: Outcome::Failed, text: format!("{text}\nit {how}"), brief }
                }
                (None, _) => broke(&how, &text),
            };
            ran.broken_by = (verdict.outcome == Outcome::Crashed).then_some(self.left[0]);
            return batch.ended(self.left[0], verdict, Instant::now());
        };
        let so_far = if reader.current().is_none() { reader.so_far() } else { String::new() };
        let mut seen = Vec::new();
        let code = status.as_ref().ok().and_then(ExitStatus::code);
        let rest = reader.finish(code, &mut seen);
        self.note(seen, batch, ran);
        for local in rest.unsettled {
            // What it writes there is its own.
            batch.entries[self.left[local]].is_alone = true;
        }
        if let Some((local, text)) = rest.broken {
            let place = self.left[local];
            let verdict = match self.over_time {
                Some((_, limit)) => over_time(limit, &text),
                None => broke(&how, &text),
            };
            batch.ended(place, verdict, Instant::now());
            ran.broken_by = Some(place);
        } else if !self.began_any {
            // Else the next process would begin where this one did.
            let verdict = match self.over_time {
                Some((_, limit)) => over_time(limit, &so_far),
                None if status.is_ok_and(|status| status.success()) => {
                    let brief =
                        "the test binary did not run it; was it built anew meanwhile?".to_owned();
                    Verdict { outcome: Outcome::Error, text: format!("{brief}\n{so_far}"), brief }
                }
                None => broke(&how, &so_far),
            };
            batch.ended(self.left[0], verdict, Instant::now());
            ran.broken_by = Some(self.left[0]);
        }
    }

    /// Tells of processes that tests have left in the group.
    fn look_for_leftovers(
        &self,
        process: &TestProcess,
        channel: &mut Channel,
        batch: &Batch,
        ran: &mut Ran,
    ) {
        let now = Instant::now();
        for leftover in process.leftovers() {
            let started = now.checked_sub(leftover.age).unwrap_or(now);
            let suspects = leftovers::suspects(&batch.entries, &self.left, started);
            let ids: Vec<&str> = suspects.iter().map(|place| &*batch.entries[*place].id).collect();
            let process = format!("{} `{}`", leftover.pid, leftover.command);
            let text = leftovers::warning(&ids, &process);
            let id = if let [id] = ids[..] { id } else { "" };
            channel.say(&Event::Warning { stage: "run", id, location: "", text: &text });
            ran.leaky.extend(suspects);
        }
    }
}

/// A test that ended its process.
fn broke(how: &str, text: &str) -> Verdict {
    let why = match brief(text) {
        said if said.is_empty() => String::new(),
        said => format!(": {said}"),
    };
    Verdict {
        outcome: Outcome::Crashed,
        text: format!("{}\nits process {how}", text.trim_end()).trim_start().to_owned(),
        brief: format!("its process {how}{why}"),
    }
}

fn over_time(limit: Duration, text: &str) -> Verdict {
    let brief = format!("the test ran past its deadline of {}", humantime::format_duration(limit));
    let text =
        format!("{}\n{brief}; its process was ended", text.trim_end()).trim_start().to_owned();
    Verdict { outcome: Outcome::TimedOut, text, brief }
}

/// What the program is told.
fn arguments<'a>(
    program: &Program,
    run_ignored: RunIgnored,
    names: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    let mut args = program.args.clone();
    if program.kind == ProgramKind::Whole {
        return args;
    }
    args.push("--exact".to_owned());
    args.extend(names.map(str::to_owned));
    args.push("--nocapture".to_owned());
    if program.kind == ProgramKind::Libtest {
        args.push("--test-threads=1".to_owned());
    }
    match run_ignored {
        RunIgnored::Default => {}
        RunIgnored::Only => args.push("--ignored".to_owned()),
        RunIgnored::All => args.push("--include-ignored".to_owned()),
    }
    args
}

/// Now, in seconds since the Unix epoch.
pub(super) fn epoch() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

pub(super) async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Shows output as it comes: the agent gives its own descriptor to be seen.
fn show(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match nix::unistd::write(io::stderr(), bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(nix::errno::Errno::EINTR) => {}
            // Nobody is left to see it.
            Err(_) => return,
        }
    }
}
