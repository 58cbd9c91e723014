//! A model of agents and workers around a scheduler: messages travel in order, each way, and may be
//! under way for long.

mod checks;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Collection, Lane, Outcome, TestIndex, TestName, WorkerId, WorkerSpec};
use crate::schedule::{Decision, Estimates, Policy, Rules, Scheduler};

use super::peer::{Command, Entry, Event, Stage, Worker};

/// What a supervisor says of a worker that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Replace,
    Abandon,
}

pub(super) struct World {
    scheduler: Scheduler,
    steals: bool,
    streams: bool,
    files: Option<u32>,
    files_ended: BTreeMap<Arc<str>, Decision>,
    workers: BTreeMap<WorkerId, Worker>,
    undecided: Vec<WorkerId>,
    rules: Rules,
    known: Arc<Estimates>,
    /// How much time is left.
    left: Duration,
    /// By id, how many attempts fail before one passes.
    fails: HashMap<Arc<str>, u32>,
    begun: HashMap<(Lane, TestName), u32>,
    retried: u32,
    /// Tests whose next attempt has to wait, for the time to pass.
    waits: Vec<(Lane, TestIndex)>,
    /// Workers that made way and whose place is to be taken.
    successions: Vec<WorkerId>,
    terminal: BTreeMap<(Lane, TestIndex), Decision>,
    scheduled: Option<u32>,
    told_to_finish: BTreeSet<WorkerId>,
    rejected: BTreeSet<WorkerId>,
    ended_well: usize,
    losses: usize,
    stopped: bool,
    aborted: bool,
}

impl World {
    pub(super) fn new(
        policy: Box<dyn Policy>,
        steals: bool,
        rules: Rules,
        (fails, known): (HashMap<Arc<str>, u32>, Arc<Estimates>),
        workers: Vec<(WorkerSpec, Collection)>,
    ) -> Self {
        let ids = (0..).map(WorkerId);
        let expected: Vec<_> =
            ids.zip(&workers).map(|(id, (spec, _))| (id, spec.clone())).collect();
        let mut world = Self {
            streams: policy.streams(),
            scheduler: Scheduler::new(policy, &expected)
                .with_rules(rules.clone())
                .with_time_limit(known.clone()),
            rules,
            known,
            left: Duration::MAX,
            fails,
            retried: 0,
            waits: Vec::new(),
            successions: Vec::new(),
            steals,
            files: None,
            files_ended: BTreeMap::new(),
            workers: BTreeMap::new(),
            undecided: Vec::new(),
            begun: HashMap::new(),
            terminal: BTreeMap::new(),
            scheduled: None,
            told_to_finish: BTreeSet::new(),
            rejected: BTreeSet::new(),
            ended_well: 0,
            losses: 0,
            stopped: false,
            aborted: false,
        };
        for (spec, collection) in workers {
            world.spawn(spec, collection);
        }
        world
    }

    pub(super) fn begin_with(&mut self, workers: usize) {
        self.scheduler.begin_with(workers);
    }

    fn spawn(&mut self, spec: WorkerSpec, collection: Collection) -> WorkerId {
        let id = WorkerId(u32::try_from(self.workers.len()).unwrap());
        let worker = Worker::new(spec, collection, self.streams);
        self.workers.insert(id, worker);
        id
    }

    /// The worker that a number picks, if there is any.
    pub(super) fn pick(&self, number: usize) -> WorkerId {
        WorkerId(u32::try_from(number % self.workers.len()).unwrap())
    }

