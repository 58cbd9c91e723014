//! Every outcome that pytest knows is counted, shown and summed up as plain pytest does it.

use std::collections::BTreeMap;

use crate::support::{Project, Told};

const LETTERS: &str = "-rfEsxXp";

/// What differs from run to run or is ours to add: addresses of objects, and the line that names a failure's worker.
fn normal(line: &str) -> Option<String> {
    if line.starts_with("[gw") && line.contains(" -- Python ") {
        return None;
    }
    let mut parts = line.split("0x");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("0x…");
        text.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_hexdigit()));
    }
    Some(text.trim_end().to_owned())
}

/// The sections between lines of `=`, by their titles.
fn sections(told: &Told) -> BTreeMap<&str, Vec<String>> {
    let mut sections = BTreeMap::new();
    let mut title = "";
    for line in told.stdout.lines() {
        if line.starts_with('=') && line.ends_with('=') {
            title = line.trim_matches(|c| c == '=' || c == ' ');
        }
        sections.entry(title).or_insert_with(Vec::new).extend(normal(line));
    }
    sections
}

/// The blocks of a section of failures, each under its title, sorted: workers end their tests in any order.
fn blocks(lines: &[String]) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in &lines[1..] {
        let is_title = line.starts_with('_') && line.ends_with('_') && line.contains(' ');
        // A line of `_ _ _` stands between the entries of a traceback.
        if is_title && !line.starts_with("_ _") {
            blocks.push(String::new());
        }
        let block = blocks.last_mut().expect("a section of failures begins with a title");
        block.push_str(line);
        block.push('\n');
    }
    blocks.sort_unstable();
    blocks
}

fn sorted(lines: &[String]) -> Vec<&str> {
    let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn all_outcomes_are_those_of_plain_pytest() {
    let project = Project::suite("outcomes");
    let plain = project.run_python(&["-m", "pytest", "-p", "no:cacheprovider", LETTERS]);
    plain.assert(1, "21 failed, 20 passed, 8 skipped, 4 xfailed, 1 xpassed, 3 warnings, 7 errors");
    let expected = sections(&plain);
    // A fixture of a class is torn down once only where the class stays together.
    for args in [
        ["-n1", "--dist=load"],
        ["-n2", "--dist=loadfile"],
        ["-n2", "--dist=loadscope"],
        ["-n4", "--dist=loadfile"],
    ] {
        let told = project.run(&[args[0], args[1], "--", LETTERS]);
        told.assert(1, plain.counts());
        let found = sections(&told);
        for title in ["ERRORS", "FAILURES"] {
            let (found, expected) = (blocks(&found[title]), blocks(&expected[title]));
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, expected, "{args:?}, {title}");
            }
            assert_eq!(found.len(), expected.len(), "{args:?}, {title}\n{told}");
        }
        for title in ["short test summary info", "warnings summary"] {
            assert_eq!(sorted(&found[title]), sorted(&expected[title]), "{args:?}, {title}");
        }
    }
}

#[test]
fn on_one_worker_everything_is_in_the_order_of_plain_pytest() {
    let project = Project::suite("outcomes");
    let plain = project.run_python(&["-m", "pytest", "-p", "no:cacheprovider", LETTERS]);
    let told = project.run(&["-n", "1", "--dist", "load", "--", LETTERS]);
    let (found, expected) = (sections(&told), sections(&plain));
    for title in ["ERRORS", "FAILURES", "short test summary info", "warnings summary"] {
        assert_eq!(found[title], expected[title], "{title}");
    }
}

#[test]
fn styles_of_tracebacks_are_pytest_s_own() {
    let project = Project::suite("outcomes");
    for style in ["auto", "long", "short", "native", "no"] {
        let plain = project.run_python(&[
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--tb",
            style,
            "test_plain.py",
        ]);
        let told = project.run(&["-n", "1", "--tb", style, "test_plain.py"]);
        told.assert(1, plain.counts());
        assert_eq!(sections(&told).get("FAILURES"), sections(&plain).get("FAILURES"), "{style}");
        // With `native` a teardown's frames hold one of the worker's.
        if style != "native" {
            assert_eq!(sections(&told).get("ERRORS"), sections(&plain).get("ERRORS"), "{style}");
        }
    }
}

#[test]
fn a_failure_is_one_line_with_tb_line() {
    let project = Project::suite("outcomes");
    let plain = project.run_python(&[
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--tb=line",
        "test_plain.py",
    ]);
    let told = project.run(&["-n", "1", "--tb", "line", "test_plain.py"]);
    let (found, expected) = (sections(&told), sections(&plain));
    let found = &found["FAILURES"];
    assert_eq!(found.len() - 1, told.ids("FAILED").len(), "{told}");
    // From some version on pytest itself says more than the line.
    for line in found {
        assert!(expected["FAILURES"].contains(line), "{line}\n{plain}");
    }
    assert_eq!(sections(&told)["ERRORS"], expected["ERRORS"]);
}

#[test]
fn each_outcome_has_its_word_with_v() {
    let project = Project::suite("outcomes");
    let plain = project.run_python(&["-m", "pytest", "-p", "no:cacheprovider", "-v"]);
    assert!(plain.counts().contains("subtests passed"), "{plain}");
    let told = project.run(&["-n", "2", "-v", "--dist", "loadfile"]);
    told.assert(1, plain.counts());
    for (word, id) in [
        ("PASSED", "test_plain.py::test_passes"),
        ("FAILED", "test_plain.py::test_fails"),
        ("ERROR", "test_plain.py::test_error_in_setup"),
        ("PASSED", "test_plain.py::test_error_in_teardown"),
        ("ERROR", "test_plain.py::test_error_in_teardown"),
        ("SKIPPED", "test_plain.py::test_skipped_by_mark"),
        ("XFAIL", "test_plain.py::test_xfails"),
        ("XPASS", "test_plain.py::test_xpasses"),
        ("FAILED", "test_unittest.py::Case::test_unexpected"),
        ("PASSED", "arithmetic.py::arithmetic.halve"),
    ] {
        let wanted = |line: &str| {
            let rest = line.strip_prefix("[gw").and_then(|line| line.split_once("%] "));
            rest.is_some_and(|(_, rest)| rest.starts_with(word) && rest.ends_with(id))
        };
        assert!(told.stdout.lines().any(wanted), "{word} {id}\n{told}");
    }
}
