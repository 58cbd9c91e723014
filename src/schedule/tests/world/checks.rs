//! What must hold at any time, and what a supervisor does beside counting deaths.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Collection, Item, Lane, WorkerId};

use super::{Verdict, World};
use crate::schedule::files::Files;
use crate::schedule::keeper::Care;
use crate::schedule::tests::peer::{Stage, Worker};
use crate::schedule::{Decision, Lanes};

impl World {
    /// Plays on, without further crashes, until nothing moves; then nobody may be left, and the
    /// sums must add up.
    pub(in crate::schedule::tests) fn finish(mut self) {
        while self.supervise(Verdict::Abandon, Collection::default()) {}
        let (mut steps, mut successions) = (0_usize, 0);
        loop {
            let ids: Vec<WorkerId> = self.workers.keys().copied().collect();
            let mut moved = false;
            for id in ids {
                moved |= self.event(id) | self.command(id) | self.act(id, steps.is_multiple_of(3));
                steps += 1;
            }
            moved |= self.supervise(Verdict::Abandon, Collection::default());
            if self.succeed(true) {
                moved = true;
                successions += 1;
            }
            assert!(successions < 1000, "workers make way for ever");
            assert!(steps < 1_000_000, "the run goes round for ever");
            if !moved && !self.wait_ends() {
                break;
            }
            self.check_nobody_idles_beside_work();
        }
        for (id, worker) in &self.workers {
            assert!(worker.stage == Stage::Dead, "{id} waits for ever: {worker:?}");
        }
        let is_lost = |end: &&Decision| matches!(end, Decision::NotRun { .. });
        let before = self.terminal.values().filter(is_lost).count();
        let decisions = self.scheduler.close("nobody left".into());
        self.carry_out(decisions);
        assert!(self.scheduler.is_complete());
        assert_eq!(self.scheduler.remaining(), 0);
        assert_eq!(self.terminal.len(), self.scheduled.unwrap_or(0) as usize);
        assert_eq!(self.files_ended.len(), self.files.unwrap_or(0) as usize);
        if self.ended_well > 0 && self.losses == 0 && self.scheduler.lanes == Lanes::Shared {
            let lost = self.terminal.values().filter(is_lost).count();
            assert_eq!(lost, before, "tests are lost though a worker ended for want of work");
            let is_lost_file =
                |end: &Decision| matches!(end, Decision::FileNotRun { lost: true, .. });
            assert!(!self.files_ended.values().any(is_lost_file), "files are lost all the same");
        }
        for decision in self.terminal.values() {
            if let Decision::NotRun { lane, test, lost, reason, .. } = decision {
                let key = (*lane, test.clone());
                assert!(!self.begun.contains_key(&key), "{test} did begin");
                let is_lane = self.scheduler.lanes == Lanes::Own;
                let is_elsewhere = is_lane && reason.contains("does not offer");
                let has_no_time = reason.contains(" and the run has ");
                assert!(
                    *lost || self.stopped || is_elsewhere || has_no_time,
                    "{test} is left out without a stop"
                );
            }
        }
        assert!(!self.aborted || self.begun.is_empty());
        let tests = self.terminal.len().max(self.scheduled.unwrap_or(0) as usize);
        assert!(self.retried <= self.rules.retry.budget(tests), "over the budget");
    }

    /// At no time do tests together have more than there is, or run beside one that is to be alone.
    pub(super) fn check_resources(&self) {
        let alive = self.workers.values().filter(|worker| worker.stage != Stage::Dead);
        let running: Vec<&Item> =
            alive.filter_map(|worker| Some(&worker.items[worker.running? as usize])).collect();
        let alone = |item: &&Item| item.tags.iter().any(|tag| &**tag == "exclusive");
        assert!(running.len() < 2 || !running.iter().any(alone), "an exclusive test has company");
        for (name, capacity) in &self.rules.resources {
            let of_tag = |tag: &Arc<str>| {
                let wanted = tag.strip_prefix("resource:").unwrap_or_default();
                let (of, count) = wanted.split_once('=').unwrap_or((wanted, "1"));
                if of == name { count.parse::<u32>().unwrap() } else { 0 }
            };
            let used = running.iter().filter_map(|item| item.tags.iter().map(of_tag).max());
            assert!(used.sum::<u32>() <= *capacity, "too many use {name}");
        }
        assert!(self.scheduler.ledger.in_use().iter().all(|(used, all)| used <= all));
    }

    /// To the nanosecond: what is added up may be off by less.
    fn fits(&self, takes: Option<f64>) -> bool {
        takes.is_none_or(|takes| Duration::try_from_secs_f64(takes).unwrap() <= self.left)
    }

    /// Nothing is given to a worker that is known not to fit into what is left of the time.
    pub(super) fn check_time(&self, worker: WorkerId, items: &[u32]) {
        for item in items {
            let (_, _, name) = self.scheduler.name(worker, *item).unwrap();
            let takes = self.known.test(&name.id).map(|known| known.total());
            assert!(self.fits(takes), "{name} is late");
        }
    }

