//! How long the tests of a run took together, how short that could have been, and what more workers would change.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Dist, Item, RunEvent, TestEnd};

/// Seconds of work below which nobody asks.
const WORTH_A_LINE: f64 = 1.0;

/// A longest unit so near to an even share of the work that a worker more gains nothing to speak of.
const NEARLY: f64 = 0.98;

/// The fold over a run's events.
#[derive(Debug, Default)]
pub struct Makespan {
    dist: Dist,
    workers: u32,
    work: f64,
    first: Option<f64>,
    last: f64,
    longest: Option<(Arc<str>, f64)>,
    units: HashMap<Arc<str>, f64>,
}

/// The figures of a run whose tests were shared by several workers.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// Seconds from the begin of the first test to the end of the last.
    pub seconds: f64,

    /// How many workers shared the tests.
    pub workers: u32,

    /// The least that these tests could take on so many workers: an even share of all work, or the longest unit.
    pub bound: f64,

    /// What goes out as a whole and took longest: a test, or under some modes a file or scope. With its seconds.
    pub longest: (Arc<str>, f64),

    /// How many workers these tests can use before the longest unit alone decides; `workers` or fewer: more would not
    /// help.
    pub useful: u32,
}

impl Spread {
    /// How near the run came to the bound, in percent.
    pub fn percent(&self) -> f64 {
        (100.0 * self.bound / self.seconds).min(100.0)
    }
}

impl Makespan {
    /// Takes in the next event of the run.
    pub fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunStarted { dist, .. } => self.dist = *dist,
            RunEvent::SchedulingStarted { workers, .. } => self.workers = *workers,
            // The times of one that crashed are not known.
            RunEvent::TestFinished { test, end, .. } if end.started > 0.0 => {
                self.finished(&test.id, *end);
            }
            _ => {}
        }
    }

    fn finished(&mut self, id: &Arc<str>, end: TestEnd) {
        let seconds = end.durations.total();
        self.work += seconds;
        self.first = Some(self.first.map_or(end.started, |first| first.min(end.started)));
        self.last = self.last.max(end.started + seconds);
        let (unit, seconds) = match self.dist {
            Dist::LoadFile => self.unit(Item::from_id(id).file(), seconds),
            Dist::LoadScope => self.unit(Item::from_id(id).scope(), seconds),
            // Groups are not told; a group takes at least as long as its longest test.
            Dist::LoadGroup | Dist::Load | Dist::Stream | Dist::Each | Dist::WorkSteal => {
                (id.clone(), seconds)
            }
        };
        if self.longest.as_ref().is_none_or(|(_, longest)| *longest < seconds) {
            self.longest = Some((unit, seconds));
        }
    }

    /// Adds to a file or scope; gives it with what it has come to.
    fn unit(&mut self, name: &str, seconds: f64) -> (Arc<str>, f64) {
        let name: Arc<str> = name.into();
        let sum = self.units.entry(name.clone()).or_default();
        *sum += seconds;
        (name, *sum)
    }

    /// What the run has come to; `None` where there is nothing to tell: one worker, every test on every worker, hardly
    /// any work.
    pub fn spread(&self) -> Option<Spread> {
        let (longest, first) = (self.longest.clone()?, self.first?);
        if self.workers < 2 || self.dist == Dist::Each || self.work < WORTH_A_LINE {
            return None;
        }
        let share = self.work / f64::from(self.workers);
        let full = if longest.1 >= NEARLY * share { 0.0 } else { self.work / longest.1 };
        // Saturates, which is right.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small count"
        )]
        let useful = full.ceil() as u32;
        Some(Spread {
            seconds: self.last - first,
            workers: self.workers,
            bound: share.max(longest.1),
            longest,
            useful,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::report::script::Script;

    fn spread_of(dist: Dist, script: Script) -> Option<Spread> {
        let mut makespan = Makespan::default();
        for (_, mut event) in script.events {
            if let RunEvent::RunStarted { dist: asked, .. } = &mut event {
                *asked = dist;
            }
            makespan.event(&event);
        }
        makespan.spread()
    }

    #[test]
    fn an_even_run_is_at_the_bound_and_can_use_more_workers() {
        let script = (0..8).fold(Script::begun(8), |script, test| {
            let started = 100.0 + f64::from(test / 2);
            script.took(test % 2, &format!("a.py::t{test}"), started, 1.0)
        });
        let spread = spread_of(Dist::Load, script).unwrap();
        assert_eq!((spread.seconds, spread.bound, spread.workers), (4.0, 4.0, 2));
        assert_eq!((format!("{:.0}", spread.percent()), spread.useful), ("100".to_owned(), 8));
    }

    #[test]
    fn what_is_longer_than_an_even_share_is_the_bound() {
        let script = Script::begun(3)
            .took(0, "a.py::short", 10.0, 1.0)
            .took(1, "a.py::other", 10.0, 2.0)
            .took(0, "a.py::long", 11.0, 9.0);
        let spread = spread_of(Dist::Load, script).unwrap();
        assert_eq!((spread.seconds, spread.bound, spread.useful), (10.0, 9.0, 0));
        assert_eq!(spread.longest, ("a.py::long".into(), 9.0));
        assert_eq!(format!("{:.0}", spread.percent()), "90");
    }

    #[test]
    fn files_and_scopes_that_go_out_whole_are_units() {
        let script = || {
            Script::begun(4)
                .took(0, "a.py::C::t1", 10.0, 2.0)
                .took(0, "a.py::C::t2[x::y]", 12.0, 2.0)
                .took(0, "a.py::t3", 14.0, 3.0)
                .took(1, "b.py::t", 10.0, 3.5)
        };
        for (dist, longest, seconds) in [
            (Dist::LoadFile, "a.py", 7.0),
            (Dist::LoadScope, "a.py::C", 4.0),
            (Dist::WorkSteal, "b.py::t", 3.5),
        ] {
            let spread = spread_of(dist, script()).unwrap();
            assert_eq!(spread.longest, (longest.into(), seconds), "{dist}");
        }
    }

    #[test]
    fn where_there_is_nothing_to_tell_nothing_is_told() {
        let long = |script: Script| script.took(0, "a.py::t", 10.0, 5.0);
        assert!(spread_of(Dist::Load, long(Script::begun(1))).is_some());
        assert_eq!(spread_of(Dist::Each, long(Script::begun(1))), None);
        let alone = Script::run(1).up(0, 1, "").scheduled(1, 1);
        assert_eq!(spread_of(Dist::Load, long(alone)), None);
        assert_eq!(spread_of(Dist::Load, Script::begun(1).took(0, "a.py::t", 10.0, 0.5)), None);
        // Of a crash no times are told.
        let crash = Script::begun(1).start(0, "a.py::t").end(0, "a.py::t", Outcome::Crashed, 5.0);
        assert_eq!(spread_of(Dist::Load, crash), None);
    }
}
