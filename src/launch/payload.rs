//! The program that is copied to hosts that have none of the same build.

use std::env;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::local::AgentCommand;
use super::role::own_program;

/// How much is read at a time.
const CHUNK: usize = 256 * 1024;

/// An agent's program, by its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Its file on this machine.
    pub file: PathBuf,

    /// How many bytes it has.
    pub size: u64,

    /// Their SHA-256, in hexadecimal.
    pub hash: String,
}

/// Why there is nothing to be copied.
#[derive(Debug, Error)]
pub enum PayloadError {
    /// The program's file can not be read.
    #[error("failed to read the agent's own file `{}`, which other hosts are to get: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },

    /// It is named, and is nowhere.
    #[error("there is no `{}` on PATH, which other hosts are to get as their agent", .0.display())]
    NotFound(PathBuf),
}

impl Payload {
    /// Reads the program of this machine's agent. Takes as long as the file takes to be read.
    ///
    /// # Errors
    /// [`PayloadError`]
    pub fn read(command: &AgentCommand) -> Result<Self, PayloadError> {
        let file = match command {
            AgentCommand::ThisProgram => own_program()
                .map_err(|source| PayloadError::Read { path: "/proc/self/exe".into(), source })?,
            AgentCommand::Program(program, _) => on_path(program)?,
        };
        let read = || {
            let (mut hasher, mut size) = (Sha256::new(), 0);
            let (mut opened, mut chunk) = (File::open(&file)?, vec![0; CHUNK]);
            loop {
                let count = opened.read(&mut chunk)?;
                if count == 0 {
                    break;
                }
                hasher.update(&chunk[..count]);
                size += count as u64;
            }
            Ok((size, hexadecimal(&hasher.finalize())))
        };
        match read() {
            Ok((size, hash)) => Ok(Self { file, size, hash }),
            Err(source) => Err(PayloadError::Read { path: file, source }),
        }
    }
}

/// Bytes as people write hashes.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn on_path(program: &Path) -> Result<PathBuf, PayloadError> {
    if program.components().count() > 1 {
        return Ok(program.to_owned());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found =
        env::split_paths(&path).map(|place| place.join(program)).find(|file| file.is_file());
    found.ok_or_else(|| PayloadError::NotFound(program.to_owned()))
}
