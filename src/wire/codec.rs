//! Preamble and frames on a byte stream, as a tokio codec.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::bytes::{Buf, BytesMut};
use tokio_util::codec::Decoder;

use super::frame::{HEADER, MAX_FRAME, decode};
use super::preamble::Preamble;
use super::{WireError, encode};

/// How much noise before the greeting is put up with, in bytes: a login shell's banner.
pub const MAX_NOISE: usize = 64 * 1024;

/// How much of the noise is kept to be shown, in bytes.
const SHOWN: usize = 80;

/// Reads the other side's preamble, then its messages.
#[derive(Debug)]
pub struct FrameCodec<In> {
    greeted: bool,
    noise: Noise,
    arrived: Arrived,
    message: PhantomData<fn() -> In>,
}

impl<In> Default for FrameCodec<In> {
    fn default() -> Self {
        Self {
            greeted: false,
            noise: Noise::default(),
            arrived: Arrived::default(),
            message: PhantomData,
        }
    }
}

/// How many bytes of the other side have arrived as whole messages, its greeting included and noise before it not.
#[derive(Debug, Clone, Default)]
pub struct Arrived(Arc<AtomicU64>);

impl Arrived {
    /// The number now.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl<In> FrameCodec<In> {
    /// Counts what arrives.
    pub fn arrived(&self) -> Arrived {
        self.arrived.clone()
    }

    /// Takes noise and the greeting off the bytes; whether the greeting was there.
    fn greet(&mut self, bytes: &mut BytesMut) -> Result<bool, WireError> {
        let search = Preamble::find(bytes)?;
        self.noise.add(&bytes.split_to(search.noise));
        if self.noise.length > MAX_NOISE {
            return Err(self.noise.refuse());
        }
        if let Some(greeting) = search.greeting {
            bytes.advance(greeting);
            self.arrived.add(greeting);
            self.greeted = true;
        }
        Ok(self.greeted)
    }
}

impl<In: DeserializeOwned> Decoder for FrameCodec<In> {
    type Item = In;
    type Error = WireError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<In>, WireError> {
        if !self.greeted && !self.greet(bytes)? {
            return Ok(None);
        }
        let Some(header) = bytes.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*header) as usize;
        if length > MAX_FRAME {
            return Err(WireError::TooLarge { announced: length, maximum: MAX_FRAME });
        }
        if bytes.len() < HEADER + length {
            bytes.reserve(HEADER + length - bytes.len());
            return Ok(None);
        }
        bytes.advance(HEADER);
        let frame = bytes.split_to(length);
        self.arrived.add(HEADER + length);
        decode(&frame).map(Some)
    }

    /// A stream that ends before its first byte is no error: the other side has ended, and its exit status says how.
    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<In>, WireError> {
        let message = self.decode(bytes)?;
        if message.is_some() {
            return Ok(message);
        }
        if self.greeted && !bytes.is_empty() {
            let announced = bytes
                .first_chunk::<HEADER>()
                .map_or(HEADER, |header| HEADER + u32::from_be_bytes(*header) as usize);
            return Err(WireError::Truncated { got: bytes.len(), announced });
        }
        // What could have become a greeting did not.
        self.noise.add(&bytes.split());
        if !self.greeted && self.noise.length > 0 {
            return Err(self.noise.refuse());
        }
        Ok(None)
    }
}

/// What came before the greeting.
#[derive(Debug, Default)]
struct Noise {
    length: usize,
    beginning: Vec<u8>,
}

impl Noise {
    fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        let room = SHOWN - self.beginning.len();
        self.beginning.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }

    fn refuse(&self) -> WireError {
        let beginning =
            String::from_utf8_lossy(&self.beginning).trim_end().escape_debug().to_string();
        WireError::NoPreamble { length: self.length, beginning }
    }
}

/// Collects messages as bytes to be written in one go, the preamble first.
#[derive(Debug)]
pub struct Outbox {
    bytes: Vec<u8>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { bytes: Preamble::bytes() }
    }
}

impl Outbox {
    /// Adds a message.
    ///
    /// # Errors
    /// [`WireError::Encode`] if it does not fit a frame; nothing is added.
    pub fn push<Out: Serialize>(&mut self, message: &Out) -> Result<(), WireError> {
        encode(message, &mut self.bytes)
    }

    /// Bytes that wait to be written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes all that waits.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}
