//! What is compared: the policies as users get them.

use std::sync::Arc;

use callsheet::model::Dist;
use callsheet::schedule::{Estimates, Policy, PolicyOptions, policy};

use super::plan::Plan;

/// A policy and what it is told beforehand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rival {
    /// What people call it.
    pub(crate) name: &'static str,
    dist: Dist,
    /// Whether it knows from past runs how long tests take.
    knows: bool,
}

/// All that share the tests of a suite; one line each.
pub(crate) const RIVALS: [Rival; 6] = [
    Rival { name: "stream, known", dist: Dist::Stream, knows: true },
    Rival { name: "stream, unknown", dist: Dist::Stream, knows: false },
    Rival { name: "load", dist: Dist::Load, knows: false },
    Rival { name: "worksteal", dist: Dist::WorkSteal, knows: false },
    Rival { name: "loadfile", dist: Dist::LoadFile, knows: false },
    Rival { name: "loadscope", dist: Dist::LoadScope, knows: false },
];

impl Rival {
    /// A fresh policy for a run of this suite.
    pub(crate) fn policy(self, plan: &Plan, workers: u32) -> Box<dyn Policy> {
        let estimates = if self.knows { plan.estimates() } else { Estimates::default() };
        let options = PolicyOptions { dist: self.dist, ..PolicyOptions::default() };
        let workers = usize::try_from(workers).expect("workers can be counted");
        policy(&options, workers, Arc::new(estimates))
    }
}
