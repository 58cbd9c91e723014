//! What cargo's configuration says of running tests: the table `[env]`, and runners.
//!
//! cargo does not tell (`cargo config get` is not stable), so the files are read as it reads them. What it refuses in them the build has
//! failed of before.

use std::collections::HashMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;

use cargo_platform::{Cfg, Platform};
use toml::{Table, Value};

use super::cargo::Cargo;
use super::plan::{Place, Program};
use super::toolchain::Toolchain;

/// The configuration of one call of cargo.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// What is given as arguments, which holds before anything of the environment.
    given: Vec<Layer>,
    /// What the files say, the nearest first.
    files: Vec<Layer>,
}

/// One file or argument.
#[derive(Debug)]
struct Layer {
    table: Table,
    /// What its paths are relative to.
    base: PathBuf,
}

impl Layer {
    /// A file in `.cargo`, or one that takes its place, and those that it includes. What is said first holds.
    fn of(file: &Path, includes: bool) -> Vec<Self> {
        Self::within(&[file], includes)
    }

    /// The last of these files, each of which includes the next. One that includes itself is an error of cargo's.
    fn within(files: &[&Path], includes: bool) -> Vec<Self> {
        let Some(file) = files.last().filter(|file| !files[..files.len() - 1].contains(file))
        else {
            return Vec::new();
        };
        let read = || {
            let table = fs::read_to_string(file).ok()?.parse().ok()?;
            Some(Self { table, base: file.parent()?.parent()?.to_owned() })
        };
        let mut layers: Vec<Self> = read().into_iter().collect();
        let more = layers.first().filter(|_| includes).map(Self::includes).unwrap_or_default();
        let beside = file.parent().unwrap_or(Path::new(""));
        // Of two that say the same the later one holds.
        for name in more.iter().rev() {
            layers.extend(Self::within(&[files, &[&beside.join(name)]].concat(), includes));
        }
        layers
    }

    /// The files that are to be read as well, as they are named.
    fn includes(&self) -> Vec<String> {
        let names = self.table.get("include").and_then(Value::as_array).into_iter().flatten();
        let name =
            |name: &Value| Some(name.as_str().or_else(|| name.get("path")?.as_str())?.into());
        names.filter_map(name).collect()
    }

    fn table(&self, name: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.table.get(name).and_then(Value::as_table).into_iter().flatten()
    }

    /// The words of a runner, its program where it is.
    fn runner(&self, target: &Value) -> Option<Vec<String>> {
        let words: Vec<String> = match target.get("runner")? {
            Value::String(line) => line.split_whitespace().map(str::to_owned).collect(),
            Value::Array(words) => {
                words.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            _other => return None,
        };
        placed(words, &self.base)
    }
}

/// A program that is named by a path stands relative to this.
fn placed(mut words: Vec<String>, base: &Path) -> Option<Vec<String>> {
    let program = words.first_mut()?;
    if program.contains('/') {
        *program = base.join(&*program).display().to_string();
    }
    Some(words)
}

impl Settings {
    pub(super) fn read(cargo: &Cargo, toolchain: &Toolchain) -> Self {
        let includes = knows_includes(&toolchain.version);
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
        let above = cargo.root.ancestors().map(|directory| directory.join(".cargo"));
        let mut directories: Vec<PathBuf> = above.collect();
        directories.extend(home.filter(|home| !directories.contains(home)));
        let file = |directory: &PathBuf| {
            let names = ["config", "config.toml"].map(|name| directory.join(name));
            let file = names.iter().find(|file| file.is_file());
            file.map(|file| Layer::of(file, includes)).unwrap_or_default()
        };
        let given = cargo.values_of("--config");
        let given = given.map(|given| match cargo.root.join(given) {
            file if file.is_file() => Layer::of(&file, includes),
            _ => {
                let table = given.parse().ok();
                table.map(|table| Layer { table, base: cargo.root.clone() }).into_iter().collect()
            }
        });
        // Of two that say the same the later one holds.
        let mut given: Vec<Vec<Layer>> = given.collect();
        given.reverse();
        Self {
            given: given.into_iter().flatten().collect(),
            files: directories.iter().flat_map(file).collect(),
        }
    }

    /// Gives test binaries and their places what the configuration says of them.
    pub(super) async fn apply(
        &self,
        cargo: &Cargo,
        toolchain: &Toolchain,
        target: &Path,
        programs: &mut [Program],
        places: &mut [Place],
    ) {
        let env = self.env(|name| cargo.is_set(name));
        for place in places {
            // What cargo itself says of a package holds before it.
            let is_new =
                |(name, _): &&(String, String)| place.env.iter().all(|(own, _)| own != name);
            let new: Vec<_> = env.iter().filter(is_new).cloned().collect();
            place.env.extend(new);
        }
        let mut runners: HashMap<String, Option<Vec<String>>> = HashMap::new();
        for program in programs {
            let triple = triple_of(&program.path, target).unwrap_or_else(|| toolchain.host.clone());
            if !runners.contains_key(&triple) {
                runners.insert(triple.clone(), self.runner(&triple, cargo).await);
            }
            if let Some(Some(runner)) = runners.get(&triple) {
                program.start_by(runner);
            }
        }
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.given.iter().chain(&self.files)
    }