    pub(super) fn check_time_of_files(&self, worker: WorkerId, files: &[u32], run: bool) {
        for file in files.iter().filter(|_| run) {
            let file = &self.workers[&worker].listing[*file as usize].id;
            let takes = self.known.file(file).map(|known| known.longest);
            assert!(self.fits(takes), "{file} is late");
        }
    }

    /// A test runs where there is what it requires, if any host offers anything.
    pub(super) fn check_host(&self, id: WorkerId, item: &Item) {
        let offers = &self.rules.offers;
        let offered = offers.get(self.workers[&id].spec.host.0 as usize);
        let has = |name: &str| offered.is_some_and(|own| own.iter().any(|known| known == name));
        let mut required = item.tags.iter().filter_map(|tag| tag.strip_prefix("requires:"));
        let heeded = offers.iter().any(|own| !own.is_empty());
        assert!(!heeded || required.all(has), "{} runs on {id}", item.id);
    }

    /// A test is not run again by the worker that it failed on while another one can be had.
    pub(super) fn check_another_is_tried(&self, id: WorkerId, items: &[u32]) {
        for item in items {
            let Some((lane, test)) = self.scheduler.locate(id, *item) else {
                continue;
            };
            let force = self.scheduler.tracks[lane].force.as_ref().unwrap();
            let care = force.keeper.care(test).filter(|care| {
                care.promised_to == Some(id) && care.last.is_some_and(|(last, _)| last == id)
            });
            let Some(needs) = care.map(Care::needs) else {
                continue;
            };
            for (other, member) in self.scheduler.roster.iter() {
                let takes = force.account.has(other) && !member.finished;
                let offers = self.scheduler.ledger.offers(member.host, &needs);
                assert!(other == id || !takes || !offers, "{test} is for {other}, not for {id}");
            }
        }
    }

    /// Once all is delivered, nobody sits idle beside work that it could take.
    pub(in crate::schedule::tests) fn check_nobody_idles_beside_work(&mut self) {
        self.deliver();
        if self.scheduled.is_none() || self.stopped {
            return;
        }
        let account = |lane: Lane| {
            let track = &self.scheduler.tracks[lane.0 as usize];
            track.force.as_ref().map(|force| &force.account)
        };
        for (id, worker) in &self.workers {
            let idle = worker.running.is_none() || worker.ran;
            let takes = worker.stage == Stage::Up && !self.rejected.contains(id);
            if !takes
                || !idle
                || worker.taken.is_some()
                || worker.making.is_some()
                || !worker.queue.is_empty()
                || worker.finish
            {
                continue;
            }
            let lane = self.scheduler.roster.get(*id).unwrap().lane.unwrap();
            let files = self.scheduler.tracks[lane].force.as_ref().unwrap().tests.files();
            let account = account(Lane(u32::try_from(lane).unwrap())).unwrap();
            assert_eq!(account.waiting_len(), 0, "{id} idles while tests wait");
            let waiting = files.map_or(0, |files| files.waiting().count());
            assert_eq!(waiting, 0, "{id} idles while files wait");
            let open = files.map_or(0, Files::open);
            let force = self.scheduler.tracks[lane].force.as_ref().unwrap();
            let more = account.unbegun() + open > 0 || self.scheduler.may_come_back(force);
            assert!(more, "{id} was not told that all is begun");
            if self.steals {
                let (load, victim) = account.busiest().unwrap();
                let kept = u32::from(self.scheduler.ledger.is_promised(victim));
                assert!(load - kept < 2, "{id} idles while {victim} has {load} tests");
            }
        }
    }

    /// A worker that made way gets its successor. `false` if there is none to get.
    pub(in crate::schedule::tests) fn succeed(&mut self, granted: bool) -> bool {
        let Some(old) = self.successions.pop() else {
            return false;
        };
        let decisions = if granted {
            let Worker { spec, collection, .. } = &self.workers[&old];
            let (spec, collection) = (spec.clone(), collection.clone());
            let new = self.spawn(spec.clone(), collection);
            self.scheduler.worker_expected(new, &spec, Some(old))
        } else {
            self.scheduler.worker_abandoned(old, "given up")
        };
        self.carry_out(decisions);
        true
    }

    /// A wait before an attempt is over. `false` if there is none.
    pub(in crate::schedule::tests) fn wait_ends(&mut self) -> bool {
        let Some((lane, index)) = self.waits.pop() else {
            return false;
        };
        let decisions = self.scheduler.retry_due(lane, index);
        self.carry_out(decisions);
        true
    }

    /// A worker is to make way.
    pub(in crate::schedule::tests) fn recycle(&mut self, id: WorkerId) {
        let decisions = self.scheduler.recycle(id, "told to");
        self.carry_out(decisions);
    }
}
