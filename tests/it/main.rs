//! The end-to-end tests.

mod agent;
mod bad_input;
mod benches;
mod cli;
mod crashes;
mod deadlines;
mod docs;
mod exit_table;
mod faults;
mod history;
mod interpreter;
mod layers;
mod library;
mod look;
mod modes;
mod outcomes;
mod parity;
mod plugins;
mod provision;
mod seed;
mod signals;
mod stream;
mod supervision;
mod support;
mod template;
mod worker_python;
