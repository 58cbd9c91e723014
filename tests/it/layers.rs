//! The layers of the house: who may know whom, read off the sources.

use std::fs;
use std::path::{Path, PathBuf};

/// Each layer and the layers that it may name. What stands in no row may name nothing but itself.
const LAYERS: [(&str, &[&str]); 19] = [
    ("main", &["agent"]),
    ("lib", &["actors", "run"]),
    ("cli", &["agent", "config", "exit", "launch", "model", "run"]),
    ("run", &["actors", "config", "model", "schedule"]),
    (
        "actors",
        &[
            "config",
            "exit",
            "history",
            "launch",
            "model",
            "report",
            "schedule",
            "select",
            "session",
            "supervise",
            "wire",
        ],
    ),
    // The settings of those are parts of a `Config`.
    ("config", &["history", "launch", "model", "report", "schedule", "select", "supervise"]),
    ("history", &["model", "schedule", "select"]),
    ("session", &["exit", "model"]),
    ("schedule", &["model"]),
    ("select", &["model"]),
    ("supervise", &["model"]),
    ("report", &["model"]),
    ("launch", &["model"]),
    ("wire", &["model", "select"]),
    ("agent", &["adapters", "exit", "launch", "model", "select", "wire", "worker"]),
    ("worker", &["adapters", "launch", "model"]),
    ("adapters", &["launch", "model"]),
    ("model", &[]),
    ("exit", &["model"]),
];

/// What the crate's root gives out of `run` and `actors`.
const FRONT_DOOR: [&str; 6] = ["Run", "RunError", "RunHandle", "Stopper", "Subscriber", "run"];

/// The most lines of a file.
const LONGEST: usize = 450;

/// One source file.
struct Source {
    /// Its path from the root of the package.
    path: String,
    text: String,
    /// Whether it is compiled for tests alone.
    is_test: bool,
}

impl Source {
    fn layer(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split(['/', '.']).next().unwrap()
    }

    /// The lines that are no comment, numbered from 1, without the unit tests at the end of the file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        (1..).zip(self.text[..end].lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// How many modules it stands below the root of the crate.
    fn depth(&self) -> usize {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split('/').count() - usize::from(inside.ends_with("/mod.rs"))
    }

    fn says(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    find(&root.join("src"), &mut paths);
    find(&root.join("actors"), &mut paths);
    let mut sources: Vec<Source> = paths
        .iter()
        .map(|path| Source {
            path: path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(),
            text: fs::read_to_string(path).unwrap(),
            is_test: false,
        })
        .collect();
    let tests: Vec<String> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        let module = source.path.trim_end_matches(".rs");
        source.is_test =
            tests.iter().any(|test| module == test || module.starts_with(&format!("{test}/")));
    }
    assert!(sources.len() > 100, "{} files are not all", sources.len());
    assert!(sources.iter().any(|source| source.is_test));
    sources
}