    /// A worker takes one step of its own. `false` if there is none for it.
    pub(super) fn act(&mut self, id: WorkerId, patient: bool) -> bool {
        let worker = self.workers.get_mut(&id).unwrap();
        if worker.stage == Stage::Dead {
            return false;
        }
        if worker.stage == Stage::Starting {
            worker.stage = Stage::Collecting;
            worker.events.push_back(Event::Ready);
        } else if worker.stage == Stage::Collecting && !worker.finish {
            worker.stage = Stage::Up;
            worker.events.push_back(if self.streams { Event::Listed } else { Event::Collected });
        } else if let Some((file, run)) = worker.making.take() {
            worker.make(file, run);
        } else if let Some(item) = worker.running {
            let knows_next = worker.finish || !worker.queue.is_empty();
            if !worker.ran && (patient || !knows_next) {
                worker.ran = true;
                worker.events.push_back(Event::Ran(item));
            } else if knows_next {
                worker.running = None;
                worker.ran = false;
                let outcome = worker.outcome;
                worker.events.push_back(Event::Ended(item, outcome));
            } else {
                return false;
            }
        } else if worker.taken.is_none() && !worker.queue.is_empty() {
            worker.taken = worker.queue.pop_front();
        } else if let Some(Entry::File(file, run)) = worker.taken {
            worker.taken = None;
            worker.making = Some((file, run));
            worker.events.push_back(Event::Making(file));
        } else if let Some(Entry::Item(item)) = worker.taken.take() {
            worker.running = Some(item);
            worker.events.push_back(Event::Started(item));
            let name = worker.names[item as usize].clone();
            // Of a streaming worker the scheduler may not have heard yet that it has made the test.
            let lane = if let Some((lane, _, known)) = self.scheduler.name(id, item) {
                assert_eq!(known, name, "{id} runs another test than it was meant to");
                lane
            } else {
                assert!(self.streams, "a worker runs what is in force");
                Lane(0)
            };
            let attempt = self.begun.entry((lane, name.clone())).or_default();
            *attempt += 1;
            let of_test = self.rules.of_test.as_ref();
            let own = of_test.and_then(|rules| rules(&worker.items[item as usize]).retries);
            let most = own.unwrap_or(self.rules.retry.retries) + 1;
            assert!(*attempt <= most, "{name} begins {attempt} times");
            let fails = self.fails.get(&name.id).is_some_and(|fails| *attempt <= *fails);
            worker.outcome = if fails { Outcome::Failed } else { Outcome::Passed };
            if fails && !patient {
                worker.events.push_back(Event::Failed(item));
            }
            let item = worker.items[item as usize].clone();
            self.check_resources();
            self.check_host(id, &item);
        } else if worker.finish {
            worker.stage = Stage::Dead;
            worker.events.push_back(Event::Down(None, None, Outcome::Crashed));
            worker.ended_well = true;
            if !self.stopped && !self.rejected.contains(&id) && !self.scheduler.was_recycled(id) {
                self.ended_well += 1;
            }
        } else {
            return false;
        }
        true
    }

    /// A worker dies; what it has said before still arrives. A lost agent can not tell what was
    /// running. One that makes the tests of a file may have been importing another one, which a number picks.
    pub(super) fn kill(
        &mut self,
        id: WorkerId,
        verdict: Outcome,
        agent_lost: bool,
        imports: Option<usize>,
    ) {
        let worker = self.workers.get_mut(&id).unwrap();
        if worker.stage != Stage::Dead {
            worker.stage = Stage::Dead;
            let told = worker.running.filter(|_| !agent_lost);
            let files = worker.listing.len();
            let collecting = worker.making.filter(|_| !agent_lost).map(|(file, _)| {
                imports.map_or(file, |number| u32::try_from(number % files).unwrap())
            });
            worker.events.push_back(Event::Down(told, collecting, verdict));
        }
    }

    /// The host of a worker is lost. What it has begun and not told of its end may begin once more elsewhere.
    pub(super) fn lose(&mut self, id: WorkerId) {
        let worker = self.workers.get_mut(&id).unwrap();
        if worker.stage == Stage::Dead {
            return;
        }
        worker.stage = Stage::Dead;
        worker.events.push_back(Event::Lost(worker.running));
        self.losses += 1;
        if let Some(item) = worker.running {
            let name = worker.names[item as usize].clone();
            let known = self.scheduler.name(id, item);
            self.begun.remove(&(known.map_or(Lane(0), |(lane, _, _)| lane), name));
        }
    }

