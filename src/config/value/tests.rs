//! What is read, and that what is written reads as the same.

use std::time::Duration;

use super::*;

/// What was read and written reads as the same.
fn round<T: Value + PartialEq + std::fmt::Debug>(text: &str) -> T {
    let value = T::from_text(text).unwrap_or_else(|| panic!("`{text}` was refused"));
    assert_eq!(T::from_toml(&value.to_toml()).as_ref(), Some(&value));
    value
}

#[test]
fn sizes_have_binary_and_decimal_units() {
    assert_eq!(round::<Size>("512MiB").0, Some(512 << 20));
    assert_eq!(round::<Size>("2GB").0, Some(2_000_000_000));
    assert_eq!(round::<Size>("unlimited").0, None);
    for wrong in ["", "512", "-1GiB", "many", "1KiB", "NaN MiB"] {
        assert_eq!(Size::from_text(wrong), None, "{wrong}");
    }
}

#[test]
fn durations_have_units_and_a_number_alone_is_seconds() {
    assert_eq!(round::<Duration>("1h30m").as_secs(), 5400);
    assert_eq!(round::<Duration>("500ms").as_millis(), 500);
    assert_eq!(round::<Duration>("0s"), Duration::ZERO);
    assert_eq!(round::<Span>("90").0.as_secs(), 90);
    assert_eq!(round::<Span>("1.5").0.as_millis(), 1500);
    for wrong in ["", "0", "0s", "-1s", "1e3", "inf", "400days", "99999999999999999999s", "none"] {
        assert_eq!(Span::from_text(wrong), None, "{wrong}");
    }
}

#[test]
fn only_a_duration_that_may_be_left_out_can_be_none() {
    for none in ["none", "0", "0s"] {
        assert_eq!(round::<OptionalSpan>(none).0, None);
    }
    assert_eq!(round::<OptionalSpan>("5m").0, Some(Duration::from_secs(300)));
}

#[test]
fn numbers_with_words() {
    assert_eq!(round::<WorkerCount>("logical"), WorkerCount::Logical);
    assert_eq!(round::<WorkerCount>("8"), WorkerCount::Count(8));
    assert_eq!(WorkerCount::from_text("-1"), None);
    assert_eq!(WorkerCount::from_text("100000"), None);
    assert_eq!(Limit::from_text("0"), None);
    assert_eq!(round::<Budget>("0").0, Some(0));
    assert_eq!(round::<Automatic<Budget>>("unlimited"), Automatic::Set(Budget(None)));
    assert_eq!(round::<Automatic<u32>>("auto"), Automatic::Auto);
}

#[test]
fn a_history_is_a_word_or_a_path() {
    assert_eq!(round::<HistoryPlace>("auto"), HistoryPlace::Auto);
    assert_eq!(round::<HistoryPlace>("off"), HistoryPlace::Off);
    assert_eq!(round::<HistoryPlace>("./off"), HistoryPlace::At("./off".to_owned()));
    assert_eq!(HistoryPlace::from_text(""), None);
}

#[test]
fn lists_in_the_environment_are_quoted_as_in_a_shell() {
    assert_eq!(round::<Vec<String>>("-k 'a or b'"), ["-k", "a or b"]);
    assert_eq!(Vec::<String>::from_text("'open"), None);
}

#[test]
fn a_type_of_toml_is_not_bent() {
    assert_eq!(Span::from_toml(&toml::Value::Integer(30)), None);
    assert_eq!(u32::from_toml(&text("3")), None);
    assert_eq!(bool::from_toml(&text("true")), None);
    assert_eq!(String::from_toml(&toml::Value::Integer(3)), None);
    assert_eq!(Vec::<String>::from_toml(&text("a")), None);
}
