//! Interpreters that are shell scripts, in directories of their own.

use super::*;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    /// A program below the root that runs this shell script.
    fn script(&self, name: &str, script: &str) -> PathBuf {
        let path = self.root().join(name);
        crate::adapters::pytest::script::write(&path, script);
        path
    }

    fn python(&self, name: &str, python: &str, pytest: &str) -> PathBuf {
        self.script(name, &format!("printf 'callsheet-probe\\t{python}\\t{pytest}\\n'"))
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            virtual_env: None,
            path: self.root().join("bin").into_os_string(),
            patience: Duration::from_secs(60),
        }
    }

    async fn found(
        &self,
        asked: Option<&str>,
        surroundings: &Surroundings,
    ) -> Result<Interpreter, InterpreterError> {
        let asked = asked.map(|name| (name, "--python"));
        let (found, _) = find(asked, self.root(), surroundings, None).await?;
        with_pytest(found)
    }
}

#[tokio::test]
async fn the_nearest_one_is_chosen_and_says_why() {
    let place = Place::new();
    let mut surroundings = place.surroundings();
    for (name, expected) in [
        ("bin/python", "python on PATH"),
        ("bin/python3", "python3 on PATH"),
        ("venv/bin/python", "venv"),
        (".venv/bin/python", ".venv"),
    ] {
        let path = place.python(name, "3.12.1", "8.0.0");
        let found = place.found(None, &surroundings).await.unwrap();
        assert_eq!((found.path, found.chosen_by.as_str()), (path, expected));
    }
    let path = place.python("active/bin/python", "3.12.1", "8.0.0");
    surroundings.virtual_env = Some(place.root().join("active"));
    assert_eq!(place.found(None, &surroundings).await.unwrap().path, path);
    let found = place.found(Some("./venv/bin/python"), &surroundings).await.unwrap();
    assert_eq!(found.chosen_by, "--python");
    assert_eq!(found.pytest.as_deref(), Some("8.0.0"));
}

#[tokio::test]
async fn what_is_wrong_is_told_with_the_way_out() {
    let place = Place::new();
    place.script("bin/broken", "echo first >&2; echo 'the last word' >&2; exit 3");
    place.script("bin/mute", "exit 3");
    place.python("bin/old", "3.7.9", "7.4.0");
    place.python("bin/bare", "3.12.1", "");
    place.python("bin/early", "3.12.1", "6.2.5");
    fs::write(place.root().join("bin/noexec"), "").unwrap();
    for (name, expected) in [
        ("nowhere", "there is no interpreter `nowhere` (--python)"),
        ("noexec", "there is no interpreter `noexec`"),
        ("broken", "does not start: the last word"),
        ("mute", "does not start: exit status: 3"),
        ("old", "is Python 3.7.9; Python 3.8 or newer is needed"),
        ("bare", "bin/bare -m pip install pytest`"),
        ("early", "has pytest 6.2.5; pytest 7.0 or newer is needed"),
    ] {
        let error = place.found(Some(name), &place.surroundings()).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let nothing = Surroundings { path: "".into(), ..place.surroundings() };
    assert!(matches!(place.found(None, &nothing).await, Err(InterpreterError::None)));
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_answer_is_given_up() {
    let place = Place::new();
    let path = place.script("bin/slow", "exec sleep 600");
    let error = ask(path, "--python".to_owned(), place.root(), Duration::from_secs(5), None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("did not answer within 5 s"), "{error}");
}

#[tokio::test]
async fn noise_at_start_up_is_passed_over() {
    let place = Place::new();
    place.script(
        "bin/python3",
        "echo hello; printf 'callsheet-probe\\t3.11.7\\t9.2.0\\n'; echo bye",
    );
    let found = place.found(None, &place.surroundings()).await.unwrap();
    assert_eq!((found.python.as_str(), found.pytest.as_deref()), ("3.11.7", Some("9.2.0")));
}
