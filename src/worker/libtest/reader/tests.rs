use proptest::prelude::*;

use super::*;

/// What is seen of an output that comes in pieces of this length, in words.
fn read(names: &[&str], output: impl AsRef<[u8]>, length: usize) -> Vec<String> {
    ended(names, output, Some(0), length)
}

fn ended(
    names: &[&str],
    output: impl AsRef<[u8]>,
    code: Option<i32>,
    length: usize,
) -> Vec<String> {
    let mut reader = Reader::new(names.iter().copied(), false);
    let mut seen = Vec::new();
    for piece in output.as_ref().chunks(length) {
        reader.feed(piece, &mut seen);
    }
    let rest = reader.finish(code, &mut seen);
    let mut told: Vec<String> = seen
        .into_iter()
        .map(|seen| match seen {
            Seen::Began(place) => format!("{} begins", names[place]),
            Seen::Over(place) => format!("{} is over", names[place]),
            Seen::Ended(place, verdict) => {
                format!("{} {}: {}", names[place], verdict.outcome, verdict.text.trim())
            }
        })
        .collect();
    told.extend(
        rest.broken.map(|(place, text)| format!("{} broke off: {}", names[place], text.trim())),
    );
    told.extend(rest.unsettled.iter().map(|place| format!("{} is unsettled", names[*place])));
    told
}

const OUTPUT: &str = "\nrunning 5 tests\ntest a ... hi from a\nok\ntest b ... err b\n\nthread 'b' panicked at src/lib.rs:3:63:\nboo\nno newline bFAILED\n\
    test c - should panic ... thread 'c' panicked\nok\ntest d ... ignored, why not\ntest e ... Error: \"bad\"\nFAILED\n\nfailures:\n\nfailures:\n    b\n    e\n\n\
    test result: FAILED. 2 passed; 2 failed; 1 ignored; 0 measured; 1 filtered out; finished in 0.13s\n\n";

#[test]
fn each_test_has_its_own_output_however_it_comes() {
    let expected = [
        "a begins",
        "a passed: hi from a",
        "b begins",
        "b failed: err b\n\nthread 'b' panicked at src/lib.rs:3:63:\nboo\nno newline b",
        "c begins",
        "c passed: thread 'c' panicked",
        "d begins",
        "d skipped: ",
        "e begins",
        "e failed: Error: \"bad\"",
    ];
    for length in [1, 2, 3, 7, 64, 100_000] {
        assert_eq!(read(&["a", "b", "c", "d", "e"], OUTPUT, length), expected, "{length}");
    }
}

#[test]
fn what_looks_like_the_head_of_another_test_is_output() {
    let output = "test a ... \ntest x ... ok\ntest result: ok\n testing\nok\ntest b ... ok\n\ntest result: ok. 2 passed;\n";
    let told = read(&["a", "b"], output, 5);
    assert_eq!(told[1], "a passed: test x ... ok\ntest result: ok\n testing");
    assert_eq!(told[3], "b passed: ");
}

#[test]
fn a_test_that_was_to_panic_and_did_not_says_so() {
    let output = "test a - should panic ... FAILED\ntest b - should panic ... boo\nok\n\ntest result: FAILED. 1 passed;\n";
    let told = read(&["a", "b"], output, 100);
    assert!(told[1].starts_with("a failed: note: it is marked `#[should_panic]`"), "{told:?}");
    assert_eq!(told[3], "b passed: boo");
}

#[test]
fn a_test_that_ends_its_process_broke_off() {
    for length in [1, 1000] {
        let told = read(&["a", "b"], "test a ... ok\ntest b ... thread b\nabort", length);
        assert_eq!(told[1..], ["a passed: ", "b begins", "b broke off: thread b\nabort"]);
    }
}

#[test]
fn what_the_harness_says_of_the_last_failure_is_told_with_it() {
    let output = "test c - should panic ... other\nFAILED\n\nfailures:\n\n---- c stdout ----\nnote: panic did not contain expected string\n\n\nfailures:\n    c\n\ntest result: FAILED. 0 passed; 1 failed\n";
    let told = read(&["c"], output, 9);
    assert_eq!(told[1], "c failed: other\nnote: panic did not contain expected string");
}

#[test]
fn a_head_before_bytes_that_are_no_text_is_one() {
    for length in [1, 1000] {
        let told = read(&["a", "b"], b"test a ... FAILED\ntest b ... \xff\nok\n", length);
        assert_eq!(told[..3], ["a begins", "a failed: ", "b begins"]);
    }
    let told = read(&["a", "b"], b"test a ... test \xff ... b\nok\ntest b ... ok\n", 7);
    assert_eq!(told[1], "a passed: test \u{fffd} ... b");
}

