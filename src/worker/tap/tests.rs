//! Programs' output as it comes, and what is made of it.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> (Vec<Point>, Ending) {
    let mut tap = Tap::default();
    let mut points: Vec<Point> = text.lines().flat_map(|line| tap.line(line)).collect();
    let (last, ending) = tap.end();
    points.extend(last);
    (points, ending)
}

/// The points as `+name`, `-name`, `s name` and `t name`.
fn told(text: &str) -> Vec<String> {
    let sign = |point: &Point| match (&point.directive, point.ok) {
        (Some(Directive::Skip(_)), _) => 's',
        (Some(Directive::Todo(_)), _) => 't',
        (None, true) => '+',
        (None, false) => '-',
    };
    read(text).0.iter().map(|point| format!("{}{}", sign(point), point.name)).collect()
}

fn complaints(text: &str) -> Vec<String> {
    read(text).1.complaints
}

#[test]
fn a_plain_program() {
    let text = "TAP version 13\n1..4\nok 1 - a\nnot ok 2 - b\n# got 1\n  ---\n  want: 2\n    deep: x\n  ...\n\
                ok 3 - c # SKIP no net\nnot ok 4 - d # TODO later\n";
    assert_eq!(told(text), ["+a", "-b", "sc", "td"]);
    let (points, ending) = read(text);
    assert_eq!(points[1].detail, "got 1\nwant: 2\n  deep: x\n");
    assert_eq!(ending, Ending::default());
}

#[test]
fn points_without_numbers_and_names_are_counted() {
    assert_eq!(told("ok\nnot ok\nok\n1..3"), ["+1", "-2", "+3"]);
    assert_eq!(complaints("ok\nnot ok\nok\n1..3"), <[&str; 0]>::default());
}

#[test]
fn subtests_are_told_by_their_own_points() {
    let text = "# Subtest: suite\n    # Subtest: inner\n        ok 1 - deep\n        1..1\n    ok 1 - inner\n    \
                not ok 2 - broken\n      ---\n      why: x\n      ...\n    1..2\nnot ok 1 - suite\n  ---\n  n: 1\n  ...\nok 2 - last\n1..2\n";
    assert_eq!(told(text), ["+suite > inner > deep", "-suite > broken", "+last"]);
    assert_eq!(read(text).0[1].detail, "why: x\n");
    assert_eq!(complaints(text), <[&str; 0]>::default());
}

#[test]
fn a_point_after_a_subtest_has_the_last_word() {
    // Something of its own, such as a hook.
    assert_eq!(told("    ok 1 - a\n    1..1\nnot ok 1 - s\n1..1"), ["+s > a", "-s"]);
    // What failed inside was expected.
    assert_eq!(told("    not ok 1 - a\n    1..1\nnot ok 1 - s # TODO x\n1..1"), ["ts > a"]);
    assert_eq!(told("    not ok 1 - a\n    1..1\nok 1 - s\n1..1"), ["ts > a"]);
    // It never came.
    assert_eq!(told("    not ok 1 - a\n"), ["-a"]);
}

#[test]
fn a_plan_that_is_not_kept_is_told() {
    assert_eq!(complaints("1..3\nok 1\n"), ["it planned 3 points and wrote 1"]);
    assert_eq!(complaints("1..1\nok 1\nok 2\n"), ["it planned 1 points and wrote 2"]);
    assert_eq!(complaints("1..2\nok 1\nok 7\n"), ["it planned 2 points and numbered one 7"]);
    assert_eq!(
        complaints("1..1\nok 1\nok 1\n"),
        ["it told of point 1 twice"],
        "the number of points is as planned"
    );
    assert_eq!(complaints("1..1\nok 1\n1..1\n"), ["it wrote a second plan"]);
    assert_eq!(
        complaints("ok 1\n"),
        ["it wrote no plan such as `1..4`: it may have ended too early"]
    );
    assert_eq!(
        complaints("1..1\n    1..2\n    ok 1\nok 1\n"),
        ["in a subtest, it planned 2 points and wrote 1"]
    );
}

#[test]
fn a_plan_of_nothing_skips_all() {
    assert_eq!(read("1..0 # SKIP no database\n").1.skip_all.as_deref(), Some("no database"));
    assert_eq!(read("1..0\n").1.skip_all.as_deref(), Some(""));
    assert_eq!(read("1..1\nok 1\n").1.skip_all, None);
}

