//! What is run of a suite: filters, partitions, lists, and how it is told.

use std::collections::BTreeSet;

use serde_json::Value;

use super::support::{Project, Told};

const MODES: [&str; 7] =
    ["stream", "load", "each", "loadscope", "loadfile", "loadgroup", "worksteal"];

const SUITE: &[(&str, &str)] = &[
    ("pytest.ini", "[pytest]\nmarkers =\n    slow\n    db\n"),
    ("callsheet.toml", "resources = { db = 1, gpu = 2 }\n"),
    (
        "tests/unit/test_a.py",
        "import pytest\n@pytest.mark.slow\ndef test_slow(): pass\ndef test_quick(): pass\n\
         @pytest.mark.parametrize('n', range(3))\ndef test_many(n): pass\n",
    ),
    (
        "tests/unit/test_b.py",
        "import pytest\npytestmark = pytest.mark.db\ndef test_one(): pass\n\
         @pytest.mark.xdist_group('accounts')\ndef test_two(): pass\n",
    ),
    (
        "tests/web/test_c.py",
        "import pytest\n@pytest.mark.resources('db', 'gpu=2')\ndef test_login(): pass\n\
         def test_logout(): assert False\n",
    ),
];

/// The ids that a list names.
fn ids(told: &Told) -> Vec<&str> {
    told.stdout.lines().collect()
}

#[test]
fn a_filter_chooses_under_every_mode() {
    let project = Project::new(SUITE);
    for mode in MODES {
        let told = project.run(&[
            "-n2",
            "--dist",
            mode,
            "-E",
            "tag(slow) or file(tests/web) and not logout",
        ]);
        let counts = if mode == "each" { "4 passed" } else { "2 passed" };
        assert_eq!(told.code, Some(0), "{mode}\n{told}");
        assert!(told.counts().starts_with(counts), "{mode}\n{told}");
        told.says("7 deselected");
    }
}

#[test]
fn nothing_chosen_is_nothing_collected() {
    let project = Project::new(SUITE);
    for mode in ["stream", "load", "each"] {
        let told = project.run(&["-n2", "--dist", mode, "--filter", "nothing"]);
        assert_eq!(told.code, Some(5), "{mode}\n{told}");
        told.says("9 deselected");
    }
    let told = project.run(&["list", "-E", "nothing"]);
    assert_eq!((told.code, &*told.stdout), (Some(5), ""), "{told}");
}

#[test]
fn what_pytest_deselects_and_what_the_filter_does_add_up() {
    let project = Project::new(SUITE);
    for mode in ["stream", "load"] {
        let told = project.run(&["-n2", "--dist", mode, "-k", "many or one", "-E", "not tag(db)"]);
        told.assert(0, "3 passed, 6 deselected");
    }
}

#[test]
fn filters_ask_for_all_that_is_known_of_a_test() {
    let project = Project::new(SUITE);
    for (filter, chosen) in [
        ("group(accounts)", "test_two"),
        ("tag(resource:gpu=2)", "test_login"),
        ("/test_o.e$/", "test_one"),
        ("glob(*::test_s*)", "test_slow"),
        ("file(test_a.py) and not (many or slow)", "test_quick"),
        ("'many[1'", "test_many[1]"),
    ] {
        let told = project.run(&["list", "-E", filter]);
        assert_eq!(told.code, Some(0), "{told}");
        let names: Vec<&str> =
            ids(&told).iter().map(|id| id.rsplit("::").next().unwrap()).collect();
        assert_eq!(names, [chosen], "{filter}");
    }
}

#[test]
fn last_outcomes_and_durations_are_those_of_the_history() {
    let project = Project::new(SUITE);
    project.run(&["-n2", "-E", "file(tests/web)"]).assert(1, "1 failed, 1 passed, 7 deselected");
    let failed = ["tests/web/test_c.py::test_logout"];
    assert_eq!(ids(&project.run(&["list", "-E", "last(failed)"])), failed);
    assert_eq!(ids(&project.run(&["list", "-E", "last(bad) and duration(< 1h)"])), failed);
    assert_eq!(ids(&project.run(&["list", "-E", "last(unknown)"])).len(), 7);
    project.run(&["-n2", "-E", "last(bad)"]).assert(1, "1 failed, 8 deselected");
    project
        .run(&["-n2", "-E", "not last(failed)", "--dist", "load"])
        .assert(0, "8 passed, 1 deselected");
    assert_eq!(project.run(&["list", "-E", "last(unknown)"]).code, Some(5));
    assert_eq!(ids(&project.run(&["list", "-E", "last(passed)"])).len(), 8);
}

