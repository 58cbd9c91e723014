//! From what cargo has built to the programs that hold tests.

use std::collections::HashMap;
use std::path::Path;

use cargo_metadata::{Artifact, Metadata, Package, PackageId, TargetKind};

use super::cargo::Built;
use super::environment;
use super::plan::{Place, Program, ProgramKind};
use super::toolchain::Toolchain;

/// The test binaries in the order of packages and, in a package, of libraries, binaries, tests, examples and benchmarks; and
/// their places.
pub(super) fn programs(
    built: &Built,
    metadata: &Metadata,
    toolchain: &Toolchain,
) -> (Vec<Program>, Vec<Place>) {
    let packages: HashMap<&PackageId, (usize, &Package)> = metadata
        .packages
        .iter()
        .enumerate()
        .map(|(at, package)| (&package.id, (at, package)))
        .collect();
    let mut manifests = Manifests::default();
    let mut found: Vec<((usize, u8, String), Program)> = Vec::new();
    let mut places: Vec<(PackageId, bool, Place)> = Vec::new();
    for artifact in &built.artifacts {
        let Some(executable) = artifact.executable.as_ref().filter(|_| artifact.profile.test)
        else {
            continue;
        };
        let Some((order, package)) = packages.get(&artifact.package_id) else { continue };
        let (rank, kind) = kind_of(artifact);
        let name = artifact.target.name.clone();
        let id = match kind {
            "lib" => format!("{}/lib", package.name),
            kind => format!("{}/{kind}/{name}", package.name),
        };
        let has_harness = manifests.has_harness(package.manifest_path.as_std_path(), kind, &name);
        // cargo tells the binaries of a package to its integration tests and benchmarks alone.
        let with_binaries = ["tests", "benches"].contains(&kind);
        let known = places
            .iter()
            .position(|(of, binaries, _)| *of == artifact.package_id && *binaries == with_binaries);
        let place = known.unwrap_or_else(|| {
            let place = environment::place(package, built, metadata, toolchain, with_binaries);
            places.push((artifact.package_id.clone(), with_binaries, place));
            places.len() - 1
        });
        let program = Program {
            id,
            path: executable.clone().into_std_path_buf(),
            args: Vec::new(),
            place,
            kind: if has_harness { ProgramKind::Libtest } else { ProgramKind::Custom },
            tests: Vec::new(),
            ignored: Vec::new(),
            deselected: 0,
        };
        found.push(((*order, rank, name), program));
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    // The same target built twice (for two platforms, say) has tests that must be told apart.
    let mut seen: HashMap<String, u32> = HashMap::new();
    let programs = found.into_iter().map(|(_, mut program)| {
        let count = seen.entry(program.id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            program.id = format!("{}#{count}", program.id);
        }
        program
    });
    (programs.collect(), places.into_iter().map(|(_, _, place)| place).collect())
}

/// The order of a target's kind, and its name in ids.
fn kind_of(artifact: &Artifact) -> (u8, &'static str) {
    let is = |kind: &TargetKind| artifact.target.kind.contains(kind);
    if is(&TargetKind::Bin) {
        (1, "bin")
    } else if is(&TargetKind::Test) {
        (2, "tests")
    } else if is(&TargetKind::Example) {
        (3, "examples")
    } else if is(&TargetKind::Bench) {
        (4, "benches")
    } else {
        (0, "lib")
    }
}

/// Manifests that have been read: cargo's answers do not say which targets have a harness.
#[derive(Debug, Default)]
struct Manifests(HashMap<std::path::PathBuf, toml::Table>);

impl Manifests {
    /// Whether a target has Rust's own harness.
    fn has_harness(&mut self, path: &Path, kind: &str, name: &str) -> bool {
        let manifest = self.0.entry(path.to_owned()).or_insert_with(|| {
            // cargo has just read it; a target that it says nothing of has the harness.
            std::fs::read_to_string(path)
                .ok()
                .and_then(|text| text.parse().ok())
                .unwrap_or_default()
        });
        let table = match kind {
            "lib" => return manifest.get("lib").is_none_or(keeps_harness),
            "tests" => "test",
            "examples" => "example",
            "benches" => "bench",
            kind => kind,
        };
        let targets = manifest.get(table).and_then(toml::Value::as_array).into_iter().flatten();
        targets
            .filter(|target| target.get("name").and_then(toml::Value::as_str) == Some(name))
            .all(keeps_harness)
    }
}

fn keeps_harness(target: &toml::Value) -> bool {
    target.get("harness").and_then(toml::Value::as_bool) != Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_without_the_harness_is_known_by_its_manifest() {
        let path = Path::new("/nowhere/Cargo.toml");
        let text =
            "[lib]\nharness = false\n[[test]]\nname = 'a'\nharness = false\n[[test]]\nname = 'b'";
        let mut manifests = Manifests::default();
        manifests.0.insert(path.to_owned(), text.parse().unwrap());
        assert!(!manifests.has_harness(path, "lib", "x"));
        assert!(!manifests.has_harness(path, "tests", "a"));
        assert!(manifests.has_harness(path, "tests", "b"));
        assert!(manifests.has_harness(path, "benches", "a"));
    }
}
