//! The end-to-end tests.

mod cli;
mod crashes;
mod exit_table;
mod library;
mod support;
