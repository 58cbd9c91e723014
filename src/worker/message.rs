//! What stands in the queue of a worker.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::channel::ChannelError;

/// One message of the queue.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Run an item.
    Run(Job),
    /// Make the items of this file of the listing.
    Make(u32),
    /// Go on after `halted`.
    Resume,
    /// There is no more: end the session.
    Finish,
    /// End the session after the running item.
    Interrupt,
}

/// An item that is to be run, and how.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Job {
    /// Its place in the worker's collection.
    pub item: u32,

    /// How many seconds it is expected to take.
    pub estimate: Option<f64>,

    /// Whether it is to have a process of its own.
    pub alone: bool,

    /// Which attempt it is, from 1 on.
    pub attempt: u32,

    /// How long it may take, where that is not what holds for all.
    pub timeout: Option<Duration>,

    /// Whether it may take as long as it likes, whatever holds for all.
    pub unlimited: bool,
}

impl Job {
    /// How long it may take, where this holds for all.
    pub fn limit(&self, all: Option<Duration>) -> Option<Duration> {
        if self.unlimited { None } else { self.timeout.or(all) }
    }
}

/// The keys of a message as they are written.
#[derive(Debug, Deserialize)]
struct Keys {
    run: Option<u32>,
    make: Option<u32>,
    resume: Option<bool>,
    finish: Option<bool>,
    interrupt: Option<String>,
    estimate: Option<f64>,
    #[serde(default)]
    alone: bool,
    attempt: Option<u32>,
    #[serde(default = "unsaid")]
    timeout: Value,
}

/// Stands for a key that is not there, where `null` is a value.
fn unsaid() -> Value {
    Value::Bool(false)
}

impl Message {
    /// The message that was written so; `None` for one of a later version of the protocol.
    ///
    /// # Errors
    /// It is no JSON object, or a known key has a value that makes no sense.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, ChannelError> {
        let keys: Keys = serde_json::from_slice(bytes).map_err(|error| ChannelError::Message {
            message: String::from_utf8_lossy(bytes).into_owned(),
            error,
        })?;
        Ok(match keys {
            Keys { run: Some(item), estimate, alone, attempt, timeout, .. } => {
                let unlimited = timeout.is_null();
                let timeout = timeout.as_f64();
                let timeout = timeout.and_then(|limit| Duration::try_from_secs_f64(limit).ok());
                let attempt = attempt.unwrap_or(1);
                Some(Self::Run(Job { item, estimate, alone, attempt, timeout, unlimited }))
            }
            Keys { make: Some(file), .. } => Some(Self::Make(file)),
            Keys { resume: Some(_), .. } => Some(Self::Resume),
            Keys { finish: Some(_), .. } => Some(Self::Finish),
            Keys { interrupt: Some(_), .. } => Some(Self::Interrupt),
            Keys { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Message> {
        Message::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_not_said_is_as_plain_as_can_be() {
        let job = Job { item: 5, attempt: 1, ..Job::default() };
        assert_eq!(read(r#"{"run":5}"#), Some(Message::Run(job)));
        let job = Job {
            item: 7,
            estimate: Some(0.25),
            alone: true,
            attempt: 2,
            timeout: Some(Duration::from_secs(30)),
            unlimited: false,
        };
        let text = r#"{"run":7,"estimate":0.25,"alone":true,"attempt":2,"timeout":30.0,"more":[]}"#;
        assert_eq!(read(text), Some(Message::Run(job)));
        let job = Job { item: 1, attempt: 1, unlimited: true, ..Job::default() };
        assert_eq!(read(r#"{"run":1,"timeout":null}"#), Some(Message::Run(job)));
        assert_eq!(read(r#"{"interrupt":"SIGINT"}"#), Some(Message::Interrupt));
        assert_eq!(read(r#"{"finish":true}"#), Some(Message::Finish));
    }

    #[test]
    fn what_is_of_a_later_version_is_passed_over_and_nonsense_is_an_error() {
        assert_eq!(read(r#"{"sing":true}"#), None);
        assert!(Message::read(b"{").is_err());
        assert!(Message::read(br#"{"run":-1}"#).is_err());
    }
}
