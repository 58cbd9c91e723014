//! An output that can not be written.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// An output that can not be written.
#[derive(Debug, Error)]
#[error("the output file `{}` can not be written: {cause}; name another one", file.display())]
pub struct OutputError {
    /// The file, as it was named.
    pub file: PathBuf,

    /// Why.
    pub cause: io::Error,
}
