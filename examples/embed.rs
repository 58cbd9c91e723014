//! A plain program that runs a pytest suite: its own summary, its own use of the verdict.
//!
//! `cargo run --example embed -- PROJECT [PYTHON]`; without PYTHON, what the project's `requirements.txt` names is installed first.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::env;
use std::error::Error;
use std::process::ExitCode;

use callsheet::Subscriber;
use callsheet::config::{Config, ConfigError};
use callsheet::model::{Outcome, RunEvent, TestName};

/// Remembers what went wrong and which test took longest; says so at the end.
#[derive(Default)]
struct Summary {
    bad: Vec<(TestName, Outcome)>,
    slowest: Option<(TestName, f64)>,
}

impl Subscriber for Summary {
    fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Progress(step) => println!("... {step}"),
            RunEvent::TestFinished { test, end, .. } => {
                if end.outcome.is_bad() {
                    self.bad.push((test.clone(), end.outcome));
                }
                let seconds = end.durations.total();
                if self.slowest.as_ref().is_none_or(|(_, known)| *known < seconds) {
                    self.slowest = Some((test.clone(), seconds));
                }
            }
            RunEvent::TestNotRun { test, reason, .. } => println!("{test} was not run: {reason}"),
            RunEvent::RunFinished(verdict) => {
                for (test, outcome) in &self.bad {
                    println!("{outcome}: {test}");
                }
                if let Some((test, seconds)) = &self.slowest {
                    println!("slowest: {test}, {seconds:.3} s");
                }
                println!("{} of {} tests passed", verdict.count(Outcome::Passed), verdict.tests);
                if let Some(explanation) = &verdict.explanation {
                    println!("{explanation}");
                }
            }
            _ => {}
        }
    }
}

fn config() -> Result<Config, ConfigError> {
    let mut arguments = env::args().skip(1);
    let builder = Config::builder().root(arguments.next().unwrap_or_default()).workers(2);
    match arguments.next() {
        Some(python) => builder.python(python).build(),
        None => builder.provision("requirements.txt").build(),
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    // The agent that starts the workers is this very program, started once more.
    callsheet::agent::serve_if_asked();

    let verdict = callsheet::run(config()?, Summary::default())?;
    Ok(ExitCode::from(verdict.status()))
}