#[test]
fn who_bails_out_is_believed() {
    let (points, ending) = read("1..3\nok 1\nBail out! no disk\nok 2\n");
    assert_eq!(points.len(), 1);
    assert_eq!(ending.bail_out.as_deref(), Some("no disk"));
    assert!(ending.complaints.is_empty(), "{ending:?}");
}

#[test]
fn noise_is_passed_over_unless_the_program_forbids_it() {
    assert_eq!(told("hello\n1..1\n  ok 2\n            ok 9\nok 1 - a\nbye\n"), ["+a"]);
    assert_eq!(complaints("hello\n1..1\nok 1\n"), <[&str; 0]>::default());
    assert_eq!(
        complaints("pragma +strict\n1..1\nhello\nok 1\n"),
        ["it asked for `pragma +strict` and wrote `hello`"]
    );
}

#[test]
fn a_block_that_is_never_closed_ends_with_its_indentation() {
    assert_eq!(told("1..2\nok 1 - a\n  ---\n  x: 1\nnot ok 2 - b\n"), ["+a", "-b"]);
}

#[test]
fn details_are_not_kept_without_end() {
    let mut tap = Tap::default();
    assert!(tap.line("not ok 1").is_empty());
    for _ in 0..100_000 {
        tap.line("# a line of some length that comes again and again");
    }
    assert!(tap.end().0[0].detail.len() <= DETAIL);
}

/// A tree of tests: a name, whether it passes, and what stands below it.
#[derive(Debug, Clone)]
struct Tree {
    name: String,
    ok: bool,
    below: Vec<Self>,
}

fn trees() -> impl Strategy<Value = Vec<Tree>> {
    let leaf = ("[a-z][a-z ]{0,8}[a-z]", any::<bool>()).prop_map(|(name, ok)| Tree {
        name,
        ok,
        below: Vec::new(),
    });
    let tree = leaf.prop_recursive(3, 20, 4, |inner| {
        ("[a-z][a-z ]{0,8}[a-z]", prop::collection::vec(inner, 1..4))
            .prop_map(|(name, below)| Tree { name, ok: below.iter().all(|tree| tree.ok), below })
    });
    prop::collection::vec(tree, 1..5)
}

/// What a program writes of the trees, and the points that are to be read from it.
fn written(trees: &[Tree], indent: usize, path: &str, text: &mut String, points: &mut Vec<String>) {
    let blanks = " ".repeat(indent);
    let line = |text: &mut String, line: &str| {
        text.push_str(&blanks);
        text.push_str(line);
        text.push('\n');
    };
    for (number, tree) in (1..).zip(trees) {
        let name = format!("{path}{}", tree.name);
        if tree.below.is_empty() {
            points.push(format!("{}{name}", if tree.ok { '+' } else { '-' }));
        } else {
            line(text, &format!("# Subtest: {}", tree.name));
            written(&tree.below, indent + 4, &format!("{name} > "), text, points);
        }
        let not = if tree.ok { "" } else { "not " };
        line(text, &format!("{not}ok {number} - {}", tree.name));
        for below in ["  ---", "  ok: 1", "  ...", "# noise"] {
            line(text, below);
        }
    }
    line(text, &format!("1..{}", trees.len()));
}

proptest! {
    #[test]
    fn what_is_written_is_read(trees in trees()) {
        let (mut text, mut points) = (String::new(), Vec::new());
        written(&trees, 0, "", &mut text, &mut points);
        prop_assert_eq!(told(&text), points);
        prop_assert_eq!(complaints(&text), Vec::<String>::new());
    }

    #[test]
    fn whatever_is_written_is_read_to_its_end(
        lines in prop::collection::vec(
            prop_oneof![
                "[ ]{0,9}(ok|not ok|1\\.\\.|#|---|\\.\\.\\.|Bail out!|TAP version|pragma)?[ 0-9a-z#\\\\é-]{0,12}",
                "\\PC{0,20}",
            ],
            0..30,
        )
    ) {
        let (points, ending) = read(&lines.join("\n"));
        prop_assert!(points.len() <= lines.len());
        prop_assert!(ending.complaints.len() <= COMPLAINTS);
    }
}
