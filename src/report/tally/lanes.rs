//! What each place that ran the whole suite has come to, where every worker runs all of it.

use std::collections::{BTreeMap, HashMap};

use crate::model::{Dist, Lane, Outcome, RunEvent, WorkerId, WorkerInfo};

/// Workers with one specification, which have run the suite each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The specification.
    pub spec: String,

    /// What ran there, for example `Python 3.11.7, pytest 9.2.0`; empty if nothing came up.
    pub with: String,

    /// How many workers.
    pub workers: u32,

    /// The terminal states of its tests.
    pub outcomes: BTreeMap<Outcome, u32>,
}

/// The lanes of a run under `each`; there are none in another mode.
#[derive(Debug, Default)]
pub struct Lanes {
    specs: Vec<String>,
    with: HashMap<WorkerId, String>,
    outcomes: BTreeMap<Lane, BTreeMap<Outcome, u32>>,
}

impl Lanes {
    /// Takes in the next event of the run.
    pub fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunStarted { dist: Dist::Each, workers, .. } => {
                self.specs = workers.iter().map(|(_, spec)| spec.clone()).collect();
            }
            RunEvent::WorkerReady { worker, info } if !self.specs.is_empty() => {
                self.with.insert(*worker, with(info));
            }
            RunEvent::TestFinished { lane, end, .. } => self.count(*lane, end.outcome),
            RunEvent::TestNotRun { lane, .. } => self.count(*lane, Outcome::NotRun),
            _ => {}
        }
    }

    fn count(&mut self, lane: Lane, outcome: Outcome) {
        if !self.specs.is_empty() {
            *self.outcomes.entry(lane).or_default().entry(outcome).or_default() += 1;
        }
    }

    /// The specification of a lane and what runs there, as far as it is known.
    pub fn of(&self, lane: Lane) -> Option<(&str, &str)> {
        let spec = self.specs.get(lane.0 as usize)?;
        // The lanes are those of the first workers, in their order.
        let with = self.with.get(&WorkerId(lane.0)).map_or("", String::as_str);
        Some((spec, with))
    }

    /// All lanes, those with equal specifications together, in the order they were asked for.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for lane in (0..).map(Lane).take(self.specs.len()) {
            let Some((spec, with)) = self.of(lane) else { continue };
            let known = parts.iter().position(|part| part.spec == spec);
            let place = known.unwrap_or_else(|| {
                let (spec, with) = (spec.to_owned(), with.to_owned());
                parts.push(Part { spec, with, workers: 0, outcomes: BTreeMap::new() });
                parts.len() - 1
            });
            let part = &mut parts[place];
            part.workers += 1;
            if part.with.is_empty() {
                with.clone_into(&mut part.with);
            }
            for (outcome, count) in self.outcomes.get(&lane).into_iter().flatten() {
                *part.outcomes.entry(*outcome).or_default() += count;
            }
        }
        parts
    }
}

fn with(info: &WorkerInfo) -> String {
    let runtime = if info.framework.starts_with("pytest") { "Python " } else { "" };
    format!("{runtime}{}, {}", info.runtime, info.framework)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TestIndex, TestName};

    fn left_out(lane: u32) -> RunEvent {
        RunEvent::TestNotRun {
            lane: Lane(lane),
            index: TestIndex(0),
            test: TestName { id: "t".into(), occurrence: 0 },
            reason: "why".into(),
            lost: false,
        }
    }

    fn begun(dist: Dist) -> Lanes {
        let mut lanes = Lanes::default();
        let workers =
            (0..).map(WorkerId).zip(["ssh=a", "ssh=b", "ssh=a"].map(str::to_owned)).collect();
        lanes.event(&RunEvent::RunStarted { run_id: String::new(), dist, workers });
        lanes
    }

    #[test]
    fn lanes_of_one_specification_are_added_up() {
        let mut lanes = begun(Dist::Each);
        for lane in [0, 2, 1] {
            lanes.event(&left_out(lane));
        }
        let parts = lanes.parts();
        let told: Vec<_> = parts
            .iter()
            .map(|part| (&*part.spec, part.workers, part.outcomes.get(&Outcome::NotRun).copied()))
            .collect();
        assert_eq!(told, [("ssh=a", 2, Some(2)), ("ssh=b", 1, Some(1))]);
    }

    #[test]
    fn in_another_mode_there_is_nothing_apart() {
        let mut lanes = begun(Dist::Load);
        lanes.event(&left_out(0));
        assert_eq!(lanes.parts(), []);
    }
}