fn find(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The modules that a file declares for tests alone, as paths without `.rs`.
fn test_modules(source: &Source) -> Vec<String> {
    let own = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
    let declared = source.text.split("#[cfg(test)]\nmod ").skip(1);
    declared
        .filter_map(|rest| rest.split_once(';'))
        .filter(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .map(|(name, _)| format!("{own}/{name}"))
        .collect()
}

/// The modules that a line names below `root::`, also in `root::{a, b::C}`.
fn named<'a>(line: &'a str, root: &str) -> Vec<&'a str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let word = |text: &'a str| &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())];
    let mut names = Vec::new();
    for (at, _) in line.match_indices(root) {
        if line[..at].ends_with(is_word) {
            continue;
        }
        let rest = &line[at + root.len()..];
        match rest.strip_prefix('{') {
            None => names.push(word(rest)),
            Some(group) => {
                let mut depth = 0;
                for part in group.split_inclusive([',', '{', '}']) {
                    if depth == 0 {
                        names.push(word(part.trim_start()));
                    }
                    match part.chars().last() {
                        Some('{') => depth += 1,
                        Some('}') => depth -= 1,
                        _ => {}
                    }
                    if depth < 0 {
                        break;
                    }
                }
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        let layer = source.layer();
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            wrong.push(source.says(1, &format!("`{layer}` is no layer")));
            continue;
        };
        let is_command = ["main", "cli"].contains(&layer);
        for (number, line) in source.code() {
            let line = line.split(" // ").next().unwrap();
            let mut names = named(line, "crate::");
            if is_command {
                names.extend(named(line, "callsheet::"));
            }
            for mut name in names {
                if FRONT_DOOR.contains(&name) {
                    name = "run";
                }
                if name != layer && !allowed.contains(&name) {
                    wrong.push(source.says(number, &format!("`{layer}` names `{name}`")));
                }
            }
            if line.ends_with("crate::{") {
                wrong
                    .push(source.says(number, "one `use` a module, so that this test can read it"));
            }
            let climbed = "super::".repeat(source.depth());
            if line.contains(&climbed) {
                wrong.push(source.says(number, "it climbs out of its layer by `super::`"));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn a_row_names_layers_and_the_rows_make_no_circle() {
    // In order, so that each row is allowed nothing that stands above it.
    let order = [
        "main",
        "lib",
        "cli",
        "run",
        "actors",
        "config",
        "history",
        "session",
        "agent",
        "worker",
        "adapters",
        "schedule",
        "supervise",
        "report",
        "launch",
        "wire",
        "select",
        "exit",
        "model",
    ];
    assert_eq!(order.len(), LAYERS.len());
    for (layer, allowed) in LAYERS {
        let place = |name: &str| order.iter().position(|each| *each == name).unwrap();
        for below in allowed {
            assert!(place(below) > place(layer), "{layer} → {below}");
        }
    }
}

#[test]
fn actix_lives_with_the_actors_alone() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("src/")) {
        // Unit tests too.
        for (number, line) in (1..).zip(source.text.lines()) {
            if line.contains("actix") && !line.trim_start().starts_with("//") {
                wrong.push(source.says(number, line.trim()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn a_file_is_one_thing_and_not_long() {
    let mut wrong = Vec::new();
    for source in &sources() {
        let lines = source.text.lines().count();
        if lines > LONGEST {
            wrong.push(source.says(lines, "it is too long"));
        }
        for part in source.path.trim_end_matches(".rs").split('/') {
            if ["utils", "util", "helpers", "helper", "common", "imp", "misc"].contains(&part) {
                wrong.push(source.says(1, "its name says nothing"));
            }
        }
        if !source.is_test && !source.text.starts_with("//! ") {
            wrong.push(source.says(1, "it does not begin with what it is for"));
        }
    }
    assert_none(&wrong);
}

#[test]
fn only_tests_unwrap() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        for (number, line) in source.code() {
            if line.contains(".unwrap()") || line.contains(".unwrap_err()") {
                wrong.push(source.says(number, line.trim()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn stdout_belongs_to_the_command() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        let is_command = source.layer() == "cli";
        // The agent's end of the link.
        let is_link = source.path == "src/agent/host.rs";
        // What tests write goes there, to be read by the agent.
        let is_worker = source.layer() == "worker";
        for (number, line) in source.code() {
            let prints = ["println!", "print!", "dbg!"].iter().any(|macro_| line.contains(macro_));
            if prints || (line.contains("stdout()") && !is_command && !is_link && !is_worker) {
                wrong.push(source.says(number, line.trim()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn names_are_read_off_a_line() {
    assert_eq!(named("use crate::model::{A, B};", "crate::"), ["model"]);
    assert_eq!(
        named("use crate::{model::{A, B}, wire, exit::C};", "crate::"),
        ["model", "wire", "exit"]
    );
    assert_eq!(named("let x = crate::wire::f(crate::exit::E);", "crate::"), ["wire", "exit"]);
    assert_eq!(named("pub(crate) use other_crate::model;", "crate::"), [""; 0]);
}
