//! The language: what filters mean, how wrong ones are told, and that what is printed reads the same; partitions and overrides.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::expression::Expression;
use super::pattern::{Glob, Search};
use super::predicate::{Comparison, Last, Predicate};
use super::*;
use crate::model::{Isolation, Item, Outcome};

fn tags(words: &[&str]) -> Vec<Arc<str>> {
    words.iter().copied().map(Arc::from).collect()
}

/// Whether a filter holds for one well-known test.
fn holds(filter: &str) -> bool {
    let tags = tags(&["db", "resource:gpu=2", "slow"]);
    Filter::parse(filter).unwrap_or_else(|error| panic!("{error}")).matches(&Facts {
        id: "tests/unit/test_web.py::TestLogin::test_it[a(b)-1]",
        file: "tests/unit/test_web.py",
        group: Some("accounts"),
        tags: &tags,
        last_outcome: Some(Outcome::Crashed),
        last_duration: Some(Duration::from_millis(1500)),
    })
}

#[test]
fn predicates_mean_what_they_say() {
    for filter in [
        "Login",
        "'test_it[a(b)'",
        "test_web.py::TestLogin",
        "name(test_it[a(b)-1])",
        "\"]\"",
        "glob(*::test_it*)",
        "glob(tests/*1\\])",
        "/test_it\\[.*\\d\\]$/",
        "regex(Log(in|out))",
        "regex(a\\(b\\))",
        "file(tests/unit/**)",
        "file(tests/unit)",
        "file(./tests/)",
        "file(test_web.py)",
        "file(unit)",
        "file(test_*.py)",
        "file( tests/*/test_web.py )",
        "group(accounts)",
        "tag(slow)",
        "tag(resource:*)",
        "last(crashed)",
        "last(failed | crashed)",
        "last(bad)",
        "duration(> 1s)",
        "duration(>=1.5s)",
        "duration(<= 1500ms)",
        "duration(< 2)",
        "not unknown",
        "Login and tag(db)",
        "nothing or tag(db)",
        "not nothing and not (nothing or never)",
        "not(nothing)",
        "a or nothing and nothing",
        "not not Login",
    ] {
        assert!(holds(filter), "{filter}");
    }
    for filter in [
        "login",
        "glob(TestLogin)",
        "/^unit/",
        "file(test_web)",
        "file(unit/test_web.py)",
        "file(tests/*.py)",
        "file(tests/un)",
        "group(account)",
        "tag(slo)",
        "tag(gpu)",
        "last(failed)",
        "last(unknown)",
        "duration(> 1500ms)",
        "duration(< 1.5)",
        "(a or nothing) and nothing",
    ] {
        assert!(!holds(filter), "{filter}");
    }
}

#[test]
fn what_was_never_seen_is_unknown_and_of_no_duration() {
    let new = Facts { id: "a", ..Facts::default() };
    let holds = |filter: &str| Filter::parse(filter).unwrap().matches(&new);
    assert!(holds("last(unknown)") && !holds("last(passed)") && !holds("last(bad)"));
    assert!(!holds("duration(> 0s)") && !holds("duration(<= 1h)"));
}

