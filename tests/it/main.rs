//! The end-to-end tests.

mod cli;
mod crashes;
mod deadlines;
mod docs;
mod exit_table;
mod faults;
mod library;
mod modes;
mod outcomes;
mod plugins;
mod seed;
mod support;
