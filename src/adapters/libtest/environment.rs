//! The environment and the directory that cargo gives the tests of a package.

use std::env;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, Package, TargetKind};

use super::cargo::Built;
use super::plan::Place;
use super::toolchain::Toolchain;

/// Where the system's loader looks for libraries.
const LIBRARY_PATH: &str =
    if cfg!(target_os = "macos") { "DYLD_FALLBACK_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };

/// The place of a package's tests, as the reference of cargo describes it. `with_binaries`: whether they are told where the
/// package's own binaries are.
pub(super) fn place(
    package: &Package,
    built: &Built,
    metadata: &Metadata,
    toolchain: &Toolchain,
    with_binaries: bool,
) -> Place {
    let root = package.manifest_path.parent().map_or(Path::new("/"), |root| root.as_std_path());
    let mut env: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: &str| env.push((name.to_owned(), value.to_owned()));
    set("CARGO", &toolchain.cargo().display().to_string());
    set("CARGO_MANIFEST_DIR", &root.display().to_string());
    set("CARGO_MANIFEST_PATH", package.manifest_path.as_str());
    let version = &package.version;
    set("CARGO_PKG_VERSION", &version.to_string());
    set("CARGO_PKG_VERSION_MAJOR", &version.major.to_string());
    set("CARGO_PKG_VERSION_MINOR", &version.minor.to_string());
    set("CARGO_PKG_VERSION_PATCH", &version.patch.to_string());
    set("CARGO_PKG_VERSION_PRE", version.pre.as_str());
    set("CARGO_PKG_AUTHORS", &package.authors.join(":"));
    set("CARGO_PKG_NAME", &package.name);
    set("CARGO_PKG_DESCRIPTION", package.description.as_deref().unwrap_or_default());
    set("CARGO_PKG_HOMEPAGE", package.homepage.as_deref().unwrap_or_default());
    set("CARGO_PKG_REPOSITORY", package.repository.as_deref().unwrap_or_default());
    set("CARGO_PKG_LICENSE", package.license.as_deref().unwrap_or_default());
    let path = |path: &Option<_>| path.as_ref().map_or_else(String::new, ToString::to_string);
    set("CARGO_PKG_LICENSE_FILE", &path(&package.license_file));
    set("CARGO_PKG_README", &path(&package.readme));
    let rust = package.rust_version.as_ref().map_or_else(String::new, written);
    set("CARGO_PKG_RUST_VERSION", &rust);
    for script in built.scripts.iter().filter(|script| script.package_id == package.id) {
        set("OUT_DIR", script.out_dir.as_str());
        for (name, value) in &script.env {
            set(name, value);
        }
    }
    if with_binaries {
        let is_binary = |artifact: &&cargo_metadata::Artifact| {
            artifact.package_id == package.id
                && !artifact.profile.test
                && artifact.target.kind.contains(&TargetKind::Bin)
        };
        for artifact in built.artifacts.iter().filter(is_binary) {
            if let Some(executable) = &artifact.executable {
                set(&format!("CARGO_BIN_EXE_{}", artifact.target.name), executable.as_str());
            }
        }
    }
    let libraries = library_path(built, metadata, toolchain);
    set(LIBRARY_PATH, &libraries);
    Place { cwd: root.to_owned(), env }
}

/// The version as the manifest has it: cargo's answers complete it.
fn written(version: &cargo_metadata::semver::Version) -> String {
    match version.patch {
        0 => format!("{}.{}", version.major, version.minor),
        _ => version.to_string(),
    }
}

/// What was built for the tests to load, what rustc brings, and what was there before.
fn library_path(built: &Built, metadata: &Metadata, toolchain: &Toolchain) -> String {
    let mut paths: Vec<PathBuf> = Vec::new();
    let target = metadata.target_directory.as_std_path();
    for script in &built.scripts {
        for linked in &script.linked_paths {
            let path = linked.as_str();
            let path = path.split_once('=').map_or(path, |(_kind, path)| path);
            // As cargo does: directories of the system stay out.
            if Path::new(path).starts_with(target) {
                paths.push(path.into());
            }
        }
    }
    let executables = built.artifacts.iter().filter(|artifact| artifact.profile.test);
    for executable in executables.filter_map(|artifact| artifact.executable.as_ref()) {
        // Test binaries stand in `deps`, and what a user would run one above.
        if let Some(deps) = executable.as_std_path().parent() {
            paths.extend(deps.parent().map(Path::to_owned));
            paths.push(deps.to_owned());
        }
    }
    paths.push(toolchain.target_libdir.clone());
    paths.push(toolchain.sysroot.join("lib"));
    let before = env::var_os(LIBRARY_PATH).unwrap_or_default();
    paths.extend(env::split_paths(&before));
    let mut unique: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !path.as_os_str().is_empty() && !unique.contains(&path) {
            unique.push(path);
        }
    }
    // A directory with a colon in its name can not be told.
    env::join_paths(unique).unwrap_or(before).to_string_lossy().into_owned()
}
