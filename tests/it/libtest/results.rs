//! What programs read of a run, and what they choose: the same for Rust tests as for any other.

use serde_json::Value;

use super::manifest;
use crate::support::{Project, Running, lines};

const LIBRARY: &str = "/// ```\n/// assert_eq!(shop::one(), 1);\n/// ```\npub fn one() -> u32 { 1 }\n\
    #[cfg(test)]\nmod tests {\n\
    #[test] fn good() {}\n\
    #[test] fn bad() { println!(\"on <stdout>\"); panic!(\"one & two\"); }\n\
    #[test] #[ignore = \"not now\"] fn ignored() {}\n\
    #[test] fn aborts() { std::process::abort() }\n}\n";

const IDS: [&str; 7] = [
    "shop/doc::src/lib.rs - one (line 1)",
    "shop/lib::tests::aborts",
    "shop/lib::tests::bad",
    "shop/lib::tests::good",
    "shop/lib::tests::ignored",
    "shop/tests/outer::inner",
    "shop/tests/outer::slow",
];

fn shop() -> Project {
    Project::cargo(&[
        ("Cargo.toml", &manifest("shop")),
        ("src/lib.rs", LIBRARY),
        ("tests/outer.rs", "#[test] fn slow() {}\n#[test] fn inner() {}\n"),
        ("callsheet.toml", "[[override]]\nfilter = \"name(slow)\"\ntags = [\"slow\"]\n"),
    ])
}

#[test]
fn results_tell_each_test_with_its_outcome() {
    let project = shop();
    let events = project.path().join("events.jsonl");
    let told = project.run_with(
        &[("CALLSHEET_EVENTS", events.to_str().unwrap())],
        &["-n", "2", "--junit", "junit.xml"],
    );
    told.assert(1, "2 failed, 4 passed, 1 skipped");
    let mut ends: Vec<(String, String)> = lines(&project.read("events.jsonl"))
        .into_iter()
        .filter(|line| line["event"] == "test-finished")
        .map(|line| {
            let word = |key: &str| line[key].as_str().unwrap().to_owned();
            (word("id"), word("outcome"))
        })
        .collect();
    ends.sort();
    let outcomes = ["passed", "crashed", "failed", "passed", "skipped", "passed", "passed"];
    let expected = IDS.iter().zip(outcomes).map(|(id, outcome)| (id.to_string(), outcome.into()));
    assert_eq!(ends, expected.collect::<Vec<_>>());
    let junit = project.read("junit.xml");
    for part in [
        "tests=\"7\" skipped=\"1\" failures=\"1\" errors=\"1\"",
        "<testcase name=\"bad\" classname=\"shop.lib.tests\"",
        "<failure message=\"one &amp; two\" type=\"failed\">on &lt;stdout&gt;",
        "<error message=\"its process was killed by signal 6 (SIGABRT)\" type=\"crashed\">",
        "<skipped message=\"not now\" type=\"skipped\"/>",
        "<testcase name=\"src/lib.rs - one (line 1)\" classname=\"shop.doc\"",
    ] {
        assert!(junit.contains(part), "{part}\n{junit}");
    }
}

#[test]
fn tests_are_chosen_by_filters_parts_and_what_came_of_them() {
    let project = shop();
    let listed = |args: &[&str]| -> Vec<Value> {
        let told = project.run(&[&["list", "--format", "json"], args].concat());
        let document: Value = serde_json::from_str(&told.stdout).unwrap();
        document["tests"].as_array().unwrap().clone()
    };
    let ids = |args: &[&str]| -> Vec<String> {
        let mut ids: Vec<String> =
            listed(args).iter().map(|test| test["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&[]), IDS);
    let slow = &listed(&["-E", "tag(slow)"])[0];
    assert_eq!((&slow["id"], &slow["file"]), (&IDS[6].into(), &"shop/tests/outer".into()));
    let mut parts: Vec<String> = ["1", "2", "3"]
        .iter()
        .flat_map(|part| ids(&["--partition", &format!("hash:{part}/3")]))
        .collect();
    parts.sort();
    assert_eq!(parts, IDS, "each test is in one part");
    project.run(&["-n", "2"]).assert(1, "2 failed, 4 passed, 1 skipped");
    assert_eq!(ids(&["-E", "last(bad)"]), IDS[1..3]);
    project.run(&["-n", "1", "-E", "last(failed)"]).assert(1, "1 failed, 6 deselected");
    project.run(&["-n", "2", "-E", "tag(slow) or file(*/doc)"]).assert(0, "2 passed, 5 deselected");
    let told = project.run(&["-n", "1", "-x", "shop/lib"]);
    assert_eq!(told.code, Some(1), "{told}");
    // How many are known to be deselected by then is a matter of luck.
    told.says("1 failed").says("3 not run").says("stopping after 1 failures");
}

#[test]
fn a_test_that_took_its_process_down_has_one_of_its_own_from_the_next_run_on() {
    let mates = ["a", "b", "c", "d", "e", "f", "g"]
        .map(|name| format!("    #[test] fn mate_{name}() {{}}\n"))
        .concat();
    let library = format!(
        "#[cfg(test)]\nmod tests {{\n{mates}    #[test] fn wild() {{\n\
         \x20       if !std::path::Path::new(\"tamed\").exists() {{ std::process::abort() }}\n\
         \x20       let mates = std::env::args().filter(|name| name.starts_with(\"tests::\")).count();\n\
         \x20       assert_eq!(mates, 1);\n    }}\n}}\n"
    );
    let project =
        Project::cargo(&[("Cargo.toml", &manifest("wilderness")), ("src/lib.rs", &library)]);
    project.run(&["-n", "1"]).assert(1, "1 failed, 7 passed");
    project.write("tamed", "");
    project.run(&["-n", "1"]).assert(0, "8 passed");
    project.run(&["-n", "1", "--no-history"]).assert(1, "1 failed, 7 passed");
}

#[test]
fn annotations_stand_where_tests_failed() {
    let fails = "/// ```\n/// panic!()\n/// ```\npub fn one() {}\n#[test] fn bad() { panic!(\"boo\"); }\n#[test] fn gone() { std::process::abort() }\n";
    let project = Project::cargo(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"a\"]\nresolver = \"2\"\n"),
        ("a/Cargo.toml", "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
        ("a/src/lib.rs", fails),
    ]);
    let variables = [("GITHUB_ACTIONS", "true")];
    let told = project.run_with(&variables, &["-n", "1"]);
    told.assert(1, "3 failed")
        .says("::error file=a/src/lib.rs,line=5,title=a/lib%3A%3Abad (failed)::boo");
    told.says("::error file=a/src/lib.rs,line=1,title=a/doc%3A%3A");
    told.says("::error title=a/lib%3A%3Agone (crashed)::its process was killed");
    let mut inside = project.command(&["-n", "1", "--", "--lib"]);
    inside.current_dir(project.path().join("a")).envs(variables);
    let told = Running::start(inside).end();
    told.says("::error file=src/lib.rs,line=5,title=a/lib%3A%3Abad");
}
