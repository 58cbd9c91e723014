//! Tests that some hosts alone can run, when none of those is left.

use std::sync::Arc;

use super::lane::Force;
use super::roster::{Member, Stage};
use super::{Decision, Lanes, Scheduler};

impl Scheduler {
    /// Tests that wait for what no worker of the lane offers, or will, get their end. They are lost, unless it is a lane of one
    /// worker, which runs what its own host can.
    pub(super) fn give_up_unserved(&mut self, lane: usize, out: &mut Vec<Decision>) {
        while let Some((test, reason)) = self.unserved(lane) {
            let Some(Force { account, keeper, .. }) = &mut self.tracks[lane].force else {
                return;
            };
            keeper.given(test);
            if account.let_go(test) && account.give_up(test) {
                let lost = self.lanes == Lanes::Shared;
                self.not_run(lane, test, &reason, lost, out);
            }
        }
    }

    /// The first test that nobody can be given, and why.
    fn unserved(&self, lane: usize) -> Option<(u32, Arc<str>)> {
        let Force { keeper, .. } = self.tracks[lane].force.as_ref()?;
        keeper.heads().into_iter().find_map(|test| {
            let needs = keeper.care(test)?.needs();
            let serves = |member: &Member| {
                member.lane == Some(lane)
                    && self.ledger.offers(member.host, &needs)
                    && is_there_or_coming(member)
            };
            if !needs.is_choosy() || self.roster.iter().any(|(_, member)| serves(member)) {
                return None;
            }
            let reason = match self.lanes {
                Lanes::Shared => format!("no host that offers {} is left", needs.required()),
                Lanes::Own => {
                    format!("the host of this worker does not offer {}", needs.required())
                }
            };
            Some((test, reason.into()))
        })
    }
}

/// Whether a worker can be given tests, or it or one in its place may be later.
fn is_there_or_coming(member: &Member) -> bool {
    let goes_on = !member.finished || member.recycled;
    match member.stage {
        Stage::Collecting | Stage::Collected => goes_on,
        Stage::Expected | Stage::Down => goes_on && member.abandoned.is_none() && !member.replaced,
        Stage::TurnedAway => false,
    }
}
