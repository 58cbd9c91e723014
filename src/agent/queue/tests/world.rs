//! A queue, a worker by the book, and the account of what both must agree on.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::*;
use super::terms::{said, says};

/// The first of the items that files are made into; below are those of a whole collection.
pub(super) const MADE: u32 = 1_000_000;

/// How many items a file is made into.
pub(super) fn items_of(file: u32) -> u32 {
    file % 4
}

/// A worker by the book, whose events reach the agent when the test says so.
pub(super) struct Reader {
    pub(super) socket: OwnedFd,
    events: VecDeque<Event>,
    pub(super) read: Vec<Entry>,
    /// The whole of the last message.
    last: String,
    made: u32,
    pub(super) halted: bool,
    pub(super) ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Began(u32),
    Making(u32),
    Made(u32, u32),
    Halted,
}

impl Reader {
    pub(super) fn new(socket: OwnedFd) -> Self {
        let (events, read) = (VecDeque::new(), Vec::new());
        let last = String::new();
        Self { socket, events, read, last, made: MADE, halted: false, ended: false }
    }

    pub(super) fn receive(&self, flags: MsgFlags) -> Option<Vec<u8>> {
        let mut buffer = [0; 256];
        match recv(self.socket.as_raw_fd(), &mut buffer, flags | MsgFlags::MSG_DONTWAIT) {
            Ok(count) => Some(buffer[..count].to_vec()),
            Err(Errno::EAGAIN) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Looks for the next message and acts on it; what it has begun.
    pub(super) fn step(&mut self) -> Option<Entry> {
        if self.ended {
            return None;
        }
        let message = self.receive(MsgFlags::MSG_PEEK)?;
        let text = String::from_utf8_lossy(&message).into_owned();
        let untold = self.events.iter().any(|event| matches!(event, Event::Made(..)));
        assert!(!untold, "{text} stood behind a file");
        let entry = Entry::of(&message);
        if self.halted && entry.is_some() {
            assert!(self.events.contains(&Event::Halted), "{text} was left to one that waits");
            return None;
        }
        assert_eq!(self.receive(MsgFlags::empty()), Some(message));
        self.read.extend(entry);
        self.last.clone_from(&text);
        match (entry, &*text) {
            (Some(Entry::Item(item)), _) => self.events.push_back(Event::Began(item)),
            (Some(Entry::File(file)), _) => {
                self.events.push_back(Event::Making(file));
                self.events.push_back(Event::Made(file, self.made));
                self.made += items_of(file);
            }
            (None, r#"{"resume":true}"#) => {
                assert!(self.halted, "told to go on without having halted");
                self.halted = false;
            }
            (None, r#"{"finish":true}"# | r#"{"interrupt":"SIGINT"}"#) => self.ended = true,
            (None, other) => panic!("{other}"),
        }
        entry
    }

    fn fail(&mut self) {
        if matches!(self.read.last(), Some(Entry::Item(_))) && !self.halted && !self.ended {
            self.halted = true;
            self.events.push_back(Event::Halted);
        }
    }

    pub(super) fn items(&self) -> Vec<u32> {
        let item = |entry: &Entry| match entry {
            Entry::Item(item) => Some(*item),
            Entry::File(_) => None,
        };
        self.read.iter().filter_map(item).collect()
    }
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Push(u32),
    /// The same, before all that the worker has not read.
    PushFirst(u32),
    /// Gives items that are known and nobody's, at the end or first.
    PushKnown(u8, bool),
    Make(u8, bool),
    Read(u8),
    Fail,
    Hear(u8),
    Withdraw(Vec<prop::sample::Index>),
    Resume,
    Close(Close),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..50_u32).prop_map(Step::Push),
        2 => (1..5_u32).prop_map(Step::PushFirst),
        4 => (1..9_u8, any::<bool>()).prop_map(|(count, first)| Step::PushKnown(count, first)),
        5 => (1..6_u8, any::<bool>()).prop_map(|(count, run)| Step::Make(count, run)),
        10 => (1..100_u8).prop_map(Step::Read),
        4 => Just(Step::Fail),
        10 => (1..100_u8).prop_map(Step::Hear),
        6 => vec(any::<prop::sample::Index>(), 1..40).prop_map(Step::Withdraw),
        6 => Just(Step::Resume),
        1 => Just(Step::Close(Close::Finish)),
        1 => Just(Step::Close(Close::Interrupt)),
    ]
}

/// The queue, its worker, and what both must agree on.
pub(super) struct World {
    pub(super) queue: Queue,
    pub(super) reader: Reader,
    given: u32,
    /// Of every file ever given, whether its items are to be run when they are made.
    files: Vec<bool>,
    /// What the worker is still to read, in order.
    pub(super) unread: VecDeque<Entry>,
    pub(super) withdrawn: Vec<Entry>,
    pub(super) known: Vec<u32>,
    /// What was said of items when they were last given.
    terms: HashMap<u32, Terms>,
    /// How many items were given, again and again.
    gifts: u32,
    owes_resume: bool,
    interrupted: bool,
}

impl World {
    pub(super) fn new() -> Self {
        let (queue, socket) = Queue::new().unwrap();
        Self {
            queue,
            reader: Reader::new(socket),
            given: 0,
            files: Vec::new(),
            unread: VecDeque::new(),
            withdrawn: Vec::new(),
            known: Vec::new(),
            terms: HashMap::new(),
            gifts: 0,
            owes_resume: false,
            interrupted: false,
        }
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            // Nothing is given to a worker that was told to end.
            Step::Push(_) | Step::PushFirst(_) | Step::PushKnown(..) | Step::Make(..)
                if self.queue.closed_by().is_some() => {}
            Step::Push(count) => self.push_new(count, false),
            Step::PushFirst(count) => self.push_new(count, true),
            Step::PushKnown(count, first) => {
                let is_item = |entry: &mut Entry| matches!(entry, Entry::Item(_));
                let back = self.withdrawn.extract_if(.., is_item);
                self.known.extend(back.map(|entry| match entry {
                    Entry::Item(number) | Entry::File(number) => number,
                }));
                let from = self.known.len().saturating_sub(count.into());
                let items = self.known.split_off(from);
                self.push(items, first);
            }
            Step::Make(count, run) => self.make(count, run),
            Step::Read(count) => (0..count).for_each(|_| self.read()),
            Step::Fail => self.reader.fail(),
            Step::Hear(count) => (0..count).for_each(|_| self.hear()),
            Step::Withdraw(which) => {
                let all = self.all();
                let wanted: Vec<Entry> =
                    which.iter().filter(|_| !all.is_empty()).map(|at| *at.get(&all)).collect();
                self.withdraw(&wanted);
            }
            Step::Resume => self.resume(),
            Step::Close(close) => {
                self.queue.close(close).unwrap();
                if close == Close::Interrupt {
                    self.interrupted = true;
                    self.unread.clear();
                }
            }
        }
        self.check();
    }