    /// The variables of `[env]`, without those that are set and are not to be replaced.
    fn env(&self, is_set: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let mut found: Vec<(String, Option<String>)> = Vec::new();
        for layer in self.layers() {
            for (name, entry) in layer.table("env") {
                if found.iter().any(|(known, _)| known == name) {
                    continue;
                }
                let says = |key| entry.get(key).and_then(Value::as_bool) == Some(true);
                let Some(value) = entry.as_str().or_else(|| entry.get("value")?.as_str()) else {
                    continue;
                };
                let value = if says("relative") {
                    layer.base.join(value).display().to_string()
                } else {
                    value.to_owned()
                };
                let holds = says("force") || !is_set(name);
                found.push((name.clone(), holds.then_some(value)));
            }
        }
        found.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// What starts test binaries for this platform in place of the system.
    async fn runner(&self, triple: &str, cargo: &Cargo) -> Option<Vec<String>> {
        let own = |layers: &[Layer]| {
            let target = |layer: &Layer| layer.runner(layer.table.get("target")?.get(triple)?);
            layers.iter().find_map(target)
        };
        if let Some(given) = own(&self.given) {
            return Some(given);
        }
        let name = triple.to_uppercase().replace(['-', '.'], "_");
        if let Ok(line) = env::var(format!("CARGO_TARGET_{name}_RUNNER")) {
            return placed(line.split_whitespace().map(str::to_owned).collect(), &cargo.root);
        }
        if let Some(own) = own(&self.files) {
            return Some(own);
        }
        let conditional = |layer| {
            let targets = Layer::table(layer, "target");
            targets.filter_map(move |(key, target)| {
                let platform = Platform::from_str(key).ok()?;
                matches!(platform, Platform::Cfg(_))
                    .then(|| Some((platform, layer.runner(target)?)))?
            })
        };
        let conditional: Vec<(Platform, Vec<String>)> =
            self.layers().flat_map(conditional).collect();
        if conditional.is_empty() {
            return None;
        }
        let cfgs = cfgs_of(triple, cargo).await;
        let mut conditional = conditional.into_iter();
        conditional.find(|(platform, _)| platform.matches(triple, &cfgs)).map(|(_, runner)| runner)
    }
}

/// Whether cargo reads the files that a file names, by the version of the compiler beside it: since 1.94, before it passed over them.
fn knows_includes(rustc: &str) -> bool {
    let number = rustc.split_whitespace().nth(1).unwrap_or_default();
    let mut parts = number.split('.').map_while(|part| part.parse::<u32>().ok());
    (parts.next(), parts.next()) >= (Some(1), Some(94))
}

/// What holds for a platform, by the compiler; nothing if it does not say.
async fn cfgs_of(triple: &str, cargo: &Cargo) -> Vec<Cfg> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = cargo.command(OsStr::new(&rustc));
    command.args(["--print", "cfg", "--target", triple]).stderr(Stdio::null()).kill_on_drop(true);
    let Ok(output) = command.output().await else { return Vec::new() };
    let answer = String::from_utf8_lossy(&output.stdout);
    answer.lines().filter_map(|line| Cfg::from_str(line).ok()).collect()
}

/// The platform that a binary below cargo's directory was built for, where that is not the compiler's own.
fn triple_of(binary: &Path, target: &Path) -> Option<String> {
    // TRIPLE/PROFILE/deps/NAME
    let parts: Vec<_> = binary.strip_prefix(target).ok()?.iter().collect();
    (parts.len() == 4).then(|| parts[0].to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(layers: &[(&str, &str)]) -> Settings {
        let layer =
            |(base, text): &(&str, &str)| Layer { table: text.parse().unwrap(), base: base.into() };
        Settings { given: Vec::new(), files: layers.iter().map(layer).collect() }
    }

    #[test]
    fn the_nearest_file_says_what_a_variable_is() {
        let settings = settings(&[
            ("/near", "[env]\nA = 'near'\nB = { value = 'x/y', relative = true }\nSET = 'new'"),
            (
                "/far",
                "[env]\nA = 'far'\nC = { value = 'c' }\nSET = { value = 'far', force = true }\nFORCED = { value = 'f', force = true }\n",
            ),
        ]);
        let expected = [("A", "near"), ("B", "/near/x/y"), ("C", "c"), ("FORCED", "f")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(settings.env(|name| ["SET", "FORCED"].contains(&name)), expected);
    }

    #[test]
    fn a_runner_is_a_line_or_words_and_its_path_is_relative_to_the_file() {
        let layer = settings(&[(
            "/near",
            "a.runner = 'run  it'\nb.runner = ['./run', 'a b']\nc.runner = 1",
        )]);
        let layer = &layer.files[0];
        let runner = |name: &str| layer.runner(&layer.table[name]);
        assert_eq!(runner("a"), Some(vec!["run".to_owned(), "it".to_owned()]));
        assert_eq!(runner("b"), Some(vec!["/near/./run".to_owned(), "a b".to_owned()]));
        assert_eq!(runner("c"), None);
    }

    #[test]
    fn a_file_that_includes_itself_is_read_once() {
        let directory = tempfile::tempdir().unwrap();
        let [a, b] = ["a.toml", "b.toml"].map(|name| directory.path().join(name));
        fs::write(&a, "include = ['b.toml']\n").unwrap();
        fs::write(&b, "include = ['a.toml', 'b.toml']\n").unwrap();
        assert_eq!(Layer::of(&a, true).len(), 2);
        assert_eq!(Layer::of(&a, false).len(), 1);
    }

    #[test]
    fn older_versions_pass_over_what_is_included() {
        let all =
            ["rustc 1.93.1 (a 2026-01-01)", "rustc 1.94.0 (a)", "rustc 2.0.0-nightly (a)", ""];
        assert_eq!(all.map(knows_includes), [false, true, true, false]);
    }

    #[test]
    fn the_platform_is_read_off_the_path() {
        let of = |path: &str| triple_of(Path::new(path), Path::new("/t"));
        assert_eq!(of("/t/debug/deps/a-1"), None);
        assert_eq!(of("/t/wasm32-wasip1/debug/deps/a-1"), Some("wasm32-wasip1".to_owned()));
        assert_eq!(of("/elsewhere/a"), None);
    }
}
