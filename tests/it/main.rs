//! The end-to-end tests.

mod cli;
mod crashes;
mod docs;
mod exit_table;
mod faults;
mod modes;
mod outcomes;
mod seed;
mod support;
