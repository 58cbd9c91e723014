//! Slurm: an allocation of nodes, the one that this process is in or one of its own, and the step that an agent runs in.

use std::env;
use std::process::{Command as Blocking, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use thiserror::Error;
use tokio::process::Command;

use super::salloc::{END, Line, Salloc};
use super::ssh::quote;

/// In place of options: what the site's defaults give.
const AUTO: &str = "auto";

/// How soon it is asked why a job waits, and at most how much later it is asked again.
const ASKED: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Why there is no allocation.
#[derive(Debug, Error)]
pub enum SlurmError {
    /// The options are no words.
    #[error("the options for salloc can not be split into words: `{0}`")]
    Options(String),

    /// A program of Slurm does not start.
    #[error(
        "failed to start `{program}`: {source}; callsheet needs Slurm's own commands on this machine"
    )]
    Start {
        /// The program.
        program: &'static str,
        /// What the system says.
        source: std::io::Error,
    },

    /// It was not granted.
    #[error("no allocation was granted: {0}")]
    Refused(String),

    /// What Slurm says of an allocation can not be understood.
    #[error("Slurm does not say what was allocated: {0}")]
    Strange(String),
}

/// A node of an allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,

    /// How many CPUs of it are allocated.
    pub cpus: u32,

    /// How many tasks are to run there, if that was asked for.
    pub tasks: Option<u16>,
}

/// Nodes to run on, given back when dropped if they were asked for here.
#[derive(Debug)]
pub struct Allocation {
    /// The job's number.
    pub job: String,

    /// Its nodes.
    pub nodes: Vec<Node>,

    /// How long it lasts; `None` for ever.
    pub left: Option<Duration>,

    /// How long before its end a signal was asked for.
    pub warning: Option<Duration>,

    holder: Option<Salloc>,
}

impl Allocation {
    /// The allocation that this process runs in, or one that is asked for with these options of `salloc`. Blocks until it is
    /// granted; `progress` is told why it is not yet. A request of a process that ends before is withdrawn.
    ///
    /// # Errors
    /// [`SlurmError`]
    pub fn obtain(options: &str, progress: impl Fn(String)) -> Result<Self, SlurmError> {
        let inside: Vec<(String, String)> =
            env::vars().filter(|(name, _)| name.starts_with("SLURM_")).collect();
        if inside.iter().any(|(name, _)| name == "SLURM_JOB_ID") {
            return Self::of(&inside, None);
        }
        let options = if options.trim() == AUTO { "" } else { options };
        let words = shlex::split(options).ok_or_else(|| SlurmError::Options(options.to_owned()))?;
        let (words, warning) = without_signal(words);
        let (holder, lines) = Salloc::start(words)
            .map_err(|source| SlurmError::Start { program: "salloc", source })?;
        let mut variables = Vec::new();
        let mut said = String::new();
        let mut pending: Option<Pending> = None;
        loop {
            let pause = pending.as_ref().map_or(ASKED.1, |pending| pending.pause);
            match lines.recv_timeout(pause) {
                Ok(Line::Out(line)) if line == END => break,
                Ok(Line::Out(line)) => {
                    let pair = line.split_once('=');
                    variables.extend(pair.map(|(name, value)| (name.to_owned(), value.to_owned())));
                }
                Ok(Line::Error(line)) => {
                    if let Some(job) = line.strip_prefix("salloc: Pending job allocation ") {
                        progress(format!("job {job} is pending"));
                        pending = Some(Pending::new(job.trim()));
                    } else if !line.starts_with("salloc: job ") {
                        said = line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(pending) = &mut pending
                        && let Some(news) = pending.news(reason(&pending.job))
                    {
                        progress(news);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let said = said.trim_start_matches("salloc: ").to_owned();
                    return Err(SlurmError::Refused(said));
                }
            }
        }
        let mut allocation = Self::of(&variables, Some(holder))?;
        allocation.warning = warning;
        Ok(allocation)
    }

    fn of(variables: &[(String, String)], holder: Option<Salloc>) -> Result<Self, SlurmError> {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        let need = |name: &'static str| {
            get(name).ok_or_else(|| SlurmError::Strange(format!("{name} is not set")))
        };
        let job = need("SLURM_JOB_ID")?;
        let names = answer("scontrol", &["show", "hostnames", &need("SLURM_JOB_NODELIST")?])?;
        let cpus = counts(&need("SLURM_JOB_CPUS_PER_NODE")?);
        let tasks = get("SLURM_NTASKS_PER_NODE").and_then(|count| count.parse().ok());
        let tasks: Vec<u32> = match (tasks, get("SLURM_NTASKS"), get("SLURM_TASKS_PER_NODE")) {
            (Some(count), _, _) => vec![count],
            (None, Some(_), Some(each)) => counts(&each),
            (None, _, _) => Vec::new(),
        };
        let nodes: Vec<Node> = names
            .lines()
            .enumerate()
            .map(|(number, name)| Node {
                name: name.to_owned(),
                cpus: cpus.get(number).or(cpus.last()).copied().unwrap_or(1),
                tasks: tasks
                    .get(number)
                    .or(tasks.last())
                    .and_then(|count| (*count).try_into().ok()),
            })
            .collect();
        if nodes.is_empty() {
            return Err(SlurmError::Strange("there are no nodes".to_owned()));
        }
        let left = answer("squeue", &["-h", "-j", &job, "-o", "%L"])?;
        Ok(Self { left: time(left.trim()), job, nodes, warning: None, holder })
    }

    /// Whether it was asked for here and is given back.
    pub fn is_own(&self) -> bool {
        self.holder.is_some()
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        if let Some(holder) = &mut self.holder {
            holder.give_back();
        }
    }
}

/// A job that waits, as far as it was told.
struct Pending {
    job: String,
    reason: Option<String>,
    /// When to ask again.
    pause: Duration,
}

impl Pending {
    fn new(job: &str) -> Self {
        Self { job: job.to_owned(), reason: None, pause: ASKED.0 }
    }

