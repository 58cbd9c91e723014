//! Hosts the pure scheduler: worker news in, orders and the public record out. The one place that fixes the order of events.

mod roster;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Recipient};
use log::{debug, error};

use super::messages::{
    CloseRun, Event, News, Publish, ResumeWorker, Retire, SessionNote, StopRun, WorkerCameUp,
    WorkerGone, WorkerNews, WorkerOrder,
};
use super::record::{self, Held, LastEnds};
use crate::model::{
    CollectReport, Collection, Death, Ending, Lane, Outcome, RunEvent, StopReason, TestEnd,
    TestFile, TestIndex, WorkerId,
};
use crate::schedule::{Decision, Scheduler};
use crate::supervise::Life;

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

    fn listed(&mut self, worker: WorkerId, files: Vec<TestFile>) {
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

    /// A worker died while it made the tests of a file.
    fn file_crashed(&self, worker: WorkerId, file: &Arc<str>, death: &Death) {
        let over = if death.on_request {
            Some("its tests were being collected when the run was killed")
        } else {
            death
                .finished
                .then_some("its tests were being collected when the worker's session ended")
        };
        if let Some(reason) = over {
            let (file, lost) = (file.clone(), !self.stopping);
            return self.publish(RunEvent::FileNotRun { file, reason: reason.into(), lost });
        }
        let brief = format!("worker '{worker}' died while it collected this file: {death}");
        let report = CollectReport {
            id: file.to_string(),
            failed: true,
            text: format!("{brief}\n{}", death.tail),
            brief,
            location: String::new(),
        };
        self.publish(RunEvent::CollectReported { worker, report });
    }

    /// Publishes what was held back of a worker's running test.
    fn release(&mut self, worker: WorkerId) {
        let held = self.workers.get_mut(&worker).map(|known| known.held.take()).unwrap_or_default();
        for (item, report) in held {
            if let Some((_, _, test)) = self.core.name(worker, item) {
                self.publish(RunEvent::TestReported { worker, test, report });
            }
        }
    }

    /// What the scheduler makes of a worker whose host is lost. A test that had told of its failure, because the run waited
    /// for that, has failed.
    fn lose(&mut self, worker: WorkerId, known: &Worker, death: &Death) -> Vec<Decision> {
        if let Some(item) = known.held.failed() {
            let end = record::without_times(Outcome::Failed);
            let decisions = self.core.test_ended(worker, item, Outcome::Failed, 0.0);
            self.carry_out(decisions, Some(end));
        }
        let running = death.running.map(|(item, _phase)| item);
        self.core.worker_lost(worker, running.filter(|item| known.held.failed() != Some(*item)))
    }

    fn down(&mut self, worker: WorkerId, death: Death) {
        let lost = matches!(death.ending, Ending::HostLost(_));
        if !lost {
            self.release(worker);
        }
        let known = self.workers.remove(&worker).unwrap_or_default();
        let running = death.running.map(|(item, _phase)| item);
        let announced = known.told_to_finish || known.leaves_by_itself || self.stopping;
        if death.on_request {
            self.killed.insert(worker);
        }
        let expected = death.on_request || (announced && death.is_clean());
        let verdict = if death.timed_out { Outcome::TimedOut } else { Outcome::Crashed };
        debug!("{worker} down: {death}");
        let died_in_a_file = death.making.is_some() && !lost;
        let decisions = if lost {
            self.lose(worker, &known, &death)
        } else {
            self.core.worker_down(worker, running, death.making, verdict)
        };
        for decision in &decisions {
            if let Decision::FileCrashed { file, .. } = decision {
                self.file_crashed(worker, file, &death);
            }
        }
        // The crash item is what the account says it is, not what the worker said last.
        let crashed = decisions.iter().find_map(|decision| match decision {
            Decision::Crashed { test, .. } if !death.on_request => Some((test.clone(), false)),
            Decision::Retried { test, .. } => Some((test.clone(), true)),
            _ => None,
        });
        let (crashed, retried) = crashed.map_or((None, false), |(test, again)| (Some(test), again));
        self.publish(RunEvent::WorkerDown { worker, death, crashed, expected, retried });
        let wanted = if self.collect_only {
            !known.collected
        } else {
            self.core.has_use_for_replacement_of(worker)
        };
        self.carry_out(decisions, None);
        let recycled = expected && self.core.was_recycled(worker);
        let life = match known {
            Worker { collected: false, .. } => Life::Collecting,
            Worker { worked: false, .. } => Life::Idle,
            _ => Life::Useful,
        };
        self.neighbours.supervisor.do_send(WorkerGone {
            worker,
            expected,
            wanted,
            lost,
            stranded: lost && self.core.is_stranded(),
            complete: !self.collect_only && self.core.is_complete(),
            recycled,
            life,
            died_in_a_file,
        });
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
        self.news(worker, news);
        for (delay, lane, index) in std::mem::take(&mut self.waits) {
            context.run_later(delay, move |actor, _context| {
                let decisions = actor.core.retry_due(lane, index);
                actor.carry_out(decisions, None);
            });
        }
    }
}

