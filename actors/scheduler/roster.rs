//! What the supervisor says of workers: who is on the way, where their orders go, how far away they are, who will not come.

use actix::{Context, Handler};

use super::SchedulerActor;
use crate::actors::messages::{AbandonWorker, DelayWorkers, Enlist, ExpectWorker, RoundTrip};
use crate::actors::record::Held;
use crate::model::RunEvent;

impl Handler<ExpectWorker> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, expect: ExpectWorker, _context: &mut Context<Self>) {
        let ExpectWorker { worker, spec, host, replaces } = expect;
        self.publish(RunEvent::WorkerStarting { worker, host, replaces });
        let decisions = self.core.worker_expected(worker, &spec, replaces);
        self.carry_out(decisions, None);
    }
}

impl Handler<Enlist> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, enlist: Enlist, _context: &mut Context<Self>) {
        let Enlist { worker, orders, remote } = enlist;
        let known = self.workers.entry(worker).or_default();
        known.orders = Some(orders);
        known.held = Held::new(remote);
    }
}

impl Handler<DelayWorkers> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, DelayWorkers(workers): DelayWorkers, _context: &mut Context<Self>) {
        for worker in workers {
            let decisions = self.core.worker_late(worker);
            self.carry_out(decisions, None);
        }
    }
}

impl Handler<RoundTrip> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, RoundTrip { workers, time }: RoundTrip, _context: &mut Context<Self>) {
        for worker in workers {
            self.core.worker_is_away(worker, time);
        }
    }
}

impl Handler<AbandonWorker> for SchedulerActor {
    type Result = ();

    fn handle(
        &mut self,
        AbandonWorker { worker, reason }: AbandonWorker,
        _context: &mut Context<Self>,
    ) {
        let decisions = self.core.worker_abandoned(worker, &reason);
        self.carry_out(decisions, None);
    }
}