    /// What is new in this answer. The longer nothing is, the rarer it is asked: Slurm serves many.
    fn news(&mut self, reason: Option<String>) -> Option<String> {
        let reason = reason.filter(|reason| self.reason.as_ref() != Some(reason));
        let Some(reason) = reason else {
            self.pause = (2 * self.pause).min(ASKED.1);
            return None;
        };
        self.pause = ASKED.0;
        let news = format!("job {} is pending: {reason}", self.job);
        self.reason = Some(reason);
        Some(news)
    }
}

/// Why a job waits, in Slurm's words, if it says.
fn reason(job: &str) -> Option<String> {
    let said = answer("squeue", &["-h", "-j", job, "-o", "%r"]).ok()?;
    let said = said.trim();
    (!said.is_empty() && said != "None").then(|| said.to_owned())
}

fn answer(program: &'static str, arguments: &[&str]) -> Result<String, SlurmError> {
    let output = Blocking::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| SlurmError::Start { program, source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(SlurmError::Strange(format!("{program}: {}", said.trim())))
}

/// `8(x2),4` is 8, 8, 4.
fn counts(text: &str) -> Vec<u32> {
    let parts = text.split(',').filter_map(|part| {
        let (count, times) = match part.split_once("(x") {
            Some((count, times)) => (count, times.trim_end_matches(')').parse().ok()?),
            None => (part, 1),
        };
        Some(std::iter::repeat_n(count.parse().ok()?, times))
    });
    parts.flatten().collect()
}

/// How long before the end Slurm sends a signal where no time is named.
const USUAL_WARNING: u64 = 60;

/// The options without `--signal`, and how long before the end it asks for one. Slurm would send it to all processes of each step,
/// the tests among them; that the end is near is known here without it.
fn without_signal(words: Vec<String>) -> (Vec<String>, Option<Duration>) {
    let (mut left, mut warning) = (Vec::with_capacity(words.len()), None);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let signal = match word.strip_prefix("--signal") {
            Some("") => words.next(),
            Some(rest) if rest.starts_with('=') => Some(rest[1..].to_owned()),
            Some(_) | None => {
                left.push(word);
                continue;
            }
        };
        let at = signal.as_deref().map(|signal| signal.split_once('@').map(|(_, at)| at.parse()));
        // What is not a number is Slurm's to refuse.
        match (at, signal) {
            (Some(None), _) => warning = Some(Duration::from_secs(USUAL_WARNING)),
            (Some(Some(Ok(seconds))), _) => warning = Some(Duration::from_secs(seconds)),
            (Some(Some(Err(_))), Some(signal)) => left.push(format!("--signal={signal}")),
            (_, None) | (None, _) => left.push("--signal".to_owned()),
        }
    }
    (left, warning)
}

/// Slurm's `days-hours:minutes:seconds`; `None` for what is no time, as `UNLIMITED`.
fn time(text: &str) -> Option<Duration> {
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (days.parse::<u64>().ok()?, rest),
        None => (0, text),
    };
    let parts = rest.split(':').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>()?;
    let seconds = parts.iter().fold(0, |sum, part| sum * 60 + part);
    Some(Duration::from_secs(days * 24 * 3600 + seconds))
}

