//! What every end-to-end test needs: a project, an interpreter with the right packages, a run with a deadline, and the
//! proof that nothing is left of it.

mod environment;
mod events;
mod processes;
mod project;

pub(crate) use environment::{other_python, python};
pub(crate) use events::{assert_valid, lines, schema};
pub(crate) use processes::{Marked, alive_with};
pub(crate) use project::{Project, Running, Told};
