//! What people see of a run: live output, colours, how much is said.

use std::collections::BTreeMap;

use super::support::{Project, Told};

const MIXED: (&str, &str) = (
    "test_a.py",
    "import pytest, warnings\n\
     def test_1(): pass\n\
     def test_2():\n\
     \x20   print('printed')\n\
     \x20   assert {'a': 1} == {'a': 2}\n\
     @pytest.mark.skip(reason='not today')\n\
     def test_3(): pass\n\
     def test_4(): warnings.warn('look')\n",
);

/// The output without what differs from run to run.
fn normal(project: &Project, told: &Told) -> String {
    let directory = project.path().canonicalize().unwrap().display().to_string();
    let python = project.python().display().to_string();
    let text = told.stdout.replace(&directory, "DIR").replace(&python, "PYTHON");
    let version =
        text.lines().find_map(|line| line.split_once("Python ")?.1.split([' ', ',']).next());
    let text = version.map_or_else(|| text.clone(), |version| text.replace(version, "VERSION"));
    let line = |line: &str| match line.rsplit_once(" in ") {
        Some((counts, time)) if time.contains('s') && counts.contains("passed") => {
            format!("{} in TIME", counts.trim_start_matches(['=', ' ']))
        }
        Some(_) | None => line.trim_end().to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn normally_it_looks_as_pytest_does() {
    let project = Project::new(&[MIXED]);
    let told = project.run(&["-n", "1"]);
    insta::assert_snapshot!(normal(&project, &told), @r"
    ============================= test session starts ==============================
    gw0 I
    using PYTHON (CALLSHEET_PYTEST_PYTHON): pytest 9.2.0, Python VERSION
    platform linux -- Python VERSION, pytest-9.2.0, pluggy-1.7.0
    rootdir: DIR
    gw0 [1 file]

    scheduling tests via StreamScheduling
    .Fs.                                                                     [100%]
    =================================== FAILURES ===================================
    ____________________________________ test_2 ____________________________________
    [gw0] linux -- Python VERSION PYTHON

        def test_2():
            print('printed')
    >       assert {'a': 1} == {'a': 2}
    E       AssertionError: assert {'a': 1} == {'a': 2}
    E
    E         Differing items:
    E         {'a': 1} != {'a': 2}
    E         Use -v to get more diff

    test_a.py:5: AssertionError
    ----------------------------- Captured stdout call -----------------------------
    printed
    =============================== warnings summary ===============================
    test_a.py::test_4
      DIR/test_a.py:8: UserWarning: look
        def test_4(): warnings.warn('look')

    -- Docs: https://docs.pytest.org/en/stable/how-to/capture-warnings.html
    =========================== short test summary info ============================
    FAILED test_a.py::test_2 - AssertionError: assert {'a': 1} == {'a': 2}
    1 failed, 2 passed, 1 skipped, 1 warning in TIME
    ");
}

#[test]
fn verbosely_each_test_has_a_line() {
    let project = Project::new(&[MIXED]);
    let told = project.run(&["-n", "1", "-v", "--tb", "no"]);
    insta::assert_snapshot!(normal(&project, &told), @r"
    ============================= test session starts ==============================
    gw0 I
    using PYTHON (CALLSHEET_PYTEST_PYTHON): pytest 9.2.0, Python VERSION
    platform linux -- Python VERSION, pytest-9.2.0, pluggy-1.7.0 -- PYTHON
    cachedir: .pytest_cache
    rootdir: DIR
    [gw0] linux Python VERSION cwd: DIR
    [gw0] Python VERSION -- pytest 9.2.0
    gw0 [1 file]

    scheduling tests via StreamScheduling
    [gw0] [ 25%] PASSED test_a.py::test_1
    [gw0] [ 50%] FAILED test_a.py::test_2
    [gw0] [ 75%] SKIPPED (not today) test_a.py::test_3
    [gw0] [100%] PASSED test_a.py::test_4

    =============================== warnings summary ===============================
    test_a.py::test_4
      DIR/test_a.py:8: UserWarning: look
        def test_4(): warnings.warn('look')

    -- Docs: https://docs.pytest.org/en/stable/how-to/capture-warnings.html
    =========================== short test summary info ============================
    FAILED test_a.py::test_2 - AssertionError: assert {'a': 1} == {'a': 2}
    1 failed, 2 passed, 1 skipped, 1 warning in TIME
    ");
}

#[test]
fn quietly_little_is_said() {
    let project = Project::new(&[MIXED]);
    let told = project.run(&["-n", "1", "-q"]);
    insta::assert_snapshot!(normal(&project, &told), @r"
    .Fs.                                                                     [100%]
    =================================== FAILURES ===================================
    ____________________________________ test_2 ____________________________________
    [gw0] linux -- Python VERSION PYTHON

        def test_2():
            print('printed')
    >       assert {'a': 1} == {'a': 2}
    E       AssertionError: assert {'a': 1} == {'a': 2}
    E
    E         Differing items:
    E         {'a': 1} != {'a': 2}
    E         Use -v to get more diff

    test_a.py:5: AssertionError
    ----------------------------- Captured stdout call -----------------------------
    printed
    =============================== warnings summary ===============================
    test_a.py::test_4
      DIR/test_a.py:8: UserWarning: look
        def test_4(): warnings.warn('look')

    -- Docs: https://docs.pytest.org/en/stable/how-to/capture-warnings.html
    =========================== short test summary info ============================
    FAILED test_a.py::test_2 - AssertionError: assert {'a': 1} == {'a': 2}
    1 failed, 2 passed, 1 skipped, 1 warning in TIME
    ");
    let told = project.run(&["-n", "1", "-qq", "--tb", "no"]);
    insta::assert_snapshot!(normal(&project, &told), @r"
    .Fs.                                                                     [100%]
    =============================== warnings summary ===============================
    test_a.py::test_4
      DIR/test_a.py:8: UserWarning: look
        def test_4(): warnings.warn('look')

    -- Docs: https://docs.pytest.org/en/stable/how-to/capture-warnings.html
    =========================== short test summary info ============================
    FAILED test_a.py::test_2 - AssertionError: assert {'a': 1} == {'a': 2}
    ");
}

#[test]
fn live_output_stands_under_the_name_of_its_worker() {
    let body = "import os, sys\n\
                def test_1(worker_id):\n\
                \x20   print('out of', worker_id)\n\
                \x20   print('err of', worker_id, file=sys.stderr)\n\
                \x20   os.system('echo child of ' + worker_id)\n\
                \x20   sys.stdout.write('half a line of ' + worker_id)\n";
    let project = Project::new(&[("test_a.py", body)]);
    let told = project.run(&["-n", "2", "--dist", "each", "-s"]);
    told.assert(0, "2 passed");
    let mut lines: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in told.stdout.lines() {
        for worker in ["gw0", "gw1"] {
            if line.contains(&format!(" of {worker}")) {
                lines.entry(worker).or_default().push(line);
            }
        }
    }
    for (worker, lines) in &mut lines {
        lines.sort_unstable();
        let expected = ["child of", "err of", "half a line of", "out of"];
        assert_eq!(*lines, expected.map(|said| format!("{worker} │ {said} {worker}")), "{told}");
    }
    assert_eq!(lines.len(), 2, "{told}");
}

#[test]
fn colours_are_pytest_s_own() {
    let project = Project::new(&[MIXED]);
    let plain = project.run_python(&["-m", "pytest", "-p", "no:cacheprovider", "--color=yes"]);
    let told = project.run(&["-n", "1", "--color", "always"]);
    let failure = |told: &Told| -> Vec<String> {
        let from = |line: &&str| !line.contains("test_2 _");
        let text = told.stdout.lines().skip_while(from).skip(1);
        let text = text.filter(|line| !line.starts_with("[gw0] "));
        let text = text.take_while(|line| !line.contains("warnings summary"));
        // Text of others is followed by a reset, in case it has none of its own.
        text.map(|line| line.trim_end_matches("\u{1b}[0m").to_owned()).collect()
    };
    assert!(failure(&plain).len() > 10, "{plain}");
    assert!(failure(&plain).iter().any(|line| line.contains("\u{1b}[94m")), "{plain}");
    assert_eq!(failure(&told), failure(&plain), "{plain}\n{told}");
}

#[test]
fn without_a_terminal_there_is_no_colour_unless_it_is_asked_for() {
    let project = Project::new(&[MIXED]);
    let colored = |variables: &[(&str, &str)], args: &[&str]| {
        project.run_with(variables, &[&["-n", "1"], args].concat()).stdout.contains('\u{1b}')
    };
    assert!(!colored(&[], &[]));
    assert!(colored(&[("FORCE_COLOR", "1")], &[]));
    assert!(!colored(&[("FORCE_COLOR", "1"), ("NO_COLOR", "1")], &[]));
    assert!(colored(&[("NO_COLOR", "1")], &["--color", "always"]));
    assert!(!colored(&[("FORCE_COLOR", "1")], &["--color", "never"]));
}

#[test]
fn the_short_summary_is_not_cut_where_nobody_sees_its_width() {
    let project = Project::new(&[(
        "test_a.py",
        "def test_1(): assert 'a long text ' * 20 == 'the end of it'\n",
    )]);
    let line = |variables: &[(&str, &str)]| {
        let told = project.run_with(variables, &["-n", "1"]);
        told.stdout.lines().find(|line| line.starts_with("FAILED")).unwrap().to_owned()
    };
    assert_eq!(line(&[]).len(), 80);
    let whole = line(&[("CI", "true")]);
    assert!(whole.len() > 80 && line(&[("BUILD_NUMBER", "7")]) == whole, "{whole}");
}

#[test]
fn warnings_are_shown_as_pytest_was_told_to() {
    let project = Project::new(&[MIXED]);
    for option in [&["--disable-warnings"][..], &["-p", "no:warnings"], &["-W", "error"], &["-rN"]]
    {
        let plain = project.run_python(&[&["-m", "pytest"], option].concat());
        let told = project.run(&[&["-n", "2", "--"], option].concat());
        assert_eq!((told.code, told.counts()), (plain.code, plain.counts()), "{plain}\n{told}");
        let shown = |told: &Told| told.stdout.contains("warnings summary");
        assert_eq!(shown(&told), shown(&plain), "{option:?}\n{plain}\n{told}");
    }
}

#[test]
fn properties_are_taken_without_a_word() {
    let body = "def test_1(record_property, record_testsuite_property):\n\
                \x20   record_property('key', 'value')\n\
                \x20   record_testsuite_property('more', 7)\n";
    let project = Project::new(&[("test_a.py", body)]);
    project.run(&["-n", "2"]).assert(0, "1 passed").is_silent_on("warning");
}
