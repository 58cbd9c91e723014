//! The end-to-end tests.

mod cli;
mod exit_table;
