//! Programs that do not call `serve_if_asked` and yet are their own agent: a clear error each, and no further processes.
//!
//! It needs a `main` of its own, which is the one that forgets. It starts itself once a case, with the case in its environment; the
//! agent that such a run starts is this program again.

use std::env;
use std::error::Error;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::process::Command;
use std::time::Duration;

use callsheet::Run;
use callsheet::actors::{self, Parts};
use callsheet::config::Config;
use callsheet::model::{Deadlines, Verdict};

/// The case, in the environment.
const CASE: &str = "FORGETFUL_CASE";

/// The file where every start of this program is noted, in the environment.
const STARTS: &str = "FORGETFUL_STARTS";

fn main() -> Result<(), Box<dyn Error>> {
    let Ok(case) = env::var(CASE) else {
        return check_all();
    };
    writeln!(OpenOptions::new().append(true).open(env::var(STARTS)?)?, "{}", std::process::id())?;
    let deadlines = Deadlines {
        agent: Duration::from_secs(2),
        silence: Duration::from_secs(2),
        ..Deadlines::default()
    };
    let config = Config::builder().workers(2).deadlines(deadlines).build()?;
    let verdict = match case.as_str() {
        "plain" => Run::new().start(config)?.wait()?,
        "hosted" => actix::System::new()
            .block_on(async { actors::start(&config, Parts::default())?.verdict().await })?,
        // A program that serves something else, as an agent too.
        _ => {
            if callsheet::agent::is_asked() {
                io::stdin().read_to_end(&mut Vec::new())?;
            }
            Run::new().start(config)?.wait()?
        }
    };
    let Verdict { exit_code, explanation, .. } = verdict;
    writeln!(io::stdout(), "{exit_code} {}", explanation.unwrap_or_default())?;
    Ok(())
}

fn check_all() -> Result<(), Box<dyn Error>> {
    for (case, says) in [
        ("plain", "it said: Error: IsAgent"),
        ("hosted", "it said: Error: IsAgent"),
        ("silent", "its agent did not answer for 2 s"),
    ] {
        let starts = tempfile::NamedTempFile::new()?;
        let mut command = Command::new(env::current_exe()?);
        let output = command.env(CASE, case).env(STARTS, starts.path()).output()?;
        let told = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{case}: {told}");
        assert!(told.starts_with("7 no worker came as far as running tests"), "{case}: {told}");
        assert!(told.contains(says), "{case}: {told}");
        assert!(
            told.contains("calls `callsheet::agent::serve_if_asked()` first in its `main`"),
            "{case}: {told}"
        );
        let count = std::fs::read_to_string(starts.path())?.lines().count();
        assert_eq!(count, 2, "{case}: one controller and one agent, once");
    }
    Ok(())
}
