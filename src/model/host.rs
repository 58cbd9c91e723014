//! Where workers run: xdist's `--tx` specification, for this machine and for others.

mod error;
mod written;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use error::SpecError;
use written::{VARIABLE, mistyped};

/// A host of a run by its place in the list of them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct HostId(pub u32);

/// How the agent of a host is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Reach {
    /// It is a child of the controller on the same machine.
    #[default]
    Local,

    /// By the user's own `ssh`, at this destination (`user@host`, or a name of the ssh configuration).
    Ssh(String),

    /// As a step of an allocation of Slurm.
    Slurm {
        /// The job's number.
        job: String,
        /// The node.
        node: String,
        /// How many of its CPUs are allocated.
        cpus: u32,
    },

    /// By this command, split into words: it gives a process that speaks as `callsheet agent` on stdin and stdout.
    Exec(Vec<String>),
}

/// One host with its workers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct HostSpec {
    /// Its name for people.
    pub name: String,

    /// How its agent is reached.
    pub reach: Reach,

    /// How many workers run there.
    pub workers: u16,

    /// The interpreter there.
    pub python: Option<String>,

    /// The project's directory there.
    pub chdir: Option<String>,

    /// Variables of its workers, in the order given. Their values may be secrets: they travel in frames alone.
    pub env: Vec<(String, String)>,

    /// Variables of its workers that have their value from the environment of the command.
    pub passed: Vec<String>,

    /// What it offers to tests that ask for something.
    pub tags: Vec<String>,

    /// Whether the project is brought there before the run.
    pub sync: Option<Sync>,

    /// A requirements file, relative to the project, to make its environment from.
    pub provision: Option<String>,

    /// The command of an agent that is installed there, in place of a copy of this program.
    pub agent: Option<String>,
}

/// What brings a project to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sync {
    /// rsync, over the same way as the agent.
    Rsync,
}

/// What may stand behind the way to a host.
const KEYS: [&str; 8] =
    ["python", "chdir", "workers", "name", "tags", "sync", "provision", "agent"];

/// What the number of a host replaces in a destination or a command.
const NUMBER: &str = "{n}";

impl HostSpec {
    /// The hosts that one `--tx` argument asks for: `3*ssh=there` is three workers of one host, `3*ssh=node{n}` are three
    /// hosts, numbered from 0.
    ///
    /// # Errors
    /// A sentence that quotes the part that is wrong and says what was expected.
    pub fn parse_many(text: &str) -> Result<Vec<Self>, SpecError> {
        let (count, spec) = match text.split_once('*').filter(|(count, _)| !count.contains('=')) {
            Some((count, spec)) => {
                let wrong = || SpecError::Multiplier(count.to_owned(), Self::redacted(text));
                (Some(count.trim().parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?), spec)
            }
            None => (None, text),
        };
        let host = Self::parse(spec)?;
        if host.is_numbered() {
            return Ok((0..count.unwrap_or(1)).map(|number| host.numbered(number)).collect());
        }
        match count {
            Some(_) if host.workers != 0 => {
                Err(SpecError::Twice("workers".to_owned(), Self::redacted(text)))
            }
            count => Ok(vec![Self { workers: count.unwrap_or(host.workers.max(1)), ..host }]),
        }
    }

    /// `workers` is 0 where nobody says how many.
    fn parse(text: &str) -> Result<Self, SpecError> {
        let shown = Self::redacted(text);
        let mut parts = written::parts(text);
        let mut from = parts.len();
        // A command may hold the separator too.
        while from > 1 && is_key(parts[from - 1]) {
            from -= 1;
        }
        let mut tail = parts.split_off(from);
        if !parts[0].starts_with("exec=") {
            tail.splice(0..0, parts.drain(1..));
        }
        let mut host = Self { reach: reach(&parts.join("//"), &shown)?, ..Self::default() };
        for part in tail {
            host.set(part, &shown)?;
        }
        if let Some((key, why)) = host.misplaced() {
            return Err(SpecError::Misplaced(key, shown, why));
        }
        if host.name.is_empty() {
            host.name = host.reach.default_name();
        }
        Ok(host)
    }

