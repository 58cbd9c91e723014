//! Tests of Rust projects: real cargo builds them, their own binaries run them.

mod broken;
mod doctests;
mod listings;
mod outcomes;
mod places;
mod registry;
mod results;
mod retries;
mod selection;
mod settings;

use crate::support::Project;

/// The manifest of a package without dependencies.
fn manifest(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"1.2.3\"\nedition = \"2021\"\n[workspace]\n")
}

/// A package with this name and this body of its module of tests.
fn package(name: &str, tests: &str) -> Project {
    let library = format!("#[cfg(test)]\nmod tests {{\n{tests}\n}}\n");
    Project::cargo(&[("Cargo.toml", &manifest(name)), ("src/lib.rs", &library)])
}
