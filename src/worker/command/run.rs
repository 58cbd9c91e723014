//! One command from its start to its end and the end of all that it has started.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep, sleep_until};

use super::adopted;
use super::lines::Lines;
use super::verdict::{self, End, TapEnd};
use crate::adapters::command::CommandTest;
use crate::worker::captured::Captured;
use crate::worker::process::{TestOutput, TestProcess};
use crate::worker::tap::{Point, Tap};
use crate::worker::{Channel, ChannelError, Event, Job};

/// How long what a command has started may outlive it: what writes its log, say.
const LINGER: Duration = Duration::from_millis(300);

/// How far two looks at it are apart.
const GLANCE: Duration = Duration::from_millis(2);

/// How much is read in one go.
const CHUNK: usize = 64 * 1024;

/// What came of a command.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) end: End,
    pub(super) took: Duration,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// What its TAP said, if it writes such.
    pub(super) tap: Option<TapEnd>,
    /// The command lines of what it has left behind.
    pub(super) left: Vec<String>,
}

/// What is made of a command's output as it comes.
struct Hearing<'a> {
    channel: &'a mut Channel,
    test: &'a CommandTest,
    item: u32,
    live: bool,
    stdout: Captured,
    stderr: Captured,
    lines: Lines,
    tap: Option<(Tap, TapEnd)>,
}

/// Runs a command; its subtests are told as they come.
pub(super) async fn run(
    channel: &mut Channel,
    test: &CommandTest,
    job: &Job,
    limit: Option<Duration>,
    live: bool,
) -> Result<Ran, ChannelError> {
    let mut hearing = Hearing {
        channel,
        test,
        item: job.item,
        live,
        stdout: Captured::default(),
        stderr: Captured::default(),
        lines: Lines::default(),
        tap: test.tap.then(|| (Tap::default(), TapEnd::default())),
    };
    let begun = Instant::now();
    let (end, left) = match start(test, job) {
        Err(error) => (End::NotStarted(error.to_string()), Vec::new()),
        Ok((process, stdout, stderr)) => {
            hearing
                .follow(process, [stdout, stderr], limit.map(|limit| (begun + limit, limit)))
                .await?
        }
    };
    let took = begun.elapsed();
    let Hearing { channel, stdout, stderr, lines, tap, .. } = hearing;
    let tap = tap.map(|(mut tap, mut told)| {
        lines.end(|line| tell(channel, test, job.item, &mut told, tap.line(line)));
        let (points, ending) = tap.end();
        tell(channel, test, job.item, &mut told, points);
        told.ending = ending;
        told
    });
    Ok(Ran { end, took, stdout: stdout.text(), stderr: stderr.text(), tap, left })
}

/// Now, in seconds since the Unix epoch.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn start(test: &CommandTest, job: &Job) -> io::Result<(TestProcess, TestOutput, TestOutput)> {
    // The system would name a directory that is not there as a program that is not.
    if !test.directory.is_dir() {
        let path = test.directory.display();
        return Err(io::Error::other(format!("there is no directory `{path}` to run it in")));
    }
    let Some((program, args)) = test.command.split_first() else {
        return Err(io::Error::other("it names no program"));
    };
    let attempt = job.attempt.to_string();
    let own = [("CALLSHEET_TEST", test.id.as_str()), ("CALLSHEET_ATTEMPT", &attempt)];
    let env = own.into_iter().chain(test.env.iter().map(|(name, value)| (&**name, &**value)));
    let args = args.iter().map(String::as_str);
    TestProcess::start_apart(Path::new(program), args, env, &test.directory)
}

impl Hearing<'_> {
    /// Reads what the command writes until it ends or is ended; then ends what it has left behind.
    async fn follow(
        &mut self,
        mut process: TestProcess,
        [mut stdout, mut stderr]: [TestOutput; 2],
        mut limit: Option<(Instant, Duration)>,
    ) -> Result<(End, Vec<String>), ChannelError> {
        let mut buffer = vec![0; CHUNK];
        let mut over_time = None;
        let status = loop {
            let due = limit.map(|(at, _)| at);
            tokio::select! {
                biased;
                status = process.wait() => break status,
                () = wait_until(due) => match over_time {
                    None => {
                        process.terminate();
                        over_time = limit.map(|(_, limit)| limit);
                        limit = limit.map(|(_, limit)| (TestProcess::grace(), limit));
                    }
                    Some(_) => break process.kill().await,
                },
                came = stdout.comes() => {
                    if came.is_ok() {
                        self.hear(&mut stdout, true, &mut buffer)?;
                    }
                }
                came = stderr.comes() => {
                    if came.is_ok() {
                        self.hear(&mut stderr, false, &mut buffer)?;
                    }
                }
            }
        };
        if status.is_ok() && over_time.is_none() {
            self.linger([&mut stdout, &mut stderr], &mut buffer).await?;
        }
        // Nothing writes any more when the rest is read.
        let left = if status.is_ok() { adopted::end_all().await } else { Vec::new() };
        process.kill_group();
        self.hear(&mut stdout, true, &mut buffer)?;
        self.hear(&mut stderr, false, &mut buffer)?;
        let end = match (status, over_time) {
            (Ok(_), Some(limit)) => End::TimedOut(limit),
            (Ok(status), None) => End::of(status),
            (Err(error), _) => End::Lost(error.to_string()),
        };
        // Whoever is ended at a deadline is not to blame for what it could not end.
        let left = if over_time.is_some() { Vec::new() } else { left };
        Ok((end, left))
    }

    /// Gives what the command has started a moment to end by itself, and to write the rest.
    async fn linger(
        &mut self,
        [stdout, stderr]: [&mut TestOutput; 2],
        buffer: &mut [u8],
    ) -> Result<(), ChannelError> {
        let until = Instant::now() + LINGER;
        loop {
            self.hear(stdout, true, buffer)?;
            self.hear(stderr, false, buffer)?;
            let is_quiet = !stdout.is_open() && !stderr.is_open();
            if (is_quiet && adopted::is_childless()) || Instant::now() >= until {
                return Ok(());
            }
            sleep(GLANCE).await;
        }
    }

    /// Takes what is there.
    fn hear(
        &mut self,
        output: &mut TestOutput,
        is_stdout: bool,
        buffer: &mut [u8],
    ) -> Result<(), ChannelError> {
        while let Some(count) = output.take(buffer) {
            let bytes = &buffer[..count];
            if self.live {
                // Nobody may be there to see it.
                let _unseen = if is_stdout {
                    io::stdout().write_all(bytes)
                } else {
                    io::stderr().write_all(bytes)
                };
            }
            if !is_stdout {
                self.stderr.add(bytes);
                continue;
            }
            self.stdout.add(bytes);
            if let Some((tap, told)) = &mut self.tap {
                let (channel, test, item) = (&mut *self.channel, self.test, self.item);
                self.lines.add(bytes, |line| tell(channel, test, item, told, tap.line(line)));
                self.channel.flush()?;
            }
        }
        Ok(())
    }
}

/// Tells of subtests.
fn tell(
    channel: &mut Channel,
    test: &CommandTest,
    item: u32,
    told: &mut TapEnd,
    points: Vec<Point>,
) {
    for point in points {
        told.told += 1;
        told.failed += u32::from(point.is_bad());
        verdict::with_report(test, item, &point, |report| channel.say(&Event::Report(report)));
    }
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
