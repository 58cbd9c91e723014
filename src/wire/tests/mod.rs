//! The link against everything that can stand on a stream of bytes.

mod frames;
mod greeting;
mod messages;

use serde::de::DeserializeOwned;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::{FrameCodec, WireError};

/// What a reader makes of a stream that comes in these pieces and then ends.
fn read<In: DeserializeOwned>(pieces: &[&[u8]]) -> (Vec<In>, Result<(), WireError>) {
    let mut codec = FrameCodec::<In>::default();
    let mut bytes = BytesMut::new();
    let mut messages = Vec::new();
    for piece in pieces {
        bytes.extend_from_slice(piece);
        loop {
            match codec.decode(&mut bytes) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
    }
    loop {
        match codec.decode_eof(&mut bytes) {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, Ok(())),
            Err(error) => return (messages, Err(error)),
        }
    }
}

/// The bytes cut at these places, whatever their order.
fn cut(bytes: &[u8], mut places: Vec<usize>) -> Vec<&[u8]> {
    places.retain(|place| *place < bytes.len());
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}
