//! What can go wrong on the link.

use thiserror::Error;

/// Why the link to the other side can not go on.
#[derive(Debug, Error)]
pub enum WireError {
    /// The stream could not be read or written.
    #[error("failed to use the link: {0}")]
    Io(#[from] std::io::Error),

    /// The stream ended inside a frame.
    #[error("the link ended inside a frame: {got} of {announced} bytes came")]
    Truncated {
        /// Bytes that came.
        got: usize,
        /// Bytes that the frame announced, with its length field.
        announced: usize,
    },

    /// What came first is no preamble.
    #[error(
        "the other side is no callsheet: no greeting in its first {length} bytes, which begin with `{beginning}`; check \
         that the command starts `callsheet agent` and prints nothing else"
    )]
    NoPreamble {
        /// How many bytes came in its place.
        length: usize,
        /// The first of them, fit to be shown.
        beginning: String,
    },

    /// The other side is of another build.
    #[error(
        "the other side is callsheet {theirs}, this one is {ours}; install the same build on both sides"
    )]
    OtherBuild {
        /// Version and fingerprint of the other side.
        theirs: String,
        /// Version and fingerprint of this side.
        ours: String,
    },

    /// A frame announces more than the maximum.
    #[error(
        "a frame of {announced} bytes is above the maximum of {maximum}; the stream is not ours or is damaged"
    )]
    TooLarge {
        /// Bytes announced.
        announced: usize,
        /// [`MAX_FRAME`](super::MAX_FRAME).
        maximum: usize,
    },

    /// A message does not fit a frame.
    #[error("a message does not fit a frame of {maximum} bytes: {source}")]
    Encode {
        /// [`MAX_FRAME`](super::MAX_FRAME).
        maximum: usize,
        /// bincode's reason.
        source: bincode::Error,
    },

    /// The bytes of a frame are no message.
    #[error("a frame of {length} bytes is no message: {source}")]
    Decode {
        /// Bytes in the frame.
        length: usize,
        /// bincode's reason.
        source: bincode::Error,
    },
}
