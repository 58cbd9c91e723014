//! The queue against a worker that reads its socket: an item is read or taken back, never both, never lost.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

mod terms;
mod world;

use world::{MADE, Step, World, items_of, step};

proptest! {
    #[test]
    fn everything_goes_one_way(steps in vec(step(), 0..60)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.end();
    }
}

#[test]
fn what_the_worker_has_not_read_comes_back_at_once() {
    let mut world = World::new();
    world.take(Step::Push(3));
    world.take(Step::Read(1));
    world.withdraw(&[0, 1, 7].map(Entry::Item));
    assert_eq!(world.withdrawn, [Entry::Item(1)]);
    world.take(Step::Read(5));
    assert_eq!(world.reader.items(), [0, 2]);
}

#[test]
fn more_than_the_socket_holds_is_given_by_and_by_and_taken_back_whole() {
    let mut world = World::new();
    world.take(Step::Push(1000));
    assert_eq!(world.queue.sent.len(), WINDOW);
    let all = world.all();
    world.withdraw(&all);
    assert_eq!(world.withdrawn, all);
    assert_eq!(world.queue.work(), None);
    world.end();
}

#[test]
fn the_socket_is_filled_up_when_it_is_half_empty() {
    let mut world = World::new();
    world.take(Step::Push(1000));
    let half = u8::try_from(LOW).unwrap();
    world.take(Step::Read(half));
    world.take(Step::Hear(half - 1));
    assert_eq!(world.queue.sent.len(), LOW + 1);
    world.take(Step::Hear(1));
    assert_eq!(world.queue.sent.len(), WINDOW);
}

#[test]
fn nothing_stands_behind_a_file_until_it_is_made() {
    let mut world = World::new();
    world.take(Step::Push(1));
    // The files 0 and 1, of which the second has one item.
    world.take(Step::Make(2, true));
    world.take(Step::Push(1));
    world.take(Step::Read(9));
    assert_eq!(world.reader.read, [Entry::Item(0), Entry::File(0)]);
    world.take(Step::Hear(3));
    world.take(Step::Read(9));
    assert_eq!(world.reader.read[2..], [Entry::File(1)]);
    world.take(Step::Hear(1));
    assert_eq!(world.reader.receive(MsgFlags::MSG_PEEK), None);
    world.take(Step::Hear(1));
    world.take(Step::Read(9));
    assert_eq!(world.reader.read[3..], [Entry::Item(MADE), Entry::Item(1)], "its own come first");
    world.end();
}

#[test]
fn the_end_waits_until_the_last_file_is_made_and_run() {
    let mut world = World::new();
    world.take(Step::Make(2, true));
    world.take(Step::Close(Close::Finish));
    world.take(Step::Read(9));
    world.take(Step::Hear(2));
    world.take(Step::Read(9));
    assert!(!world.reader.ended);
    world.take(Step::Hear(2));
    world.take(Step::Read(9));
    assert_eq!(world.reader.items(), [MADE]);
    assert!(world.reader.ended);
}

#[test]
fn a_file_that_is_being_made_does_not_come_back() {
    let mut world = World::new();
    world.take(Step::Make(3, true));
    world.take(Step::Read(1));
    world.withdraw(&[0, 1].map(Entry::File));
    assert_eq!(world.withdrawn, [Entry::File(1)]);
    world.take(Step::Hear(2));
    world.take(Step::Read(1));
    assert_eq!(world.reader.read, [Entry::File(0), Entry::File(2)]);
}

#[test]
fn what_is_made_after_an_interrupt_is_not_run() {
    let mut world = World::new();
    world.take(Step::Make(4, true));
    world.take(Step::Read(1));
    world.take(Step::Hear(2));
    world.take(Step::Read(1));
    world.take(Step::Close(Close::Interrupt));
    world.take(Step::Hear(2));
    world.take(Step::Read(9));
    assert_eq!(world.reader.read, [Entry::File(0), Entry::File(1)]);
    assert!(world.reader.ended);
}

#[test]
fn the_word_to_go_on_survives_a_take_back() {
    let mut world = World::new();
    world.take(Step::Push(3));
    world.take(Step::Read(1));
    world.take(Step::Fail);
    world.take(Step::Hear(1));
    world.take(Step::Hear(1));
    world.take(Step::Resume);
    world.withdraw(&[Entry::Item(1)]);
    world.take(Step::Read(2));
    assert_eq!((world.reader.halted, world.reader.items()), (false, vec![0, 2]));
}

#[test]
fn an_interrupt_ends_the_wait_of_a_halted_worker() {
    let mut world = World::new();
    world.take(Step::Push(3));
    world.take(Step::Read(1));
    world.take(Step::Fail);
    world.take(Step::Hear(1));
    world.take(Step::Hear(1));
    world.take(Step::Close(Close::Interrupt));
    world.take(Step::Read(1));
    assert!(world.reader.ended);
}

