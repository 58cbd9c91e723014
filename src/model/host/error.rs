//! Why a specification of a host was refused.

use thiserror::Error;

/// Why a specification of a host was refused. What is quoted of it is [without](super::HostSpec::redacted) the values of its variables.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpecError {
    /// The multiplier before `*` is not a number from 1 up.
    #[error("`{0}` in `--tx {1}` is no number of workers; write for example `2*popen`")]
    Multiplier(String, String),

    /// The first key names no way to start a worker.
    #[error(
        "`--tx {0}` names no way to start a worker; local workers are `popen`, those of another host `ssh=HOST`, and `exec=COMMAND` is any command that gives an agent"
    )]
    Kind(String),

    /// The destination of ssh would be taken for an option, or is empty.
    #[error("`{0}` in `--tx {1}` is no destination for ssh; write for example `ssh=user@host`")]
    Destination(String, String),

    /// The command can not be split into words.
    #[error(
        "the command in `--tx {0}` can not be split into words; a quote is not closed, or there is no word"
    )]
    Command(String),

    /// A key that is not known.
    #[error(
        "unknown key `{0}` in `--tx {1}`; known are `python=`, `chdir=`, `env:NAME=`, and for other hosts `workers=`, `name=`, `tags=`, `sync=`, `provision=` and `agent=`"
    )]
    Key(String, String),

    /// A key without the value it needs.
    #[error("key `{0}` in `--tx {1}` needs a value: `{0}=…`")]
    Value(String, String),

    /// A key with a value that is none.
    #[error("`{0}` is no value for `{1}` in `--tx {2}`; expected {3}")]
    Wrong(String, String, String, &'static str),

    /// A key given twice.
    #[error("key `{0}` is given twice in `--tx {1}`")]
    Twice(String, String),

    /// A key that means nothing for such a host.
    #[error("key `{0}` in `--tx {1}`: {2}")]
    Misplaced(&'static str, String, &'static str),

    /// A variable that no process can be given.
    #[error("`env:{0}` in `--tx {1}` is no variable: {2}")]
    Variable(String, String, &'static str),

    /// What is taken for a part of a value may be meant as a key.
    #[error(
        "`{word}` in the value of `env:{name}` in `--tx {shown}` looks like the key `{key}`; write it so, or, if it is a part of the value, give the value in the environment (`env:{name}`) or in a table `[[host]]`"
    )]
    Mistyped {
        /// What stands there.
        word: String,
        /// The key.
        key: &'static str,
        /// The variable.
        name: String,
        /// The specification.
        shown: String,
    },
}
