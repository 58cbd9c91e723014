//! What workers say: each piece of news is told to the core, and what it decides is carried out.

use std::sync::Arc;

use log::debug;

use super::super::messages::{News, SessionNote, WorkerGone};
use super::super::record;
use super::{SchedulerActor, Worker};
use crate::model::{CollectReport, Death, Ending, Outcome, RunEvent, WorkerId};
use crate::schedule::Decision;
use crate::supervise::Life;

impl SchedulerActor {
    pub(super) fn news(&mut self, worker: WorkerId, news: News) {
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
                let known = self.workers.entry(worker).or_default();
                known.worked = true;
                known.rerun = None;
                let decisions = self.core.test_started(worker, item);
                self.carry_out(decisions, None);
                self.time_begins(worker, item);
            }
            News::Report(item, mut report) => {
                let again =
                    report.failed && self.core.attempt_failed(worker, item, report.failure());
                let known = self.workers.entry(worker).or_default();
                if again {
                    // What pytest's own plugin for it says, once an attempt whatever fails in it.
                    let is_first = known.rerun.replace(item) != Some(item);
                    let [category, letter, word] =
                        if is_first { ["rerun", "R", "RERUN"] } else { [""; 3] };
                    report.failed = false;
                    category.clone_into(&mut report.category);
                    letter.clone_into(&mut report.letter);
                    word.clone_into(&mut report.word);
                }
                if let Some(report) = known.held.keep(item, report)
                    && let Some((_, _, test)) = self.core.name(worker, item)
                {
                    self.publish(RunEvent::TestReported { worker, test, report });
                }
            }
            News::Ran(item, duration) => {
                self.slow.ends(worker);
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
                self.slow.ends(worker);
                self.release(worker);
                self.neighbours.session.do_send(SessionNote::Halted(worker));
            }
            News::Ended(item, end) => {
                self.slow.ends(worker);
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
        self.slow.ends(worker);
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
            recycled,
            life,
            died_in_a_file,
            lost,
            stranded: lost && self.core.is_stranded(),
            complete: !self.collect_only && self.core.is_complete(),
        });
    }
}
