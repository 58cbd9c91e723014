//! The queue against a worker that reads its socket: an item is read or taken back, never both, never lost.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A worker by the book, whose events reach the agent when the test says so.
struct Reader {
    socket: OwnedFd,
    events: VecDeque<Event>,
    read: Vec<u32>,
    halted: bool,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Began(u32),
    Halted,
}

impl Reader {
    fn new(socket: OwnedFd) -> Self {
        Self { socket, events: VecDeque::new(), read: Vec::new(), halted: false, ended: false }
    }

    fn receive(&self, flags: MsgFlags) -> Option<String> {
        let mut buffer = [0; 256];
        match recv(self.socket.as_raw_fd(), &mut buffer, flags | MsgFlags::MSG_DONTWAIT) {
            Ok(count) => Some(String::from_utf8(buffer[..count].to_vec()).unwrap()),
            Err(Errno::EAGAIN) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Looks for the next message and acts on it.
    fn step(&mut self) {
        if self.ended {
            return;
        }
        let Some(message) = self.receive(MsgFlags::MSG_PEEK) else { return };
        let run = message
            .strip_prefix(r#"{"run":"#)
            .map(|rest| rest.trim_end_matches('}').parse().unwrap());
        if self.halted && run.is_some() {
            assert!(
                self.events.contains(&Event::Halted),
                "a `run` was left to a worker that waits: {message}"
            );
            return;
        }
        assert_eq!(self.receive(MsgFlags::empty()), Some(message.clone()));
        match (run, message.as_str()) {
            (Some(item), _) => {
                self.read.push(item);
                self.events.push_back(Event::Began(item));
            }
            (None, r#"{"resume":true}"#) => {
                assert!(self.halted, "told to go on without having halted");
                self.halted = false;
            }
            (None, r#"{"finish":true}"# | r#"{"interrupt":"SIGINT"}"#) => self.ended = true,
            (None, other) => panic!("{other}"),
        }
    }

    fn fail(&mut self) {
        if !self.read.is_empty() && !self.halted && !self.ended {
            self.halted = true;
            self.events.push_back(Event::Halted);
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Push(u32),
    Read(u8),
    Fail,
    Hear,
    Withdraw(Vec<prop::sample::Index>),
    Resume,
    Close(Close),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..50_u32).prop_map(Step::Push),
        10 => (1..30_u8).prop_map(Step::Read),
        4 => Just(Step::Fail),
        10 => Just(Step::Hear),
        6 => vec(any::<prop::sample::Index>(), 1..40).prop_map(Step::Withdraw),
        6 => Just(Step::Resume),
        1 => Just(Step::Close(Close::Finish)),
        1 => Just(Step::Close(Close::Interrupt)),
    ]
}

/// The queue, its worker, and the account of the items.
struct World {
    queue: Queue,
    reader: Reader,
    given: u32,
    begun: usize,
    withdrawn: Vec<u32>,
    owes_resume: bool,
    /// Items that had been read when the queue was closed by an interrupt.
    interrupted: Option<usize>,
}

impl World {
    fn new() -> Self {
        let (queue, socket) = Queue::new().unwrap();
        Self {
            queue,
            reader: Reader::new(socket),
            given: 0,
            begun: 0,
            withdrawn: Vec::new(),
            owes_resume: false,
            interrupted: None,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            // Nothing is given to a worker that was told to end.
            Step::Push(_) if self.queue.closed_by().is_some() => {}
            Step::Push(count) => {
                let items = self.given..self.given + count;
                self.given += count;
                self.queue.push(items).unwrap();
            }
            Step::Read(count) => (0..count).for_each(|_| self.reader.step()),
            Step::Fail => self.reader.fail(),
            Step::Hear => self.hear(),
            Step::Withdraw(which) => {
                let items: Vec<u32> = which
                    .iter()
                    .filter(|_| self.given > 0)
                    .map(|at| u32::try_from(at.index(self.given as usize)).unwrap())
                    .collect();
                let taken = self.queue.withdraw(&items).unwrap();
                assert!(taken.iter().all(|item| items.contains(item)));
                self.withdrawn.extend(taken);
            }
            Step::Resume => self.resume(),
            Step::Close(close) => {
                if close == Close::Interrupt {
                    self.interrupted.get_or_insert(self.reader.read.len());
                }
                self.queue.close(close).unwrap();
            }
        }
        self.check();
    }

    fn hear(&mut self) {
        match self.reader.events.pop_front() {
            Some(Event::Began(item)) => {
                assert!(self.queue.began(item).unwrap(), "{item} was not the head");
                self.begun += 1;
            }
            Some(Event::Halted) => {
                self.queue.halt().unwrap();
                self.owes_resume = true;
            }
            None => {}
        }
    }

    fn resume(&mut self) {
        if std::mem::take(&mut self.owes_resume) {
            self.queue.resume().unwrap();
        }
    }

    fn check(&self) {
        assert!(self.reader.read.is_sorted(), "the order was not kept: {:?}", self.reader.read);
        if let Some(read) = self.interrupted {
            assert_eq!(self.reader.read.len(), read, "an item was handed out after the interrupt");
        } else if !self.owes_resume {
            let left = self.given as usize - self.begun - self.withdrawn.len();
            assert_eq!(self.queue.has_work(), left > 0);
        }
    }

    /// Lets everybody come to the end and closes the account.
    fn end(mut self) {
        self.take(Step::Close(Close::Finish));
        for _ in 0..4 * self.given + 100 {
            self.resume();
            self.reader.step();
            self.hear();
        }
        assert!(self.reader.ended, "the worker waits for ever");
        self.check();
        let mut account = [self.reader.read, self.withdrawn].concat();
        account.sort_unstable();
        if self.interrupted.is_some() {
            let count = account.len();
            account.dedup();
            assert_eq!(account.len(), count, "an item went two ways");
        } else {
            assert_eq!(account, (0..self.given).collect::<Vec<_>>());
        }
    }
}

proptest! {
    #[test]
    fn every_item_goes_one_way(steps in vec(step(), 0..60)) {
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
    assert_eq!(world.queue.withdraw(&[0, 1, 7]).unwrap(), [1]);
    world.take(Step::Read(5));
    assert_eq!(world.reader.read, [0, 2]);
}

#[test]
fn more_than_the_socket_holds_is_given_by_and_by_and_taken_back_whole() {
    let mut world = World::new();
    world.take(Step::Push(1000));
    assert_eq!(world.queue.sent.len(), WINDOW);
    let all: Vec<u32> = (0..1000).collect();
    assert_eq!(world.queue.withdraw(&all).unwrap(), all);
    assert!(!world.queue.has_work());
    world.end_of_withdrawn(all);
}

impl World {
    fn end_of_withdrawn(mut self, items: Vec<u32>) {
        self.withdrawn = items;
        self.end();
    }
}

#[test]
fn the_word_to_go_on_survives_a_take_back() {
    let mut world = World::new();
    world.take(Step::Push(3));
    world.take(Step::Read(1));
    world.take(Step::Fail);
    world.take(Step::Hear);
    world.take(Step::Hear);
    world.take(Step::Resume);
    assert_eq!(world.queue.withdraw(&[1]).unwrap(), [1]);
    world.take(Step::Read(2));
    assert_eq!((world.reader.halted, &world.reader.read[..]), (false, &[0, 2][..]));
}

#[test]
fn an_interrupt_ends_the_wait_of_a_halted_worker() {
    let mut world = World::new();
    world.take(Step::Push(3));
    world.take(Step::Read(1));
    world.take(Step::Fail);
    world.take(Step::Hear);
    world.take(Step::Hear);
    world.take(Step::Close(Close::Interrupt));
    world.take(Step::Read(1));
    assert!(world.reader.ended);
}

#[test]
fn an_item_that_is_not_the_head_is_refused() {
    let (mut queue, _socket) = Queue::new().unwrap();
    assert!(!queue.began(0).unwrap());
    queue.push([4, 5]).unwrap();
    assert!(!queue.began(5).unwrap());
    assert!(!queue.began(6).unwrap());
    assert!(queue.began(4).unwrap());
    assert!(!queue.began(4).unwrap());
    assert!(queue.began(5).unwrap());
}

#[test]
fn a_queue_that_the_tests_have_shut_down_is_an_error() {
    use nix::sys::socket::{Shutdown, shutdown};
    for how in [Shutdown::Read, Shutdown::Write, Shutdown::Both] {
        let (mut queue, socket) = Queue::new().unwrap();
        queue.push([0, 1]).unwrap();
        shutdown(socket.as_raw_fd(), how).unwrap();
        // Writing alone is nothing a worker does with its queue.
        assert_eq!(queue.withdraw(&[1]).is_err(), how != Shutdown::Write, "{how:?}");
    }
}

/// Reads at full speed on a thread of its own, and tells what it has read, until the end of the session.
fn read_all(socket: &OwnedFd, began: &std::sync::mpsc::Sender<u32>) {
    let mut buffer = [0; 256];
    loop {
        let count = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()).unwrap();
        match item_of(&buffer[..count]) {
            Some(item) => began.send(item).unwrap(),
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
    while next < ITEMS {
        queue.push(next..next + 20).unwrap();
        let back: Vec<u32> = (next..next + 20).step_by(3).collect();
        withdrawn.extend(queue.withdraw(&back).unwrap());
        next += 20;
        for item in began.try_iter() {
            assert!(queue.began(item).unwrap(), "item {item} began out of turn");
            run.push(item);
        }
    }
    queue.close(Close::Finish).unwrap();
    while run.len() + withdrawn.len() < ITEMS as usize {
        let item = began.recv().unwrap();
        assert!(queue.began(item).unwrap(), "item {item} began out of turn");
        run.push(item);
    }
    worker.join().unwrap();
    run.extend(withdrawn);
    run.sort_unstable();
    assert!(run.into_iter().eq(0..ITEMS), "an item was lost or given twice");
}
