//! The process of `salloc` that asks for an allocation and holds it, and ends whatever becomes of this process, `kill -9` included.
//!
//! What it holds is given back when its stdin ends. While it waits it does not read: a signal ends it then, and with it the request.

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use super::tie::end_with_parent;

/// Ends what is said of the allocation.
pub(super) const END: &str = "callsheet-allocated";

/// What is run on this machine once there is an allocation: it tells what was allocated and holds it until its stdin ends.
const HOLD: &str = "env | grep ^SLURM_; echo callsheet-allocated; cat >/dev/null";

/// An allocation that is asked for, or there.
#[derive(Debug)]
pub(super) struct Salloc {
    stdin: Option<ChildStdin>,
    end: Option<JoinHandle<()>>,
}

/// What it says, on either stream.
pub(super) enum Line {
    Out(String),
    Error(String),
}

impl Salloc {
    /// Asks with these options. What it says comes line by line until it has closed both streams.
    pub(super) fn start(options: Vec<String>) -> io::Result<(Self, mpsc::Receiver<Line>)> {
        let (sender, started) = mpsc::channel();
        // It is tied to the thread that starts it, which so has to be there as long as it is.
        let keep = move || {
            let mut command = Command::new("salloc");
            command
                .args(["--no-kill", "--job-name=callsheet"])
                .args(options)
                .args(["sh", "-c", HOLD])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .process_group(0);
            end_with_parent(&mut command);
            match command.spawn() {
                Ok(mut child) => {
                    let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
                    let _unheard = sender.send(Ok(streams));
                    let _status = child.wait();
                }
                Err(problem) => {
                    let _unheard = sender.send(Err(problem));
                }
            }
        };
        let end = Some(thread::Builder::new().name("salloc".to_owned()).spawn(keep)?);
        let (stdin, stdout, stderr) = started.recv().map_err(io::Error::other)??;
        let (sender, lines) = mpsc::channel();
        if let Some(stdout) = stdout {
            read(stdout, sender.clone(), Line::Out);
        }
        if let Some(stderr) = stderr {
            read(stderr, sender, Line::Error);
        }
        Ok((Self { stdin, end }, lines))
    }

    /// Gives back what it holds, and ends.
    pub(super) fn give_back(&mut self) {
        drop(self.stdin.take());
        // A thread that panics is told without this.
        let _ended = self.end.take().map(JoinHandle::join);
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
