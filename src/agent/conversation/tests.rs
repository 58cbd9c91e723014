//! Scripts: lines of a worker, and what they become or how they break the protocol.

use std::sync::Arc;

use super::*;
use crate::model::{Item, Outcome};

const READY: &str = r#"{"t":"ready","protocol":1,"pid":7,"executable":"/py","runtime":"3.11","framework":"pytest 9","platform":"linux","cwd":"/","from":"the future"}"#;

/// Plays the lines, which must all be accepted.
fn play(lines: &[&str]) -> (Conversation, Vec<WorkerEvent>) {
    go_on(Conversation::new(false), lines)
}

/// Plays more lines, which must all be accepted.
fn go_on(mut conversation: Conversation, lines: &[&str]) -> (Conversation, Vec<WorkerEvent>) {
    let events = lines
        .iter()
        .filter_map(|line| {
            conversation.accept(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"))
        })
        .collect();
    (conversation, events)
}

/// A worker that was asked to list files.
fn asked_for_files(lines: &[&str]) -> (Conversation, Vec<WorkerEvent>) {
    go_on(Conversation::new(true), &[&[READY], lines].concat())
}

/// A worker that has listed two files.
fn listed() -> Conversation {
    asked_for_files(&[
        r#"{"t":"files","files":[["a.py",10],["b.py",0,true]]}"#,
        r#"{"t":"listed","count":2}"#,
    ])
    .0
}

/// A worker that has collected three items.
fn collected() -> Conversation {
    let items = r#"{"t":"items","items":[["a.py::x",4],["a.py::y",4,"g"],["b.py::z",4,null]]}"#;
    play(&[READY, items, r#"{"t":"collected","count":3,"deselected":0}"#]).0
}

/// How the last line broke the protocol after the others were accepted.
fn broken(mut conversation: Conversation, lines: &[&str]) -> String {
    let (last, before) = lines.split_last().unwrap();
    for line in before {
        conversation.accept(line.as_bytes()).unwrap();
    }
    conversation.accept(last.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_whole_life_becomes_events() {
    let (conversation, events) = play(&[
        r#"{"t":"warning","stage":"config","id":"","location":"x.py:1","text":"w"}"#,
        READY,
        r#"{"t":"collect","id":"c.py","failed":true,"text":"ImportError"}"#,
        r#"{"t":"items","items":[["a.py::é",4]]}"#,
        r#"{"t":"items","items":[["a.py::y",4,"g"]]}"#,
        r#"{"t":"collected","count":2,"deselected":1}"#,
        r#"{"t":"start","i":1}"#,
        r#"{"t":"report","i":1,"phase":"call","category":"failed","letter":"F","word":"FAILED","failed":true,"sections":[["out","text"]]}"#,
        r#"{"t":"halted","i":1}"#,
        r#"{"t":"ran","i":1,"d":0.5}"#,
        r#"{"t":"report","i":1,"phase":"teardown","category":"error","letter":"E","word":"ERROR","failed":true}"#,
        r#"{"t":"end","i":1,"o":"failed","d":[1,0.5,0],"s":1700000000.25}"#,
        r#"{"t":"stopping","reason":"enough","exit_code":null,"kind":"stop"}"#,
        r#"{"t":"finished","exit_code":1,"output":{"any":["thing"]},"conclude":{"cov":1}}"#,
    ]);
    assert_eq!(conversation.stage(), Stage::Finished);
    assert_eq!(
        events[3],
        WorkerEvent::Items(vec![Item {
            id: "a.py::é".into(),
            scope_len: 4,
            group: None,
            tags: Arc::default()
        }])
    );
    assert_eq!(
        events[4],
        WorkerEvent::Items(vec![Item {
            id: "a.py::y".into(),
            scope_len: 4,
            group: Some("g".into()),
            tags: Arc::default()
        }])
    );
    assert_eq!(events[5], WorkerEvent::Collected { count: 2, deselected: 1, whole: None });
    assert_eq!(events[6], WorkerEvent::Started { item: 1 });
    assert_eq!(events[8], WorkerEvent::Halted { item: 1 });
    let WorkerEvent::Ended { item: 1, end } = &events[11] else { panic!("{:?}", events[11]) };
    assert_eq!(end.outcome, Outcome::Failed);
    assert_eq!((end.durations.total(), end.started), (1.5, 1_700_000_000.25));
    let finished =
        WorkerEvent::Finished { exit_code: 1, conclude: Some(r#"{"cov":1}"#.to_owned()) };
    assert_eq!(events[13], finished);
}

#[test]
fn what_is_no_line_of_the_protocol_is_quoted() {
    for (line, problem) in [
        ("Traceback (most recent call last):", "expected"),
        ("", "EOF"),
        ("[1,2]", "expected"),
        (r#"{"i":5}"#, "missing field `t`"),
        (r#"{"t":"begin","i":5}"#, "unknown variant `begin`"),
        (r#"{"t":"start"}"#, "missing field `i`"),
        (r#"{"t":"start","i":-1}"#, "-1"),
        (r#"{"t":"start","i":4294967296}"#, "4294967296"),
        (r#"{"t":"start","i":1} {"t":"start","i":2}"#, "trailing characters"),
        (r#"{"t":"end","i":1,"o":"burst","d":[0,0,0],"s":0}"#, "unknown variant `burst`"),
        (r#"{"t":"end","i":1,"o":"passed","d":[0,0],"s":0}"#, "length 2"),
        (r#"{"t":"end","i":1,"o":"passed","d":[0,0,1e999],"s":0}"#, "number out of range"),
        (r#"{"t":"items","items":[["é::x",1]]}"#, "no scope of 1 bytes in `é::x`"),
        (r#"{"t":"items","items":[["x",2]]}"#, "no scope of 2 bytes in `x`"),
        (r#"{"t":"items","items":[["x"]]}"#, "did not match"),
    ] {
        let told = broken(Conversation::new(false), &[line]);
        assert!(told.starts_with("it broke the worker protocol: "), "{told}");
        assert!(told.contains(problem), "{line}: {told}");
        assert!(told.ends_with(&format!("in the line `{}`", shown(line.as_bytes()))), "{told}");
    }
}

#[test]
fn what_is_quoted_is_short_and_fit_to_be_shown() {
    let mut line = b"\x1b[2J\xff\0".to_vec();
    line.resize(10_000, b'x');
    let told = Conversation::new(false).accept(&line).unwrap_err().to_string();
    assert!(told.contains(r"`\u{1b}[2J"), "{told}");
    assert!(told.ends_with("xxx…`") && told.len() < 300, "{told}");
}

#[test]
fn nesting_without_end_is_no_message() {
    let line = [r#"{"t":"finished","exit_code":0,"conclude":"#, &"[".repeat(100_000)].concat();
    assert!(Conversation::new(false).accept(line.as_bytes()).is_err());
}

#[test]
fn a_message_out_of_order_is_named_with_where_the_worker_was() {
    let start = r#"{"t":"start","i":1}"#;
    let end = r#"{"t":"end","i":1,"o":"passed","d":[0,0,0],"s":0}"#;
    let ran = r#"{"t":"ran","i":1,"d":0}"#;
    let report =
        r#"{"t":"report","i":2,"phase":"call","category":"","letter":"","word":"","failed":false}"#;
    for (lines, told) in [
        (&[start, start][..], "`start` where it was in item 1"),
        (&[start, r#"{"t":"start","i":2}"#], "`start` where it was in item 1"),
        (&[end], "`end` of item 1 where it was between tests"),
        (&[start, end, end], "`end` of item 1 where it was between tests"),
        (
            &[start, r#"{"t":"end","i":2,"o":"passed","d":[0,0,0],"s":0}"#],
            "`end` of item 2 where it was in item 1",
        ),
        (&[start, ran, ran], "`ran` where it was in item 1"),
        (&[ran], "`ran` where it was between tests"),
        (&[report], "`report` of item 2 where it was between tests"),
        (&[start, report], "`report` of item 2 where it was in item 1"),
        (&[r#"{"t":"halted","i":1}"#], "`halted` of item 1 where it was between tests"),
        (&[READY], "`ready` where it was between tests"),
        (&[r#"{"t":"items","items":[]}"#], "`items` where it was between tests"),
        (
            &[r#"{"t":"collected","count":3,"deselected":0}"#],
            "`collected` where it was between tests",
        ),
        (&[start, r#"{"t":"finished","exit_code":0}"#], "`finished` while item 1 has not ended"),
        (&[r#"{"t":"finished","exit_code":0}"#, start], "a message after `finished`"),
    ] {
        let error = broken(collected(), lines);
        assert_eq!(error, format!("it broke the worker protocol: {told}"));
    }
    let error = broken(Conversation::new(false), &[start]);
    assert_eq!(error, "it broke the worker protocol: `start` where it was not ready yet");
}

#[test]
fn a_broken_line_changes_nothing() {
    let mut conversation = collected();
    assert!(conversation.accept(br#"{"t":"end","i":1,"o":"passed","d":[0,0,0],"s":0}"#).is_err());
    assert!(conversation.accept(b"rubbish").is_err());
    conversation.accept(br#"{"t":"start","i":1}"#).unwrap();
    assert_eq!(conversation.running(), Some(1));
}

#[test]
fn the_parts_of_a_collection_add_up() {
    let told = broken(
        Conversation::new(false),
        &[
            READY,
            r#"{"t":"items","items":[["x",1]]}"#,
            r#"{"t":"collected","count":2,"deselected":0}"#,
        ],
    );
    assert_eq!(told, "it broke the worker protocol: `collected` counts 2 items, 1 came");
}

#[test]
fn a_worker_of_another_version_is_told_both() {
    let told =
        broken(Conversation::new(false), &[&READY.replace(r#""protocol":1"#, r#""protocol":2"#)]);
    assert_eq!(told, "it speaks version 2 of the worker protocol, this agent speaks version 1");
}

#[test]
fn a_worker_that_ends_before_it_is_ready_may_say_why() {
    let (conversation, _) = play(&[
        r#"{"t":"stopping","reason":"no such option","exit_code":4,"kind":"usage"}"#,
        r#"{"t":"finished","exit_code":4,"conclude":null}"#,
    ]);
    assert_eq!(conversation.stage(), Stage::Finished);
}

#[test]
fn a_worker_that_lists_files_makes_their_items_when_it_is_told_to() {
    let (conversation, events) = asked_for_files(&[
        r#"{"t":"files","files":[["a.py",10]]}"#,
        r#"{"t":"files","files":[["b.py",0,true]]}"#,
        r#"{"t":"listed","count":2}"#,
        r#"{"t":"making","f":1}"#,
        r#"{"t":"made","f":1,"items":[["b.py::x",4],["b.py::y",4,"g"]],"last":false}"#,
        r#"{"t":"made","f":1,"items":[["b.py::z",4,null,["slow","db","slow"]]],"last":true,"deselected":5}"#,
        r#"{"t":"start","i":2}"#,
        r#"{"t":"end","i":2,"o":"passed","d":[0,0,0],"s":0}"#,
        r#"{"t":"making","f":0}"#,
        r#"{"t":"collect","id":"a.py","failed":true,"text":"ImportError"}"#,
        r#"{"t":"made","f":0,"items":[],"last":true}"#,
    ]);
    assert_eq!(conversation.stage(), Stage::Idle);
    let item = |id: &str, group: Option<&str>| Item {
        id: id.into(),
        scope_len: 4,
        group: group.map(Into::into),
        tags: if id == "b.py::z" { ["db", "slow"].map(Arc::from).into() } else { Arc::default() },
    };
    let expected = [
        WorkerEvent::Files(vec![TestFile { id: "a.py".into(), size: 10, at_once: false }]),
        WorkerEvent::Files(vec![TestFile { id: "b.py".into(), size: 0, at_once: true }]),
        WorkerEvent::Listed { count: 2 },
        WorkerEvent::Making { file: 1 },
        WorkerEvent::Made {
            file: 1,
            first: 0,
            items: vec![item("b.py::x", None), item("b.py::y", Some("g")), item("b.py::z", None)],
            deselected: 5,
            queued: false,
            kept: vec![],
        },
        WorkerEvent::Started { item: 2 },
    ];
    assert_eq!(events[1..7], expected);
    assert_eq!(events[8], WorkerEvent::Making { file: 0 });
    let made = WorkerEvent::Made {
        file: 0,
        first: 3,
        items: vec![],
        deselected: 0,
        queued: false,
        kept: vec![],
    };
    assert_eq!(events[10], made, "items are numbered over the worker's life");
}

#[test]
fn the_file_that_is_being_made_is_known_by_name() {
    let (conversation, _) = go_on(
        listed(),
        &[r#"{"t":"making","f":1}"#, r#"{"t":"made","f":1,"items":[["b.py::x",4]],"last":false}"#],
    );
    assert_eq!((conversation.making(), conversation.making_id()), (Some(1), Some("b.py")));
    assert_eq!(conversation.running(), None);
    let (conversation, _) =
        go_on(conversation, &[r#"{"t":"made","f":1,"items":[],"last":true,"deselected":0}"#]);
    assert_eq!((conversation.making(), conversation.making_id()), (None, None));
}

#[test]
fn a_worker_that_was_asked_for_files_may_collect_everything_and_says_why() {
    let (conversation, events) = asked_for_files(&[
        r#"{"t":"items","items":[["x",1]]}"#,
        r#"{"t":"collected","count":1,"deselected":0,"whole":"a plugin sorts all tests"}"#,
    ]);
    assert_eq!(conversation.stage(), Stage::Idle);
    let whole = Some("a plugin sorts all tests".to_owned());
    assert_eq!(events[2], WorkerEvent::Collected { count: 1, deselected: 0, whole });
}

#[test]
fn files_and_items_out_of_order_are_named() {
    let files = r#"{"t":"files","files":[["a.py",1]]}"#;
    let items = r#"{"t":"items","items":[["x",1]]}"#;
    let collected = r#"{"t":"collected","count":1,"deselected":0}"#;
    let asked = || asked_for_files(&[]).0;
    for (lines, told) in [
        (&[files, items][..], "`items` after `files`"),
        (&[files, collected], "`collected` after `files`"),
        (&[items, files], "`files` after `items`"),
        (&[items, r#"{"t":"listed","count":0}"#], "`listed` after `items`"),
        (&[files, files], "`files` names `a.py` twice"),
        (&[files, r#"{"t":"listed","count":2}"#], "`listed` counts 2 files, 1 came"),
        (&[r#"{"t":"making","f":0}"#], "`making` where it was collecting"),
    ] {
        let error = broken(asked(), lines);
        assert_eq!(error, format!("it broke the worker protocol: {told}"));
    }
    let making = r#"{"t":"making","f":1}"#;
    let made = r#"{"t":"made","f":1,"items":[],"last":true}"#;
    for (lines, told) in [
        (&[files][..], "`files` where it was between tests"),
        (&[items], "`items` where it was between tests"),
        (&[r#"{"t":"making","f":2}"#], "`making` of file 2 where it listed 2 files"),
        (&[made], "`made` where it was between tests"),
        (&[making, making], "`making` where it was making the items of file 1"),
        (
            &[making, r#"{"t":"made","f":0,"items":[],"last":true}"#],
            "`made` where it was making the items of file 1",
        ),
        (&[making, made, made], "`made` where it was between tests"),
        (&[making, r#"{"t":"start","i":0}"#], "`start` where it was making the items of file 1"),
    ] {
        let error = broken(listed(), lines);
        assert_eq!(error, format!("it broke the worker protocol: {told}"));
    }
    for lines in [&[READY, files], &[READY, r#"{"t":"listed","count":0}"#]] {
        let error = broken(Conversation::new(false), lines);
        assert!(error.ends_with("where it was asked to collect everything"), "{error}");
    }
}

#[test]
fn items_beyond_32_bits_are_refused() {
    let mut conversation = listed();
    conversation.items = u32::MAX - 1;
    let making = r#"{"t":"making","f":0}"#;
    let one = r#"{"t":"made","f":0,"items":[["x",1]],"last":false}"#;
    let error = broken(conversation, &[making, one, one]);
    assert_eq!(error, "it broke the worker protocol: more than 2^32 items");
}

#[test]
fn a_worker_may_end_while_it_makes_items() {
    let (conversation, _) = go_on(
        listed(),
        &[
            r#"{"t":"making","f":0}"#,
            r#"{"t":"stopping","reason":"enough","exit_code":3,"kind":"exit"}"#,
            r#"{"t":"finished","exit_code":3}"#,
        ],
    );
    assert_eq!(conversation.stage(), Stage::Finished);
}
