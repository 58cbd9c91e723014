//! The greeting: found behind noise however it comes, and never taken for another build's.

use proptest::collection::vec;
use proptest::prelude::*;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::{cut, read};
use crate::wire::{FrameCodec, MAX_NOISE, Outbox, Preamble, ToAgent, WireError};

fn behind(noise: &[u8]) -> Vec<u8> {
    let mut outbox = Outbox::default();
    outbox.push(&ToAgent::Ping(7)).unwrap();
    [noise, &outbox.take()].concat()
}

fn refusal(stream: &[u8]) -> WireError {
    let (messages, end) = read::<ToAgent>(&[stream]);
    assert_eq!(messages, []);
    end.unwrap_err()
}

proptest! {
    #[test]
    fn noise_before_it_is_skipped(
        // Also what looks like the beginning of a greeting.
        noise in vec(prop_oneof![any::<u8>().prop_map(|byte| vec![byte]), Just(b"\0callsheet".to_vec())], 0..40),
        places in vec(0..300_usize, 0..8),
    ) {
        let noise = noise.concat();
        prop_assume!(!noise.windows(11).any(|window| window == b"\0callsheet "));
        let stream = behind(&noise);
        let (messages, end) = read::<ToAgent>(&cut(&stream, places));
        end.unwrap();
        prop_assert_eq!(messages, [ToAgent::Ping(7)]);
    }
}

#[test]
fn another_build_is_named() {
    let error = refusal(b"\0callsheet 9.9.9 (00000000deadbeef)\nwhatever").to_string();
    let ours = Preamble::build();
    assert_eq!(
        error,
        format!(
            "the other side is callsheet 9.9.9 (00000000deadbeef), this one is {ours}; install the same build on both sides"
        )
    );
    // What it says is shown on a terminal.
    let error = refusal(b"\0callsheet \x1b[2J\xff\n").to_string();
    assert!(error.contains(r"callsheet \u{1b}[2J"), "{error}");
}

#[test]
fn too_much_noise_is_refused_however_it_comes() {
    let noise = vec![b'x'; MAX_NOISE];
    let (messages, end) = read::<ToAgent>(&[&behind(&noise)]);
    end.unwrap();
    assert_eq!(messages, [ToAgent::Ping(7)]);

    let stream = behind(&[&noise[..], b"x"].concat());
    for pieces in [vec![&stream[..]], stream.chunks(1000).collect()] {
        let (messages, end) = read::<ToAgent>(&pieces);
        assert_eq!(messages, []);
        let Err(WireError::NoPreamble { length, beginning }) = end else { panic!("{end:?}") };
        assert!(length > MAX_NOISE, "{length}");
        assert_eq!(beginning, "x".repeat(80));
    }
}

#[test]
fn a_stream_without_it_is_told_with_its_beginning() {
    let error = refusal(b"bash: callsheet: command not found\n").to_string();
    assert!(
        error.contains("first 35 bytes, which begin with `bash: callsheet: command not found`"),
        "{error}"
    );
    // A greeting that never ends is noise.
    let endless = [b"\0callsheet ".to_vec(), vec![b'1'; MAX_NOISE]].concat();
    assert!(matches!(refusal(&endless), WireError::NoPreamble { .. }));
}

#[test]
fn silence_is_no_error() {
    let (messages, end) = read::<ToAgent>(&[]);
    assert_eq!(messages, []);
    end.unwrap();
}

#[test]
fn bytes_that_trickle_in_are_looked_at_once() {
    let mut codec = FrameCodec::<ToAgent>::default();
    let mut bytes = BytesMut::new();
    for byte in std::iter::repeat_n(b"Welcome to host \0!\n", 1000).flatten() {
        bytes.extend_from_slice(&[*byte]);
        assert_eq!(codec.decode(&mut bytes).unwrap(), None);
        // What is sure to be noise is not kept, so it is not looked at again.
        assert!(bytes.len() <= 1, "{bytes:?}");
    }
}
