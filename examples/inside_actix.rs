//! A program that lives in an actix `System` runs a suite in it; an actor of its own stops the run when it has seen enough.
//!
//! `cargo run --example inside_actix -- PROJECT [PYTHON] [TESTS]`; without PYTHON, what the project's `requirements.txt` names is
//! installed first.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::env;
use std::error::Error;

use actix::{Actor, Context, Handler, Message};
use callsheet::Stopper;
use callsheet::actors::messages::Event;
use callsheet::actors::{self, Parts};
use callsheet::config::{Config, ConfigError};
use callsheet::model::{Outcome, RunEvent};

/// Counts tests and stops the run at its limit.
struct Counter {
    limit: u32,
    seen: u32,
    stopper: Option<Stopper>,
}

/// Main → counter: what stops the run. It exists only once the run has begun, with this actor among its recipients.
#[derive(Message)]
#[rtype(result = "()")]
struct StopWith(Stopper);

impl Counter {
    fn stop_if_enough(&self) {
        if let Some(stopper) = self.stopper.as_ref().filter(|_| self.seen == self.limit) {
            stopper.stop("the counter");
        }
    }
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<StopWith> for Counter {
    type Result = ();

    fn handle(&mut self, StopWith(stopper): StopWith, _context: &mut Context<Self>) {
        self.stopper = Some(stopper);
    }
}

impl Handler<Event> for Counter {
    type Result = ();

    fn handle(&mut self, Event(event): Event, _context: &mut Context<Self>) {
        if let RunEvent::TestFinished { test, end, .. } = &*event {
            println!("{test} {}", end.outcome);
            self.seen += 1;
            self.stop_if_enough();
        }
    }
}

fn config(python: Option<String>) -> Result<Config, ConfigError> {
    let builder = Config::builder().root(env::args().nth(1).unwrap_or_default()).workers(2);
    match python {
        Some(python) => builder.python(python).build(),
        None => builder.provision("requirements.txt").build(),
    }
}

#[actix::main]
async fn main() -> Result<(), Box<dyn Error>> {
    callsheet::agent::serve_if_asked();

    let mut arguments = env::args().skip(2);
    let config = config(arguments.next())?;
    let limit = arguments.next().map_or(Ok(5), |number| number.parse())?;

    let counter = Counter { limit, seen: 0, stopper: None }.start();
    let recipients = vec![counter.clone().recipient()];
    let run = actors::start(&config, Parts { recipients, ..Parts::default() })?;
    counter.send(StopWith(run.stopper())).await?;
    let verdict = run.verdict().await?;
    println!("{} of {} tests were not run", verdict.count(Outcome::NotRun), verdict.tests);
    println!("{}", verdict.explanation.unwrap_or_default());
    Ok(())
}
