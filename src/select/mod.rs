//! Which tests are run, by a small language that is the same for all frameworks, and what the configuration says of some of them.
//!
//! ```text
//! login and not tag(slow)                     the id holds `login`; no mark `slow`
//! file(tests/unit/**) or last(failed)         below that directory, or failed when last seen
//! (duration(> 1s) or group(db)) and /_v[0-9]+$/
//! ```
//!
//! | written | holds for a test |
//! |---|---|
//! | `word`, `'any text'`, `name(text)` | whose id holds the text |
//! | `glob(pattern)` | whose whole id matches the pattern; `*` also matches `/` and `::` |
//! | `/expression/`, `regex(expression)` | in whose id the regular expression is found |
//! | `file(pattern)` | whose file, or a directory above it, matches the pattern |
//! | `group(pattern)` | of such a group (`xdist_group`) |
//! | `tag(pattern)` | with such a tag: a mark's name, `resource:db`, … |
//! | `last(failed \| crashed)` | that ended so when it was last seen; `bad` is any of the bad ones, `unknown` never seen |
//! | `duration(> 1.5s)` | that took so long before; `<`, `<=`, `>=` too; what was never seen is neither |
//!
//! `not` binds closer than `and`, and that closer than `or`; parentheses as usual. An argument that has unpaired parentheses, or space around it, stands in quotes.
//!
//! Everything here is pure: a [`Filter`] knows the [`Facts`] that it is asked about and nothing else.

mod error;
mod expression;
mod facts;
mod parse;
mod partition;
mod pattern;
mod predicate;
mod print;
mod quantity;
mod selector;
mod terms;
#[cfg(test)]
mod tests;
mod upfront;

pub use error::FilterError;
pub use facts::{Facts, Past, Seen};
pub use partition::{Partition, PartitionBy};
pub use quantity::duration;
pub use selector::{Selection, Selector};
pub(crate) use terms::resource;
pub use terms::{ItemTerms, Override, Overrides, Settings};

use expression::Expression;

/// A filter of tests.
///
/// ```
/// use callsheet::select::{Facts, Filter};
///
/// let filter = Filter::parse("login and not (tag(slow) or file(tests/old/**))")?;
/// let test = Facts { id: "tests/test_web.py::test_login", file: "tests/test_web.py", ..Facts::default() };
/// assert!(filter.matches(&test));
/// assert_eq!(Filter::parse(&filter.to_string())?, filter);
/// # Ok::<(), callsheet::select::FilterError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    expression: Expression,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// A [`FilterError`] that shows the place and says what was expected there.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(|expression| Self { expression })
    }

    /// Whether it holds for a test.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.expression.judge(facts, true) == Some(true)
    }

    /// Whether it can hold for a test of which group and tags are not known.
    pub fn may_match(&self, facts: &Facts<'_>) -> bool {
        self.expression.judge(facts, false) != Some(false)
    }

    /// Whether it can hold for a test of this file, of which no more is known.
    pub fn may_match_in(&self, file: &str) -> bool {
        self.expression.judge_file(file) != Some(false)
    }

    /// Whether it asks how tests ended or what they took before.
    pub fn needs_past(&self) -> bool {
        self.expression.needs_past()
    }
}
