//! tmp
pub mod model;
