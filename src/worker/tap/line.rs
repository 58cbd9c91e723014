//! One line of the Test Anything Protocol, without its indentation.

/// What is said of a point beside whether it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::worker) enum Directive {
    /// It was not run, and why.
    Skip(String),
    /// It is expected to fail, and why.
    Todo(String),
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Version,
    Plan { count: u64, skip: Option<String> },
    Point { ok: bool, number: Option<u64>, name: String, directive: Option<Directive> },
    Comment(String),
    BailOut(String),
    Strict(bool),
    Other,
}

impl Line {
    /// What a line says. One that looks like nothing else is [`Line::Other`].
    pub(super) fn read(line: &str) -> Self {
        if let Some(comment) = line.strip_prefix('#') {
            return Self::Comment(comment.strip_prefix(' ').unwrap_or(comment).to_owned());
        }
        if let Some(rest) = strip_word(line, "not ok") {
            return point(false, rest);
        }
        if let Some(rest) = strip_word(line, "ok") {
            return point(true, rest);
        }
        if let Some(rest) = line.strip_prefix("1..") {
            return plan(rest);
        }
        if let Some(version) = line.strip_prefix("TAP version ")
            && version.trim_end().bytes().all(|byte| byte.is_ascii_digit())
        {
            return Self::Version;
        }
        if let Some(reason) = strip_prefix_in_any_case(line, "bail out!") {
            return Self::BailOut(reason.trim().to_owned());
        }
        match line.strip_prefix("pragma ").map(str::trim) {
            Some("+strict") => Self::Strict(true),
            Some("-strict") => Self::Strict(false),
            Some(_) | None => Self::Other,
        }
    }
}

fn plan(rest: &str) -> Line {
    let (count, comment) = match rest.split_once('#') {
        Some((count, comment)) => (count, Some(comment.trim())),
        None => (rest, None),
    };
    let Ok(count) = count.trim().parse() else { return Line::Other };
    let skip = comment.map(|comment| match strip_prefix_in_any_case(comment, "skip") {
        Some(reason) => after_word(reason).to_owned(),
        None => comment.to_owned(),
    });
    Line::Plan { count, skip }
}

fn point(ok: bool, rest: &str) -> Line {
    let rest = rest.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = match (rest[..digits].parse(), rest[digits..].chars().next()) {
        (Ok(number), None | Some(' ' | '\t')) => (Some(number), &rest[digits..]),
        _not_alone => (None, rest),
    };
    let (name, directive) = directive(rest);
    let name = name.trim();
    let name = name.strip_prefix('-').map_or(name, str::trim_start);
    Line::Point { ok, number, name: unescaped(name), directive }
}

/// The description, and the directive at its end.
fn directive(rest: &str) -> (&str, Option<Directive>) {
    let mut escaped = false;
    for (place, character) in rest.char_indices() {
        if character == '#' && !escaped {
            let said = rest[place + 1..].trim();
            if let Some(reason) = strip_prefix_in_any_case(said, "skip") {
                return (&rest[..place], Some(Directive::Skip(after_word(reason).to_owned())));
            }
            if let Some(reason) = strip_prefix_in_any_case(said, "todo") {
                return (&rest[..place], Some(Directive::Todo(after_word(reason).to_owned())));
            }
        }
        escaped = character == '\\' && !escaped;
    }
    (rest, None)
}

/// A name without the backslashes that keep `#` and `\` from having a meaning.
fn unescaped(name: &str) -> String {
    name.replace("\\#", "#").replace("\\\\", "\\")
}

/// What follows a word, where the line begins with it.
fn strip_word<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(word)?;
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then_some(rest)
}

fn strip_prefix_in_any_case<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    let head = line.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &line[prefix.len()..])
}

/// What comes after the rest of a word (`skipped`, `skip:`).
fn after_word(text: &str) -> &str {
    text.trim_start_matches(|c: char| !c.is_whitespace()).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_and_directive(line: &str) -> (String, Option<Directive>) {
        match Line::read(line) {
            Line::Point { name, directive, .. } => (name, directive),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn points_are_taken_apart() {
        let point = |ok, number, name: &str| Line::Point {
            ok,
            number,
            name: name.to_owned(),
            directive: None,
        };
        assert_eq!(Line::read("ok"), point(true, None, ""));
        assert_eq!(Line::read("not ok 2 - it: works"), point(false, Some(2), "it: works"));
        assert_eq!(Line::read("ok 3 named"), point(true, Some(3), "named"));
        assert_eq!(Line::read("ok 3rd time"), point(true, None, "3rd time"));
        assert_eq!(Line::read("ok - 12 monkeys"), point(true, None, "12 monkeys"));
        let many = "ok 99999999999999999999";
        assert_eq!(Line::read(many), point(true, None, "99999999999999999999"));
        assert_eq!(Line::read("okay"), Line::Other);
        assert_eq!(Line::read("not okay"), Line::Other);
    }

    #[test]
    fn directives_are_known_in_any_case_and_not_where_they_are_escaped() {
        let skip = |why: &str| Some(Directive::Skip(why.to_owned()));
        let todo = |why: &str| Some(Directive::Todo(why.to_owned()));
        assert_eq!(name_and_directive("ok 1 - a # SKIP no net"), ("a".into(), skip("no net")));
        assert_eq!(name_and_directive("ok 1 # skipped: why"), (String::new(), skip("why")));
        assert_eq!(name_and_directive("not ok 1 - a # todo"), ("a".into(), todo("")));
        assert_eq!(name_and_directive("ok 1 - issue #7 # TODO x"), ("issue #7".into(), todo("x")));
        assert_eq!(name_and_directive(r"ok 1 - a \# SKIP b"), ("a # SKIP b".into(), None));
    }

    #[test]
    fn other_lines() {
        assert_eq!(Line::read("1..4"), Line::Plan { count: 4, skip: None });
        let skip = Some("no database".to_owned());
        assert_eq!(Line::read("1..0 # SKIP no database"), Line::Plan { count: 0, skip });
        assert_eq!(Line::read("1..many"), Line::Other);
        assert_eq!(Line::read("TAP version 14"), Line::Version);
        assert_eq!(Line::read("Bail out! no disk"), Line::BailOut("no disk".to_owned()));
        assert_eq!(Line::read("# said"), Line::Comment("said".to_owned()));
        assert_eq!(Line::read("pragma +strict"), Line::Strict(true));
        assert_eq!(Line::read("hello"), Line::Other);
    }
}
