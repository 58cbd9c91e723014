//! The greeting: both sides say which build they are before their first frame.
//!
//! It is a line of text, so that it can be told from what a login shell prints before it, and so that two builds
//! whose frames differ still understand that they do not understand each other.

use super::WireError;

/// What a greeting begins with. The NUL keeps it from standing in any text by chance.
const MAGIC: &[u8] = b"\0callsheet ";

/// How much noise before the greeting is put up with: a login shell's banner.
pub(super) const NOISE: usize = 64 * 1024;

/// The longest greeting.
const LONGEST: usize = 128;

/// A number that changes with the types that cross the wire: FNV-1a over their sources.
pub const fn fingerprint() -> u64 {
    const SOURCES: [&[u8]; 9] = [
        include_bytes!("protocol.rs"),
        include_bytes!("frame.rs"),
        include_bytes!("../model/collection.rs"),
        include_bytes!("../model/id.rs"),
        include_bytes!("../model/outcome.rs"),
        include_bytes!("../model/report.rs"),
        include_bytes!("../model/spec.rs"),
        include_bytes!("../model/suite.rs"),
        include_bytes!("../model/worker.rs"),
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

impl Preamble {
    /// Version and fingerprint of this build, as people are shown them.
    pub fn build() -> String {
        format!("{} ({FINGERPRINT:016x})", env!("CARGO_PKG_VERSION"))
    }

    /// The bytes to send first.
    pub fn bytes() -> Vec<u8> {
        [MAGIC, Self::build().as_bytes(), b"\n"].concat()
    }

    /// Looks for a greeting in what has come so far: `Some(n)` if the first `n` bytes are noise and the
    /// greeting of this build, `None` if more bytes are needed.
    ///
    /// # Errors
    /// [`WireError::OtherBuild`] and [`WireError::NoPreamble`].
    pub fn find(bytes: &[u8]) -> Result<Option<usize>, WireError> {
        let Some(start) = bytes
            .windows(MAGIC.len())
            .position(|window| window == MAGIC)
        else {
            return if bytes.len() > NOISE {
                Err(WireError::NoPreamble(NOISE))
            } else {
                Ok(None)
            };
        };
        let rest = &bytes[start + MAGIC.len()..];
        let Some(end) = rest.iter().take(LONGEST).position(|byte| *byte == b'\n') else {
            return if rest.len() >= LONGEST {
                Err(WireError::NoPreamble(NOISE))
            } else {
                Ok(None)
            };
        };
        let theirs = String::from_utf8_lossy(&rest[..end]);
        if theirs == Self::build() {
            Ok(Some(start + MAGIC.len() + end + 1))
        } else {
            Err(WireError::OtherBuild {
                theirs: theirs.into_owned(),
                ours: Self::build(),
            })
        }
    }
}
