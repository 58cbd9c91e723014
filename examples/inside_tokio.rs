//! Two runs at once inside a tokio runtime: one to its end, one until its first result. Neither holds the runtime up.
//!
//! `cargo run --example inside_tokio -- PROJECT [PYTHON]`; without PYTHON, what the project's `requirements.txt` names is installed
//! first.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::env;
use std::error::Error;

use callsheet::config::{Config, ConfigError};
use callsheet::model::{Outcome, RunEvent, TestName, Verdict};
use callsheet::{Run, RunHandle};
use tokio::sync::mpsc;

fn config() -> Result<Config, ConfigError> {
    let mut arguments = env::args().skip(1);
    let builder = Config::builder().root(arguments.next().unwrap_or_default()).workers(1);
    match arguments.next() {
        Some(python) => builder.python(python).build(),
        None => builder.provision("requirements.txt").build(),
    }
}

/// What a run tells the async world.
type Results = mpsc::UnboundedReceiver<(TestName, Outcome)>;

/// Starts a run whose results arrive in the async world as they come.
fn start() -> Result<(RunHandle, Results), Box<dyn Error>> {
    let (sender, results) = mpsc::unbounded_channel();
    let run = Run::new().subscribe(move |event: &RunEvent| {
        if let RunEvent::TestFinished { test, end, .. } = event {
            // Whoever dropped the receiver wants no more.
            let _ = sender.send((test.clone(), end.outcome));
        }
    });
    Ok((run.start(config()?)?, results))
}

fn told(name: &str, verdict: &Verdict) {
    let (passed, not_run) = (verdict.count(Outcome::Passed), verdict.count(Outcome::NotRun));
    println!("{name}: {passed} passed, {not_run} not run, exit code {}", verdict.exit_code);
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    callsheet::agent::serve_if_asked();

    let (long, mut results) = start()?;
    let (short, mut first_result) = start()?;
    let whole = async {
        while let Some((test, outcome)) = results.recv().await {
            println!("{test} {outcome}");
        }
        long.verdict().await
    };
    let part = async {
        first_result.recv().await;
        short.stop("its impatient owner");
        short.verdict().await
    };
    let (whole, part) = tokio::try_join!(whole, part)?;
    told("the whole run", &whole);
    told("the stopped run", &part);
    Ok(())
}
