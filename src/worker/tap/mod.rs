//! The Test Anything Protocol, versions 13 and 14, as a program writes it: line by line, without any process.
//!
//! What is counted are the points that hold no subtest: the point after a subtest only says how the subtest came out, and is one itself where
//! that is news. It has the last word: where it is `ok`, or foretold by `TODO`, what failed below it fails nothing.

mod line;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::mem;

use line::Line;

pub(super) use line::Directive;

/// The most that is kept of what stands below a point, in bytes.
const DETAIL: usize = 64 * 1024;

/// The most complaints that are kept.
const COMPLAINTS: usize = 10;

/// One test of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Point {
    /// What it is called, after the subtests that it stands in: `suite > case`; its number if it has no name.
    pub(super) name: String,

    /// Whether it passed.
    pub(super) ok: bool,

    /// What is said of it beside that.
    pub(super) directive: Option<Directive>,

    /// The YAML block and the diagnostics that follow it.
    pub(super) detail: String,
}

impl Point {
    /// Whether it fails the program.
    pub(super) fn is_bad(&self) -> bool {
        !self.ok && self.directive.is_none()
    }
}

/// What is known when there are no more lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ending {
    /// Why nothing is to be tested, if the plan says so.
    pub(super) skip_all: Option<String>,

    /// Why the program gave up, if it says so.
    pub(super) bail_out: Option<String>,

    /// How what was written breaks the protocol or its own plan.
    pub(super) complaints: Vec<String>,
}

/// Reads what one program writes.
#[derive(Debug)]
pub(super) struct Tap {
    /// The program itself, and the subtests that have begun.
    levels: Vec<Level>,
    /// The indentation of the YAML block that is being read.
    yaml: Option<usize>,
    strict: bool,
    ending: Ending,
}

/// The program, or one subtest.
#[derive(Debug, Default)]
struct Level {
    plan: Option<(u64, Option<String>)>,
    /// The numbers of its points.
    seen: HashSet<u64>,
    last: u64,
    /// Points that are not given out yet.
    points: Vec<Point>,
    /// Whether the last of them may still get details.
    is_open: bool,
}

impl Default for Tap {
    fn default() -> Self {
        Self {
            levels: vec![Level::default()],
            yaml: None,
            strict: false,
            ending: Ending::default(),
        }
    }
}

impl Tap {
    /// Takes the next line, without its newline; gives the points that are complete now.
    pub(super) fn line(&mut self, text: &str) -> Vec<Point> {
        let text = text.strip_suffix('\r').unwrap_or(text);
        // What comes after that is void.
        if self.ending.bail_out.is_some() || self.in_yaml(text) {
            return Vec::new();
        }
        let inner = text.trim_start_matches(' ');
        let indent = text.len() - inner.len();
        let depth = indent / 4;
        if indent == 4 * depth + 2 && inner.trim_end() == "---" && self.is_open(depth) {
            self.yaml = Some(indent);
            return Vec::new();
        }
        let read = Line::read(inner);
        if !indent.is_multiple_of(4) || depth > self.levels.len() || matches!(read, Line::Other) {
            self.other(text);
            return Vec::new();
        }
        match read {
            Line::Point { ok, number, name, directive } => {
                return self.point(
                    depth,
                    Point { name, ok, directive, detail: String::new() },
                    number,
                );
            }
            Line::Plan { count, skip } => self.plan(depth, count, skip),
            Line::BailOut(reason) => self.ending.bail_out = Some(reason),
            Line::Comment(comment) => {
                if comment.starts_with("Subtest") {
                    // Its name comes again with its point; what is deeper than this may follow now.
                    self.level(depth);
                } else {
                    self.detail(depth, &comment);
                }
            }
            Line::Strict(strict) => self.strict = strict,
            Line::Version | Line::Other => {}
        }
        Vec::new()
    }

    /// There are no more lines: the points that were not given out yet, and what is to be said of the whole.
    pub(super) fn end(mut self) -> (Vec<Point>, Ending) {
        // Subtests whose own point never came.
        while self.levels.len() > 1 {
            let points = self.close_last();
            if let Some(level) = self.levels.last_mut() {
                level.points.extend(points);
            }
        }
        let mut whole = self.levels.pop().unwrap_or_default();
        let points = mem::take(&mut whole.points);
        let is_whole = self.ending.bail_out.is_none();
        if let Some((0, reason)) = &whole.plan
            && whole.seen.is_empty()
        {
            self.ending.skip_all = Some(reason.clone().unwrap_or_default());
        }
        if whole.plan.is_none() && is_whole {
            self.complain(
                "it wrote no plan such as `1..4`: it may have ended too early".to_owned(),
            );
        }
        if let Some(wrong) = whole.mismatch("")
            && is_whole
        {
            self.complain(wrong);
        }
        (points, self.ending)
    }

