//! The seam for ways to share out tests.

use super::PolicyOptions;

/// A way to share out tests over workers.
pub trait Policy: Send {
    /// The name shown to people.
    fn name(&self) -> &str;
}

struct Pending(&'static str);

impl Policy for Pending {
    fn name(&self) -> &str {
        self.0
    }
}

/// The policy that the options name.
pub fn policy(options: &PolicyOptions) -> Box<dyn Policy> {
    Box::new(Pending(options.dist.class()))
}
