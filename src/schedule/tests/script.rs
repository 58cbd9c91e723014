//! What the scripts are written with: a scheduler whose decisions read as short lines.

use std::sync::Arc;

use std::time::Duration;

use crate::model::{Collection, Dist, Outcome, WorkerId, WorkerSpec};
use crate::schedule::{self, Decision, Policy, PolicyOptions, Scheduler};

/// The policy of the options for a run of two workers that nothing is known about.
pub(super) fn policy(options: &PolicyOptions) -> Box<dyn Policy> {
    schedule::policy(options, 2, Arc::default())
}

/// A scheduler under a script. Workers are numbers, tests of one lane are named by their ids.
pub(super) struct Script(Scheduler);

pub(super) fn options(dist: Dist) -> PolicyOptions {
    PolicyOptions { dist, ..PolicyOptions::default() }
}

/// `count` tests `t0`, `t1`, ….
pub(super) fn tests(count: usize) -> Collection {
    let ids: Vec<String> = (0..count).map(|number| format!("t{number}")).collect();
    ids_of(&ids.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(super) fn ids_of(ids: &[&str]) -> Collection {
    Collection::from_ids(ids.iter().copied())
}

pub(super) fn spec(chdir: &str) -> WorkerSpec {
    WorkerSpec { chdir: Some(chdir.to_owned()), ..WorkerSpec::default() }
}

impl Script {
    /// Workers `0..workers` are asked for.
    pub(super) fn new(policy: Box<dyn Policy>, workers: u32) -> Self {
        let expected: Vec<_> =
            (0..workers).map(|worker| (WorkerId(worker), WorkerSpec::default())).collect();
        Self(Scheduler::new(policy, &expected))
    }

    pub(super) fn with_specs(dist: Dist, specs: &[&str]) -> Self {
        let expected: Vec<_> =
            (0..).map(WorkerId).zip(specs.iter().map(|chdir| spec(chdir))).collect();
        Self(Scheduler::new(policy(&options(dist)), &expected))
    }

    /// All workers are up and have collected this; gives what the last collection brings about.
    pub(super) fn started(
        options: &PolicyOptions,
        workers: u32,
        collection: &Collection,
    ) -> (Self, Vec<String>) {
        let mut script = Self::new(policy(options), workers);
        let said = script.start(workers, collection);
        (script, said)
    }

    pub(super) fn start(&mut self, workers: u32, collection: &Collection) -> Vec<String> {
        let said: Vec<_> = (0..workers).map(|worker| self.joins(worker, collection)).collect();
        said.concat()
    }

    pub(super) fn joins(&mut self, worker: u32, collection: &Collection) -> Vec<String> {
        let mut said = self.ready(worker);
        said.extend(self.collected(worker, collection));
        said
    }

    pub(super) fn expected(&mut self, worker: u32, replaces: Option<u32>) -> Vec<String> {
        self.expected_as(worker, &WorkerSpec::default(), replaces)
    }

    pub(super) fn expected_as(
        &mut self,
        worker: u32,
        spec: &WorkerSpec,
        replaces: Option<u32>,
    ) -> Vec<String> {
        let replaces = replaces.map(WorkerId);
        lines(self.0.worker_expected(WorkerId(worker), spec, replaces))
    }

    pub(super) fn ready(&mut self, worker: u32) -> Vec<String> {
        lines(self.0.worker_ready(WorkerId(worker)))
    }

    pub(super) fn collected(&mut self, worker: u32, collection: &Collection) -> Vec<String> {
        lines(self.0.collected(WorkerId(worker), collection.clone()))
    }

    pub(super) fn begins(&mut self, worker: u32, item: u32) -> Vec<String> {
        lines(self.0.test_started(WorkerId(worker), item))
    }

    pub(super) fn ran(&mut self, worker: u32, item: u32, seconds: f64) -> Vec<String> {
        lines(self.0.test_ran(WorkerId(worker), item, seconds))
    }

    pub(super) fn ended(&mut self, worker: u32, item: u32) -> Vec<String> {
        self.ended_after(worker, item, 0.0)
    }

    pub(super) fn ended_after(&mut self, worker: u32, item: u32, seconds: f64) -> Vec<String> {
        let worker = WorkerId(worker);
        lines(self.0.test_ended(worker, item, Outcome::Passed, seconds))
    }

    /// Begins and ends; gives all but the news that it did.
    pub(super) fn runs(&mut self, worker: u32, item: u32) -> Vec<String> {
        let mut said = self.begins(worker, item);
        said.extend(self.ended(worker, item));
        said.retain(|line| !line.starts_with("started") && !line.starts_with("passed"));
        said
    }

    pub(super) fn withdrawn(&mut self, worker: u32, items: &[u32]) -> Vec<String> {
        lines(self.0.withdrawn(WorkerId(worker), items, &[]))
    }

    pub(super) fn dies(&mut self, worker: u32, running: Option<u32>) -> Vec<String> {
        let worker = WorkerId(worker);
        lines(self.0.worker_down(worker, running, None, Outcome::Crashed))
    }

    /// Its host is lost.
    pub(super) fn is_lost(&mut self, worker: u32, running: Option<u32>) -> Vec<String> {
        lines(self.0.worker_lost(WorkerId(worker), running))
    }

    pub(super) fn is_away(&mut self, worker: u32, time: Duration) {
        self.0.worker_is_away(WorkerId(worker), time);
    }

    pub(super) fn is_late(&mut self, worker: u32) -> Vec<String> {
        lines(self.0.worker_late(WorkerId(worker)))
    }

    pub(super) fn begin_with(&mut self, workers: usize) {
        self.0.begin_with(workers);
    }

    pub(super) fn times_out(&mut self, worker: u32, running: u32) -> Vec<String> {
        let worker = WorkerId(worker);
        lines(self.0.worker_down(worker, Some(running), None, Outcome::TimedOut))
    }

    pub(super) fn abandoned(&mut self, worker: u32) -> Vec<String> {
        lines(self.0.worker_abandoned(WorkerId(worker), "given up"))
    }

    pub(super) fn stop(&mut self) -> Vec<String> {
        lines(self.0.stop("stopped".into()))
    }

    pub(super) fn close(&mut self) -> Vec<String> {
        lines(self.0.close("nobody left".into()))
    }

    pub(super) fn scheduler(&self) -> &Scheduler {
        &self.0
    }
}

pub(super) fn lines(decisions: Vec<Decision>) -> Vec<String> {
    decisions.into_iter().map(line).collect()
}

fn line(decision: Decision) -> String {
    let lane = |number: u32| match number {
        0 => String::new(),
        number => format!("lane {number}: "),
    };
    match decision {
        Decision::Run { worker, batch } => format!("run {worker} {:?}", batch.items),
        Decision::Make { worker, files, run } => {
            let then = if run { " and run" } else { "" };
            format!("make{then} {worker} {files:?}")
        }
        Decision::Withdraw { worker, items, files } if files.is_empty() => {
            format!("withdraw {worker} {items:?}")
        }
        Decision::Withdraw { worker, items, files } => {
            format!("withdraw {worker} {items:?} files {files:?}")
        }
        Decision::Finish { worker } => format!("finish {worker}"),
        Decision::Scheduling { tests, workers, files: None } => {
            format!("scheduling {tests} on {workers}")
        }
        Decision::Scheduling { workers, files: Some(files), .. } => {
            format!("scheduling {files} files on {workers}")
        }
        Decision::FileCollected { worker, file, tests, files_left, .. } => {
            format!("{file} has {tests} by {worker}, {files_left} left")
        }
        Decision::FileCrashed { worker, file } => format!("{file} crashed {worker}"),
        Decision::FileNotRun { file, reason, lost } => {
            let lost = if lost { "lost" } else { "left out" };
            format!("{lost} {file}: {reason}")
        }
        Decision::Started { worker, lane: of, test, .. } => {
            format!("started {}{test} on {worker}", lane(of.0))
        }
        Decision::Finished { worker, lane: of, test, outcome, .. }
        | Decision::Crashed { worker, lane: of, test, outcome, .. } => {
            format!("{outcome} {}{test} on {worker}", lane(of.0))
        }
        Decision::Lost { worker, lane: of, test, .. } => {
            format!("lost {}{test} with {worker}", lane(of.0))
        }
        Decision::Retried { worker, lane: of, test, outcome, attempt, .. } => {
            format!("{outcome} {}{test} on {worker}, again after attempt {attempt}", lane(of.0))
        }
        Decision::BudgetSpent { retries } => format!("no more than {retries} retries"),
        Decision::Recycled { worker, reason } => format!("recycled {worker}: {reason}"),
        Decision::NotRun { lane: of, test, reason, lost, .. } => {
            let lost = if lost { "lost" } else { "left out" };
            format!("{lost} {}{test}: {reason}", lane(of.0))
        }
        Decision::Differs(diff) => format!("{} differs from {}", diff.to, diff.from),
        Decision::Rejected { worker } => format!("rejected {worker}"),
        Decision::Abort(reason) => format!("abort {reason:?}"),
        Decision::Fault(fault) => format!("fault: {fault}"),
    }
}
