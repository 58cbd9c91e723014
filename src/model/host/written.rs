//! A specification as it was written: in parts, and without what may be secret in them.

use super::{HostSpec, KEYS};

/// What stands between the parts.
const SEPARATOR: &str = "//";

/// What the name of a variable stands behind.
pub(super) const VARIABLE: &str = "env:";

/// The parts of a specification, the way to the host first. The value of a variable goes on until a key follows, and so may
/// hold what separates parts.
pub(super) fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let plain = rest.find(SEPARATOR).unwrap_or(rest.len());
        let end = match secret(&rest[..plain], parts.is_empty()) {
            Some(from) => from + until_key(&rest[from..]),
            None => plain,
        };
        parts.push(&rest[..end]);
        match rest[end..].strip_prefix(SEPARATOR) {
            Some(next) => rest = next,
            None => return parts,
        }
    }
}

/// Where in a part something begins that may be secret: the value of a variable, also one that stands at a wrong place, or of
/// a key that nobody knows, which may be a variable that was mistyped.
fn secret(part: &str, is_way: bool) -> Option<usize> {
    let (key, _) = part.split_once('=')?;
    if !is_way && !KEYS.contains(&key) {
        return Some(key.len() + 1);
    }
    let plain = part.to_ascii_lowercase();
    let variable = plain.find(VARIABLE)?;
    plain[variable..].find('=').map(|at| variable + at + 1)
}

/// How much of this comes before the next key.
fn until_key(text: &str) -> usize {
    let mut places = text.char_indices().map(|(at, _)| at);
    let is_end = |at: &usize| text[*at..].strip_prefix(SEPARATOR).is_some_and(begins_key);
    places.find(is_end).unwrap_or(text.len())
}

fn begins_key(text: &str) -> bool {
    let is_key = |key: &&str| text.strip_prefix(*key).is_some_and(|rest| rest.starts_with('='));
    text.starts_with(VARIABLE) || KEYS.iter().any(is_key)
}

/// What in the value of a variable may be meant as a key, and as which: it would be lost in the value without a word.
pub(super) fn mistyped(value: &str) -> Option<(&str, &'static str)> {
    value.char_indices().find_map(|(at, _)| near_key(value[at..].strip_prefix(SEPARATOR)?))
}

/// The word that this begins with, if it stands where a key would and is almost one.
fn near_key(text: &str) -> Option<(&str, &'static str)> {
    let (word, rest) = split_word(text);
    let plain = word.to_ascii_lowercase();
    let near = |key: &&str| strsim::osa_distance(&plain, key) <= if key.len() > 5 { 2 } else { 1 };
    if rest.starts_with('=') {
        return KEYS.into_iter().find(near).map(|key| (word, key));
    }
    // Behind the same in an address stands a port or a password.
    let (name, rest) = split_word(rest.strip_prefix(':')?);
    let is_name = name.starts_with(|first: char| !first.is_ascii_digit());
    let ends = rest.is_empty() || rest.starts_with('=') || rest.starts_with(SEPARATOR);
    let variable = VARIABLE.trim_end_matches(':');
    (is_name && ends && near(&variable)).then_some((word, VARIABLE))
}

