//! Who runs what: a pure state machine. Calls go in, [`Decision`]s come out; no clock, no I/O, no log.
//!
//! [`Scheduler`] keeps the roster (workers, lanes, collections, who holds what) and the account of every test; a
//! [`Policy`] alone knows how tests are shared out. The caller reports what happened and carries out, in order, what is decided.
