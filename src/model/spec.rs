//! How one worker runs on its host.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::host::{HostId, HostSpec, Reach, SpecError};

/// The execution environment of one worker, in xdist's form `popen//python=…//chdir=…//env:NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct WorkerSpec {
    /// The host it runs on, a place in the list of hosts of the run.
    pub host: HostId,

    /// The interpreter for this worker, in place of the suite's on its host.
    pub python: Option<String>,

    /// The directory it works in, in place of the project's root on its host.
    pub chdir: Option<String>,

    /// Variables set before the interpreter starts, in the order given.
    pub env: Vec<(String, String)>,
}

impl FromStr for WorkerSpec {
    type Err = SpecError;

    /// A worker of this machine.
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let host: HostSpec = text.parse()?;
        match host.reach {
            Reach::Local => Ok(Self {
                host: HostId::default(),
                python: host.python,
                chdir: host.chdir,
                env: host.env,
            }),
            Reach::Ssh(_) | Reach::Slurm { .. } | Reach::Exec(_) => {
                Err(SpecError::Kind(HostSpec::redacted(text)))
            }
        }
    }
}

impl fmt::Display for WorkerSpec {
    /// The specification without its host, and without the values of its variables, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("popen")?;
        if let Some(python) = &self.python {
            write!(f, "//python={python}")?;
        }
        if let Some(chdir) = &self.chdir {
            write!(f, "//chdir={chdir}")?;
        }
        self.env.iter().try_for_each(|(name, _)| write!(f, "//env:{name}=…"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_of_another_host_is_no_worker_of_this_one() {
        assert!("ssh=there".parse::<WorkerSpec>().is_err());
        assert_eq!("popen//chdir=a".parse::<WorkerSpec>().unwrap().chdir.as_deref(), Some("a"));
    }

    #[test]
    fn values_of_variables_are_not_shown() {
        let spec: WorkerSpec = "popen//env:TOKEN=secret".parse().unwrap();
        assert_eq!(spec.to_string(), "popen//env:TOKEN=…");
    }
}
