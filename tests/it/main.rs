//! The end-to-end tests.

mod agent;
mod cli;
mod crashes;
mod deadlines;
mod docs;
mod exit_table;
mod faults;
mod layers;
mod library;
mod modes;
mod outcomes;
mod parity;
mod plugins;
mod seed;
mod signals;
mod supervision;
mod support;