    /// The agent of a worker gets the next command. `false` if none is under way.
    pub(super) fn command(&mut self, id: WorkerId) -> bool {
        let worker = self.workers.get_mut(&id).unwrap();
        let Some(command) = worker.commands.pop_front() else {
            return false;
        };
        if worker.stage == Stage::Dead {
            return true;
        }
        match command {
            Command::Run(batch) => {
                assert!(!worker.finish, "{id} gets tests after its finish");
                let entries = batch.items.into_iter().map(Entry::Item);
                if batch.first {
                    entries.rev().for_each(|entry| worker.queue.push_front(entry));
                } else {
                    worker.queue.extend(entries);
                }
            }
            Command::Make(files, run) => {
                assert!(!worker.finish, "{id} gets files after its finish");
                worker.queue.extend(files.into_iter().map(|file| Entry::File(file, run)));
            }
            Command::Withdraw(items, files) => {
                let (mut back, mut back_files) = (Vec::new(), Vec::new());
                worker.queue.retain(|entry| match entry {
                    Entry::Item(item) if items.contains(item) => {
                        back.push(*item);
                        false
                    }
                    Entry::File(file, _) if files.contains(file) => {
                        back_files.push(*file);
                        false
                    }
                    Entry::Item(_) | Entry::File(..) => true,
                });
                let unwanted = |file: u32| files.contains(&file);
                if let Some((_, run)) = worker.making.as_mut().filter(|(file, _)| unwanted(*file)) {
                    *run = false;
                }
                match &mut worker.taken {
                    Some(Entry::File(file, run)) if files.contains(file) => *run = false,
                    _ => {}
                }
                worker.events.push_back(Event::Withdrawn(back, back_files));
            }
            Command::Finish => worker.finish = true,
        }
        true
    }

    /// The scheduler gets the next event of a worker. `false` if none is under way.
    pub(super) fn event(&mut self, id: WorkerId) -> bool {
        let worker = self.workers.get_mut(&id).unwrap();
        let Some(event) = worker.events.pop_front() else {
            return false;
        };
        let scheduler = &mut self.scheduler;
        let decisions = match event {
            Event::Ready => scheduler.worker_ready(id),
            Event::Collected => scheduler.collected(id, worker.collection.clone()),
            Event::Started(item) => scheduler.test_started(id, item),
            Event::Ran(item) => scheduler.test_ran(id, item, 0.2),
            Event::Failed(item) => {
                scheduler.attempt_failed(id, item, Outcome::Failed);
                Vec::new()
            }
            Event::Ended(item, outcome) => scheduler.test_ended(id, item, outcome, 0.01),
            Event::Listed => scheduler.listed(id, worker.listing.clone().into()),
            Event::Making(file) => scheduler.file_making(id, file),
            Event::Made(made) => scheduler.file_made(id, &made),
            Event::Withdrawn(items, files) => scheduler.withdrawn(id, &items, &files),
            Event::Down(running, collecting, verdict) => {
                let decisions = scheduler.worker_down(id, running, collecting, verdict);
                let makes_way = worker.ended_well && scheduler.was_recycled(id);
                if makes_way && scheduler.has_use_for_replacement_of(id) {
                    self.successions.push(id);
                } else {
                    self.undecided.push(id);
                }
                decisions
            }
            Event::Lost(running) => {
                self.undecided.push(id);
                scheduler.worker_lost(id, running)
            }
        };
        self.carry_out(decisions);
        true
    }

    /// The supervisor decides about one worker that is down. `false` if there is none.
    pub(super) fn supervise(&mut self, verdict: Verdict, collection: Collection) -> bool {
        let Some(old) = self.undecided.pop() else {
            return false;
        };
        let decisions = match verdict {
            Verdict::Replace => {
                let spec = self.workers[&old].spec.clone();
                let new = self.spawn(spec.clone(), collection);
                self.scheduler.worker_expected(new, &spec, Some(old))
            }
            Verdict::Abandon => self.scheduler.worker_abandoned(old, "given up"),
        };
        self.carry_out(decisions);
        true
    }

