//! Files that are written in one go at the end of a run, whole or not at all.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// A file that will be written, by way of another one beside it that then takes its name.
#[derive(Debug)]
pub(super) struct Replaced {
    file: PathBuf,
}

impl Replaced {
    /// Finds out whether the file can be written, without touching what it holds. Makes its directory.
    pub(super) fn prepare(file: &Path) -> io::Result<Self> {
        // What a link points to is replaced, not the link.
        let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        let prepared = Self { file };
        match fs::metadata(&prepared.file) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            // A pipe or a device is opened when there is something to write.
            Ok(found) if !found.is_file() => {}
            Ok(_) => {
                OpenOptions::new().append(true).open(&prepared.file)?;
                prepared.beside()?;
            }
            Err(_) => {
                make_directory_of(&prepared.file)?;
                prepared.beside()?;
            }
        }
        Ok(prepared)
    }

    /// Writes it.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let special = fs::metadata(&self.file).is_ok_and(|found| !found.is_file());
        if special {
            return OpenOptions::new().write(true).open(&self.file)?.write_all(bytes);
        }
        let mut beside = self.beside()?;
        beside.write_all(bytes)?;
        beside.persist(&self.file).map_err(|error| error.error)?;
        Ok(())
    }

    fn directory(&self) -> &Path {
        directory_of(&self.file)
    }

    /// A file of no name that lasts, with the permissions that any new file gets.
    fn beside(&self) -> io::Result<NamedTempFile> {
        let mut builder = Builder::new();
        builder.prefix(".callsheet-").permissions(Permissions::from_mode(0o666));
        builder.tempfile_in(self.directory())
    }
}

fn directory_of(file: &Path) -> &Path {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Makes the directory of a file, if it is not there.
pub(super) fn make_directory_of(file: &Path) -> io::Result<()> {
    let directory = directory_of(file);
    // The system would only say that it is there.
    if directory.exists() && !directory.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    fs::create_dir_all(directory)
}
