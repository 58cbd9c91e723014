//! What one worker holds of the tests.

use std::time::Duration;

use super::chain::Chain;

/// What one worker holds.
#[derive(Debug, Default)]
pub(super) struct Holder {
    pub(super) queue: Chain,
    pub(super) recalled: u32,
    /// Files whose tests it has still to make.
    pub(super) files: u32,
    pub(super) running: Option<u32>,
    pub(super) ran: bool,
    /// Of what has not begun and is not on its way back.
    pub(super) weight: u64,
    /// How long an order and its answer are on their way.
    pub(super) away: Duration,
}

impl Holder {
    /// Tests given whose call is not over and that are not on their way back, and files that are to be made.
    pub(super) fn load(&self) -> u32 {
        let calling = u32::from(self.running.is_some() && !self.ran);
        u32::try_from(self.queue.len()).unwrap_or(u32::MAX) - self.recalled + calling + self.files
    }
}

/// What a worker left behind.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Begun and not over; they have got their terminal state.
    pub(super) begun: Vec<u32>,
    /// Not begun; they wait again, at the end, in this order.
    pub(super) returned: Vec<u32>,
}
