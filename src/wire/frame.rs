//! One message ↔ one frame: a `u32` length, big-endian, then that many bytes of bincode.
//!
//! bincode stays behind this file: it is finished rather than maintained, so it must be easy to replace.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::WireError;

/// The most bytes of one frame. The largest honest frames are parts of a collection and failure
/// reports, whose captured output the worker caps at 1 MiB a section.
pub const MAX_FRAME: usize = 64 * 1024 * 1024;

/// Bytes of the length field.
pub(super) const HEADER: usize = 4;

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_limit(MAX_FRAME as u64)
}

/// Appends the message to `out` as one frame.
///
/// # Errors
/// [`WireError::Encode`] if it does not fit; `out` is as it was.
pub fn encode<T: Serialize>(message: &T, out: &mut Vec<u8>) -> Result<(), WireError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    if let Err(source) = options().serialize_into(&mut *out, message) {
        out.truncate(start);
        return Err(WireError::Encode { maximum: MAX_FRAME, source });
    }
    let length = u32::try_from(out.len() - start - HEADER).expect("a frame is below 4 GiB");
    out[start..start + HEADER].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// The message in the bytes of a frame, without its length field.
///
/// # Errors
/// [`WireError::Decode`] if they are no message, or more than one.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    options().deserialize(bytes).map_err(|source| WireError::Decode { length: bytes.len(), source })
}