#[test]
fn mistakes_are_shown_where_they_are() {
    for (filter, told) in [
        (
            "",
            "column 1: expected a word, a predicate such as `tag(slow)`, `not` or `(`, found the end\n  \n  ^",
        ),
        (
            "tag(slow) and )",
            "column 15: expected a word, a predicate such as `tag(slow)`, `not` or `(`, found `)`\n  tag(slow) and )\n                ^",
        ),
        ("a b", "column 3: expected `and`, `or` or the end, found `b`\n  a b\n    ^"),
        (
            "(a or b",
            "column 8: expected `)` for the `(` at column 1, found the end\n  (a or b\n         ^",
        ),
        ("a)", "column 2: expected `and`, `or` or the end, found `)`\n  a)\n   ^"),
        (
            "and",
            "column 1: expected a word, a predicate such as `tag(slow)`, `not` or `(`, found `and`\n  and\n  ^",
        ),
        (
            "tags(slow)",
            "column 1: there is no predicate `tags`; the nearest is `tag`\n  tags(slow)\n  ^",
        ),
        (
            "q(x)",
            "column 1: there is no predicate `q`; there are name, glob, regex, file, group, tag, last, duration\n  q(x)\n  ^",
        ),
        ("tag(slow", "column 4: expected a `)` that ends `tag(`\n  tag(slow\n     ^"),
        ("tag()", "column 5: expected the name of a tag such as `slow`\n  tag()\n      ^"),
        ("é and 'x", "column 7: expected a `'` at the end of this text\n  é and 'x\n        ^"),
        ("/a", "column 1: expected a `/` at the end of this regular expression\n  /a\n  ^"),
        ("/(/", "column 2: this is no regular expression: unclosed group\n  /(/\n   ^"),
        (
            "glob([)",
            "column 6: this is no glob: unclosed character class; missing ']'\n  glob([)\n       ^",
        ),
        (
            "last(failed | lost)",
            "column 15: expected one of passed, failed, error, skipped, xfailed, xpassed, crashed, timed-out, bad, unknown, found `lost`\n  last(failed | lost)\n                ^",
        ),
        (
            "duration(1s)",
            "column 10: expected a comparison such as `> 1.5s`\n  duration(1s)\n           ^",
        ),
        (
            "duration(> soon)",
            "column 12: expected a duration such as 500ms, 1.5s or 2m\n  duration(> soon)\n             ^",
        ),
        (
            "a or\n  b c\nd",
            "column 5: expected `and`, `or` or the end, found `c`\n    b c\n      ^",
        ),
    ] {
        let error = Filter::parse(filter).expect_err(filter);
        assert_eq!(error.to_string(), format!("the filter is wrong at {told}"), "{filter}");
    }
    let deep = format!("{}a{}", "(".repeat(1000), ")".repeat(1000));
    assert_eq!(Filter::parse(&deep).unwrap_err().column(), 65);
    assert!(Filter::parse(&"not ".repeat(100_000)).is_err());
}

fn text() -> BoxedStrategy<String> {
    prop_oneof!["[a-z_:./ ()\"'\\\\\\[\\]é]{1,8}", "[a-z]{1,5}"].boxed()
}

fn predicate() -> BoxedStrategy<Predicate> {
    let glob = "[a-z*?/:( )\"'é]{1,8}";
    let path = "[a-z]{1,3}(/[a-z*( )]{1,4}){0,3}";
    prop_oneof![
        text().prop_map(Predicate::Name),
        glob.prop_map(|text| Predicate::Glob(Glob::of_name(&text).unwrap())),
        path.prop_map(|text| Predicate::File(Glob::of_path(&text).unwrap())),
        glob.prop_map(|text| Predicate::Group(Glob::of_name(&text).unwrap())),
        glob.prop_map(|text| Predicate::Tag(Glob::of_name(&text).unwrap())),
        text().prop_map(|text| Predicate::Regex(Search::new(&regex::escape(&text)).unwrap())),
        prop::sample::subsequence(Last::ALL.to_vec(), 1..=3).prop_map(Predicate::Last),
        (prop::sample::select(Comparison::ALL.to_vec()), 0..10_000_000_u64).prop_map(
            |(comparison, micros)| Predicate::Duration(comparison, Duration::from_micros(micros))
        ),
    ]
    .boxed()
}

