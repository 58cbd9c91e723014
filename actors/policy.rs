//! A policy of the host program inside the run: what it does wrong ends the run with a verdict and takes nothing else down.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use actix::Recipient;

use super::messages::SessionNote;
use super::panic_text;
use crate::model::{Item, TestFile, TestIndex, WorkerId};
use crate::schedule::{Lanes, Move, Policy, View};

/// A policy that may panic. Once it has, it is not asked again: the scheduler's own rule keeps the account going to the end.
pub(super) struct ForeignPolicy {
    policy: Option<Box<dyn Policy>>,
    name: String,
    lanes: Lanes,
    streams: bool,
    session: Recipient<SessionNote>,
}

impl ForeignPolicy {
    pub(super) fn new(policy: Box<dyn Policy>, session: Recipient<SessionNote>) -> Self {
        let (name, lanes) = (policy.name().to_owned(), policy.lanes());
        let streams = policy.streams();
        Self { policy: Some(policy), name, lanes, streams, session }
    }

    fn ask<T: Default>(&mut self, question: impl FnOnce(&mut dyn Policy) -> T) -> T {
        let Some(mut policy) = self.policy.take() else {
            return T::default();
        };
        // A policy that panics is dropped on the way out, so that nobody sees what it left half done.
        let asked = catch_unwind(AssertUnwindSafe(move || (question(&mut *policy), policy)));
        match asked {
            Ok((answer, policy)) => {
                self.policy = Some(policy);
                answer
            }
            Err(panic) => {
                let what = format!("policy {} panicked: {}", self.name, panic_text(&*panic));
                self.session.do_send(SessionNote::Broken(what));
                T::default()
            }
        }
    }
}

impl Policy for ForeignPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    fn lanes(&self) -> Lanes {
        self.lanes
    }

    fn streams(&self) -> bool {
        self.streams
    }

    fn fallback(&mut self) -> Box<dyn Policy> {
        let policy = self.ask(|policy| Some(policy.fallback()));
        let name = policy.as_ref().map_or(&*self.name, |policy| policy.name()).to_owned();
        Box::new(Self {
            policy,
            name,
            lanes: self.lanes,
            streams: false,
            session: self.session.clone(),
        })
    }

    fn weigh_file(&mut self, file: &TestFile) -> u32 {
        self.ask(|policy| policy.weigh_file(file))
    }

    fn weigh_test(&mut self, item: &Item) -> u32 {
        self.ask(|policy| policy.weigh_test(item))
    }

    fn leaves_apart(&mut self, item: &Item) -> bool {
        self.ask(|policy| policy.leaves_apart(item))
    }

    fn made(&mut self, file: u32, tests: Range<u32>, view: &View<'_>) {
        self.ask(|policy| policy.made(file, tests, view));
    }

    fn files_returned(&mut self, files: &[u32], view: &View<'_>) {
        self.ask(|policy| policy.files_returned(files, view));
    }

    fn begin(&mut self, view: &View<'_>) -> Vec<Move> {
        self.ask(|policy| policy.begin(view))
    }

    fn returned(&mut self, tests: &[TestIndex], view: &View<'_>) {
        self.ask(|policy| policy.returned(tests, view));
    }

    fn refill(&mut self, worker: WorkerId, last: Option<f64>, view: &View<'_>) -> Vec<Move> {
        self.ask(|policy| policy.refill(worker, last, view))
    }
}
