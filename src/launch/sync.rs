//! The project is brought to a host by the user's own `rsync`.
//!
//! What is there and not here is removed, so that no test runs that is gone; therefore only a directory that callsheet has
//! made, or that was empty, is written to. [`MARK`] in it says so.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::NamedTempFile;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::held::Held;
use super::ignored::ignored;
use super::listen::LastWords;
use super::ssh::{self, Ways, quote, quote_path};
use super::tie::end_with_parent;

/// The file that says that a directory is callsheet's to write.
const MARK: &str = ".callsheet-sync";

/// How long ssh may take to say whether there is a place for the project, and how long rsync may see nothing move.
const PATIENCE: Duration = Duration::from_secs(60);

/// The exit codes of rsync, and of ssh below it, that tell of a link and not of files.
const OF_THE_LINK: [i32; 5] = [10, 12, 30, 35, 255];

/// The exit code of rsync that tells that files were removed while it was at work, and all others were brought.
const VANISHED: i32 = 24;

/// Why the project could not be brought to a host.
#[derive(Debug, Error)]
pub enum SyncError {
    /// The directory is somebody else's.
    #[error(
        "`{0}` there holds files that callsheet has not brought; name a directory that is empty or not there, or make an empty file `.callsheet-sync` in it to have it overwritten"
    )]
    Foreign(String),

    /// The directory can not be made.
    #[error("`{directory}` can not be made there: {why}")]
    Directory {
        /// As it was named.
        directory: String,
        /// What was said.
        why: String,
        /// Whether it will not come right by itself.
        for_good: bool,
    },

    /// The program does not start.
    #[error(
        "failed to start `{program}`: {source}; install rsync on both sides, or leave out `sync`"
    )]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        source: std::io::Error,
    },

    /// It failed.
    #[error("rsync failed, {status}: {said}")]
    Failed {
        /// How it ended.
        status: String,
        /// What it said last.
        said: String,
        /// Whether it will not come right by itself.
        for_good: bool,
    },
}

impl SyncError {
    /// Whether another try is of no use.
    pub fn is_for_good(&self) -> bool {
        match self {
            Self::Foreign(_) | Self::Start { .. } => true,
            Self::Directory { for_good, .. } | Self::Failed { for_good, .. } => *for_good,
        }
    }
}

/// Brings the project at `root` to `directory` on the host that `ssh` reaches there. `progress` is told what takes time. Within a
/// `LocalSet` only; what is dropped ends its processes.
///
/// # Errors
/// [`SyncError`]
pub async fn sync(
    ways: &Ways,
    destination: &str,
    root: &Path,
    directory: &str,
    progress: impl Fn(String),
) -> Result<(), SyncError> {
    progress("bringing the project there".to_owned());
    let (place, ignored) = tokio::join!(make_place(ways, destination, directory), ignored(root));
    let place = place?;
    let ignored = ignored.unwrap_or_else(|why| {
        progress(format!(
            "git does not say what it ignores, so that rsync reads the .gitignore files by itself, without exceptions: {why}"
        ));
        None
    });
    let ignored_by = ignored.as_ref().map(NamedTempFile::path);
    let mut command = command(ways, destination, root, &place, ignored_by);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    end_with_parent(command.as_std_mut());
    let started = command.spawn().map(Held::with_group);
    let mut child =
        started.map_err(|source| SyncError::Start { program: ways.rsync.join(" "), source })?;
    let stderr = child.stderr.take().expect("it was started with stderr piped");
    let stdout = child.stdout.take().expect("it was started with stdout piped");
    let mut words = LastWords::listen(stderr);
    let mut told = 0;
    // Each step overwrites the line of the one before.
    let mut steps = BufReader::new(stdout).split(b'\r');
    while let Ok(Some(step)) = steps.next_segment().await {
        if let Some(percent) = percent(&String::from_utf8_lossy(&step))
            && percent >= told + 25
            && percent < 100
        {
            told = percent;
            progress(format!("bringing the project there, {percent} %"));
        }
    }
    let ended = child.wait().await;
    words.end().await;
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) if status.code() == Some(VANISHED) => {
            progress("files that were removed meanwhile were not brought there".to_owned());
            Ok(())
        }
        Ok(status) => Err(SyncError::Failed {
            status: status.to_string(),
            said: words.all().trim().to_owned(),
            for_good: !status.code().is_some_and(|code| OF_THE_LINK.contains(&code)),
        }),
        Err(problem) => Err(SyncError::Failed {
            status: problem.to_string(),
            said: words.last(),
            for_good: false,
        }),
    }
}

/// How far rsync says that it is.
fn percent(step: &str) -> Option<u32> {
    step.split_whitespace().find_map(|word| word.strip_suffix('%')?.parse().ok())
}

