//! A real run against agents that are none.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use callsheet::Run;
use callsheet::config::Config;
use callsheet::launch::AgentCommand;
use callsheet::model::{Deadlines, RunEvent, Verdict};
use callsheet::wire::Preamble;

use super::PATIENCE;
use crate::support::{Marked, python};

/// The verdict of a run of two workers whose agent is this shell script.
fn run_with_agent(script: &str) -> Verdict {
    let project = tempfile::tempdir().unwrap();
    fs::write(project.path().join("greeting"), Preamble::bytes()).unwrap();
    let short = Duration::from_millis(600);
    let mark = Marked::new();
    let (name, value) = mark.variable();
    let script = format!("export {name}={value}; cd {}; {script}", project.path().display());
    let config = Config::builder()
        .root(project.path())
        .workers(2)
        .python(python(&["pytest==9.2.0"]).display().to_string())
        .deadlines(Deadlines { agent: short, silence: short, ..Deadlines::default() })
        .agent(AgentCommand::Program("/bin/sh".into(), vec!["-c".into(), script.into()]))
        .build()
        .unwrap();
    let (sender, verdicts) = mpsc::channel();
    let run = Run::new()
        .subscribe(move |event: &RunEvent| {
            if let RunEvent::RunFinished(verdict) = event {
                sender.send(verdict.clone()).unwrap();
            }
        })
        .start(config)
        .unwrap();
    let verdict = verdicts.recv_timeout(PATIENCE).expect("the run comes to its end");
    assert_eq!(run.wait().unwrap(), verdict);
    mark.kill();
    verdict
}

#[test]
fn a_run_whose_agent_is_none_ends_with_the_cause() {
    for (script, cause) in [
        ("echo Welcome; echo to host; sleep 1000", "its agent did not answer for"),
        ("echo Welcome to host", "first 16 bytes, which begin with `Welcome to host`"),
        (
            "printf '\\0callsheet 9.9.9 (00000000deadbeef)\\n'; sleep 1000",
            "the other side is callsheet 9.9.9",
        ),
        ("sleep 1000", "its agent did not answer for"),
        ("exit 5", "exit status: 5"),
        ("echo no such module: callsheet >&2; exit 127", "it said: no such module: callsheet"),
        ("kill -9 $$", "signal: 9"),
        ("cat greeting; exit 0", "exit status: 0"),
        (
            "cat greeting; printf '\\0\\0\\0\\11abc'",
            "the link ended inside a frame: 7 of 13 bytes came",
        ),
        ("cat greeting; printf '\\0\\0\\0\\11abc'; sleep 1000", "its agent did not answer for"),
        (
            "cat greeting; printf '\\377\\377\\377\\377'; sleep 1000",
            "a frame of 4294967295 bytes is above the maximum",
        ),
        (
            "cat greeting; printf '\\0\\0\\0\\1\\376'; sleep 1000",
            "a frame of 1 bytes is no message",
        ),
        // A pong, and then silence.
        ("cat greeting; printf '\\0\\0\\0\\2\\5\\0'; sleep 1000", "its agent said nothing for"),
        ("head -c 100000 /dev/zero; sleep 1000", "no greeting in its first"),
    ] {
        let verdict = run_with_agent(script);
        assert_eq!(verdict.exit_code, 7, "{script}: {verdict:?}");
        let explanation = verdict.explanation.unwrap_or_default();
        assert!(explanation.contains(cause), "{script}: {explanation}");
    }
}

#[test]
fn a_run_whose_agent_does_not_start_ends_with_the_cause() {
    let project = tempfile::tempdir().unwrap();
    let config = Config::builder()
        .root(project.path())
        .workers(2)
        .agent(AgentCommand::Program("/nowhere/callsheet".into(), vec![]))
        .build()
        .unwrap();
    let verdict = callsheet::run(config, |_: &RunEvent| {}).unwrap();
    assert_eq!(verdict.exit_code, 7);
    let explanation = verdict.explanation.unwrap_or_default();
    assert!(
        explanation.contains("failed to start the agent `/nowhere/callsheet`: No such file"),
        "{explanation}"
    );
}
