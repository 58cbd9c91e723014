//! Preamble and frames on a byte stream, as a tokio codec.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::bytes::{Buf, BytesMut};
use tokio_util::codec::Decoder;

use super::frame::{HEADER, MAX_FRAME, decode};
use super::preamble::{NOISE, Preamble};
use super::{WireError, encode};

/// Reads the other side's preamble, then its messages.
#[derive(Debug)]
pub struct FrameCodec<In> {
    greeted: bool,
    message: PhantomData<fn() -> In>,
}

impl<In> Default for FrameCodec<In> {
    fn default() -> Self {
        Self {
            greeted: false,
            message: PhantomData,
        }
    }
}

impl<In: DeserializeOwned> Decoder for FrameCodec<In> {
    type Item = In;
    type Error = WireError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<In>, WireError> {
        if !self.greeted {
            let Some(end) = Preamble::find(bytes)? else {
                return Ok(None);
            };
            bytes.advance(end);
            self.greeted = true;
        }
        let Some(header) = bytes.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*header) as usize;
        if length > MAX_FRAME {
            return Err(WireError::TooLarge {
                announced: length,
                maximum: MAX_FRAME,
            });
        }
        if bytes.len() < HEADER + length {
            bytes.reserve(HEADER + length - bytes.len());
            return Ok(None);
        }
        bytes.advance(HEADER);
        let frame = bytes.split_to(length);
        decode(&frame).map(Some)
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<In>, WireError> {
        let message = self.decode(bytes)?;
        if message.is_some() || (self.greeted && bytes.is_empty()) {
            return Ok(message);
        }
        if !self.greeted {
            return Err(WireError::NoPreamble(bytes.len().min(NOISE)));
        }
        let announced = bytes.first_chunk::<HEADER>().map_or(HEADER, |header| {
            HEADER + u32::from_be_bytes(*header) as usize
        });
        Err(WireError::Truncated {
            got: bytes.len(),
            announced,
        })
    }
}

/// Collects messages as bytes to be written in one go, the preamble first.
#[derive(Debug)]
pub struct Outbox {
    bytes: Vec<u8>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            bytes: Preamble::bytes(),
        }
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
