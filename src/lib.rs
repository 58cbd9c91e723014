//! callsheet runs a test suite on many supervised worker processes, and never loses a result.

pub mod config;
pub mod exit;
pub mod launch;
pub mod model;
pub mod report;
pub mod schedule;
pub mod session;
pub mod supervise;
pub mod wire;
