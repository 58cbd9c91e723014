//! The greeting: both sides say which build they are before their first frame.
//!
//! It is a line of text, so that it can be told from what a login shell prints before it, and so that two builds
//! whose frames differ still understand that they do not understand each other.

use super::WireError;

/// What a greeting begins with. The NUL keeps it from standing in any text by chance.
const MAGIC: &[u8] = b"\0callsheet ";

/// The longest greeting after [`MAGIC`], in bytes.
const LONGEST: usize = 128;

/// A number that changes with the types that cross the wire: FNV-1a over their sources.
pub const fn fingerprint() -> u64 {
    const SOURCES: [&[u8]; 11] = [
        include_bytes!("protocol.rs"),
        include_bytes!("frame.rs"),
        include_bytes!("../model/collection.rs"),
        include_bytes!("../model/id.rs"),
        include_bytes!("../model/outcome.rs"),
        include_bytes!("../model/report.rs"),
        include_bytes!("../model/spec.rs"),
        include_bytes!("../model/suite.rs"),
        include_bytes!("../model/terms.rs"),
        include_bytes!("../model/worker.rs"),
        include_bytes!("../select/selector.rs"),
    ];
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut file = 0;
    while file < SOURCES.len() {
        let bytes = SOURCES[file];
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        file += 1;
    }
    hash
}

const FINGERPRINT: u64 = fingerprint();

/// The greeting of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preamble;

/// What the bytes that have come so far hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Search {
    /// So many bytes at the start are no part of a greeting, whatever follows.
    pub(super) noise: usize,

    /// The length of the greeting after them; `None` if it is not complete or has not begun.
    pub(super) greeting: Option<usize>,
}

impl Preamble {
    /// Version and fingerprint of this build, as people are shown them.
    pub fn build() -> String {
        format!("{} ({FINGERPRINT:016x})", env!("CARGO_PKG_VERSION"))
    }

    /// The bytes to send first.
    pub fn bytes() -> Vec<u8> {
        [MAGIC, Self::build().as_bytes(), b"\n"].concat()
    }

    /// Looks for a greeting of this build. What it calls noise need not be looked at again.
    ///
    /// # Errors
    /// [`WireError::OtherBuild`]
    pub(super) fn find(bytes: &[u8]) -> Result<Search, WireError> {
        for noise in 0..bytes.len() {
            match candidate(&bytes[noise..]) {
                Candidate::No => {}
                Candidate::Incomplete => {
                    return Ok(Search { noise, greeting: None });
                }
                Candidate::Greeting(build) if build == Self::build().as_bytes() => {
                    return Ok(Search { noise, greeting: Some(MAGIC.len() + build.len() + 1) });
                }
                Candidate::Greeting(build) => {
                    let theirs = String::from_utf8_lossy(build).escape_debug().to_string();
                    return Err(WireError::OtherBuild { theirs, ours: Self::build() });
                }
            }
        }
        Ok(Search { noise: bytes.len(), greeting: None })
    }
}

enum Candidate<'a> {
    No,
    Incomplete,
    /// Of the build that it names.
    Greeting(&'a [u8]),
}

/// Whether a greeting begins with the first of these bytes.
fn candidate(bytes: &[u8]) -> Candidate<'_> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return if MAGIC.starts_with(bytes) { Candidate::Incomplete } else { Candidate::No };
    };
    match rest.iter().take(LONGEST).position(|byte| *byte == b'\n') {
        Some(end) => Candidate::Greeting(&rest[..end]),
        None if rest.len() < LONGEST => Candidate::Incomplete,
        None => Candidate::No,
    }
}
