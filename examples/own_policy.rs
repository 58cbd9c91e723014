//! A way of one's own to share out tests: those with a certain word in their id all run on one worker, one after the other.
//!
//! `cargo run --example own_policy -- PROJECT [PYTHON] [WORD]`; without PYTHON, what the project's `requirements.txt` names is
//! installed first.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::env;
use std::error::Error;
use std::process::ExitCode;

use callsheet::Run;
use callsheet::config::{Config, ConfigError};
use callsheet::model::{RunEvent, TestIndex, WorkerId};
use callsheet::schedule::{Move, Policy, View};

/// How many tests a worker is given ahead: one that it runs, and one so that it does not wait for the next.
const AHEAD: usize = 2;

/// Keeps the tests that get in each other's way on the worker with the lowest id.
struct OneLane {
    word: String,
}

impl Policy for OneLane {
    fn name(&self) -> &'static str {
        "OneLane"
    }

    fn refill(&mut self, worker: WorkerId, _last: Option<f64>, view: &View<'_>) -> Vec<Move> {
        let items = view.items();
        let is_marked = |test: &TestIndex| items[test.0 as usize].id.contains(&self.word);
        let runs_marked = view.workers().next() == Some(worker);
        let free = AHEAD.saturating_sub(view.load(worker));
        let own: Vec<TestIndex> =
            view.waiting().filter(|test| is_marked(test) == runs_marked).take(free).collect();
        if own.is_empty() && runs_marked {
            // Its own are done, so it helps with the others.
            return vec![Move::give(worker, view.waiting().take(free))];
        }
        vec![Move::give(worker, own)]
    }
}

fn config(python: Option<String>) -> Result<Config, ConfigError> {
    let builder = Config::builder().root(env::args().nth(1).unwrap_or_default()).workers(3);
    match python {
        Some(python) => builder.python(python).build(),
        None => builder.provision("requirements.txt").build(),
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    callsheet::agent::serve_if_asked();

    let mut arguments = env::args().skip(2);
    let config = config(arguments.next())?;
    let word = arguments.next().unwrap_or_else(|| "guestbook".to_owned());
    let run = Run::new().policy(OneLane { word }).subscribe(|event: &RunEvent| match event {
        RunEvent::SchedulingStarted { policy, workers, .. } => {
            println!("{policy} with {workers} workers");
        }
        RunEvent::TestStarted { worker, test, .. } => println!("{worker} {test}"),
        _ => {}
    });
    let verdict = run.start(config)?.wait()?;
    println!("{} tests, exit code {}", verdict.tests, verdict.exit_code);
    Ok(ExitCode::from(verdict.status()))
}
