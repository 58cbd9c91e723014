//! The end-to-end tests.

mod agent;
mod cli;
mod crashes;
mod deadlines;
mod docs;
mod exit_table;
<<<<<<< /tmp/m/o.rs
mod faults;
mod library;
mod modes;
mod outcomes;
mod seed;
=======
mod signals;
mod supervision;
>>>>>>> /tmp/m/t.rs
mod support;
