//! What is compared: the policies as users get them.

use callsheet::model::Dist;
use callsheet::schedule::{Policy, PolicyOptions, policy};

use super::plan::Plan;

/// A policy and what it is told beforehand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rival {
    /// What people call it.
    pub(crate) name: &'static str,
    dist: Dist,
}

/// All that share the tests of a suite; one line each.
pub(crate) const RIVALS: [Rival; 4] = [
    Rival { name: "load", dist: Dist::Load },
    Rival { name: "worksteal", dist: Dist::WorkSteal },
    Rival { name: "loadfile", dist: Dist::LoadFile },
    Rival { name: "loadscope", dist: Dist::LoadScope },
];

impl Rival {
    /// A fresh policy for a run of this suite.
    pub(crate) fn policy(self, _plan: &Plan) -> Box<dyn Policy> {
        policy(&PolicyOptions { dist: self.dist, ..PolicyOptions::default() })
    }
}
