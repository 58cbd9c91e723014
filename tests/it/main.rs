//! The end-to-end tests.

mod agent;
mod cli;
mod crashes;
mod exit_table;
mod support;