    /// Everything that was ever given.
    pub(super) fn all(&self) -> Vec<Entry> {
        let files = (0..).take(self.files.len()).map(Entry::File);
        (0..self.given).chain(MADE..self.reader.made).map(Entry::Item).chain(files).collect()
    }

    fn push_new(&mut self, count: u32, first: bool) {
        let items = self.given..self.given + count;
        self.given += count;
        self.push(items.collect(), first);
    }

    fn push(&mut self, items: Vec<u32>, first: bool) {
        let entries = items.iter().copied().map(Entry::Item);
        if first {
            entries.rev().for_each(|entry| self.unread.push_front(entry));
        } else {
            self.unread.extend(entries);
        }
        let terms = self.say(&items);
        self.queue.push(Batch { items, terms, first }).unwrap();
    }

    /// What is said of items that are given now, each time something else.
    fn say(&mut self, items: &[u32]) -> Vec<(u32, Terms)> {
        let mut all = Vec::new();
        for item in items {
            self.gifts += 1;
            if let Some(terms) = said(self.gifts) {
                self.terms.insert(*item, terms);
                all.push((*item, terms));
            } else {
                self.terms.remove(item);
            }
        }
        all
    }

    /// Gives files, first those that were taken back.
    fn make(&mut self, count: u8, run: bool) {
        let mut files = Vec::new();
        for _ in 0..count {
            let back = self.withdrawn.iter().position(|entry| matches!(entry, Entry::File(_)));
            let file = if let Some(at) = back
                && let Entry::File(file) = self.withdrawn.remove(at)
            {
                self.files[file as usize] = run;
                file
            } else {
                self.files.push(run);
                u32::try_from(self.files.len() - 1).unwrap()
            };
            files.push(file);
        }
        self.unread.extend(files.iter().copied().map(Entry::File));
        self.queue.push_files(&files, run).unwrap();
    }

