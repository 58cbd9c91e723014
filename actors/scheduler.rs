//! Hosts the pure scheduler: worker news in, orders and the public record out. The one place that fixes the order of events.

mod limit;
mod news;
mod roster;
mod slow;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Recipient, SpawnHandle};
use log::error;

use super::messages::{
    CloseRun, Event, Publish, ResumeWorker, Retire, SessionNote, StopRun, WorkerCameUp, WorkerGone,
    WorkerNews, WorkerOrder,
};
use super::record::{self, Held, LastEnds};
use crate::model::{
    CollectReport, Collection, Lane, RunEvent, StopReason, TestEnd, TestFile, TestIndex, WorkerId,
};
use crate::schedule::{Decision, Scheduler, SlowWatch};

/// Where messages go.
#[derive(Debug)]
pub(super) struct Neighbours {
    pub(super) session: Recipient<SessionNote>,
    pub(super) supervisor: Recipient<WorkerGone>,
    pub(super) came_up: Recipient<WorkerCameUp>,
    pub(super) subscribers: Vec<Recipient<Event>>,
}

/// What is known of a worker beside its tests.
#[derive(Debug, Default)]
struct Worker {
    orders: Option<Recipient<WorkerOrder>>,
    collected: bool,
    /// It has begun a test.
    worked: bool,
    told_to_finish: bool,
    leaves_by_itself: bool,
    runs_despite_collection_errors: bool,
    collect_reports: HashMap<String, u32>,
    /// The item whose attempt has been told as one that another follows.
    rerun: Option<u32>,
    /// What its running test has reported, on a host that may be lost.
    held: Held,
}

/// The scheduler and the record.
pub(super) struct SchedulerActor {
    core: Scheduler,
    workers: HashMap<WorkerId, Worker>,
    collect_reports: HashMap<String, u32>,
    deselected: u32,
    collect_only: bool,
    streams: bool,
    told_whole: bool,
    stopping: bool,
    killed: HashSet<WorkerId>,
    last_ends: LastEnds,
    /// Tests whose wait before their next attempt is to begin.
    waits: Vec<(Duration, Lane, TestIndex)>,
    /// The memory above which a worker makes way for a fresh one.
    recycle_memory: Option<u64>,
    slow: SlowWatch,
    /// When slow tests are to be looked for earlier than planned.
    look_at: Option<Instant>,
    /// The timer that looks for them.
    look: Option<SpawnHandle>,
    limit: limit::Limit,
    neighbours: Neighbours,
}

impl SchedulerActor {
    pub(super) fn new(
        core: Scheduler,
        collect_only: bool,
        recycle_memory: Option<u64>,
        neighbours: Neighbours,
    ) -> Self {
        Self {
            core,
            workers: HashMap::new(),
            collect_reports: HashMap::new(),
            deselected: 0,
            collect_only,
            streams: false,
            told_whole: false,
            stopping: false,
            killed: HashSet::new(),
            last_ends: LastEnds::new(),
            waits: Vec::new(),
            recycle_memory,
            slow: SlowWatch::default(),
            look_at: None,
            look: None,
            limit: limit::Limit::default(),
            neighbours,
        }
    }

    fn publish(&self, event: RunEvent) {
        let event = Arc::new(event);
        for subscriber in &self.neighbours.subscribers {
            subscriber.do_send(Event(event.clone()));
        }
    }

    fn publish_all(&self, events: impl IntoIterator<Item = RunEvent>) {
        events.into_iter().for_each(|event| self.publish(event));
    }

    fn order(&self, worker: WorkerId, order: WorkerOrder) {
        if let Some(orders) = self.workers.get(&worker).and_then(|worker| worker.orders.as_ref()) {
            orders.do_send(order);
        }
    }

    /// Carries out what the core decided. `end` is the report of the test that the decisions are about.
    fn carry_out(&mut self, decisions: Vec<Decision>, end: Option<TestEnd>) {
        for decision in decisions {
            match decision {
                Decision::Run { worker, batch } => self.order(worker, WorkerOrder::Run(batch)),
                Decision::Make { worker, files, run } => {
                    self.order(worker, WorkerOrder::Make(files, run));
                }
                Decision::Withdraw { worker, items, files } => {
                    self.order(worker, WorkerOrder::Withdraw(items, files));
                }
                Decision::Finish { worker } => {
                    self.workers.entry(worker).or_default().told_to_finish = true;
                    self.order(worker, WorkerOrder::Finish);
                }
                Decision::Scheduling { tests, workers, files } => {
                    self.streams = files.is_some();
                    let policy = self.core.policy_name().to_owned();
                    let deselected = self.deselected;
                    self.publish(RunEvent::SchedulingStarted {
                        tests,
                        workers,
                        policy,
                        deselected,
                        files,
                    });
                }
                Decision::Abort(reason) => {
                    self.stopping = true;
                    self.publish(RunEvent::Stopping(reason));
                }
                // Told with the worker's death.
                Decision::FileCrashed { .. } => {}
                Decision::Fault(fault) => {
                    error!("{fault}");
                    self.neighbours.session.do_send(SessionNote::Broken(fault.to_string()));
                }
                Decision::Retried { lane, index, attempt, outcome, delay, .. } => {
                    let told = record::entry(decision, end, &self.killed, &self.last_ends);
                    let end = end.unwrap_or_else(|| record::without_times(outcome));
                    self.last_ends.insert((lane, index), (attempt, end));
                    if !delay.is_zero() {
                        self.waits.push((delay, lane, index));
                    }
                    self.publish_all(told);
                }
                told @ (Decision::Started { .. }
                | Decision::BudgetSpent { .. }
                | Decision::Recycled { .. }
                | Decision::Finished { .. }
                | Decision::Crashed { .. }
                | Decision::Lost { .. }
                | Decision::NotRun { .. }
                | Decision::FileCollected { .. }
                | Decision::FileNotRun { .. }
                | Decision::Differs(_)
                | Decision::Rejected { .. }) => {
                    self.publish_all(record::entry(told, end, &self.killed, &self.last_ends));
                }
            }
        }
    }

