//! Environments made by a `python` and a `uv` that are shell scripts and keep a log of what they were asked.

use std::cell::RefCell;

use super::*;

struct Place {
    directory: tempfile::TempDir,
    base: Interpreter,
    progress: RefCell<Vec<String>>,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_owned();
        fs::create_dir(root.join("bin")).unwrap();
        let base = Interpreter {
            path: root.join("bin/python3"),
            chosen_by: "a test".to_owned(),
            python: "3.12.0".to_owned(),
            pytest: None,
        };
        let place = Self { directory, base, progress: RefCell::default() };
        // `-m venv DIR` makes DIR with a copy of this script; `-m pip` writes its log and fails where a file says so.
        place.script(
            "bin/python3",
            r#"root=$(cat "$(dirname "$0")/root" 2>/dev/null || dirname "$(dirname "$0")")
echo "$@" >> "$root/log"
if [ "$2" = venv ]; then
  mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && echo "$root" > "$3/bin/root"
elif [ -e "$root/failing" ]; then
  echo "looking around"; echo "ERROR: No matching distribution" >&2; exit 1
else
  echo "Collecting something"
fi"#,
        );
        place.write("requirements.txt", "pytest\n");
        place
    }

    fn root(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.root().join(name), text).unwrap();
    }

    fn script(&self, name: &str, script: &str) {
        crate::adapters::pytest::script::write(&self.root().join(name), script);
    }

    fn log(&self) -> Vec<String> {
        fs::read_to_string(self.root().join("log"))
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    async fn make(&self) -> Result<PathBuf, ProvisionError> {
        let surroundings = Surroundings {
            virtual_env: None,
            path: self.root().join("bin").into_os_string(),
            patience: Duration::from_secs(60),
        };
        let progress = |line: String| self.progress.borrow_mut().push(line);
        let (cache, file) = (self.root().join("cache"), Path::new("requirements.txt"));
        environment(&self.base, file, self.root(), &cache, &surroundings, &progress).await
    }
}

#[tokio::test]
async fn it_is_made_once_and_again_after_a_change() {
    let place = Place::new();
    let first = place.make().await.unwrap();
    assert!(first.is_file());
    assert!(place.progress.borrow().iter().any(|line| line == "Collecting something"));
    assert_eq!(place.make().await.unwrap(), first);
    assert_eq!(place.log().len(), 2, "venv and pip ran once");

    place.write("requirements.txt", "pytest\n-r more.txt # and more\n");
    place.write("more.txt", "toolz\n");
    let second = place.make().await.unwrap();
    assert_ne!(second, first);
    place.write("more.txt", "toolz==1.0\n");
    assert_ne!(place.make().await.unwrap(), second, "what an included file says counts");
    assert_eq!(place.log().len(), 6);
}

#[tokio::test]
async fn a_failure_is_told_in_the_installers_words_and_leaves_nothing_behind() {
    let place = Place::new();
    place.write("failing", "");
    let error = place.make().await.unwrap_err().to_string();
    assert!(error.contains("ERROR: No matching distribution"), "{error}");
    assert!(error.contains("pip install"), "{error}");
    fs::remove_file(place.root().join("failing")).unwrap();
    assert!(place.make().await.unwrap().is_file(), "the half-made one is made anew");
}

#[tokio::test]
async fn two_at_once_make_it_once() {
    let place = Place::new();
    let (first, second) = tokio::join!(place.make(), place.make());
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(place.log().len(), 2);
    assert!(place.progress.borrow().iter().any(|line| line.starts_with("waiting for another run")));
}

#[tokio::test]
async fn uv_is_used_where_it_is_installed() {
    let place = Place::new();
    place.script(
        "bin/uv",
        r#"root=$(dirname "$(dirname "$0")"); echo "uv $1" >> "$root/log"
for last; do :; done
if [ "$1" = venv ]; then mkdir -p "$last/bin" && touch "$last/bin/python"; fi"#,
    );
    place.make().await.unwrap();
    assert_eq!(place.log(), ["uv venv", "uv pip"]);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let place = Place::new();
    place.write("requirements.txt", "-r missing.txt\n");
    let error = place.make().await.unwrap_err();
    assert!(error.is_usage());
    assert!(error.to_string().contains("missing.txt"), "{error}");
}