    fn set(&mut self, part: &str, shown: &str) -> Result<(), SpecError> {
        let (key, value) = match part.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (part, None),
        };
        if let Some(name) = key.strip_prefix(VARIABLE).filter(|name| !name.is_empty()) {
            let mut known = self.env.iter().map(|(known, _)| known).chain(&self.passed);
            if known.any(|known| known == name) {
                return Err(SpecError::Twice(key.to_owned(), shown.to_owned()));
            }
            if let Some(why) = wrong_variable(name, value.unwrap_or_default()) {
                let name = name.escape_debug().to_string();
                return Err(SpecError::Variable(name, shown.to_owned(), why));
            }
            if let Some((word, key)) = value.and_then(mistyped) {
                let (word, name) = (word.to_owned(), name.to_owned());
                return Err(SpecError::Mistyped { word, key, name, shown: shown.to_owned() });
            }
            match value {
                Some(value) => self.env.push((name.to_owned(), value.to_owned())),
                None => self.passed.push(name.to_owned()),
            }
            return Ok(());
        }
        let local = matches!(self.reach, Reach::Local);
        if !KEYS.contains(&key) || (local && !["python", "chdir"].contains(&key)) {
            return Err(SpecError::Key(key.to_owned(), shown.to_owned()));
        }
        let value = value.filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| SpecError::Value(key.to_owned(), shown.to_owned()))?;
        self.set_key(key, value).map_err(|problem| match problem {
            Some(expected) => {
                let value = Self::redacted(value);
                SpecError::Wrong(value, key.to_owned(), shown.to_owned(), expected)
            }
            None => SpecError::Twice(key.to_owned(), shown.to_owned()),
        })
    }

    /// Sets what one of [`KEYS`] names.
    ///
    /// # Errors
    /// What was expected, or `None` if it is set already.
    pub fn set_key(&mut self, key: &str, value: &str) -> Result<(), Option<&'static str>> {
        let place = match key {
            "python" => &mut self.python,
            "chdir" => &mut self.chdir,
            "provision" => &mut self.provision,
            "agent" => &mut self.agent,
            "name" if self.name.is_empty() => {
                value.clone_into(&mut self.name);
                return Ok(());
            }
            "workers" if self.workers == 0 => {
                let count = value.parse().ok().filter(|count| *count > 0);
                self.workers = count.ok_or(Some("a number from 1 to 65535"))?;
                return Ok(());
            }
            "tags" if self.tags.is_empty() => {
                let tags = value.split(',').map(str::trim).filter(|tag| !tag.is_empty());
                self.tags = tags.map(str::to_owned).collect();
                return Ok(());
            }
            "sync" if self.sync.is_none() => {
                let sync = (value == "rsync").then_some(Sync::Rsync);
                self.sync = Some(sync.ok_or(Some("`rsync`"))?);
                return Ok(());
            }
            _ => return Err(None),
        };
        if place.is_some() {
            return Err(None);
        }
        *place = Some(value.to_owned());
        Ok(())
    }

    /// A key that is set and means nothing for a host that is reached so, with the way out.
    pub fn misplaced(&self) -> Option<(&'static str, &'static str)> {
        let is_exec = matches!(self.reach, Reach::Exec(_));
        let local = self.is_local();
        let pairs = [
            (
                "sync",
                self.sync.is_some() && !matches!(self.reach, Reach::Ssh(_)),
                "the project is brought to hosts that are reached by `ssh` alone; leave it out",
            ),
            (
                "agent",
                self.agent.is_some() && local,
                "the agent of this machine is this callsheet; leave it out",
            ),
            (
                "agent",
                self.agent.is_some() && is_exec,
                "the command itself gives the agent; name it there",
            ),
            (
                "provision",
                self.provision.is_some() && local,
                "the environment of this machine is made by `--provision` or `[pytest] provision`; write it there",
            ),
        ];
        pairs.into_iter().find(|(_, is_set, _)| *is_set).map(|(key, _, why)| (key, why))
    }

    /// Whether it stands for several hosts.
    pub fn is_numbered(&self) -> bool {
        match &self.reach {
            Reach::Local | Reach::Slurm { .. } => false,
            Reach::Ssh(destination) => destination.contains(NUMBER),
            Reach::Exec(words) => words.iter().any(|word| word.contains(NUMBER)),
        }
    }

    fn numbered(&self, number: u16) -> Self {
        let put = |text: &str| text.replace(NUMBER, &number.to_string());
        let reach = match &self.reach {
            Reach::Local | Reach::Slurm { .. } => self.reach.clone(),
            Reach::Ssh(destination) => Reach::Ssh(put(destination)),
            Reach::Exec(words) => Reach::Exec(words.iter().map(|word| put(word)).collect()),
        };
        let name = match &reach {
            _ if self.name.contains(NUMBER) => put(&self.name),
            Reach::Ssh(destination) => destination.clone(),
            Reach::Local | Reach::Slurm { .. } | Reach::Exec(_) => {
                format!("{}-{number}", self.name)
            }
        };
        Self { name, reach, workers: self.workers.max(1), ..self.clone() }
    }

    /// Whether it is this machine.
    pub fn is_local(&self) -> bool {
        matches!(self.reach, Reach::Local)
    }
}

