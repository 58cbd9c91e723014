//! The end-to-end tests.

mod cli;
mod crashes;
<<<<<<< /tmp/m/o.rs
mod docs;
=======
mod deadlines;
>>>>>>> /tmp/m/t.rs
mod exit_table;
<<<<<<< /tmp/m/o.rs
mod faults;
mod modes;
mod outcomes;
mod seed;
=======
mod library;
>>>>>>> /tmp/m/t.rs
mod support;
