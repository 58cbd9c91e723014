//! An interpreter that says who it is and then goes on to be a template (`worker/template.py`), from which workers are forked.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use super::files;
use super::interpreter::ANSWER;
use crate::launch::tie_to_parent;

/// Whether workers can be forked on this platform.
pub(super) const IS_POSSIBLE: bool = cfg!(target_os = "linux");

/// How an interpreter is made a template.
#[derive(Debug)]
pub(super) struct Warmth {
    /// Where the worker's Python files are.
    pub(super) files: PathBuf,
    /// The variables that differ from those of this process; `None` removes one.
    pub(super) env: Vec<(OsString, Option<OsString>)>,
    /// The modules it imports beside pytest.
    pub(super) preload: Vec<String>,
}

/// Whether the kernel itself runs this file. Any other would be read by a shell in place of being refused.
pub(super) fn can_begin(program: &Path) -> bool {
    let mut magic = [0; 4];
    let read = File::open(program).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && (magic.starts_with(b"#!") || magic == *b"\x7fELF")
}

/// A template on its way: it imports what it is to have.
#[derive(Debug)]
pub struct Idle {
    /// The interpreter; workers of this program can be forked from it.
    pub program: PathBuf,

    /// Its process, which leads a process group and is killed when dropped.
    pub child: Child,

    /// This side of its `SOCK_SEQPACKET` socket.
    pub link: OwnedFd,

    /// What it and the modules it imports print.
    pub stdout: ChildStdout,

    /// The same, where errors go.
    pub stderr: ChildStderr,
}

impl Idle {
    /// Starts the interpreter and waits for its answer; its last words and status if none comes.
    ///
    /// # Errors
    /// What the system says.
    pub(super) async fn start(
        program: &Path,
        root: &Path,
        warmth: &Warmth,
    ) -> io::Result<Result<(Self, String), (String, ExitStatus)>> {
        let (link, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let wish = json!({ "fd": theirs.as_raw_fd(), "preload": warmth.preload });
        let mut command = Command::new(program);
        // As a worker is started: what is forked from it shows the same command line.
        command
            .args(files::arguments(&warmth.files, "main"))
            .env(files::TEMPLATE_VARIABLE, wish.to_string())
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for (name, value) in &warmth.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        tie_to_parent(&mut command, [theirs.as_raw_fd()]);
        let mut child = command.spawn()?;
        drop(theirs);
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut stderr = child.stderr.take().expect("stderr is piped");
        let mut lines = BufReader::new(stdout);
        let mut said = Vec::new();
        let answer = {
            let answer = read_answer(&mut lines);
            tokio::pin!(answer);
            tokio::select! {
                answer = &mut answer => answer?,
                read = stderr.read_to_end(&mut said) => {
                    read?;
                    answer.await?
                }
            }
        };
        if let Some(answer) = answer {
            let program = program.to_owned();
            let idle = Self { program, child, link, stdout: lines.into_inner(), stderr };
            return Ok(Ok((idle, answer)));
        }
        stderr.read_to_end(&mut said).await?;
        let status = child.wait().await?;
        Ok(Err((String::from_utf8_lossy(&said).into_owned(), status)))
    }
}

/// What follows the word by which the answer is known; `None` if the interpreter closes its output first.
async fn read_answer(lines: &mut BufReader<ChildStdout>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).await? > 0 {
        if let Some(answer) = String::from_utf8_lossy(&line).strip_prefix(ANSWER) {
            return Ok(Some(answer.trim_end_matches('\n').to_owned()));
        }
        line.clear();
    }
    Ok(None)
}
