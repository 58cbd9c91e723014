//! The worker's Python files, carried inside the program and put where an interpreter can read them.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// What an interpreter is given with `-c`: it loads the worker without leaving a trace on `sys.path`.
///
/// Its arguments are the directory of the files and the module to run: `main`, `conclude` or `imports`. With [`TEMPLATE_VARIABLE`] in its
/// environment it says who it is and serves as a template first; each worker forked from it then runs the module.
pub(super) const BOOTSTRAP: &str = include_str!("worker/bootstrap.py");

/// The variable that makes an interpreter a template.
pub(super) const TEMPLATE_VARIABLE: &str = "CALLSHEET_WARM_START";

const FILES: [(&str, &str); 20] = [
    ("__init__.py", include_str!("worker/__init__.py")),
    ("bytecode.py", include_str!("worker/bytecode.py")),
    ("carried.py", include_str!("worker/carried.py")),
    ("channel.py", include_str!("worker/channel.py")),
    ("collected.py", include_str!("worker/collected.py")),
    ("compat.py", include_str!("worker/compat.py")),
    ("conclude.py", include_str!("worker/conclude.py")),
    ("described.py", include_str!("worker/described.py")),
    ("guard.py", include_str!("worker/guard.py")),
    ("imports.py", include_str!("worker/imports.py")),
    ("lean.py", include_str!("worker/lean.py")),
    ("loop.py", include_str!("worker/loop.py")),
    ("main.py", include_str!("worker/main.py")),
    ("options.py", include_str!("worker/options.py")),
    ("plugin.py", include_str!("worker/plugin.py")),
    ("reach.py", include_str!("worker/reach.py")),
    ("render.py", include_str!("worker/render.py")),
    ("stream.py", include_str!("worker/stream.py")),
    ("template.py", include_str!("worker/template.py")),
    ("unserved.py", include_str!("worker/unserved.py")),
];

/// What an interpreter is given to run a module of the files in `place`.
pub(super) fn arguments(place: &Path, role: &str) -> [OsString; 4] {
    ["-c".into(), BOOTSTRAP.into(), place.into(), role.into()]
}

/// Writes the files into a directory below `cache` that is named after their content, unless they are there, and gives that directory.
///
/// It stays, so that interpreters compile the files once. Several processes may do this at once.
///
/// # Errors
/// What the system says of the path.
pub(super) fn install(cache: &Path) -> io::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    FILES.hash(&mut hasher);
    let place = cache.join(format!("worker-{:016x}", hasher.finish()));
    if is_whole(&place) {
        return Ok(place);
    }
    let draft = cache.join(format!("draft-{}", uuid::Uuid::new_v4().simple()));
    write_to(&draft)?;
    if fs::rename(&draft, &place).is_err() {
        // Another process was first, or what is there is damaged.
        if !is_whole(&place) {
            write_to(&place)?;
        }
        fs::remove_dir_all(&draft)?;
    }
    Ok(place)
}

fn write_to(place: &Path) -> io::Result<()> {
    fs::create_dir_all(place)?;
    FILES.iter().try_for_each(|(name, text)| fs::write(place.join(name), text))
}

fn is_whole(place: &Path) -> bool {
    FILES
        .iter()
        .all(|(name, text)| fs::read(place.join(name)).is_ok_and(|found| found == text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_python_file_is_carried() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapters/pytest/worker");
        let mut on_disk: Vec<String> = fs::read_dir(source)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .filter(|name| name != "bootstrap.py")
            .collect();
        on_disk.sort();
        assert_eq!(on_disk, FILES.map(|(name, _)| name));
    }

    #[test]
    fn a_damaged_copy_is_mended_and_a_whole_one_is_kept() {
        let cache = tempfile::tempdir().unwrap();
        let place = install(cache.path()).unwrap();
        assert!(is_whole(&place));
        fs::write(place.join("main.py"), "broken").unwrap();
        assert_eq!(install(cache.path()).unwrap(), place);
        assert!(is_whole(&place));
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "no draft is left");
    }
}