    /// Whether the line belongs to a YAML block.
    fn in_yaml(&mut self, text: &str) -> bool {
        let Some(indent) = self.yaml else { return false };
        let inner = text.trim_start_matches(' ');
        if text.len() - inner.len() < indent && !inner.trim().is_empty() {
            // It was never closed.
            self.yaml = None;
            return false;
        }
        if text.len() - inner.len() == indent && inner.trim_end() == "..." {
            self.yaml = None;
            return true;
        }
        // Indented by blanks, which are one byte each.
        let line = text.get(indent..).unwrap_or_default().to_owned();
        self.detail((indent - 2) / 4, &line);
        true
    }

    /// Whether the last thing of a level is a point.
    fn is_open(&self, depth: usize) -> bool {
        self.levels.len() == depth + 1 && self.levels[depth].is_open
    }

    fn point(&mut self, depth: usize, mut point: Point, number: Option<u64>) -> Vec<Point> {
        let number = {
            let level = self.level(depth);
            let number = number.unwrap_or(level.last.saturating_add(1));
            level.last = number;
            number
        };
        if point.name.is_empty() {
            point.name = number.to_string();
        }
        if !self.level(depth).seen.insert(number) {
            self.complain(format!("it told of point {number} twice"));
        }
        let mut children = Vec::new();
        while self.levels.len() > depth + 1 {
            let mut deeper = mem::take(&mut children);
            children = self.close_last();
            children.append(&mut deeper);
        }
        let news = point.is_bad() && !children.iter().any(Point::is_bad);
        let tolerated = point.ok || point.directive.is_some();
        let is_leaf = children.is_empty() || news;
        for child in &mut children {
            child.name = format!("{} > {}", point.name, child.name);
            if tolerated && child.is_bad() {
                child.directive =
                    Some(point.directive.clone().unwrap_or(Directive::Todo(String::new())));
            }
        }
        let level = self.level(depth);
        level.is_open = is_leaf;
        let ready = if depth == 0 { mem::take(&mut level.points) } else { Vec::new() };
        level.points.extend(children);
        if is_leaf {
            level.points.push(point);
        }
        ready
    }

    fn plan(&mut self, depth: usize, count: u64, skip: Option<String>) {
        let level = self.level(depth);
        if level.plan.replace((count, skip)).is_some() {
            self.complain("it wrote a second plan".to_owned());
        }
    }

    /// The level of this depth, which begins now if there is none.
    fn level(&mut self, depth: usize) -> &mut Level {
        if self.levels.len() <= depth {
            self.levels.push(Level::default());
        }
        &mut self.levels[depth]
    }

    /// Ends the deepest subtest and gives its points.
    fn close_last(&mut self) -> Vec<Point> {
        let Some(level) = self.levels.pop() else { return Vec::new() };
        if let Some(wrong) = level.mismatch("in a subtest, ") {
            self.complain(wrong);
        }
        level.points
    }

    /// Adds a line to what stands below the last point.
    fn detail(&mut self, depth: usize, line: &str) {
        if !self.is_open(depth) {
            return;
        }
        if let Some(point) = self.levels[depth].points.last_mut()
            && point.detail.len() + line.len() < DETAIL
        {
            point.detail.push_str(line);
            point.detail.push('\n');
        }
    }

    /// A line that is none of the protocol.
    fn other(&mut self, text: &str) {
        if self.strict && !text.trim().is_empty() {
            self.complain(format!("it asked for `pragma +strict` and wrote `{}`", shown(text)));
        }
    }

    fn complain(&mut self, what: String) {
        if self.ending.complaints.len() < COMPLAINTS {
            self.ending.complaints.push(what);
        }
    }
}

impl Level {
    /// How its points are others than it had planned.
    fn mismatch(&self, place: &str) -> Option<String> {
        let (planned, _) = self.plan.as_ref()?;
        let count = self.seen.len() as u64;
        if count != *planned {
            return Some(format!("{place}it planned {planned} points and wrote {count}"));
        }
        let stray = self.seen.iter().filter(|number| !(1..=*planned).contains(*number)).min()?;
        Some(format!("{place}it planned {planned} points and numbered one {stray}"))
    }
}

/// The beginning of a line.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(80).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
