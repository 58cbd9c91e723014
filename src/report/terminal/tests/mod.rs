//! Scripted runs as people see them; the forms were held against pytest 9.2 with xdist 3.8.

mod crashes;
mod live;
mod plain;
mod quiet;

use std::io;
use std::time::Duration;

use super::{TerminalOptions, TerminalReport};
use crate::report::script::Script;

fn plain() -> TerminalOptions {
    TerminalOptions {
        color: false,
        live: false,
        columns: 80,
        verbosity: 0,
        live_output: false,
        slowest: 0,
        whole_briefs: false,
    }
}

/// What a script looks like.
fn shown(options: TerminalOptions, script: &Script) -> String {
    let mut report = TerminalReport::new(options, Vec::new());
    for (at, event) in &script.events {
        report.event(*at, event).unwrap();
    }
    let text = String::from_utf8(report.out).unwrap();
    // What pytest pads at the right is not visible and not in the snapshots.
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The lines after the last result.
fn ending(options: TerminalOptions, script: &Script) -> String {
    let text = shown(options, script);
    let from = text.find("100%]\n").map_or(0, |place| place + "100%]\n".len());
    text[from..].to_owned()
}

/// An output that is gone.
struct Broken;

impl io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_broken_pipe_is_told_to_the_caller() {
    for live in [false, true] {
        let mut report = TerminalReport::new(TerminalOptions { live, ..plain() }, Broken);
        let script = Script::begun(1);
        let (at, event) = &script.events[0];
        let error = report.event(*at, event).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        let error = report.tick(Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
