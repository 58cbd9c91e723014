//! Files that a pattern would match if their names were text, which `glob` passes over in silence.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The first such file, from the root on.
pub(super) fn find(root: &Path, pattern: &str) -> Option<PathBuf> {
    let mut begin = root.to_owned();
    let mut parts = Vec::new();
    for part in Path::new(pattern).components() {
        match part {
            Component::RootDir => begin = PathBuf::from("/"),
            Component::Normal(part) => parts.push(Part::of(part.to_str()?)?),
            Component::ParentDir => parts.push(Part::Plain("..".to_owned())),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    below(&begin, &parts)
}

/// What stands between two slashes.
enum Part {
    Plain(String),
    Names(glob::Pattern),
    /// `**`
    Depth,
}

impl Part {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "**" => Self::Depth,
            text if text.contains(['*', '?', '[']) => Self::Names(glob::Pattern::new(text).ok()?),
            text => Self::Plain(text.to_owned()),
        })
    }
}

fn below(directory: &Path, parts: &[Part]) -> Option<PathBuf> {
    let (part, rest) = parts.split_first()?;
    match part {
        Part::Plain(name) => {
            let path = directory.join(name);
            if rest.is_empty() {
                Some(path).filter(|path| is_untold(path))
            } else {
                below(&path, rest)
            }
        }
        Part::Names(pattern) => entries(directory).find_map(|path| {
            let name = path.file_name().unwrap_or_default();
            if !pattern.matches(&name.to_string_lossy()) {
                return None;
            }
            match (rest.is_empty(), path.is_dir()) {
                (true, is_directory) => Some(path).filter(|path| !is_directory && is_untold(path)),
                (false, _) => below(&path, rest),
            }
        }),
        Part::Depth => below(directory, rest).or_else(|| {
            // What a link leads to is elsewhere, or here again.
            let mut directories =
                entries(directory).filter(|path| path.is_dir() && !path.is_symlink());
            directories.find_map(|path| below(&path, parts))
        }),
    }
}

fn is_untold(path: &Path) -> bool {
    path.to_str().is_none() && path.exists()
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter()
}
