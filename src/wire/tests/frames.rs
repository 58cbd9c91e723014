//! Frames: what goes in comes out, and what nobody put in is refused.

use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::messages::{from_agent, to_agent};
use super::{cut, read};
use crate::model::{Durations, Outcome, TestEnd, WorkerId};
use crate::wire::{
    FrameCodec, FromAgent, MAX_FRAME, Outbox, Preamble, ToAgent, WireError, WorkerEvent, decode,
    encode,
};

fn stream<T: Serialize>(messages: &[T]) -> Vec<u8> {
    let mut outbox = Outbox::default();
    for message in messages {
        outbox.push(message).unwrap();
    }
    outbox.take()
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

proptest! {
    #[test]
    fn what_the_controller_says_arrives(
        messages in vec(to_agent(), 0..6), places in vec(0..2000_usize, 0..8),
    ) {
        let stream = stream(&messages);
        let (read, end) = read::<ToAgent>(&cut(&stream, places));
        end.unwrap();
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn what_the_agent_says_arrives(
        messages in vec(from_agent(), 0..6), places in vec(0..2000_usize, 0..8),
    ) {
        let stream = stream(&messages);
        let (read, end) = read::<FromAgent>(&cut(&stream, places));
        end.unwrap();
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn random_bytes_are_refused_or_understood(bytes in vec(any::<u8>(), 0..300), places in vec(0..300_usize, 0..4)) {
        let (_, end) = read::<ToAgent>(&cut(&bytes, places.clone()));
        prop_assert_eq!(end.is_ok(), bytes.is_empty());
        // Behind a greeting, and as the inside of a frame.
        let stream = [&Preamble::bytes()[..], &bytes].concat();
        let _ = read::<ToAgent>(&cut(&stream, places.clone()));
        let _ = read::<FromAgent>(&cut(&stream, places));
        let _ = decode::<ToAgent>(&bytes);
        let _ = decode::<FromAgent>(&bytes);
    }

    #[test]
    fn a_damaged_byte_never_breaks_the_reader(message in from_agent(), place in any::<prop::sample::Index>(), byte: u8) {
        let mut stream = stream(&[message]);
        let place = place.index(stream.len());
        stream[place] = byte;
        let _ = read::<FromAgent>(&[&stream]);
    }
}

#[test]
fn a_test_that_passes_is_told_in_less_than_a_hundred_bytes() {
    let worker = WorkerId(10_000);
    let item = 1_000_000;
    let durations = Durations { setup: 0.000_1, call: 0.000_2, teardown: 0.000_3 };
    let end = TestEnd { outcome: Outcome::Passed, durations, started: 1_795_000_000.123_456 };
    let greeting = Preamble::bytes().len();
    let told = stream(&[
        FromAgent::Worker(worker, WorkerEvent::Started { item }),
        FromAgent::Worker(worker, WorkerEvent::Ended { item, end }),
    ]);
    assert!(told.len() - greeting < 100, "{} bytes", told.len() - greeting);
}

#[test]
fn a_stream_cut_anywhere_says_how_far_it_came() {
    let first = stream(&[FromAgent::Pong(1)]).len();
    let whole = stream(&[FromAgent::Pong(1), FromAgent::Progress("x".repeat(20))]);
    let greeting = Preamble::bytes().len();
    for length in 0..whole.len() {
        let (messages, end) = read::<FromAgent>(&[&whole[..length]]);
        assert_eq!(messages.len(), usize::from(length >= first), "{length}");
        match end {
            Ok(()) => assert!([0, greeting, first].contains(&length), "{length}"),
            Err(WireError::NoPreamble { length: came, .. }) => {
                assert_eq!((came, length < greeting), (length, true));
            }
            Err(WireError::Truncated { got, announced }) => {
                let begin = if length < first { greeting } else { first };
                assert_eq!(got, length - begin);
                assert!(got < announced, "{length}");
            }
            Err(error) => panic!("{length}: {error}"),
        }
    }
}

#[test]
fn a_length_above_the_maximum_is_refused_before_anything_is_kept_for_it() {
    let length = u32::try_from(MAX_FRAME).unwrap() + 1;
    let stream = [&Preamble::bytes()[..], &length.to_be_bytes()].concat();
    let mut bytes = BytesMut::from(&stream[..]);
    let error = FrameCodec::<ToAgent>::default().decode(&mut bytes).unwrap_err();
    assert!(
        matches!(error, WireError::TooLarge { announced, maximum: MAX_FRAME } if announced == MAX_FRAME + 1)
    );
    assert!(bytes.capacity() < 1024, "{}", bytes.capacity());
}

#[test]
fn a_message_fits_or_leaves_no_trace() {
    // The kind, and the length of the text as bincode writes it.
    let most = MAX_FRAME - 1 - 5;
    let mut out = vec![7];
    encode(&FromAgent::Progress("x".repeat(most)), &mut out).unwrap();
    assert_eq!(out.len(), 1 + 4 + MAX_FRAME);
    let FromAgent::Progress(text) = decode(&out[5..]).unwrap() else {
        panic!("another message came out")
    };
    assert_eq!(text.len(), most);

    out.truncate(1);
    let error = encode(&FromAgent::Progress("x".repeat(most + 1)), &mut out).unwrap_err();
    assert!(matches!(error, WireError::Encode { .. }), "{error}");
    assert_eq!(out, [7]);
}

#[test]
fn a_length_inside_a_message_is_held_against_the_frame() {
    // A text and a list that claim 2^60 bytes or items; bincode writes such a number as 253 and eight bytes.
    let huge = [&[253_u8][..], &(1_u64 << 60).to_le_bytes()].concat();
    let progress = [&[0][..], &huge, b"abc"].concat();
    let mut items = Vec::new();
    let withdrawn =
        FromAgent::Worker(WorkerId(1), WorkerEvent::Withdrawn { items: vec![], files: vec![] });
    encode(&withdrawn, &mut items).unwrap();
    let head = items.len() - 1;
    let items = [&items[4..head], &huge, b"abc"].concat();
    for bytes in [progress, items] {
        let error = decode::<FromAgent>(&bytes).unwrap_err();
        assert!(matches!(error, WireError::Decode { .. }), "{error}");
    }
}

#[test]
fn a_frame_holds_one_message_and_nothing_else() {
    let mut two = Vec::new();
    encode(&ToAgent::Shutdown, &mut two).unwrap();
    let one = two[4..].to_vec();
    for inside in [[&one[..], &one].concat(), vec![], vec![200]] {
        let stream = [&Preamble::bytes()[..], &frame(&inside)].concat();
        let (messages, end) = read::<ToAgent>(&[&stream]);
        assert_eq!(messages, []);
        let error = end.unwrap_err();
        assert!(
            matches!(error, WireError::Decode { length, .. } if length == inside.len()),
            "{error}"
        );
    }
}
