//! pytest's own memory of failures is kept as plain pytest keeps it, so that `--lf` works after either.

use serde_json::Value;

use super::support::Project;

const FILES: &[(&str, &str)] = &[
    ("pytest.ini", "[pytest]\n"),
    (
        "tests/test_a.py",
        "import pytest\ndef test_good(): pass\ndef test_bad(): assert 0\n\
         @pytest.mark.parametrize('x', ['é', 'a/b::c'])\ndef test_many(x): assert x == 'é'\n\
         @pytest.mark.skip\ndef test_skip(): pass\n@pytest.mark.xfail\ndef test_xfail(): assert 0\n\
         @pytest.fixture\ndef late():\n    yield\n    raise KeyError\ndef test_late(late): pass\n",
    ),
    ("tests/test_b.py", "import nothing_like_it\ndef test_x(): pass\ndef test_y(): assert 0\n"),
    (
        "tests/test_c.py",
        "import pathlib\ndef test_fixed(): assert pathlib.Path('fixed').exists()\n",
    ),
];

/// The two files of a cache, as values.
fn cache(project: &Project, directory: &str) -> [Value; 2] {
    ["lastfailed", "nodeids"].map(|name| {
        let text = project.read(&format!("{directory}/v/cache/{name}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}: {text:?}"))
    })
}

#[test]
fn the_cache_is_what_plain_pytest_would_leave() {
    for dist in ["stream", "load"] {
        let (plain, ours) = (Project::new(FILES), Project::new(FILES));
        // Whether a run with collection errors goes on differs, so both are told to.
        let steps: [&[&str]; 5] = [
            &["--continue-on-collection-errors"],
            &["--continue-on-collection-errors", "-k", "good or fixed"],
            &["tests/test_b.py"],
            &["--lf"],
            &["--lf"],
        ];
        for (number, step) in steps.into_iter().enumerate() {
            match number {
                1 => [&plain, &ours].map(|project| project.write("fixed", "")),
                2 => [&plain, &ours].map(|project| {
                    project
                        .write("tests/test_b.py", "def test_x(): pass\ndef test_y(): assert 0\n");
                }),
                _ => [(), ()],
            };
            let arguments = [&["-m", "pytest"], step].concat();
            let by_pytest = plain.run_python(&arguments);
            let arguments = [&["-n2", "--dist", dist, "--"], step].concat();
            let told = ours.run(&arguments);
            assert_eq!(told.code, by_pytest.code, "{told}\n{by_pytest}");
            let [expected, found] = [&plain, &ours].map(|project| cache(project, ".pytest_cache"));
            assert_eq!(found, expected, "{dist}, step {number}\n{told}");
        }
        let files = |project: &Project| {
            [".gitignore", "README.md", "CACHEDIR.TAG"]
                .map(|name| project.read(&format!(".pytest_cache/{name}")))
        };
        assert_eq!(files(&ours), files(&plain));
        let again = plain.run_python(&["-m", "pytest", "--lf", "--co", "-q"]);
        let list = ours.run(&["list", "--", "--lf"]);
        let ids = |text: &str| -> Vec<String> {
            text.lines().filter(|line| line.contains("::")).map(str::to_owned).collect()
        };
        assert_eq!(ids(&list.stdout), ids(&again.stdout), "{list}\n{again}");
    }
}

#[test]
fn a_crash_and_a_failure_of_ours_alone_is_run_again_by_lf() {
    let project = Project::new(&[(
        "test_a.py",
        "import os, pathlib\ndef test_good(): pass\n\
         def test_crash(): pathlib.Path('once').exists() or (pathlib.Path('once').touch(), os.kill(os.getpid(), 9))\n",
    )]);
    project.run(&["-n1"]).assert(1, "1 failed, 1 passed");
    project.run(&["-n1", "--", "--lf"]).assert(0, "1 passed");
    project.run(&["-n1", "-E", "nothing", "--", "--lf"]).says("deselected");
    assert_eq!(cache(&project, ".pytest_cache")[0], serde_json::json!({}));
}

#[test]
fn the_projects_own_wishes_about_the_cache_are_heeded() {
    let project = Project::new(&[("test_a.py", "def test_bad(): assert 0\n")]);
    project.run(&["-n1", "--", "-p", "no:cacheprovider"]).assert(1, "1 failed");
    assert!(!project.path().join(".pytest_cache").exists());
    assert_eq!(project.run(&["list"]).code, Some(0));
    assert!(!project.path().join(".pytest_cache").exists(), "a list runs nothing");
    project.run(&["-n1", "--", "-o", "cache_dir=some/where"]).assert(1, "1 failed");
    assert!(!project.path().join(".pytest_cache").exists());
    assert_eq!(cache(&project, "some/where")[1], serde_json::json!(["test_a.py::test_bad"]));
}