#[test]
fn an_item_that_is_not_the_head_is_refused() {
    let (mut queue, _socket) = Queue::new().unwrap();
    assert!(!queue.began(0).unwrap());
    queue.push(vec![4, 5].into()).unwrap();
    assert!(!queue.began(5).unwrap());
    assert!(!queue.began(6).unwrap());
    assert!(queue.began(4).unwrap());
    assert!(!queue.began(4).unwrap());
    assert!(queue.began(5).unwrap());
    queue.push_files(&[5, 6], true).unwrap();
    assert!(!queue.began(5).unwrap());
    assert!(!queue.making(6));
    assert!(queue.making(5));
    assert!(!queue.making(6), "it was not even sent");
}

#[test]
fn a_queue_that_the_tests_have_shut_down_is_an_error() {
    use nix::sys::socket::{Shutdown, shutdown};
    for how in [Shutdown::Read, Shutdown::Write, Shutdown::Both] {
        let (mut queue, socket) = Queue::new().unwrap();
        queue.push(vec![0, 1].into()).unwrap();
        shutdown(socket.as_raw_fd(), how).unwrap();
        // Writing alone is nothing a worker does with its queue.
        assert_eq!(queue.withdraw(&[1], &[]).is_err(), how != Shutdown::Write, "{how:?}");
    }
}

/// Reads at full speed on a thread of its own, and tells what it has read, until the end of the session.
fn read_all(socket: &OwnedFd, began: &std::sync::mpsc::Sender<Entry>) {
    let mut buffer = [0; 256];
    loop {
        let count = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()).unwrap();
        match Entry::of(&buffer[..count]) {
            Some(entry) => began.send(entry).unwrap(),
            None => return,
        }
    }
}

#[test]
fn a_worker_that_reads_while_items_are_taken_back_never_disagrees_with_the_agent() {
    const ITEMS: u32 = 60_000;
    let (mut queue, socket) = Queue::new().unwrap();
    let (sender, began) = std::sync::mpsc::channel();
    let worker = std::thread::spawn(move || read_all(&socket, &sender));
    let (mut next, mut run, mut withdrawn) = (0, Vec::new(), Vec::new());
    let mut follow = |queue: &mut Queue, entry| {
        let Entry::Item(item) = entry else { panic!("{entry:?}") };
        assert!(queue.began(item).unwrap(), "item {item} began out of turn");
        run.push(item);
        run.len()
    };
    let mut count = 0;
    while next < ITEMS {
        queue.push((next..next + 20).collect::<Vec<_>>().into()).unwrap();
        let back: Vec<u32> = (next..next + 20).step_by(3).collect();
        withdrawn.extend(queue.withdraw(&back, &[]).unwrap().0);
        next += 20;
        for entry in began.try_iter() {
            count = follow(&mut queue, entry);
        }
    }
    queue.close(Close::Finish).unwrap();
    while count + withdrawn.len() < ITEMS as usize {
        count = follow(&mut queue, began.recv().unwrap());
    }
    worker.join().unwrap();
    run.extend(withdrawn);
    run.sort_unstable();
    assert!(run.into_iter().eq(0..ITEMS), "an item was lost or given twice");
}

#[test]
fn a_worker_that_makes_files_while_they_are_taken_back_never_disagrees_with_the_agent() {
    const FILES: u32 = 20_000;
    let (mut queue, socket) = Queue::new().unwrap();
    let (sender, began) = std::sync::mpsc::channel();
    let worker = std::thread::spawn(move || read_all(&socket, &sender));
    let (mut files, mut items, mut made, mut withdrawn) = (Vec::new(), 0, 0, Vec::new());
    let mut follow = |queue: &mut Queue, entry| match entry {
        Entry::Item(item) => {
            assert!(queue.began(item).unwrap(), "item {item} began out of turn");
            assert_eq!(item, items, "items are run as they are made");
            items += 1;
            0
        }
        Entry::File(file) => {
            assert!(queue.making(file), "file {file} began out of turn");
            assert_eq!(items, made, "a file was begun before the items of the one before");
            queue.made((made..made + items_of(file)).collect::<Vec<_>>().into()).unwrap();
            made += items_of(file);
            files.push(file);
            1
        }
    };
    let mut count = 0;
    for next in (0..FILES).step_by(4) {
        queue.push_files(&[next, next + 1, next + 2, next + 3], true).unwrap();
        withdrawn.extend(queue.withdraw(&[], &[next, next + 2]).unwrap().1);
        for entry in began.try_iter() {
            count += follow(&mut queue, entry);
        }
    }
    queue.close(Close::Finish).unwrap();
    while let Ok(entry) = began.recv() {
        count += follow(&mut queue, entry);
    }
    worker.join().unwrap();
    assert_eq!((files.len(), items), (count, made));
    files.extend(withdrawn);
    files.sort_unstable();
    assert!(files.into_iter().eq(0..FILES), "a file was lost or given twice");
}