impl SchedulerActor {
    fn news(&mut self, worker: WorkerId, news: News) {
        match news {
            News::Spawned(pid) => self.publish(RunEvent::WorkerSpawned { worker, pid }),
            News::Ready(info) => {
                self.workers.entry(worker).or_default().runs_despite_collection_errors =
                    info.continue_on_collection_errors;
                self.publish(RunEvent::WorkerReady { worker, info });
                let decisions = self.core.worker_ready(worker);
                self.carry_out(decisions, None);
            }
            News::CollectReport(report) => self.collect_report(worker, report),
            News::Collected(collection, deselected, whole) => {
                self.tell_whole(whole);
                self.collected(worker, collection, deselected);
            }
            News::Listed(files) => self.listed(worker, files),
            News::Making(file) => {
                let decisions = self.core.file_making(worker, file);
                self.carry_out(decisions, None);
            }
            News::Made(made) => {
                let decisions = self.core.file_made(worker, &made);
                self.carry_out(decisions, None);
            }
            News::Started(item) => {
                self.workers.entry(worker).or_default().worked = true;
                let decisions = self.core.test_started(worker, item);
                self.carry_out(decisions, None);
            }
            News::Report(item, mut report) => {
                if report.failed && self.core.attempt_failed(worker, item) {
                    // What pytest's own plugin for it says.
                    report.failed = false;
                    "rerun".clone_into(&mut report.category);
                    "R".clone_into(&mut report.letter);
                    "RERUN".clone_into(&mut report.word);
                }
                let known = self.workers.entry(worker).or_default();
                if let Some(report) = known.held.keep(item, report)
                    && let Some((_, _, test)) = self.core.name(worker, item)
                {
                    self.publish(RunEvent::TestReported { worker, test, report });
                }
            }
            News::Ran(item, duration) => {
                let decisions = self.core.test_ran(worker, item, duration);
                self.carry_out(decisions, None);
            }
            News::Usage(usage) => {
                self.publish(RunEvent::WorkerUsage { worker, usage });
                if let Some(limit) = self.recycle_memory.filter(|limit| usage.memory > *limit) {
                    const MIB: u64 = 1024 * 1024;
                    let (used, limit) = (usage.memory / MIB, limit / MIB);
                    let reason = format!("it uses {used} MiB of memory, more than {limit} MiB");
                    let decisions = self.core.recycle(worker, &reason);
                    self.carry_out(decisions, None);
                }
            }
            News::Halted => {
                self.release(worker);
                self.neighbours.session.do_send(SessionNote::Halted(worker));
            }
            News::Ended(item, end) => {
                self.release(worker);
                self.workers.entry(worker).or_default().held.forget();
                let decisions =
                    self.core.test_ended(worker, item, end.outcome, end.durations.total());
                self.carry_out(decisions, Some(end));
            }
            News::Warning(warning) => self.publish(RunEvent::Warned { worker, warning }),
            News::Output(stream, text) => self.publish(RunEvent::Output { worker, stream, text }),
            News::Withdrawn(items, files) => {
                let decisions = self.core.withdrawn(worker, &items, &files);
                self.carry_out(decisions, None);
            }
            News::Stopping { reason, exit_code, kind } => {
                self.workers.entry(worker).or_default().leaves_by_itself = true;
                let note = SessionNote::WorkerStops { worker, reason, exit_code, kind };
                self.neighbours.session.do_send(note);
            }
            News::Finished(exit_code, conclusion) => {
                self.neighbours.session.do_send(SessionNote::WorkerFinished { worker, exit_code });
                if let Some(conclusion) = conclusion {
                    self.neighbours.session.do_send(SessionNote::Conclusion(conclusion));
                }
            }
            News::Down(death) => self.down(worker, death),
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