    fn collect_report(&mut self, worker: WorkerId, report: CollectReport) {
        let member = self.workers.entry(worker).or_default();
        let by_worker = member.collect_reports.entry(report.id.clone()).or_default();
        *by_worker += 1;
        let known = self.collect_reports.entry(report.id.clone()).or_default();
        if *by_worker <= *known {
            return;
        }
        *known += 1;
        // Where files are handed out, others have run tests already.
        let stops = report.failed && !member.runs_despite_collection_errors && !self.streams;
        self.publish(RunEvent::CollectReported { worker, report });
        if stops {
            self.stop(StopReason::CollectionFailed);
        }
    }

    fn stop(&mut self, reason: StopReason) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        let text: Arc<str> = match &reason {
            StopReason::MaxFail(1) => "the run stopped after 1 failure".into(),
            StopReason::MaxFail(count) => format!("the run stopped after {count} failures").into(),
            StopReason::Requested(by) => format!("the run was interrupted by {by}").into(),
            StopReason::Worker { reason, .. } => {
                // Of a traceback the last line.
                let line = reason.trim_end().lines().last().unwrap_or_default();
                format!("the run was stopped: {line}").into()
            }
            StopReason::CollectionsDiffer => "workers collected different tests".into(),
            StopReason::CollectionFailed => "there were errors during collection".into(),
            StopReason::Deadline(limit) => {
                let limit = humantime::format_duration(*limit);
                format!("the run took longer than its deadline of {limit}").into()
            }
        };
        self.publish(RunEvent::Stopping(reason));
        let decisions = self.core.stop(text);
        self.carry_out(decisions, None);
    }

    fn collected(&mut self, worker: WorkerId, collection: Collection, deselected: u32) {
        let tests = u32::try_from(collection.len()).unwrap_or(u32::MAX);
        self.workers.entry(worker).or_default().collected = true;
        self.deselected = self.deselected.max(deselected);
        self.neighbours.came_up.do_send(WorkerCameUp);
        self.publish(RunEvent::WorkerCollected { worker, tests, deselected });
        if self.collect_only {
            self.publish(RunEvent::Collected { worker, collection });
            return self.carry_out(vec![Decision::Finish { worker }], None);
        }
        let decisions = self.core.collected(worker, collection);
        self.carry_out(decisions, None);
    }

    fn listed(&mut self, worker: WorkerId, files: Arc<[TestFile]>) {
        let count = u32::try_from(files.len()).unwrap_or(u32::MAX);
        self.workers.entry(worker).or_default().collected = true;
        self.neighbours.came_up.do_send(WorkerCameUp);
        self.publish(RunEvent::WorkerListed { worker, files: count });
        let decisions = self.core.listed(worker, files);
        self.carry_out(decisions, None);
    }

    /// Every worker collects everything although files were to be handed out: the first one says why.
    fn tell_whole(&mut self, why: Option<String>) {
        if let Some(why) = why
            && !std::mem::replace(&mut self.told_whole, true)
        {
            let text = format!("every worker collects all tests, as under `--dist load`: {why}");
            self.publish(RunEvent::Notice(text));
        }
    }
}

impl Actor for SchedulerActor {
    type Context = Context<Self>;

    fn stopped(&mut self, _context: &mut Context<Self>) {
        if std::thread::panicking() {
            self.neighbours.session.do_send(SessionNote::SchedulerFailed);
        }
    }
}

impl Handler<WorkerNews> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, WorkerNews { worker, news }: WorkerNews, context: &mut Context<Self>) {
        self.mind_time(context);
        self.news(worker, news);
        self.plan_for_time(context);
        for (delay, lane, index) in std::mem::take(&mut self.waits) {
            context.run_later(delay, move |actor, _context| {
                let decisions = actor.core.retry_due(lane, index);
                actor.carry_out(decisions, None);
            });
        }
        if let Some(at) = self.look_at.take() {
            self.look_for_slow(at, context);
        }
    }
}

impl Handler<StopRun> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, StopRun(reason): StopRun, _context: &mut Context<Self>) {
        self.stop(reason);
    }
}

impl Handler<CloseRun> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, CloseRun(reason): CloseRun, _context: &mut Context<Self>) {
        let decisions = self.core.close(reason.into());
        self.carry_out(decisions, None);
        self.neighbours.session.do_send(SessionNote::Closed);
    }
}

impl Handler<ResumeWorker> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, ResumeWorker(worker): ResumeWorker, _context: &mut Context<Self>) {
        self.order(worker, WorkerOrder::Resume);
    }
}

impl Handler<Publish> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, Publish(event): Publish, _context: &mut Context<Self>) {
        self.publish(event);
    }
}

impl Handler<Retire> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, _: Retire, context: &mut Context<Self>) {
        context.stop();
    }
}
