//! The process of `salloc` that asks for an allocation and holds it, and ends whatever becomes of this process, `kill -9` included.
//!
//! What it holds is given back when its stdin ends. While it waits it does not read: a signal ends it then, and with it the request.
//! A shell beside it sends that once, when this process is gone. What the system sends at the end of a parent comes once for each
//! of its threads, and `salloc` does not bear a second one while it withdraws its request, nor any but `SIGHUP` once it is granted.

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

/// Ends what is said of the allocation.
pub(super) const END: &str = "callsheet-allocated";

/// What is run on this machine once there is an allocation: it tells what was allocated and holds it until its stdin ends.
const HOLD: &str = "env | grep ^SLURM_; echo callsheet-allocated; cat >/dev/null";

/// What ends a process when its own stdin ends.
const WATCH: &str = "read -r _; kill -HUP \"$1\"";

/// An allocation that is asked for, or there.
#[derive(Debug)]
pub(super) struct Salloc {
    child: Child,
    watcher: Child,
}

/// What it says, on either stream.
pub(super) enum Line {
    Out(String),
    Error(String),
}

impl Salloc {
    /// Asks with these options. What it says comes line by line until it has closed both streams.
    pub(super) fn start(options: Vec<String>) -> io::Result<(Self, mpsc::Receiver<Line>)> {
        let mut child = Command::new("salloc")
            .args(["--no-kill", "--job-name=callsheet"])
            .args(options)
            .args(["sh", "-c", HOLD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        // Its number is nobody else's until it was waited for.
        let watcher = Command::new("sh")
            .args(["-c", WATCH, "sh", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let (sender, lines) = mpsc::channel();
        if let Some(stdout) = stdout {
            read(stdout, sender.clone(), Line::Out);
        }
        if let Some(stderr) = stderr {
            read(stderr, sender, Line::Error);
        }
        Ok((Self { child, watcher }, lines))
    }

    /// Gives back what it holds, and ends.
    pub(super) fn give_back(&mut self) {
        drop(self.child.stdin.take());
        // Its stdin ends with that; it does no harm once the other has ended, as long as nobody has asked how.
        let _watched = self.watcher.wait();
        let _status = self.child.wait();
    }
}

fn read(
    stream: impl io::Read + Send + 'static,
    lines: mpsc::Sender<Line>,
    of: impl Fn(String) -> Line + Send + 'static,
) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Read on when nobody wants it: it must not block.
            let _unheard = lines.send(of(line));
        }
    });
}