#[test]
fn what_another_thread_writes_does_not_make_a_failure_a_pass() {
    let hidden = "running 3 tests\ntest f ... boo\nFAILED\n.test g ... ok\ntest h ... ok\n";
    let end = "\nfailures:\n\nfailures:\n    f\n\ntest result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured\n\n";
    let told = ended(&["f", "g", "h"], format!("{hidden}{end}"), Some(101), 3);
    assert_eq!(told[..3], ["f begins", "f is over", "h begins"]);
    assert!(told[3].starts_with("f failed: boo") && told[4] == "h passed: ", "{told:?}");
    // Nothing is known of `g`, which is run again, and of `f` if the harness does not say it.
    let told = ended(&["f", "g", "h"], format!("{hidden}abort"), None, 3);
    assert_eq!(told[3..], ["h broke off: ok\nabort", "f is unsettled"]);
    let few = end.replace("1 failed", "2 failed").replace("2 passed", "1 passed");
    let told = ended(&["f", "g", "h"], format!("{hidden}{few}"), Some(101), 3);
    assert_eq!(told[3..], ["h passed: ", "f is unsettled"]);
}

#[test]
fn a_pass_that_says_failed_is_settled_at_the_end() {
    let output = "running 2 tests\ntest a ... it FAILED\nok\ntest b ... ok\n\ntest result: ok. 2 passed; 0 failed\n\n";
    let told = read(&["a", "b"], output, 9);
    assert_eq!(told[1..], ["a is over", "b begins", "a passed: it FAILED", "b passed: "]);
}

#[test]
fn a_failure_that_was_told_as_a_pass_is_no_success() {
    let output = "running 2 tests\ntest a ... ok\ntest b ... ok\n\nfailures:\n    a\n\ntest result: FAILED. 1 passed; 1 failed\n\n";
    let told = ended(&["a", "b"], output, Some(101), 100);
    assert!(told[3].starts_with("b error: the harness says that `a` failed"), "{told:?}");
}

/// What a test binary writes that a test has started for one of its tests.
fn inner(test: &str) -> String {
    format!(
        "\nrunning 1 test\ntest {test} ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.00s\n\n"
    )
}

#[test]
fn a_test_that_starts_its_own_binary_again_has_its_output() {
    let end = "\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.00s\n\n";
    for child in ["a", "b", "c"] {
        let inner = inner(child);
        let output = format!(
            "\nrunning 3 tests\ntest a ... ok\ntest b ... {inner}ok\ntest c ... {inner}ok\n{end}"
        );
        for length in [1, 1000] {
            let told = read(&["a", "b", "c"], &output, length);
            let told: Vec<_> = told.iter().map(|told| &told[..8]).collect();
            assert_eq!(
                told,
                ["a begins", "a passed", "b begins", "b passed", "c begins", "c passed"]
            );
        }
    }
    // It does not come to its end; nor does what it has started.
    let output = format!("\nrunning 2 tests\ntest a ... {}", inner("b"));
    assert!(ended(&["a", "b"], output, None, 1000)[1].starts_with("a broke off"));
    let output = format!("\nrunning 1 test\ntest a ... {}", inner("a"));
    assert!(ended(&["a"], output, None, 1000)[1].starts_with("a broke off"));
    let output = format!(
        "\nrunning 1 test\ntest a ... \nrunning 1 test\ntest c ... ok\n{}",
        end.replace('3', "1")
    );
    assert!(read(&["a"], output, 1000)[1].starts_with("a passed"));
}

proptest! {
    #[test]
    fn nothing_that_is_printed_makes_it_fail(
        output in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..20),
                prop::sample::select(vec![
                    "test a ... ", "test b ... ", "ok\n", "FAILED\n", "\n", "running 2 tests\n", "\nfailures:\n", "    a\n",
                    "\ntest result: FAILED. 1 passed; 1 failed", "test result: ", "é", "test ", " ... ",
                ]).prop_map(|part| part.as_bytes().to_vec()),
            ],
            0..20,
        ),
        length in 1..50_usize,
    ) {
        let _told = read(&["a", "b"], output.concat(), length);
    }

    #[test]
    fn bytes_hide_no_head(bytes in prop::collection::vec(any::<u8>(), 0..40), length in 1..50_usize) {
        prop_assume!(!bytes.contains(&b'\n'));
        let output = [b"test a ... FAILED\ntest b ... ".as_slice(), &bytes, b"\nok\n"].concat();
        let told = read(&["a", "b"], output, length);
        prop_assert_eq!(&told[..3], ["a begins", "a failed: ", "b begins"]);
    }
}