/// Makes the directory, if it is ours; gives its whole path there.
async fn make_place(ways: &Ways, destination: &str, directory: &str) -> Result<String, SyncError> {
    let place = quote_path(directory);
    let mark = quote(MARK);
    let script = format!(
        "cd && mkdir -p -- {place} && cd -- {place} && if [ -e {mark} ] || [ -z \"$(ls -A)\" ]; then : >{mark} && echo callsheet-own && pwd; else echo callsheet-foreign; fi"
    );
    let failed = |why: String| SyncError::Directory {
        directory: directory.to_owned(),
        why,
        for_good: false,
    };
    let mut command = ssh::command(ways, destination, &script);
    command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
    end_with_parent(command.as_std_mut());
    let output = match timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(problem)) => return Err(failed(problem.to_string())),
        Err(_) => return Err(failed(format!("no answer within {} s", PATIENCE.as_secs()))),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    if let Some((_profile, place)) = said.split_once("callsheet-own\n") {
        return Ok(place.strip_suffix('\n').unwrap_or(place).to_owned());
    }
    if said.lines().any(|line| line == "callsheet-foreign") {
        return Err(SyncError::Foreign(directory.to_owned()));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code();
    let (why, for_good) = ssh::explain(destination, code, &said)
        .unwrap_or_else(|| (said.trim().to_owned(), code != Some(ssh::OWN_FAILURE)));
    Err(SyncError::Directory { directory: directory.to_owned(), why, for_good })
}

/// `ignored` is a file of patterns for what git ignores, where git knows it.
fn command(
    ways: &Ways,
    destination: &str,
    root: &Path,
    place: &str,
    ignored: Option<&Path>,
) -> Command {
    let (program, arguments) = ways.rsync.split_first().expect("a way has a first word");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .args(["--archive", "--compress", "--delete", "--secluded-args"])
        .args(["--info=progress2", "--no-inc-recursive"])
        .arg(format!("--timeout={}", PATIENCE.as_secs()))
        .args([format!("--filter=P {MARK}"), format!("--exclude={MARK}")]);
    command.args(ways.exclude.iter().map(|pattern| format!("--exclude={pattern}")));
    match ignored {
        Some(patterns) => {
            command.arg("--exclude-from").arg(patterns);
            // What was built there stays, as what was built here is not brought.
            command.arg("--filter=:-r .gitignore");
        }
        None => {
            command.arg("--filter=:- .gitignore");
        }
    }
    // rsync takes a word in single quotes, with a quote written twice, for one.
    let (host, port) = named(destination);
    let port = port.map(|port| ["-p".to_owned(), port.to_owned()]).into_iter().flatten();
    let shell: Vec<String> = ssh::words(ways)
        .into_iter()
        .chain(port)
        .map(|word| format!("'{}'", word.replace('\'', "''")))
        .collect();
    command.arg("-e").arg(shell.join(" "));
    let mut from = root.as_os_str().to_owned();
    from.push("/");
    command.arg("--").arg(from).arg(format!("{host}:{place}/"));
    command
}

/// A destination of ssh as rsync names it, and its port: rsync takes no `ssh://`, and an address with colons in brackets alone.
fn named(destination: &str) -> (String, Option<&str>) {
    let Some(named) = destination.strip_prefix("ssh://") else {
        let (user, host) =
            destination.rsplit_once('@').map_or(("", destination), |(user, host)| (user, host));
        let user = if user.is_empty() { String::new() } else { format!("{user}@") };
        let bare = host.contains(':') && !host.starts_with('[');
        return (if bare { format!("{user}[{host}]") } else { destination.to_owned() }, None);
    };
    let named = named.strip_suffix('/').unwrap_or(named);
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match named.rsplit_once(':').filter(|(_, port)| is_port(port)) {
        Some((host, port)) => (host.to_owned(), Some(port)),
        None => (named.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::{named, percent};

    #[test]
    fn destinations_are_named_as_rsync_takes_them() {
        for (destination, host, port) in [
            ("there", "there", None),
            ("me@there", "me@there", None),
            ("::1", "[::1]", None),
            ("me@fe80::1", "me@[fe80::1]", None),
            ("me@[fe80::1]", "me@[fe80::1]", None),
            ("ssh://me@there:2222", "me@there", Some("2222")),
            ("ssh://there/", "there", None),
            ("ssh://me@[::1]:22", "me@[::1]", Some("22")),
            ("ssh://[::1]", "[::1]", None),
        ] {
            assert_eq!(named(destination), (host.to_owned(), port));
        }
    }

    #[test]
    fn progress_is_read() {
        assert_eq!(percent("      1,234,567  45%    1.20MB/s    0:00:03 "), Some(45));
        assert_eq!(percent("sending incremental file list"), None);
    }
}
