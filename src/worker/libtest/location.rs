//! Where a test failed: file and line, as people have them from the project's root. Pure.

use std::path::{Path, PathBuf};

use super::verdict::panic_in;

/// From where files are named.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    /// By the compiler.
    pub(super) workspace: PathBuf,
    /// By people.
    pub(super) root: PathBuf,
}

impl Sources {
    /// Where a test failed that is named so and wrote this; empty if that is not known or outside.
    ///
    /// The name of a doctest says it, whatever rustdoc has made of the lines.
    pub(super) fn location(&self, name: &str, text: &str) -> String {
        let place = doctest(name).or_else(|| panicked(text));
        place.and_then(|(file, line)| self.below_root(file, line)).unwrap_or_default()
    }

    fn below_root(&self, file: &str, line: u32) -> Option<String> {
        let path = self.workspace.join(file);
        let shown = path.strip_prefix(&self.root).ok().filter(|path| is_plain(path))?;
        Some(format!("{}:{line}", shown.display()))
    }
}

fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// `src/lib.rs - module::item (line 5)`.
fn doctest(name: &str) -> Option<(&str, u32)> {
    let (file, _item) = name.split_once(" - ")?;
    let (_, line) = name.strip_suffix(')')?.rsplit_once("(line ")?;
    Some((file, line.parse().ok()?))
}

/// The place of the first panic: `src/lib.rs:3:63`.
fn panicked(text: &str) -> Option<(&str, u32)> {
    let (place, _message) = panic_in(text)?;
    let mut parts = place.trim_end_matches(':').rsplitn(3, ':');
    let _column: u32 = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    Some((parts.next()?, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_failure_is_told_from_the_root() {
        let of = |root: &str, name: &str, text: &str| {
            Sources { workspace: "/w".into(), root: root.into() }.location(name, text)
        };
        let text = "out\n\nthread 'b' (7) panicked at a/src/lib.rs:3:63:\nboo: x\n";
        assert_eq!(of("/w", "tests::b", text), "a/src/lib.rs:3");
        assert_eq!(of("/w/a", "tests::b", text), "src/lib.rs:3");
        assert_eq!(of("/w/b", "tests::b", text), "");
        assert_eq!(
            of("/w", "b", "thread 'b' panicked at 'old', src/lib.rs:3:63\n"),
            "src/lib.rs:3"
        );
        for place in ["/rustc/abc/library/core/src/option.rs:7:5", "../x.rs:1:2", "x", "x.rs:1"] {
            assert_eq!(of("/w", "b", &format!("thread 'b' panicked at {place}:\nboo")), "");
        }
        assert_eq!(of("/w", "b", "Error: bad"), "");
        assert_eq!(of("/w", "a/src/lib.rs - two (line 5)", text), "a/src/lib.rs:5");
        assert_eq!(of("/w", "src/lib.rs - (line 5)", ""), "src/lib.rs:5");
    }
}
