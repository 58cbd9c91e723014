//! Hosts that were lost, or that never came, and what that did to tests.

use std::collections::HashMap;

use crate::model::{HostNews, Lane, RunEvent, TestIndex, WorkerId};

/// A host that did not take part from its begin to the end of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    /// Its name.
    pub host: String,

    /// How often it was lost after it had come up.
    pub times: u32,

    /// Why it was lost the last time, or, if it never came up, why it did not.
    pub why: String,

    /// Whether it is there.
    pub is_up: bool,

    /// Why it is not tried again, if that is not why it was lost.
    pub given_up: Option<String>,

    /// How many tests it was lost with that came to their end all the same.
    pub run_again: u32,
}

/// The losses of a run.
#[derive(Debug, Default)]
pub struct Losses {
    /// Of all hosts that anything was told of, in the order in which it was.
    hosts: Vec<Loss>,
    places: HashMap<WorkerId, String>,
    /// The tests that were running on a host when it was lost.
    tests: HashMap<(Lane, TestIndex), String>,
}

impl Losses {
    /// Takes in the next event of the run.
    pub fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::WorkerStarting { worker, host, .. } => {
                self.places.insert(*worker, host.clone());
            }
            RunEvent::Host { host, news } => self.of_host(host).hears(news),
            RunEvent::TestLost { worker, lane, index, .. } => {
                let host = self.places.get(worker).cloned().unwrap_or_default();
                self.tests.insert((*lane, *index), host);
            }
            RunEvent::TestFinished { lane, index, .. } => {
                if let Some(host) = self.tests.get(&(*lane, *index)).cloned() {
                    self.of_host(&host).run_again += 1;
                }
            }
            _ => {}
        }
    }

    fn of_host(&mut self, host: &str) -> &mut Loss {
        let place = self.hosts.iter().position(|known| known.host == host).unwrap_or_else(|| {
            self.hosts.push(Loss { host: host.to_owned(), ..Loss::default() });
            self.hosts.len() - 1
        });
        &mut self.hosts[place]
    }

    /// The hosts that were lost, that never came or that were left out, in the order in which they were first heard of.
    pub fn list(&self) -> impl Iterator<Item = &Loss> {
        self.hosts.iter().filter(|host| host.times > 0 || !host.why.is_empty())
    }

    /// The host that was lost while it ran this test, if one was.
    pub fn of(&self, lane: Lane, index: TestIndex) -> Option<&str> {
        self.tests.get(&(lane, index)).map(String::as_str)
    }
}

impl Loss {
    fn hears(&mut self, news: &HostNews) {
        match news {
            HostNews::Progress(_) => {}
            HostNews::Ready(_) => {
                self.is_up = true;
                if self.times == 0 {
                    // It was late, which is no loss.
                    self.why.clear();
                }
            }
            HostNews::Lost { reason, .. } => self.is_gone(reason),
            HostNews::GivenUp(reason) => {
                if self.is_up || self.times == 0 {
                    self.is_gone(reason);
                } else {
                    self.given_up = Some(reason.clone());
                }
            }
        }
    }

    /// What is told of tries to reach it again says less than why it was lost.
    fn is_gone(&mut self, reason: &str) {
        if self.is_up || self.times == 0 {
            reason.clone_into(&mut self.why);
        }
        self.times += u32::from(self.is_up);
        self.is_up = false;
    }
}

impl std::fmt::Display for Loss {
    /// In one line: `n2 lost: its agent said nothing for 15 s; 1 test that it was running was run again; it came back`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, times, why, is_up, given_up, run_again } = self;
        match times {
            0 => return write!(f, "{host} took no part: {why}"),
            1 => write!(f, "{host} lost: {why}")?,
            times => write!(f, "{host} lost {times} times, at last: {why}")?,
        }
        match run_again {
            0 => {}
            1 => f.write_str("; 1 test that it was running was run again")?,
            count => write!(f, "; {count} tests that it was running were run again")?,
        }
        match given_up {
            Some(reason) => write!(f, "; given up: {reason}"),
            None if *is_up => f.write_str("; it came back"),
            None => f.write_str("; it did not come back"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Outcome, SuiteInfo};
    use crate::report::script::Script;

    fn told(script: &Script) -> Vec<String> {
        let mut losses = Losses::default();
        for (_, event) in &script.events {
            losses.event(event);
        }
        losses.list().map(ToString::to_string).collect()
    }

    fn ready() -> HostNews {
        HostNews::Ready(SuiteInfo::default())
    }

    #[test]
    fn a_host_that_was_lost_is_told_with_what_was_run_again() {
        let begun = || Script::begun(1).on_host(1, "n2").start(1, "t");
        let ended = |script: Script| {
            let script = script.host("n2", ready()).start(0, "t");
            told(&script.end(0, "t", Outcome::Passed, 0.1))
        };
        let line = "n2 lost: cut; 1 test that it was running was run again; it came back";
        // They come from different places.
        assert_eq!(ended(begun().host_lost("n2", "cut").lost(1, "t")), [line]);
        assert_eq!(ended(begun().lost(1, "t").host_lost("n2", "cut")), [line]);
        let script = begun().host_lost("n2", "cut").lost(1, "t").host_lost("n2", "no route");
        assert_eq!(told(&script), ["n2 lost: cut; it did not come back"]);
        let script = script.host("n2", ready()).host_lost("n2", "off");
        assert_eq!(told(&script), ["n2 lost 2 times, at last: off; it did not come back"]);
        let script = script.host("n2", HostNews::GivenUp("no route; enough".to_owned()));
        let line = "n2 lost 2 times, at last: off; given up: no route; enough";
        assert_eq!(told(&script), [line]);
    }

    #[test]
    fn a_host_that_never_came_is_told_and_one_that_was_late_is_not() {
        let script = Script::begun(1).host_lost("n1", "no route").host_lost("n2", "off");
        let script = script.host("n2", HostNews::Progress("connecting".to_owned()));
        let script = script.host("n2", ready()).host("n1", HostNews::GivenUp("enough".to_owned()));
        assert_eq!(told(&script), ["n1 took no part: enough"]);
        let script = Script::begun(1).on_host(1, "n3").pass(1, "t");
        assert_eq!(told(&script), Vec::<String>::new());
    }
}