#[test]
fn parts_are_disjoint_and_together_all() {
    let project = Project::new(SUITE);
    project.run(&["-n2"]);
    let all: BTreeSet<String> =
        ids(&project.run(&["list"])).into_iter().map(str::to_owned).collect();
    assert_eq!(all.len(), 9);
    project.write("tests/test_new.py", "def test_new(): pass\ndef test_newer(): pass\n");
    for by in ["hash", "duration"] {
        let mut seen = BTreeSet::new();
        let mut parts = Vec::new();
        for part in 1..=3 {
            let part = format!("{by}:{part}/3");
            let told = project.run(&["list", "--partition", &part]);
            assert!(matches!(told.code, Some(0 | 5)), "{told}");
            for id in ids(&told) {
                assert!(seen.insert(id.to_owned()), "{id} is in two parts");
            }
            parts.push(ids(&told).len());
        }
        assert_eq!(seen.len(), 11, "{by}: {parts:?}");
        // Nine that take next to nothing and are known, three a part.
        assert!(by == "hash" || parts.iter().all(|part| *part >= 3), "{parts:?}");
    }
    let (mut passed, mut failed) = (0, 0);
    for part in ["hash:1/2", "hash:2/2"] {
        let told = project.run(&["-n2", "--partition", part]);
        passed += told.stdout.matches("PASSED").count();
        failed += told.ids("FAILED").len();
        told.says("deselected");
    }
    assert_eq!((passed, failed), (0, 1));
}

#[test]
fn a_list_tells_machines_all_that_is_known() {
    let project = Project::new(SUITE);
    project.run(&["-n1", "-E", "logout"]).assert(1, "1 failed, 8 deselected");
    let args = [
        "list",
        "--format",
        "json",
        "-E",
        "file(tests/web) or group(accounts)",
        "--partition",
        "hash:1/1",
    ];
    let told = project.run(&args);
    let mut list: Value = serde_json::from_str(&told.stdout).unwrap();
    let duration = list["tests"][2]["last_duration"].take();
    assert!(duration.as_f64().is_some_and(|seconds| seconds >= 0.0), "{told}");
    let expected = serde_json::json!({
        "version": 1,
        "filter": "file(tests/web) or group(accounts)",
        "partition": "hash:1/1",
        "tests": [
            {
                "id": "tests/unit/test_b.py::test_two", "file": "tests/unit/test_b.py", "group": "accounts",
                "tags": ["db"], "last_outcome": null, "last_duration": null,
            },
            {
                "id": "tests/web/test_c.py::test_login", "file": "tests/web/test_c.py", "group": null,
                "tags": ["resource:db", "resource:gpu=2"], "last_outcome": null, "last_duration": null,
            },
            {
                "id": "tests/web/test_c.py::test_logout", "file": "tests/web/test_c.py", "group": null,
                "tags": [], "last_outcome": "failed", "last_duration": null,
            },
        ],
    });
    assert_eq!(list, expected);
}

#[test]
fn a_stop_costs_no_test_of_files_that_the_filter_leaves_out() {
    let fails = "def test_it(): assert 0\n";
    let project = Project::new(&[
        ("test_a.py", fails),
        ("test_b.py", fails),
        ("test_c.py", fails),
        ("test_d.py", fails),
    ]);
    let told = project.run(&["-n1", "-x", "-E", "file(test_[abc].py) and not file(test_b.py)"]);
    told.assert(1, "1 failed");
    // Of the other one nobody knows what would have been selected.
    told.says("1 uncollected file not run: the run stopped after 1 failure")
        .says("2 uncollected files not run: none of their tests is selected");
}

#[test]
fn a_wrong_filter_is_shown_with_its_place() {
    let project = Project::new(SUITE);
    let told = project.run(&["-E", "tag(slow) adn login"]);
    assert_eq!((told.code, &*told.stdout), (Some(4), ""), "{told}");
    told.says(
        "--filter: the filter is wrong at column 11: expected `and`, `or` or the end, found `adn`\n  tag(slow) adn login\n            ^",
    );
    let told = project.run(&["--partition", "hash:5/4"]);
    assert_eq!(told.code, Some(4), "{told}");
    told.says("`hash:5/4` is no value for `partition`; expected \"hash:K/N\"");
}

