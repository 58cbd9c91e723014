//! The end-to-end tests.

mod cli;
mod crashes;
mod deadlines;
mod exit_table;
mod signals;
mod supervision;
mod support;
