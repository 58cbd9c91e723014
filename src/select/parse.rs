//! Reads a filter: by recursive descent, one function a level of the language.

use super::FilterError;
use super::expression::Expression;
use super::pattern::{Glob, Search};
use super::predicate::{Comparison, Last, Predicate};
use super::quantity::duration;

/// How deep a filter may be nested: deeper than anybody writes, and no danger for the stack.
const DEEPEST: usize = 64;

/// The predicates that are written with an argument.
const PREDICATES: [&str; 8] = ["name", "glob", "regex", "file", "group", "tag", "last", "duration"];

const OPERAND: &str = "expected a word, a predicate such as `tag(slow)`, `not` or `(`";
const OPERATOR: &str = "expected `and`, `or` or the end";

/// Below which likeness a name is none of ours written wrong.
const ALIKE: f64 = 0.7;

pub(super) fn parse(text: &str) -> Result<Expression, FilterError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let expression = parser.any()?;
    parser.skip_space();
    if parser.at < text.len() {
        return Err(parser.unexpected(OPERATOR));
    }
    Ok(expression)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn error(&self, at: usize, problem: impl Into<String>) -> FilterError {
        FilterError::new(self.text, at, problem)
    }

    /// What stands here is not what was expected.
    fn unexpected(&self, expected: &str) -> FilterError {
        let found = match self.rest().chars().next() {
            None => "the end".to_owned(),
            Some(')') => "`)`".to_owned(),
            Some(_) => {
                let word = self.word();
                format!("`{}`", if word.is_empty() { &self.rest()[..1] } else { word })
            }
        };
        self.error(self.at, format!("{expected}, found {found}"))
    }

    /// The word that begins here; empty if none does.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '\'');
        &rest[..rest.find(ends).unwrap_or(rest.len())]
    }

    /// Takes this word, if it is the next one.
    fn take_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let is_next = self.word() == word;
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    fn take(&mut self, character: char) -> bool {
        let is_next = self.rest().starts_with(character);
        self.at += if is_next { character.len_utf8() } else { 0 };
        is_next
    }

    fn any(&mut self) -> Result<Expression, FilterError> {
        let parts = self.chain("or", Self::all)?;
        Ok(single(parts).unwrap_or_else(Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, FilterError> {
        let parts = self.chain("and", Self::operand)?;
        Ok(single(parts).unwrap_or_else(Expression::All))
    }

    fn chain(
        &mut self,
        word: &str,
        part: impl Fn(&mut Self) -> Result<Expression, FilterError>,
    ) -> Result<Vec<Expression>, FilterError> {
        let mut parts = vec![part(self)?];
        while self.take_word(word) {
            parts.push(part(self)?);
        }
        Ok(parts)
    }

    fn operand(&mut self) -> Result<Expression, FilterError> {
        self.skip_space();
        let start = self.at;
        self.depth += 1;
        if self.depth > DEEPEST {
            let problem = format!("it is nested more than {DEEPEST} deep");
            return Err(self.error(start, problem));
        }
        let operand = if self.take('(') {
            let inner = self.any()?;
            self.skip_space();
            if !self.take(')') {
                return Err(self.unexpected(&format!(
                    "expected `)` for the `(` at column {}",
                    self.column(start)
                )));
            }
            inner
        } else if self.take_word("not") {
            Expression::Not(Box::new(self.operand()?))
        } else {
            Expression::Is(self.predicate()?)
        };
        self.depth -= 1;
        Ok(operand)
    }

    fn column(&self, at: usize) -> usize {
        self.error(at, "").column()
    }

    fn predicate(&mut self) -> Result<Predicate, FilterError> {
        if self.rest().starts_with(['"', '\'']) {
            let at = self.at;
            let text = self.quoted()?;
            return self.build("name", text, at);
        }
        if self.rest().starts_with('/') {
            return self.slashes();
        }
        let (word, start) = (self.word(), self.at);
        if word.is_empty() || matches!(word, "and" | "or") {
            return Err(self.unexpected(OPERAND));
        }
        self.at += word.len();
        if !self.rest().starts_with('(') {
            return Ok(Predicate::Name(word.to_owned()));
        }
        if !PREDICATES.contains(&word) {
            return Err(self.error(start, unknown(word)));
        }
        let (argument, at) = self.argument(word)?;
        self.build(word, argument, at)
    }

    /// A text in quotes.
    fn quoted(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        let mut characters = self.rest().char_indices();
        let Some((_, quote)) = characters.next() else {
            return Err(self.unexpected(OPERAND));
        };
        let mut text = String::new();
        while let Some((place, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, escaped)) if escaped == quote || escaped == '\\' => text.push(escaped),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                _ if character == quote => {
                    self.at += place + quote.len_utf8();
                    return Ok(text);
                }
                _ => text.push(character),
            }
        }
        Err(self.error(start, format!("expected a `{quote}` at the end of this text")))
    }

    /// A regular expression between slashes.
    fn slashes(&mut self) -> Result<Predicate, FilterError> {
        let start = self.at;
        let inside = &self.rest()[1..];
        let mut escaped = false;
        let end = inside.find(|c| {
            let ends = c == '/' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else {
            return Err(self.error(start, "expected a `/` at the end of this regular expression"));
        };
        self.at += end + 2;
        self.build("regex", inside[..end].to_owned(), start + 1)
    }

    /// What stands between the parentheses, and where it begins.
    fn argument(&mut self, name: &str) -> Result<(String, usize), FilterError> {
        let open = self.at;
        self.at += 1;
        self.skip_space();
        let start = self.at;
        if self.rest().starts_with(['"', '\'']) {
            let text = self.quoted()?;
            self.skip_space();
            if !self.take(')') {
                return Err(self.unexpected(&format!("expected `)` behind the text of `{name}`")));
            }
            return Ok((text, start));
        }
        let mut depth = 0_usize;
        let mut escaped = false;
        for (place, character) in self.rest().char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '(' => depth += 1,
                ')' if depth == 0 => {
                    let text = self.rest()[..place].trim_end().to_owned();
                    self.at += place + 1;
                    return Ok((text, start));
                }
                ')' => depth -= 1,
                _ => {}
            }
        }
        Err(self.error(open, format!("expected a `)` that ends `{name}(`")))
    }

    fn build(&self, name: &str, argument: String, at: usize) -> Result<Predicate, FilterError> {
        let argument = if name == "file" { path(&argument).to_owned() } else { argument };
        if argument.is_empty() {
            return Err(self.error(at, format!("expected {}", wanted(name))));
        }
        let glob = |problem: String| self.error(at, format!("this is no glob: {problem}"));
        Ok(match name {
            "glob" => Predicate::Glob(Glob::of_name(&argument).map_err(glob)?),
            "file" => Predicate::File(Glob::of_path(&argument).map_err(glob)?),
            "group" => Predicate::Group(Glob::of_name(&argument).map_err(glob)?),
            "tag" => Predicate::Tag(Glob::of_name(&argument).map_err(glob)?),
            "regex" => Predicate::Regex(Search::new(&argument).map_err(|problem| {
                self.error(at, format!("this is no regular expression: {problem}"))
            })?),
            "last" => self.last(&argument, at)?,
            "duration" => self.duration(&argument, at)?,
            _ => Predicate::Name(argument),
        })
    }

    fn last(&self, argument: &str, at: usize) -> Result<Predicate, FilterError> {
        let mut any = Vec::new();
        for word in argument.split('|') {
            let wanted = word.trim();
            let Some(last) = Last::ALL.into_iter().find(|last| last.word() == wanted) else {
                let words = Last::ALL.map(Last::word).join(", ");
                let place = word.as_ptr() as usize - argument.as_ptr() as usize;
                let space = word.len() - word.trim_start().len();
                let problem = format!("expected one of {words}, found `{wanted}`");
                return Err(self.error(at + place + space, problem));
            };
            any.push(last);
        }
        Ok(Predicate::Last(any))
    }

    fn duration(&self, argument: &str, at: usize) -> Result<Predicate, FilterError> {
        let signed = Comparison::ALL
            .into_iter()
            .find_map(|comparison| Some((comparison, argument.strip_prefix(comparison.sign())?)));
        let Some((comparison, text)) = signed else {
            return Err(self.error(at, format!("expected {}", wanted("duration"))));
        };
        let limit = duration(text.trim()).ok_or_else(|| {
            let place = at + argument.len() - text.trim_start().len();
            self.error(place, "expected a duration such as 500ms, 1.5s or 2m")
        })?;
        Ok(Predicate::Duration(comparison, limit))
    }
}

/// The only one there is; else all of them.
fn single(mut parts: Vec<Expression>) -> Result<Expression, Vec<Expression>> {
    match parts.pop() {
        Some(only) if parts.is_empty() => Ok(only),
        last => {
            parts.extend(last);
            Err(parts)
        }
    }
}

/// A path as ids have it.
fn path(text: &str) -> &str {
    text.trim_start_matches("./").trim_end_matches('/')
}

/// What a predicate wants as its argument.
fn wanted(name: &str) -> &'static str {
    match name {
        "name" => "a part of an id",
        "glob" => "a glob for ids such as `*::test_login*`",
        "regex" => "a regular expression",
        "file" => "a glob for files such as `tests/unit/**`",
        "group" => "the name of a group",
        "tag" => "the name of a tag such as `slow`",
        "last" => "how tests ended, such as `failed | crashed`",
        _ => "a comparison such as `> 1.5s`",
    }
}

fn unknown(word: &str) -> String {
    let nearest = PREDICATES
        .into_iter()
        .map(|name| (strsim::jaro(word, name), name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((_, name)) => format!("there is no predicate `{word}`; the nearest is `{name}`"),
        None => format!("there is no predicate `{word}`; there are {}", PREDICATES.join(", ")),
    }
}