fn split_word(text: &str) -> (&str, &str) {
    let is_end = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '-';
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

impl HostSpec {
    /// A specification, or a part of one, as it was written, without the values of its variables, which may be secrets.
    pub fn redacted(text: &str) -> String {
        let shown = |(place, part): (usize, &str)| match secret(part, place == 0) {
            Some(from) => format!("{}…", &part[..from]),
            None => part.to_owned(),
        };
        let parts: Vec<String> = parts(text).into_iter().enumerate().map(shown).collect();
        parts.join(SEPARATOR)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::mem::discriminant;

    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::model::{SpecError, WorkerSpec};

    #[test]
    fn the_value_of_a_variable_goes_on_until_a_key_follows() {
        for (text, told) in [
            ("popen//env:A=b=c//chdir=/d", vec!["popen", "env:A=b=c", "chdir=/d"]),
            ("popen//env:A=s3://b//c//env:B", vec!["popen", "env:A=s3://b//c", "env:B"]),
            ("popen//env:A=http://h///chdir=/d", vec!["popen", "env:A=http://h/", "chdir=/d"]),
            ("popen//env:A=//name/b//name=n", vec!["popen", "env:A=//name/b", "name=n"]),
            ("popen//env:A=//env:B=", vec!["popen", "env:A=", "env:B="]),
            ("popen//env:A//b//chdir=/d", vec!["popen", "env:A", "b", "chdir=/d"]),
            ("", vec![""]),
        ] {
            assert_eq!(parts(text), told);
        }
    }

    #[test]
    fn what_was_written_can_be_shown_without_its_secrets() {
        for (text, told) in [
            ("2*ssh=there//env:A=secret//chdir=/a//env:B", "2*ssh=there//env:A=…//chdir=/a//env:B"),
            ("popen//env:A=s3://b//c=d//python=p", "popen//env:A=…//python=p"),
            ("popen//evn:A=s3://b//python=p", "popen//evn:A=…//python=p"),
            ("popen/Env:A=s3://b", "popen/Env:A=…"),
            ("exec=run --key=k http://h//b", "exec=run --key=k http://h//b"),
        ] {
            assert_eq!(HostSpec::redacted(text), told);
            assert_eq!(HostSpec::redacted(told), told);
        }
    }

    #[test]
    fn what_may_be_a_mistyped_key_is_seen_in_a_value() {
        for (value, found) in [
            ("1//pyhton=3", Some(("pyhton", "python"))),
            ("1//Python=3", Some(("Python", "python"))),
            ("s3://b//c///wrokers=3", Some(("wrokers", "workers"))),
            ("//tag=gpu", Some(("tag", "tags"))),
            ("1//evn:B=2", Some(("evn", "env:"))),
            ("1//ENV:TOKEN//x", Some(("ENV", "env:"))),
            ("postgres://u@h//db?x=1", None),
            ("postgres://env2:pw@h//db", None),
            ("redis://end:6379", None),
            ("s3://b//c=d", None),
            ("http://name/?name=x", None),
            ("//", None),
        ] {
            assert_eq!(mistyped(value), found, "{value}");
        }
    }

    const SECRET: &str = "postgres://u:S3CRET@h//db=S3CRET";

    fn refusal(text: &str) -> Option<SpecError> {
        HostSpec::parse_many(text).err().or_else(|| text.parse::<WorkerSpec>().err())
    }

    #[test]
    fn no_kind_of_error_shows_the_value_of_a_variable() {
        let kinds: HashSet<_> = [
            "0*popen//env:A=@",
            "telnet=there//env:A=@",
            "popen/env:A=@",
            "ssh=a b//env:A=@",
            "ssh=a b/env:A=@",
            "exec='a//env:A=@",
            "ssh=there//env:A=@//pyhton=3",
            "ssh=there//evn:A=@",
            "popen//env:=@",
            "popen//env:A=@//tags=gpu",
            "popen//env:A=@//chdir=",
            "ssh=there//workers=0//env:A=@",
            "ssh=there//sync=env:A=@",
            "popen//env:A=@//env:A=@",
            "2*ssh=there//env:A=@//workers=2",
            "ssh=there//env:A=@\0",
            "exec=a//env:A=@//sync=rsync",
        ]
        .into_iter()
        .map(|text| {
            let error = refusal(&text.replace('@', SECRET)).unwrap();
            assert!(!format!("{error} {error:?}").contains("S3CRET"), "{text}: {error}");
            discriminant(&error)
        })
        .collect();
        assert_eq!(kinds.len(), 11, "one of each");
    }

    proptest! {
        #[test]
        fn whatever_stands_around_it_no_error_shows_the_value_of_a_variable(
            before in pieces(),
            after in pieces(),
        ) {
            let text = format!("{before}env:A={SECRET}{after}");
            if let Some(error) = refusal(&text) {
                prop_assert!(!error.to_string().contains("S3CRET"), "{}: {}", text, error);
            }
            prop_assert!(!HostSpec::redacted(&text).contains("S3CRET"), "{}", text);
        }
    }

    fn pieces() -> impl Strategy<Value = String> {
        let pieces = "//~//~//~/~=~2*~popen~ssh=a~exec=b 'c'~'~ ~x~{n}~env:~env:A~env:B=~chdir=~chdir~\
            python=p~workers=0~sync=~tags";
        let pieces = select(pieces.split('~').collect::<Vec<_>>());
        proptest::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
    }
}
