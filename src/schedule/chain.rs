//! Ordered lists of tests with removal from anywhere in constant time.
//!
//! A test stands in one list at most (it waits, or one worker holds it), so one pair of links a
//! test serves all lists.

/// The end of a list.
const NONE: u32 = u32::MAX;

/// The links of every test; a [`Chain`] is a list threaded through them.
#[derive(Debug)]
pub(super) struct Links(Vec<(u32, u32)>);

/// One list: its ends and its length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    first: u32,
    last: u32,
    len: u32,
}

impl Default for Chain {
    fn default() -> Self {
        Self { first: NONE, last: NONE, len: 0 }
    }
}

impl Chain {
    pub(super) fn len(self) -> usize {
        self.len as usize
    }
}

impl Links {
    pub(super) fn new(tests: usize) -> Self {
        Self(vec![(NONE, NONE); tests])
    }

    /// Appends a test that stands in no list.
    pub(super) fn push(&mut self, chain: &mut Chain, test: u32) {
        self.0[test as usize] = (chain.last, NONE);
        if chain.last == NONE {
            chain.first = test;
        } else {
            self.0[chain.last as usize].1 = test;
        }
        chain.last = test;
        chain.len += 1;
    }

    /// Makes room for more tests, which stand in no list.
    pub(super) fn grow(&mut self, tests: usize) {
        self.0.resize(self.0.len() + tests, (NONE, NONE));
    }

    /// Puts a test that stands in no list before all others.
    pub(super) fn push_front(&mut self, chain: &mut Chain, test: u32) {
        self.0[test as usize] = (NONE, chain.first);
        if chain.first == NONE {
            chain.last = test;
        } else {
            self.0[chain.first as usize].0 = test;
        }
        chain.first = test;
        chain.len += 1;
    }

    /// Takes out a test that stands in this list.
    pub(super) fn remove(&mut self, chain: &mut Chain, test: u32) {
        let (before, after) = self.0[test as usize];
        if before == NONE {
            chain.first = after;
        } else {
            self.0[before as usize].1 = after;
        }
        if after == NONE {
            chain.last = before;
        } else {
            self.0[after as usize].0 = before;
        }
        chain.len -= 1;
    }

    /// The tests of a list from its first on.
    pub(super) fn forward(&self, chain: Chain) -> impl Iterator<Item = u32> {
        std::iter::successors(some(chain.first), |test| some(self.0[*test as usize].1))
    }

    /// The tests of a list from its last back.
    pub(super) fn backward(&self, chain: Chain) -> impl Iterator<Item = u32> {
        std::iter::successors(some(chain.last), |test| some(self.0[*test as usize].0))
    }
}

fn some(test: u32) -> Option<u32> {
    (test != NONE).then_some(test)
}