    pub(super) fn withdraw(&mut self, wanted: &[Entry]) {
        let (mut items, mut files) = (Vec::new(), Vec::new());
        for entry in wanted {
            match entry {
                Entry::Item(item) => items.push(*item),
                Entry::File(file) => files.push(*file),
            }
        }
        let (items, files) = self.queue.withdraw(&items, &files).unwrap();
        let (back, left): (Vec<Entry>, _) =
            self.unread.iter().partition(|entry| wanted.contains(entry));
        self.unread = left.into();
        let told: Vec<Entry> =
            items.into_iter().map(Entry::Item).chain(files.into_iter().map(Entry::File)).collect();
        let is_item = |entry: &Entry| matches!(entry, Entry::Item(_));
        let (mut due, back_files): (Vec<Entry>, Vec<Entry>) = back.into_iter().partition(is_item);
        due.extend(back_files);
        assert_eq!(told, due, "what was not read comes back, in order");
        for entry in wanted {
            // What the worker has read already is made, and no longer to be run.
            if let Entry::File(file) = entry
                && !told.contains(entry)
            {
                self.files[*file as usize] = false;
            }
        }
        self.withdrawn.extend(told);
    }

    fn read(&mut self) {
        if let Some(entry) = self.reader.step() {
            assert_eq!(self.unread.pop_front(), Some(entry), "the order was not kept");
            if let Entry::Item(item) = entry {
                let meant = self.terms.get(&item).copied().unwrap_or_default();
                assert!(says(&self.reader.last, &meant), "{} for {meant:?}", self.reader.last);
            }
        }
    }

    fn hear(&mut self) {
        match self.reader.events.pop_front() {
            Some(Event::Began(item)) => {
                let meant = self.terms.remove(&item).unwrap_or_default();
                assert!(super::terms::are_same(&self.queue.terms(item), &meant), "{item}");
                assert!(self.queue.began(item).unwrap(), "{item} was not the head");
            }
            Some(Event::Making(file)) => {
                assert!(self.queue.making(file), "file {file} was not the head");
            }
            Some(Event::Made(file, first)) => {
                let items = first..first + items_of(file);
                // Some need something, and are left to others.
                let (kept, items): (Vec<u32>, Vec<u32>) = items.partition(|item| item % 5 == 4);
                let runs = !self.interrupted && self.files[file as usize];
                let terms = if runs { self.say(&items) } else { vec![(first, said(2).unwrap())] };
                let batch = Batch { items: items.clone(), terms, first: false };
                assert_eq!(self.queue.made(batch).unwrap(), runs);
                if runs {
                    items.iter().rev().for_each(|item| self.unread.push_front(Entry::Item(*item)));
                    self.known.extend(kept);
                } else if !self.interrupted {
                    self.known.extend(items.into_iter().chain(kept));
                }
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
        if self.owes_resume {
            return assert_eq!(self.queue.work(), None);
        }
        let untold = self.reader.events.iter().find_map(|event| match event {
            Event::Began(item) => Some(Entry::Item(*item)),
            Event::Making(file) => Some(Entry::File(*file)),
            Event::Made(..) | Event::Halted => None,
        });
        let next = untold.or(self.unread.front().copied()).map(|entry| match entry {
            Entry::Item(_) => Work::Test,
            Entry::File(_) => Work::File,
        });
        assert_eq!(self.queue.work(), next);
    }

    /// Lets everybody come to the end and closes the account.
    pub(super) fn end(mut self) {
        self.take(Step::Close(Close::Finish));
        for _ in 0..4 * self.all().len() + 100 {
            self.resume();
            self.read();
            self.hear();
        }
        assert!(self.reader.ended, "the worker waits for ever");
        self.check();
        assert_eq!(self.unread, []);
        let key = |entry: &Entry| match entry {
            Entry::Item(item) => (0, *item),
            Entry::File(file) => (1, *file),
        };
        let known = self.known.iter().copied().map(Entry::Item).collect();
        let mut account = [self.reader.read.clone(), self.withdrawn.clone(), known].concat();
        account.sort_unstable_by_key(key);
        if self.interrupted {
            let count = account.len();
            account.dedup();
            assert_eq!(account.len(), count, "something went two ways");
        } else {
            assert_eq!(account, self.all());
        }
    }
}