impl Reach {
    /// What a host is called that nobody named.
    pub fn default_name(&self) -> String {
        match self {
            Self::Local => "local".to_owned(),
            Self::Ssh(destination) => destination.clone(),
            Self::Slurm { node, .. } => node.clone(),
            Self::Exec(words) => {
                let program = words.first().map_or("exec", String::as_str);
                program.rsplit('/').next().unwrap_or(program).to_owned()
            }
        }
    }

    /// The way by ssh to this destination; `None` if ssh would take it for something else.
    pub fn ssh(destination: &str) -> Option<Self> {
        let plain = !destination.is_empty()
            && !destination.starts_with('-')
            && !destination.contains(char::is_whitespace)
            && !destination.contains(char::is_control);
        plain.then(|| Self::Ssh(destination.to_owned()))
    }

    /// The way by a command; `None` if it can not be split into words.
    pub fn exec(command: &str) -> Option<Self> {
        shlex::split(command).filter(|words| !words.is_empty()).map(Self::Exec)
    }
}

/// Why no process can be given such a variable.
pub fn wrong_variable(name: &str, value: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("a variable has a name")
    } else if name.contains('=') {
        Some("its name can not hold `=`")
    } else if name.contains('\0') {
        Some("its name can not hold a NUL")
    } else if value.contains('\0') {
        Some("its value can not hold a NUL")
    } else {
        None
    }
}

fn is_key(part: &str) -> bool {
    let key = part.split_once('=').map_or(part, |(key, _)| key);
    KEYS.contains(&key) || key.starts_with(VARIABLE)
}

fn reach(head: &str, shown: &str) -> Result<Reach, SpecError> {
    if head == "popen" {
        return Ok(Reach::Local);
    }
    if let Some(destination) = head.strip_prefix("ssh=") {
        let wrong = || SpecError::Destination(HostSpec::redacted(destination), shown.to_owned());
        return Reach::ssh(destination).ok_or_else(wrong);
    }
    if let Some(command) = head.strip_prefix("exec=") {
        return Reach::exec(command).ok_or_else(|| SpecError::Command(shown.to_owned()));
    }
    Err(SpecError::Kind(shown.to_owned()))
}

impl FromStr for HostSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let host = Self::parse(text)?;
        Ok(Self { workers: host.workers.max(1), ..host })
    }
}

impl fmt::Display for HostSpec {
    /// How people are shown it: no command, no value of a variable, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reach {
            Reach::Local => f.write_str("popen")?,
            Reach::Ssh(destination) => write!(f, "ssh={destination}")?,
            Reach::Slurm { node, .. } => write!(f, "slurm={node}")?,
            Reach::Exec(_) => write!(f, "exec={}", self.name)?,
        }
        for (key, value) in [("python", &self.python), ("chdir", &self.chdir)] {
            if let Some(value) = value {
                write!(f, "//{key}={value}")?;
            }
        }
        let names = self.env.iter().map(|(name, _)| name).chain(&self.passed);
        names.into_iter().try_for_each(|name| write!(f, "//env:{name}=…"))
    }
}

#[cfg(test)]
mod tests;
