//! What is left of the time that the run has: a test that is known to take longer is not begun.

use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{TestIndex, WorkerId};

use super::account::State;
use super::lane::Force;
use super::roster::Recall;
use super::scheduler::Phase;
use super::{Decision, Estimates, Scheduler};

/// Something with a known duration, in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Test(usize, u32),
    /// A file whose tests are to be run as they become known.
    File(usize, u32),
}

/// The time that is left, and what may come not to fit into it.
#[derive(Debug)]
pub(super) struct TimeLimit {
    estimates: Arc<Estimates>,
    left: Duration,
    /// What fits, the longest first.
    fitting: BinaryHeap<(Duration, Part)>,
    /// The tests that fit no more and are not over, by lane, with what they take.
    late: BTreeMap<(usize, u32), Duration>,
    /// How many were left out.
    left_out: u32,
}

impl TimeLimit {
    /// Nobody has said how much is left.
    fn new(estimates: Arc<Estimates>) -> Self {
        Self {
            estimates,
            left: Duration::MAX,
            fitting: BinaryHeap::new(),
            late: BTreeMap::new(),
            left_out: 0,
        }
    }

    /// Whether a test that is not over does not fit.
    pub(super) fn is_late(&self, lane: usize, test: u32) -> bool {
        self.late.contains_key(&(lane, test))
    }

    fn late_in(&self, lane: usize) -> Vec<(u32, Duration)> {
        let of_lane = self.late.range((lane, 0)..=(lane, u32::MAX));
        of_lane.map(|((_, test), takes)| (*test, *takes)).collect()
    }
}

fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

impl Scheduler {
    /// With an end of the run's time, before anything has happened: a test that these estimates know to take longer than what is
    /// [left](Self::time_left) is not begun. Tests that nobody has seen are taken to fit.
    #[must_use]
    pub fn with_time_limit(mut self, estimates: Arc<Estimates>) -> Self {
        self.limit = Some(TimeLimit::new(estimates));
        self
    }

    /// No more than so much time is left. Tests that do not fit into it and have not begun become [`Decision::NotRun`], nothing
    /// lost; from workers that hold them they are withdrawn first. To be told before each other call, and when
    /// [`fits_until`](Self::fits_until) says.
    pub fn time_left(&mut self, left: Duration) -> Vec<Decision> {
        let mut out = Vec::new();
        let Some(limit) = &mut self.limit else {
            return out;
        };
        limit.left = limit.left.min(left);
        let (mut lanes, mut files) = (Vec::new(), Vec::new());
        while let Some((takes, part)) = limit.fitting.peek().copied()
            && takes > limit.left
        {
            limit.fitting.pop();
            match part {
                Part::Test(lane, test) => {
                    limit.late.insert((lane, test), takes);
                    lanes.push(lane);
                }
                Part::File(lane, file) => files.push((lane, file)),
            }
        }
        for (lane, file) in files {
            self.withdraw_file(lane, file, &mut out);
        }
        lanes.sort_unstable();
        lanes.dedup();
        for lane in lanes {
            self.settle(lane, &mut out);
        }
        out
    }

    /// How much time is left when the next of the known tests no longer fits into it, if any is still to come.
    pub fn fits_until(&self) -> Option<Duration> {
        self.limit.as_ref()?.fitting.peek().map(|(takes, _)| *takes)
    }

    /// How many tests were left out because they do not fit into what is left of the time.
    pub fn left_out_for_time(&self) -> u32 {
        self.limit.as_ref().map_or(0, |limit| limit.left_out)
    }

    /// Tests are new to the run: what they take is noted, and those that do not fit are left out at once.
    pub(super) fn mind_time_of(&mut self, lane: usize, tests: Range<u32>, out: &mut Vec<Decision>) {
        let (Some(limit), Some(force)) = (&mut self.limit, &self.tracks[lane].force) else {
            return;
        };
        let items = force.tests.items();
        for (test, item) in tests.clone().zip(&items[tests.start as usize..tests.end as usize]) {
            let known = limit.estimates.test(&item.id);
            let Some(takes) = known.and_then(|known| duration(known.total())) else {
                continue;
            };
            if takes > limit.left {
                limit.late.insert((lane, test), takes);
            } else {
                limit.fitting.push((takes, Part::Test(lane, test)));
            }
        }
        self.leave_out_late(lane, out);
    }

