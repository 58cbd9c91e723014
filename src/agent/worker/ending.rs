//! How a worker is ended before its time: at once, or after a deadline step by step.

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::future::FusedFuture;
use nix::sys::signal::Signal;
use tokio::sync::mpsc;

use super::{Order, Worker};
use crate::model::Ending;
use crate::wire::StopMode;

/// How long a worker has for its stack dump between `SIGABRT` and `SIGTERM`. faulthandler writes at once; a core
/// dump of a big process may take about a second.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How long a worker's process group has between `SIGTERM` and `SIGKILL`, to stop servers and remove files.
const GRACE: Duration = Duration::from_secs(3);

/// How often a process group that was told to end is looked at: nobody tells of the end of other people's children.
const GROUP_LOOK: Duration = Duration::from_millis(20);

/// How long a killed process may take to be gone: long enough for the kernel to free 100 GiB. One that waits for a dead
/// network file system takes for ever.
const ENDING: Duration = Duration::from_secs(60);

/// Why and since when a worker is being ended.
#[derive(Debug)]
pub(super) struct Condemned {
    pub(super) cause: String,
    pub(super) is_test: bool,
    pub(super) on_request: bool,
    until: Until,
}

/// The next step of an end.
#[derive(Debug, Clone, Copy)]
enum Until {
    /// It and all of its process group are told to end then.
    Terminated(Instant),
    /// It is killed then.
    Killed(Instant),
    /// It is killed, and no longer waited for then.
    Gone(Instant),
}

impl Condemned {
    /// When the next step is due.
    pub(super) fn due(&self) -> Instant {
        let (Until::Terminated(at) | Until::Killed(at) | Until::Gone(at)) = self.until;
        at
    }
}

impl Worker {
    /// The worker's process has ended. If a deadline ended it, what it had started has a moment to end too.
    pub(super) async fn see_off(
        &self,
        orders: &mut mpsc::UnboundedReceiver<Order>,
        mut follow_output: Pin<&mut impl FusedFuture<Output = ()>>,
    ) {
        let killed_at = match self.condemned.as_ref().map(|condemned| condemned.until) {
            Some(Until::Terminated(_)) => {
                self.process.terminate();
                Instant::now() + GRACE
            }
            Some(Until::Killed(at)) => at,
            Some(Until::Gone(_)) | None => return,
        };
        while self.process.has_group() && Instant::now() < killed_at {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    None | Some(Order::Stop(StopMode::Kill)) => return,
                    Some(_to_a_dead_one) => {}
                },
                () = &mut follow_output, if !follow_output.is_terminated() => {}
                () = tokio::time::sleep(GROUP_LOOK) => {}
            }
        }
    }

    /// Ends what is overdue; `Some` if the process can not be ended.
    pub(super) fn overdue(&mut self) -> Option<Ending> {
        if let Some(condemned) = &mut self.condemned {
            match condemned.until {
                Until::Terminated(_) => {
                    condemned.until = Until::Killed(Instant::now() + GRACE);
                    self.process.terminate();
                }
                Until::Killed(_) => {
                    condemned.until = gone();
                    self.process.kill();
                }
                Until::Gone(_) => {
                    let why =
                        format!("it did not end within {} s of being killed", ENDING.as_secs());
                    return Some(Ending::Unknown(why));
                }
            }
        } else if self.silent_until.is_some_and(|until| until <= Instant::now()) {
            self.condemn("it closed the descriptor of the worker protocol".to_owned());
        } else if let Some(due) = self.watch.due() {
            // A stack dump first, where the framework has one.
            self.process.signal(Signal::SIGABRT);
            self.condemned = Some(Condemned {
                cause: due.cause(self.conversation.making_id()),
                is_test: due.is_test,
                on_request: false,
                until: Until::Terminated(Instant::now() + LAST_WORDS),
            });
        }
        None
    }

    /// The worker is to be killed at once, for this cause.
    pub(super) fn condemn(&mut self, cause: String) {
        self.end_now(cause, false);
    }

    pub(super) fn end_now(&mut self, cause: String, on_request: bool) {
        let condemned = Condemned { cause, is_test: false, on_request, until: gone() };
        // One that has time for its last words has it no longer.
        self.condemned.get_or_insert(condemned).until = gone();
        self.process.kill();
    }
}

fn gone() -> Until {
    Until::Gone(Instant::now() + ENDING)
}
