//! The policies that come with callsheet, by the names of xdist.

mod each;
mod load;
mod scope;
mod worksteal;

pub(super) use each::Each;
pub(super) use load::Load;
pub(super) use scope::{Scope, ScopeKey};
pub(super) use worksteal::WorkSteal;