#[test]
fn overrides_give_tags_and_wrong_ones_are_told() {
    let project = Project::new(SUITE);
    project.write(
        "callsheet.toml",
        "[[override]]\nfilter = 'file(tests/web)'\ntags = ['web']\n\n\
         [[profile.ci.override]]\nfilter = 'tag(web) and login'\ntags = ['key']\ntimeout = '5m'\n",
    );
    assert_eq!(ids(&project.run(&["list", "-E", "tag(web)"])).len(), 2);
    assert_eq!(project.run(&["list", "-E", "tag(key)"]).code, Some(5));
    assert_eq!(ids(&project.run(&["list", "-P", "ci", "-E", "tag(key)"])).len(), 1);
    project
        .run(&["config", "show", "-P", "ci"])
        .says("[[override]]  # callsheet.toml\nfilter = \"file(tests/web)\"")
        .says("[[override]]  # profile ci in callsheet.toml");
    for (wrong, told) in [
        (
            "filter = 'a'\ntimeot = '1s'",
            "override 1 in callsheet.toml: unknown key `timeot`; the nearest known key is `timeout`",
        ),
        ("filter = 'a'\nzzz = 1", "unknown key `zzz`; there are filter, timeout,"),
        (
            "filter = 'a b'\ntimeout = 5",
            "override 1 in callsheet.toml: the filter is wrong at column 3: expected `and`, `or` or the end, found `b`",
        ),
        ("timeout = 5", "it has no `filter` that says of which tests it speaks"),
        ("filter = 'a'", "it says nothing of them; there are timeout, slow,"),
        (
            "filter = 'a'\nresources = ['gpu=0']",
            "`gpu=0` is no resource; expected a name, or how many of it",
        ),
        (
            "filter = 'a'\nretries = 'x'",
            "`\"x\"` is no value for `retries`; expected a number from 0 up",
        ),
        ("filter = 'a'\nisolation = 'x'", "expected \"adaptive\" or \"process\""),
        ("filter = 'a'\ntags = ['']", "one of them is empty"),
    ] {
        project.write("callsheet.toml", &format!("[[override]]\n{wrong}\n"));
        let answer = project.run(&["list"]);
        assert_eq!(answer.code, Some(4), "{answer}");
        answer.says(told);
    }
}

#[test]
fn a_failure_stops_a_filtered_run_and_a_crash_is_told_by_its_name() {
    let project = Project::new(&[(
        "test_a.py",
        "import os, signal\ndef test_not_1(): pass\ndef test_yes_1(): pass\ndef test_not_2(): pass\n\
         def test_yes_crash(): os.kill(os.getpid(), signal.SIGKILL)\ndef test_not_3(): assert 0\n\
         def test_yes_2(): pass\n",
    )]);
    for mode in ["stream", "load", "each"] {
        let told = project.run(&["-n1", "--dist", mode, "-E", "yes"]);
        told.assert(1, "1 failed, 2 passed, 3 deselected");
        assert_eq!(told.ids("FAILED"), ["test_a.py::test_yes_crash"], "{told}");
    }
    let told = project.run(&["-n1", "-x", "-E", "yes", "--dist", "stream"]);
    told.says("test_yes_crash").is_silent_on("test_not");
}

#[test]
fn a_run_goes_on_with_what_another_one_left() {
    let tests = "import os\n\
        def test_one(): pass\n\
        def test_two(): assert os.path.exists('mended') or 'test_b' not in __file__\n\
        def test_three(): pass\n";
    let files = ["test_a.py", "test_b.py", "test_c.py", "test_d.py"];
    let project = Project::new(&files.map(|file| (file, tests)));
    let stopped = project.run(&["-n", "1", "-x", "--events", "-"]);
    assert_eq!(stopped.code, Some(1), "{stopped}");
    let events = stopped.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let left: Vec<String> = events
        .filter_map(|event| match event["event"].as_str()? {
            "test-not-run" => Some(event["id"].as_str()?.to_owned()),
            "file-not-run" => Some(event["file"].as_str()?.to_owned()),
            _other => None,
        })
        .collect();
    assert_eq!(left, ["test_b.py::test_three", "test_c.py", "test_d.py"]);
    let left: Vec<&str> = left.iter().map(String::as_str).collect();
    project.run(&[&["-n", "2"], &*left].concat()).assert(0, "7 passed");
}
