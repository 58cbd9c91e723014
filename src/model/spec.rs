//! Where and how a worker runs: xdist's `--tx` specification.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The execution environment of one worker, in xdist's form `popen//python=…//chdir=…//env:NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct WorkerSpec {
    /// The interpreter for this worker, in place of the suite's.
    pub python: Option<String>,

    /// The directory it works in, in place of the project's root.
    pub chdir: Option<String>,

    /// Variables set before the interpreter starts, in the order given.
    pub env: Vec<(String, String)>,
}

/// Why a `--tx` specification was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpecError {
    /// The multiplier before `*` is not a number from 1 up.
    #[error("`{0}` in `--tx {1}` is no number of workers; write for example `2*popen`")]
    Multiplier(String, String),

    /// The first key names no way to start a worker.
    #[error("`--tx {0}` names no way to start a worker; local workers are `popen`")]
    Kind(String),

    /// A key that is not known.
    #[error("unknown key `{0}` in `--tx {1}`; known are `python=`, `chdir=` and `env:NAME=`")]
    Key(String, String),

    /// A key without the value it needs.
    #[error("key `{0}` in `--tx {1}` needs a value: `{0}=…`")]
    Value(String, String),

    /// A key given twice.
    #[error("key `{0}` is given twice in `--tx {1}`")]
    Twice(String, String),
}

impl WorkerSpec {
    /// The workers that one `--tx` argument asks for, in order: `3*popen` gives three.
    ///
    /// # Errors
    /// A sentence that quotes the part that is wrong and says what was expected.
    pub fn parse_many(text: &str) -> Result<Vec<Self>, SpecError> {
        let (count, spec) = match text.split_once('*') {
            Some((count, spec)) => {
                let wrong = || SpecError::Multiplier(count.to_owned(), text.to_owned());
                (count.trim().parse::<u16>().ok().filter(|n| *n > 0).ok_or_else(wrong)?, spec)
            }
            None => (1, text),
        };
        Ok(vec![spec.parse()?; usize::from(count)])
    }
}

impl FromStr for WorkerSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut parts = text.split("//");
        if parts.next() != Some("popen") {
            return Err(SpecError::Kind(text.to_owned()));
        }
        let mut spec = Self::default();
        for part in parts {
            let (key, value) = match part.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (part, None),
            };
            let value = || match value {
                Some(value) if !value.is_empty() || key.starts_with("env:") => Ok(value.to_owned()),
                _ => Err(SpecError::Value(key.to_owned(), text.to_owned())),
            };
            let twice = || Err(SpecError::Twice(key.to_owned(), text.to_owned()));
            match key {
                "python" if spec.python.is_some() => return twice(),
                "python" => spec.python = Some(value()?),
                "chdir" if spec.chdir.is_some() => return twice(),
                "chdir" => spec.chdir = Some(value()?),
                _ => match key.strip_prefix("env:").filter(|name| !name.is_empty()) {
                    Some(name) if spec.env.iter().any(|(known, _)| known == name) => {
                        return twice();
                    }
                    Some(name) => spec.env.push((name.to_owned(), value()?)),
                    None => return Err(SpecError::Key(key.to_owned(), text.to_owned())),
                },
            }
        }
        Ok(spec)
    }
}

impl fmt::Display for WorkerSpec {
    /// The specification without the values of its variables, which may be secrets.
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
    fn a_multiplier_gives_equal_specs() {
        let specs = WorkerSpec::parse_many("3*popen//python=python3.12//env:A=b=c").unwrap();
        assert_eq!(specs.len(), 3);
        assert_eq!(specs[0].python.as_deref(), Some("python3.12"));
        assert_eq!(specs[2].env, [("A".to_owned(), "b=c".to_owned())]);
    }

    #[test]
    fn an_empty_variable_is_a_value() {
        assert_eq!(
            "popen//env:A=".parse::<WorkerSpec>().unwrap().env,
            [("A".to_owned(), String::new())]
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("0*popen", "`0`"),
            ("x*popen", "`x`"),
            ("ssh=host", "ssh=host"),
            ("popen//pyhton=3", "`pyhton`"),
            ("popen//chdir", "`chdir`"),
            ("popen//env:=3", "`env:`"),
            ("popen//python=a//python=b", "twice"),
        ] {
            let error = WorkerSpec::parse_many(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn values_of_variables_are_not_shown() {
        let spec: WorkerSpec = "popen//env:TOKEN=secret".parse().unwrap();
        assert_eq!(spec.to_string(), "popen//env:TOKEN=…");
    }
}
