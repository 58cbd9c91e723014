//! The directory below which all workers of a run on this host have their temporary directories.
//!
//! Numbered, locked and cleaned up as pytest does it, so that runs of both keep out of each other's way: pytest takes a directory
//! without a lock file for abandoned, and keeps the last three.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// How many directories of past runs are kept, this one included: pytest's default.
const KEPT: u64 = 3;

const PREFIX: &str = "pytest-";
const LOCK: &str = ".lock";

/// The directory of one run; unlocked when dropped.
#[derive(Debug)]
pub(super) struct BaseTemp {
    path: PathBuf,
    numbered: bool,
}

impl BaseTemp {
    /// The directory that was asked for, emptied, as `--basetemp` promises.
    pub(super) fn given(path: &Path) -> io::Result<Self> {
        if path.exists() {
            fs::remove_dir_all(path)?;
        }
        private(true).create(path)?;
        Ok(Self { path: path.to_owned(), numbered: false })
    }

    /// A new `pytest-of-USER/pytest-N` below `temp`.
    pub(super) fn numbered(temp: &Path, user: &str) -> io::Result<Self> {
        let root = temp.join(format!("pytest-of-{user}"));
        private(true).create(&root)?;
        let owner = fs::symlink_metadata(&root)?;
        if owner.uid() != nix::unistd::geteuid().as_raw() || !owner.is_dir() {
            let problem = format!("`{}` belongs to somebody else", root.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, problem));
        }
        loop {
            let number = numbers(&root)?.into_iter().max().map_or(0, |highest| highest + 1);
            let path = root.join(format!("{PREFIX}{number}"));
            match private(false).create(&path) {
                Ok(()) => {
                    let mut lock = File::create_new(path.join(LOCK))?;
                    write!(lock, "{}", std::process::id())?;
                    let current = root.join("pytest-current");
                    // For people; another run may be changing it too.
                    let _absent = fs::remove_file(&current);
                    let _raced = symlink(&path, &current);
                    return Ok(Self { path, numbered: true });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for BaseTemp {
    fn drop(&mut self) {
        if !self.numbered {
            return;
        }
        // What can not be removed now is removed by the next run, or by pytest.
        let _kept = fs::remove_file(self.path.join(LOCK));
        let Some(root) = self.path.parent() else {
            return;
        };
        let found = numbers(root).unwrap_or_default();
        let Some(highest) = found.iter().max() else {
            return;
        };
        for number in found.iter().filter(|number| **number + KEPT <= *highest) {
            let old = root.join(format!("{PREFIX}{number}"));
            if !old.join(LOCK).exists() {
                let _kept = fs::remove_dir_all(old);
            }
        }
    }
}

fn private(recursive: bool) -> fs::DirBuilder {
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700).recursive(recursive);
    builder
}

fn numbers(root: &Path) -> io::Result<Vec<u64>> {
    let names = fs::read_dir(root)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.strip_prefix(PREFIX)?.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_numbered_locked_and_the_last_three_are_kept() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("pytest-of-me");
        let running = BaseTemp::numbered(temp.path(), "me").unwrap();
        assert_eq!(running.path(), root.join("pytest-0"));
        assert!(running.path().join(LOCK).exists());
        assert_eq!(fs::read_link(root.join("pytest-current")).unwrap(), running.path());
        for number in 1..6 {
            let path = BaseTemp::numbered(temp.path(), "me").unwrap().path().to_owned();
            assert_eq!(path, root.join(format!("pytest-{number}")));
            assert!(!path.join(LOCK).exists());
        }
        let mut left = numbers(&root).unwrap();
        left.sort_unstable();
        assert_eq!(left, [0, 3, 4, 5], "the one in use stays");
        drop(running);
        assert_eq!(numbers(&root).unwrap().len(), 3);
    }

    #[test]
    fn one_that_was_asked_for_is_emptied() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/b");
        fs::create_dir_all(path.join("old")).unwrap();
        drop(BaseTemp::given(&path).unwrap());
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    }
}
