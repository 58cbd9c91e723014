//! The tail of what a worker printed, and whole lines of it when it is shown live.

use super::*;
use crate::wire::{FromAgent, Preamble, decode};

fn tail(chunks: &[&[u8]]) -> String {
    let tail = Tail::default();
    for chunk in chunks {
        tail.add(chunk);
    }
    tail.text()
}

#[test]
fn little_output_is_kept_whole() {
    assert_eq!(tail(&[]), "");
    assert_eq!(tail(&[b"half a ", b"line"]), "half a line");
    assert_eq!(tail(&[b"\xff!"]), "\u{fffd}!");
}

#[test]
fn what_is_cut_is_cut_at_a_line() {
    // 16 bytes a line, so that lines end on the very edge of what is kept, and 10 bytes, so that they do not.
    for width in [16, 10] {
        let lines: Vec<String> =
            (0..30_000).map(|number| format!("{number:0>0$}\n", width - 1)).collect();
        let whole = lines.concat();
        for size in [1000, 4096, 65_536, 100_000] {
            let chunks: Vec<&[u8]> = whole.as_bytes().chunks(size).collect();
            let text = tail(&chunks);
            assert!(whole.ends_with(&text));
            assert!(
                text.len() <= TAIL && text.len() > TAIL - width,
                "{width} {size}: {}",
                text.len()
            );
            assert!(lines.iter().any(|line| text.starts_with(line.as_str())), "{}", &text[..20]);
        }
    }
}

#[test]
fn a_flood_takes_no_more_memory_than_a_trickle() {
    let tail = Tail::default();
    let chunk = vec![b'x'; 64 * 1024];
    for _ in 0..1000 {
        tail.add(&chunk);
    }
    assert!(tail.bytes.borrow().capacity() <= 4 * TAIL, "{}", tail.bytes.borrow().capacity());
    // A line longer than all that is kept is shown from its middle.
    assert_eq!(tail.text().len(), TAIL);
}

/// What is shown of a stream that comes in these chunks.
fn shown(chunks: &[&[u8]]) -> Vec<String> {
    let sender = Sender::default();
    let mut output =
        Output::new(WorkerId(3), Stream::Stderr, Tail::default(), Some(sender.clone()));
    for chunk in chunks {
        output.add(chunk);
    }
    output.show(&output.partial);
    let written = sender.queued();
    let mut bytes = written.strip_prefix(&Preamble::bytes()[..]).unwrap();
    let mut texts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (frame, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        bytes = rest;
        match decode(frame).unwrap() {
            FromAgent::Worker(
                WorkerId(3),
                WorkerEvent::Output { stream: Stream::Stderr, text },
            ) => texts.push(text),
            other => panic!("{other:?}"),
        }
    }
    texts
}

#[test]
fn lines_are_shown_whole() {
    assert_eq!(shown(&[b"on", b"e\ntwo\nthr", b"ee"]), ["one\ntwo\n", "three"]);
    assert_eq!(shown(&[b"\n", b"\n"]), ["\n", "\n"]);
    assert_eq!(shown(&[]), [""; 0]);
}

#[test]
fn a_line_without_end_is_shown_in_pieces() {
    let chunk = vec![b'x'; 40_000];
    let shown = shown(&[&chunk, &chunk, &chunk]);
    assert_eq!(shown.iter().map(String::len).collect::<Vec<_>>(), [80_000, 40_000]);
}
