//! The policies that come with callsheet, by the names of xdist.

mod each;
mod load;
mod scope;
mod stealing;
mod stream;
mod worksteal;

pub(super) use each::Each;
pub(super) use load::Load;
pub(super) use scope::{Scope, ScopeKey};
pub(super) use stream::Stream;
pub(super) use worksteal::WorkSteal;