    /// Files are new to the run.
    pub(super) fn mind_time_of_files(&mut self, lane: usize) {
        let Some(Force { tests, .. }) = &self.tracks[lane].force else {
            return;
        };
        let (Some(limit), Some(files)) = (&mut self.limit, tests.files()) else {
            return;
        };
        for (number, file) in (0..).zip(files.listing()) {
            let known = limit.estimates.file(&file.id);
            let longest = known.and_then(|known| duration(known.longest));
            limit.fitting.extend(longest.map(|takes| (takes, Part::File(lane, number))));
        }
    }

    /// Whether a file holds a test that does not fit, so that its tests are not to be run before they are known.
    pub(super) fn is_file_late(&self, lane: usize, file: u32) -> bool {
        let (Some(limit), Some(force)) = (&self.limit, &self.tracks[lane].force) else {
            return false;
        };
        let listed = force.tests.files().and_then(|files| files.listing().get(file as usize));
        let known = listed.and_then(|listed| limit.estimates.file(&listed.id));
        known.and_then(|known| duration(known.longest)).is_some_and(|takes| takes > limit.left)
    }

    /// A file is taken back from the worker that was to run its tests as they become known.
    fn withdraw_file(&mut self, lane: usize, file: u32, out: &mut Vec<Decision>) {
        let Some(worker) = self.files(lane).and_then(|files| files.runner(file)) else {
            return;
        };
        // One that was told to finish answers for it already.
        if self.phase == Phase::Running && self.open_place(worker, file).is_some() {
            self.take_back_file(lane, worker, file, out);
        }
    }

    /// Tests that do not fit any more get their end as soon as nobody can begin them.
    pub(super) fn leave_out_late(&mut self, lane: usize, out: &mut Vec<Decision>) {
        let Some(limit) = self.limit.as_ref().filter(|limit| !limit.late.is_empty()) else {
            return;
        };
        if self.phase != Phase::Running {
            return;
        }
        let left = limit.left;
        let mut held: BTreeMap<WorkerId, Vec<u32>> = BTreeMap::new();
        for (test, takes) in limit.late_in(lane) {
            let Some(Force { account, keeper, .. }) = &mut self.tracks[lane].force else {
                return;
            };
            match account.state(test) {
                Some(State::Held) => {
                    held.entry(account.holder_of(test)).or_default().push(test);
                    continue;
                }
                Some(State::Bound | State::Recalled | State::Running | State::Ran) => continue,
                Some(State::Waiting | State::Kept) => {
                    keeper.drop_out(test);
                    account.let_go(test);
                    if account.give_up(test) {
                        let reason = format!(
                            "it takes about {} s, and the run has {} s left",
                            takes.as_secs_f64().ceil(),
                            left.as_secs_f64().floor()
                        );
                        self.not_run(lane, test, &reason.into(), false, out);
                        if let Some(limit) = &mut self.limit {
                            limit.left_out += 1;
                        }
                    }
                }
                Some(State::Over) | None => {}
            }
            if let Some(limit) = &mut self.limit {
                limit.late.remove(&(lane, test));
            }
        }
        for (worker, tests) in held {
            self.recall_late(lane, worker, &tests, out);
        }
    }

    /// Tests are asked back from a worker, also from one that was told to finish.
    fn recall_late(
        &mut self,
        lane: usize,
        worker: WorkerId,
        tests: &[u32],
        out: &mut Vec<Decision>,
    ) {
        let Some(Force { tests: known, account, .. }) = &mut self.tracks[lane].force else {
            return;
        };
        self.roster.change(worker, |member| {
            let Some(places) = &member.places else { return };
            let (mut recall, mut items) = (Recall::default(), Vec::new());
            for test in tests.iter().copied() {
                if let Some(item) = places.item(TestIndex(test), known.files())
                    && account.recall(worker, test)
                {
                    recall.tests.push(TestIndex(test));
                    items.push(item);
                }
            }
            if !items.is_empty() {
                member.recalls.push_back(recall);
                out.push(Decision::Withdraw { worker, items, files: Vec::new() });
            }
        });
    }
}
