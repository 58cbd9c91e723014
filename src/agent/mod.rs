//! The agent: the process on a host that starts workers, hands them tests, watches their clocks and tells of their deaths.
//!
//! It speaks frames over stdin and stdout with the controller (`wire`) and the worker protocol with the workers
//! (`docs/worker-protocol.md`). It decides nothing about tests. When the controller goes, it ends its workers and itself.

mod child;
mod choice;
mod collected;
mod conversation;
mod descriptor;
mod ear;
mod guardian;
mod host;
mod imports;
mod lease;
mod line;
mod link;
mod memory;
mod output;
mod patience;
mod process;
mod queue;
mod sampler;
mod talk;
mod template;
mod watch;
mod worker;

pub use host::{AgentError, is_asked, serve, serve_if_asked};
pub use imports::{Imports, MeasureError, Preloadable, measure_imports};
