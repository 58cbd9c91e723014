//! The values of a manifest's keys.

use std::time::Duration;

use toml::de::{DeInteger, DeValue};

/// What would have been right.
pub(super) type Expected = &'static str;

/// The longest a command may be allowed to take.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) fn word(value: &DeValue<'_>) -> Result<String, Expected> {
    let word = value.as_str().filter(|word| !word.is_empty() && !word.contains('\0'));
    word.map(str::to_owned).ok_or("a string that is not empty")
}

/// A name that stands on one line.
pub(super) fn name(value: &DeValue<'_>) -> Result<String, Expected> {
    let name = word(value)?;
    if name.trim() == name && !name.chars().any(char::is_control) {
        Ok(name)
    } else {
        Err("a name on one line, without blanks around it")
    }
}

pub(super) fn yes(value: &DeValue<'_>) -> Result<bool, Expected> {
    value.as_bool().ok_or("true or false")
}

/// A list of words.
pub(super) fn words(value: &DeValue<'_>) -> Result<Vec<String>, Expected> {
    let words = value.as_array().and_then(|array| {
        array.iter().map(|value| word(value.get_ref()).ok()).collect::<Option<Vec<_>>>()
    });
    words.ok_or("a list of strings")
}

/// A program with its arguments, or a line for the shell.
pub(super) fn command(value: &DeValue<'_>) -> Result<Vec<String>, Expected> {
    const EXPECTED: Expected =
        "a program with its arguments, such as `[\"./check\", \"--fast\"]`, or a line for `sh`";
    if let Some(line) = value.as_str() {
        let is_line = !line.trim().is_empty() && !line.contains('\0');
        return is_line.then(|| shell(line)).ok_or(EXPECTED);
    }
    let array = value.as_array().ok_or(EXPECTED)?;
    let words = array.iter().map(|value| {
        // An argument may be empty, a program may not.
        value.get_ref().as_str().filter(|word| !word.contains('\0')).map(str::to_owned)
    });
    let words: Vec<String> = words.collect::<Option<_>>().ok_or(EXPECTED)?;
    if words.first().is_none_or(String::is_empty) { Err(EXPECTED) } else { Ok(words) }
}

/// A line as the shell runs it.
pub(super) fn shell(line: &str) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), line.to_owned()]
}

pub(super) fn variables(value: &DeValue<'_>) -> Result<Vec<(String, String)>, Expected> {
    const EXPECTED: Expected = "a table of strings such as `{ MODE = \"fast\" }`";
    let table = value.as_table().ok_or(EXPECTED)?;
    let pairs = table.iter().map(|(name, value)| {
        let name = name.get_ref().as_ref();
        let is_name = !name.is_empty() && !name.contains(['=', '\0']);
        let value = value.get_ref().as_str().filter(|value| !value.contains('\0'))?;
        is_name.then(|| (name.to_owned(), value.to_owned()))
    });
    pairs.collect::<Option<_>>().ok_or(EXPECTED)
}

pub(super) fn exit_codes(value: &DeValue<'_>) -> Result<Vec<i32>, Expected> {
    const EXPECTED: Expected = "an exit code from 0 to 255, or a list of them";
    let codes = match value {
        DeValue::Integer(integer) => vec![exit_code(integer).ok_or(EXPECTED)?],
        DeValue::Array(array) => {
            let codes = array.iter().map(|value| exit_code(value.get_ref().as_integer()?));
            codes.collect::<Option<_>>().ok_or(EXPECTED)?
        }
        _ => return Err(EXPECTED),
    };
    if codes.is_empty() { Err(EXPECTED) } else { Ok(codes) }
}

pub(super) fn skip(value: &DeValue<'_>) -> Result<Option<i32>, Expected> {
    const EXPECTED: Expected = "an exit code from 1 to 255, or false for none";
    match value {
        DeValue::Boolean(false) => Ok(None),
        DeValue::Integer(integer) => {
            exit_code(integer).filter(|code| *code > 0).map(Some).ok_or(EXPECTED)
        }
        _ => Err(EXPECTED),
    }
}

fn exit_code(integer: &DeInteger<'_>) -> Option<i32> {
    i32::from_str_radix(integer.as_str(), integer.radix())
        .ok()
        .filter(|code| (0..=255).contains(code))
}

pub(super) fn duration(value: &DeValue<'_>) -> Result<Duration, Expected> {
    const EXPECTED: Expected = "a duration above zero and up to 365 days, such as \"30s\" or \"5m\", or a number of seconds";
    let duration = match value {
        DeValue::String(text) => humantime::parse_duration(text).ok(),
        DeValue::Integer(integer) => {
            u64::from_str_radix(integer.as_str(), integer.radix()).ok().map(Duration::from_secs)
        }
        DeValue::Float(float) => float
            .as_str()
            .parse()
            .ok()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        _ => None,
    };
    duration.filter(|limit| limit.as_millis() > 0 && *limit <= LONGEST).ok_or(EXPECTED)
}

/// What a test holds while it runs: `db`, or `gpu=2` for two of them.
pub(super) fn resources(value: &DeValue<'_>) -> Result<Vec<String>, Expected> {
    const EXPECTED: Expected = "a list of resources such as `[\"db\", \"gpu=2\"]`";
    let resources = words(value).map_err(|_| EXPECTED)?;
    let is_right = |resource: &String| match resource.split_once('=') {
        Some((name, count)) => {
            !name.is_empty() && count.parse::<u32>().is_ok_and(|count| count > 0)
        }
        None => true,
    };
    if resources.iter().all(is_right) { Ok(resources) } else { Err(EXPECTED) }
}