    pub(super) fn one_more(&mut self, spec: &WorkerSpec, collection: Collection) {
        let new = self.spawn(spec.clone(), collection);
        let decisions = self.scheduler.worker_expected(new, spec, None);
        self.carry_out(decisions);
    }

    /// Only so much time is left, if it was more before.
    pub(super) fn time_left(&mut self, left: Duration) {
        self.left = self.left.min(left);
        let decisions = self.scheduler.time_left(left);
        self.carry_out(decisions);
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
        let decisions = self.scheduler.stop("stopped".into());
        self.carry_out(decisions);
    }

    fn carry_out(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            match decision.clone() {
                Decision::Run { worker, batch } => {
                    assert!(!batch.items.is_empty());
                    let no_more = self.told_to_finish.contains(&worker);
                    assert!(!no_more, "{worker} gets tests after its finish");
                    self.check_time(worker, &batch.items);
                    self.check_another_is_tried(worker, &batch.items);
                    self.send(worker, Command::Run(batch));
                }
                Decision::Make { worker, files, run } => {
                    assert!(!files.is_empty());
                    let no_more = self.told_to_finish.contains(&worker);
                    assert!(!no_more, "{worker} gets files after its finish");
                    self.check_time_of_files(worker, &files, run);
                    self.send(worker, Command::Make(files, run));
                }
                Decision::Withdraw { worker, items, files } => {
                    self.send(worker, Command::Withdraw(items, files));
                }
                Decision::FileCollected { file, tests, .. } => {
                    self.scheduled = self.scheduled.map(|before| before + tests);
                    self.end_file(file, decision);
                }
                Decision::FileCrashed { file, .. } | Decision::FileNotRun { file, .. } => {
                    self.end_file(file, decision);
                }
                Decision::Finish { worker } => {
                    let first = self.told_to_finish.insert(worker);
                    assert!(first, "{worker} is told to finish twice");
                    self.send(worker, Command::Finish);
                }
                Decision::Scheduling { tests, files, .. } => {
                    self.files = files;
                    assert_eq!(self.scheduled.replace(tests), None);
                }
                Decision::Retried { lane, index, delay, .. } => {
                    let key = (lane, index);
                    assert!(!self.terminal.contains_key(&key), "an attempt after the end");
                    self.retried += 1;
                    if !delay.is_zero() {
                        self.waits.push(key);
                    }
                }
                Decision::Started { .. }
                | Decision::Lost { .. }
                | Decision::Differs(_)
                | Decision::BudgetSpent { .. }
                | Decision::Recycled { .. } => {}
                Decision::Rejected { worker } => {
                    self.rejected.insert(worker);
                }
                Decision::Finished { lane, index, .. }
                | Decision::Crashed { lane, index, .. }
                | Decision::NotRun { lane, index, .. } => {
                    let before = self.terminal.insert((lane, index), decision.clone());
                    assert_eq!(before, None, "two ends of one test: {decision:?}");
                }
                Decision::Abort(_) => {
                    self.stopped = true;
                    self.aborted = true;
                }
                Decision::Fault(fault) => panic!("{fault}"),
            }
        }
    }

    fn end_file(&mut self, file: Arc<str>, decision: Decision) {
        let before = self.files_ended.insert(file, decision);
        assert_eq!(before, None, "two ends of one file");
    }

    fn send(&mut self, id: WorkerId, command: Command) {
        self.workers.get_mut(&id).unwrap().commands.push_back(command);
    }

    /// Everything that is under way arrives.
    pub(super) fn deliver(&mut self) {
        let ids = |world: &Self| world.workers.keys().copied().collect::<Vec<_>>();
        let mut steps = 0;
        while ids(self).into_iter().any(|id| self.event(id) || self.command(id)) {
            steps += 1;
            assert!(steps < 10_000, "messages go to and fro for ever: {:#?}", self.workers);
        }
    }

    /// All workers start up and collect without an incident.
    pub(super) fn start_up(&mut self) {
        for _ in 0..2 {
            for id in self.workers.keys().copied().collect::<Vec<_>>() {
                self.act(id, false);
            }
        }
        self.deliver();
    }
}