/// One step on a node with all of it that is allocated, which has a shell run the script. Unbuffered: without that a frame waits for a
/// newline. Overlapping: it waits for no step that still ends there, nor for the one that this process is in.
pub(super) fn command(job: &str, node: &str, cpus: u32, script: &str) -> Command {
    let mut command = Command::new("srun");
    command
        .args(["--unbuffered", "--exact", "--overlap", "--nodes=1", "--ntasks=1", "--mem=0"])
        .args(["--cpu-bind=none", "--no-kill", "--quit-on-interrupt", "--export=ALL"])
        .arg("--chdir=/")
        .arg(format!("--jobid={job}"))
        .arg(format!("--nodelist={node}"))
        .arg(format!("--cpus-per-task={cpus}"))
        .args(["/bin/sh", "-c", script])
        // Those of the job are meant for its own tasks.
        .env_remove("SLURM_NTASKS")
        .env_remove("SLURM_NTASKS_PER_NODE")
        .env_remove("SLURM_TASKS_PER_NODE")
        .env_remove("SLURM_CPUS_PER_TASK");
    command
}

/// What `srun` means that ended before there was an agent, and whether another try is of no use.
pub(super) fn explain(job: &str, said: &str) -> Option<(String, bool)> {
    let over =
        ["has expired", "Invalid job id", "Job/step already completing", "Job has been revoked"];
    let over = over.iter().any(|text| said.contains(text));
    over.then(|| (format!("its allocation is over (job {})", quote(job)), true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_nodes_are_read() {
        assert_eq!(counts("8(x2),4"), [8, 8, 4]);
        assert_eq!(counts("16"), [16]);
        assert_eq!(counts("strange"), [] as [u32; 0]);
    }

    #[test]
    fn a_signal_that_is_asked_for_is_a_time_and_not_sent_to_tests() {
        let read = |text: &str| {
            let (words, warning) = without_signal(shlex::split(text).unwrap());
            (words.join(" "), warning.map(|time| time.as_secs()))
        };
        assert_eq!(read("-N2 --signal=TERM@120 -t 5"), ("-N2 -t 5".to_owned(), Some(120)));
        assert_eq!(read("--signal USR1 -N2"), ("-N2".to_owned(), Some(60)));
        assert_eq!(read("--signal=TERM@soon"), ("--signal=TERM@soon".to_owned(), None));
        assert_eq!(read("--signal"), ("--signal".to_owned(), None));
        assert_eq!(read("-N2"), ("-N2".to_owned(), None));
    }

    #[test]
    fn why_a_job_waits_is_told_once_and_asked_ever_rarer() {
        let mut pending = Pending::new("7");
        let mut told = Vec::new();
        let mut pauses = Vec::new();
        for answer in
            [None, Some("Priority"), Some("Priority"), None, Some("Priority"), Some("Resources")]
        {
            told.extend(pending.news(answer.map(str::to_owned)));
            pauses.push(pending.pause.as_secs());
        }
        assert_eq!(told, ["job 7 is pending: Priority", "job 7 is pending: Resources"]);
        assert_eq!(pauses, [2, 1, 2, 4, 8, 1]);
        for _ in 0..9 {
            pending.news(None);
        }
        assert_eq!(pending.pause, ASKED.1);
    }

    #[test]
    fn times_are_read() {
        assert_eq!(time("1-02:03:04"), Some(Duration::from_secs(93_784)));
        assert_eq!(time("59:59"), Some(Duration::from_secs(3599)));
        assert_eq!(time("UNLIMITED"), None);
    }
}
