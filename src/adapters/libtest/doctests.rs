//! The doctests of packages, as cargo and rustdoc list them.

use std::collections::HashSet;

use cargo_metadata::Metadata;
use cargo_metadata::camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::cargo::Cargo;
use super::plan::{Place, Program, ProgramKind};

/// A program for each package that has doctests: cargo itself. Its place is added to the places.
///
/// A test is named by its file, from the workspace's root, which tells the package.
///
/// # Errors
/// The name of a test that belongs to no package.
pub(super) fn programs(
    listing: &str,
    cargo: &Cargo,
    metadata: &Metadata,
    env: &[(String, String)],
    places: &mut Vec<Place>,
) -> Result<Vec<Program>, String> {
    let place = places.len();
    let mut found: Vec<Program> = Vec::new();
    let mut seen = HashSet::new();
    for line in listing.lines() {
        let Some(name) = line.strip_suffix(": test") else { continue };
        let package = package_of(name, metadata).ok_or_else(|| name.to_owned())?;
        let id = format!("{}/doc", package.name);
        if !seen.insert((id.clone(), name.to_owned())) {
            continue;
        }
        if let Some(known) = found.iter_mut().find(|program| program.id == id) {
            known.tests.push(name.to_owned());
            continue;
        }
        let mut args: Vec<String> = ["test", "--doc", "-p"].map(str::to_owned).to_vec();
        // By its whole id: a dependency may have the same name.
        args.push(package.id.repr.clone());
        args.extend(cargo.args_of_one_package());
        args.push("--".to_owned());
        found.push(Program {
            id,
            path: Cargo::program().into(),
            args,
            place,
            kind: ProgramKind::Doc,
            tests: vec![name.to_owned()],
            ignored: Vec::new(),
            deselected: 0,
        });
    }
    if !found.is_empty() {
        places.push(Place { cwd: cargo.root.clone(), env: env.to_vec() });
    }
    Ok(found)
}

/// The package that a doctest belongs to: the one in whose directory its file is. Files are named from the workspace's root.
fn package_of<'a>(name: &str, metadata: &'a Metadata) -> Option<&'a cargo_metadata::Package> {
    let file = name.split(" - ").next().unwrap_or(name);
    let path = plain(&metadata.workspace_root.join(file));
    let mut best: Option<(&cargo_metadata::Package, usize)> = None;
    for package in &metadata.packages {
        let Some(root) = package.manifest_path.parent() else { continue };
        let depth = root.components().count();
        if path.starts_with(root) && best.is_none_or(|(_, deepest)| depth > deepest) {
            best = Some((package, depth));
        }
    }
    best.map(|(package, _)| package)
}

/// The path without `..`.
fn plain(path: &Utf8Path) -> Utf8PathBuf {
    let mut plain = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