fn expression() -> BoxedStrategy<Expression> {
    predicate()
        .prop_map(Expression::Is)
        .prop_recursive(4, 24, 4, |part| {
            prop_oneof![
                prop::collection::vec(part.clone(), 2..4).prop_map(Expression::All),
                prop::collection::vec(part.clone(), 2..4).prop_map(Expression::Any),
                part.prop_map(|part| Expression::Not(Box::new(part))),
            ]
        })
        .boxed()
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_the_same_filter(expression in expression()) {
        let filter = Filter { expression };
        let text = filter.to_string();
        prop_assert_eq!(Filter::parse(&text), Ok(filter), "{}", text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(and|or|not|tag|/|\\(|\\)|\"|\\\\|[ -~é]){0,12}") {
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(error.to_string().contains('\n'));
        }
    }

    #[test]
    fn what_can_not_match_without_its_marks_does_not_match_with_them(
        expression in expression(),
        id in "[a-z/:]{0,8}",
        tag in "[a-z]{1,3}",
    ) {
        let filter = Filter { expression };
        let tags = tags(&[&tag]);
        let whole = Facts { id: &id, group: Some(&tag), tags: &tags, ..Facts::default() };
        let partly = Facts { id: &id, ..Facts::default() };
        prop_assert!(filter.may_match(&partly) || !filter.matches(&whole));
    }

    #[test]
    fn what_can_not_match_in_a_file_matches_none_of_its_tests(
        expression in expression(),
        file in "[a-z/]{1,5}",
        test in "[a-z]{0,4}",
        tag in "[a-z]{1,3}",
    ) {
        let filter = Filter { expression };
        let tags = tags(&[&tag]);
        let id = format!("{file}::{test}");
        let facts = Facts { id: &id, file: &file, group: Some(&tag), tags: &tags, ..Facts::default() };
        prop_assert!(filter.may_match_in(&file) || !filter.matches(&facts));
    }

    #[test]
    fn parts_are_disjoint_and_together_all(
        of in 1..6_u32,
        seen in prop::collection::btree_map("[a-z]{1,4}", prop::option::of(0..5_000_u64), 0..40),
        unseen in prop::collection::vec("[a-z]{1,4}", 0..20),
        by in prop::sample::select(vec!["hash", "duration"]),
        filter in prop::option::of("[a-c]"),
    ) {
        let past: Past = seen
            .iter()
            .map(|(id, millis)| {
                let duration = millis.map(Duration::from_millis);
                (Arc::from(&**id), Seen { outcome: Outcome::Passed, duration })
            })
            .collect();
        let filter = filter.map(|filter| Filter::parse(&filter).unwrap());
        let parts: Vec<Selector> = (1..=of)
            .map(|part| {
                let partition = format!("{by}:{part}/{of}").parse().unwrap();
                let selection =
                    Selection::new(filter.as_ref(), Some(partition), &Overrides::default(), &past);
                Selector::new(selection).unwrap()
            })
            .collect();
        for id in seen.keys().chain(&unseen) {
            let takers =
                parts.iter().filter(|part| part.chooses(&mut Item::from_id(id))).count();
            let wanted = filter.as_ref().is_none_or(|filter| {
                filter.matches(&Facts { id, ..Facts::default() })
            });
            prop_assert_eq!(takers, usize::from(wanted), "{}", id);
        }
    }
}

#[test]
fn the_hash_of_an_id_is_the_same_for_ever() {
    let part = |id: &str| {
        (1..=5).find(|part| format!("hash:{part}/5").parse::<Partition>().unwrap().has_unseen(id))
    };
    let parts: Vec<_> =
        ["a.py::test_a", "a.py::test_b", "b.py::test_ü[1]", ""].into_iter().map(part).collect();
    assert_eq!(parts, [Some(4), Some(1), Some(4), Some(1)]);
}

#[test]
fn parts_by_duration_take_equally_long() {
    let past: Past = [("a", 8), ("b", 7), ("c", 6), ("d", 5), ("e", 4)]
        .into_iter()
        .map(|(id, seconds)| {
            let duration = Some(Duration::from_secs(seconds));
            (Arc::from(id), Seen { outcome: Outcome::Passed, duration })
        })
        .collect();
    let chosen = |number: u32, filter: Option<&str>| -> String {
        let partition = format!("duration:{number}/2").parse().unwrap();
        let filter = filter.map(|filter| Filter::parse(filter).unwrap());
        let selection =
            Selection::new(filter.as_ref(), Some(partition), &Overrides::default(), &past);
        let selector = Selector::new(selection).unwrap();
        let ids = ["a", "b", "c", "d", "e"].into_iter();
        ids.filter(|id| selector.chooses(&mut Item::from_id(id))).collect()
    };
    assert_eq!((chosen(1, None), chosen(2, None)), ("ade".to_owned(), "bc".to_owned()));
    let filter = Some("not a");
    assert_eq!((chosen(1, filter), chosen(2, filter)), ("be".to_owned(), "cd".to_owned()));
}

#[test]
fn partitions_are_read_strictly() {
    assert_eq!("duration:2/3".parse::<Partition>().unwrap().to_string(), "duration:2/3");
    for wrong in [
        "",
        "hash",
        "hash:1",
        "hash:0/2",
        "hash:3/2",
        "hash:1/0",
        "size:1/2",
        "hash:-1/2",
        "hash:1/200000",
    ] {
        let told = wrong.parse::<Partition>().unwrap_err();
        assert!(told.contains("`hash:K/N`"), "{wrong}: {told}");
    }
}

fn overrides(all: Vec<(&str, Settings)>) -> Overrides {
    let all = all
        .into_iter()
        .map(|(filter, settings)| Override { filter: Filter::parse(filter).unwrap(), settings });
    Overrides::new(all.collect())
}

#[test]
fn the_last_override_wins_and_needs_add_up() {
    let minute = Duration::from_secs(60);
    let overrides = overrides(vec![
        (
            "tag(slow)",
            Settings {
                timeout: Some(Some(minute)),
                retries: Some(2),
                tags: tags(&["big"]),
                resources: vec![("db".to_owned(), 1)],
                ..Settings::default()
            },
        ),
        (
            "tag(big)",
            Settings {
                timeout: Some(None),
                slow: Some(Some(minute)),
                resources: vec![("db".to_owned(), 3), ("net".to_owned(), 1)],
                requires: vec!["gpu".to_owned()],
                isolation: Some(Isolation::Process),
                ..Settings::default()
            },
        ),
        ("nothing", Settings { exclusive: Some(true), ..Settings::default() }),
    ]);
    let own = tags(&["requires:gpu", "resource:db=2", "resource:x=y", "slow"]);
    let terms = overrides.terms(&Facts { id: "a", tags: &own, ..Facts::default() });
    let named = |name: &str, count| (name.to_owned(), count);
    assert_eq!(
        terms,
        ItemTerms {
            timeout: Some(None),
            slow: Some(Some(minute)),
            retries: Some(2),
            resources: vec![named("db", 3), named("x=y", 1), named("net", 1)],
            exclusive: false,
            requires: vec!["gpu".to_owned()],
            tags: tags(&["big", "requires:gpu", "resource:db=2", "resource:x=y", "slow"]),
            isolation: Some(Isolation::Process),
        }
    );
    assert_eq!(overrides.terms(&Facts::default()), ItemTerms::default());
    let own = tags(&["exclusive"]);
    let facts = Facts { id: "nothing", tags: &own, ..Facts::default() };
    assert!(Overrides::default().terms(&facts).exclusive && overrides.terms(&facts).exclusive);
}

#[test]
fn the_last_override_that_says_it_decides_whether_a_test_is_exclusive() {
    let says = |exclusive| Settings { exclusive, ..Settings::default() };
    let own = tags(&["exclusive"]);
    for (tags, all, expected) in [
        (&own[..], vec![says(None)], true),
        (&own, vec![says(Some(false))], false),
        (&[], vec![says(Some(true)), says(Some(false)), says(None)], false),
        // As the item comes from a worker, which was told the tags.
        (&own, vec![says(Some(true)), says(Some(false))], false),
        (&own, vec![says(Some(false)), says(Some(true))], true),
    ] {
        let overrides = overrides(all.into_iter().map(|settings| ("a", settings)).collect());
        let facts = Facts { id: "a", tags, ..Facts::default() };
        assert_eq!(overrides.terms(&facts).exclusive, expected, "{overrides:?}");
    }
}

#[test]
fn tags_that_the_configuration_gives_can_be_filtered_by() {
    let overrides = overrides(vec![
        ("file(a.py)", Settings { tags: tags(&["one"]), ..Settings::default() }),
        ("tag(one) and last(unknown)", Settings { tags: tags(&["two"]), ..Settings::default() }),
    ]);
    let filter = Filter::parse("tag(two)").unwrap();
    let selection = Selection::new(Some(&filter), None, &overrides, &Past::default());
    let selector = Selector::new(selection).unwrap();
    let mut items = ["a.py::x", "b.py::x"].map(Item::from_id);
    let chosen = items.each_mut().map(|item| selector.chooses(item));
    assert_eq!(chosen, [true, false]);
    assert_eq!(*items[0].tags, *tags(&["one", "two"]));
    assert!(Selector::new(Selection::default()).unwrap().is_idle() && !selector.is_idle());
}
