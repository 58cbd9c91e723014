//! What git leaves out of a project, as patterns of rsync.
//!
//! Git is asked, since rsync's own reading of `.gitignore` files knows neither `!`, nor which files are tracked, nor the other
//! places that git reads.

use std::io::Write;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use log::debug;
use tempfile::NamedTempFile;
use tokio::process::Command;
use tokio::time::timeout;

use super::tie::end_with_parent;

/// How long git may look for files.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file of patterns, one a line, for what git ignores below `root`; `None` where the project is in no repository. It is gone
/// when it is dropped.
///
/// # Errors
/// Why git does not say it of a repository.
pub(super) async fn ignored(root: &Path) -> Result<Option<NamedTempFile>, String> {
    let mut git = Command::new("git");
    git
        // It would start a service that stays.
        .args(["-c", "core.fsmonitor=false"])
        // Nothing of a repository is run here, whoever owns it: not to know what it ignores is worse.
        .args(["-c", "safe.directory=*"])
        .args(["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"])
        .current_dir(root)
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    end_with_parent(git.as_std_mut());
    let output = match timeout(PATIENCE, git.output()).await {
        Ok(Ok(output)) if output.status.success() => output,
        failed => {
            let why = match failed {
                Ok(Ok(output)) => words(&output.stderr, output.status),
                Ok(Err(problem)) => format!("failed to start `git`: {problem}"),
                Err(_) => format!("it did not end within {} s", PATIENCE.as_secs()),
            };
            debug!("git: {why}");
            return if is_in_repository(root) { Err(why) } else { Ok(None) };
        }
    };
    let Some(patterns) = patterns(&output.stdout) else { return Ok(None) };
    let written = NamedTempFile::new().and_then(|mut file| {
        file.write_all(&patterns)?;
        Ok(file)
    });
    written.map(Some).map_err(|problem| format!("failed to write it down: {problem}"))
}

/// Whether there is what git makes a repository of, in the project or above it.
fn is_in_repository(root: &Path) -> bool {
    root.ancestors().any(|directory| directory.join(".git").exists())
}

/// What git said, on one line.
fn words(stderr: &[u8], status: ExitStatus) -> String {
    let said = String::from_utf8_lossy(stderr);
    let said: Vec<&str> = said.split_whitespace().collect();
    if said.is_empty() { status.to_string() } else { said.join(" ") }
}

/// The patterns for names that each end with a NUL; `None` if the project as a whole is nothing to the repository around it.
fn patterns(names: &[u8]) -> Option<Vec<u8>> {
    let mut patterns = Vec::with_capacity(names.len());
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if name == b"./" {
            return None;
        }
        // To rsync a backslash is one of the name's own letters unless there is something to be escaped.
        let escaped = name.iter().any(|byte| b"*?[\n\r".contains(byte));
        patterns.push(b'/');
        for byte in name {
            match byte {
                // They would end the pattern.
                b'\n' | b'\r' => patterns.push(b'?'),
                b'*' | b'?' | b'[' | b'\\' if escaped => patterns.extend([b'\\', *byte]),
                byte => patterns.push(*byte),
            }
        }
        patterns.push(b'\n');
    }
    Some(patterns)
}

#[cfg(test)]
mod tests {
    use super::patterns;

    #[test]
    fn a_name_is_a_pattern_for_itself_alone() {
        let read = |names: &str| {
            patterns(names.as_bytes()).map(|patterns| String::from_utf8(patterns).unwrap())
        };
        assert_eq!(read("a b\0deep/x/\0").unwrap(), "/a b\n/deep/x/\n");
        assert_eq!(read("w[1]*\\?\0back\\slash\0").unwrap(), "/w\\[1]\\*\\\\\\?\n/back\\slash\n");
        assert_eq!(read("two\nlines\\\0").unwrap(), "/two?lines\\\\\n");
        assert_eq!(read("").unwrap(), "");
        assert_eq!(read("./\0b/\0"), None);
    }
}
