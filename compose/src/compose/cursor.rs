//! Walks a file's tree, and records problems with their positions, so that one pass finds all of them.

use super::interpolate::ComposeVariables;
use super::yaml::{Node, Value};
use super::{Problem, Problems};
use std::cell::RefCell;

/// The most entries of one map or list, so that checks may compare each with each.
const LENGTH_LIMIT: usize = 2000;

/// State shared by all cursors of one file.
#[derive(Debug)]
pub struct ReadContext<'a> {
    pub file: &'a str,
    pub variables: ComposeVariables<'a>,
    pub problems: RefCell<Problems>,
}

/// Position in a file, for problems that are found later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub line: usize,
    pub column: usize,
    pub path: String,
}

/// One node of the tree, with its path and the pass that it belongs to.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    pub(super) node: &'a Node,
    place: Span,
    pub(super) reading: &'a ReadContext<'a>,
}

impl ReadContext<'_> {
    pub fn problem(&self, place: &Span, text: impl Into<String>) -> Problem {
        let problem = Problem::of_file(self.file, text).at(place.line, place.column);
        Problem { path: place.path.clone(), ..problem }
    }

    pub fn note(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }
}

impl<'a> Cursor<'a> {
    pub fn top(node: &'a Node, reading: &'a ReadContext<'a>) -> Self {
        let place = Span { line: node.line, column: node.column, path: String::new() };
        Self { node, place, reading }
    }

    pub fn reading(&self) -> &'a ReadContext<'a> {
        self.reading
    }

    pub fn place(&self) -> &Span {
        &self.place
    }

    pub fn wrong(&self, text: impl Into<String>) {
        self.reading.note(self.reading.problem(&self.place, text));
    }

    pub fn wrong_with_hint(&self, text: impl Into<String>, hint: impl Into<String>) {
        self.reading.note(self.reading.problem(&self.place, text).hint(hint));
    }

    pub fn is_null(&self) -> bool {
        self.node.value == Value::Null
    }

    pub fn is_map(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    pub fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
    }

    /// Returns the entries of a map, each at the position of its key; notes a problem if it is no map.
    pub fn entries(&self) -> Vec<(&'a str, Self)> {
        match &self.node.value {
            Value::Map(entries) if self.is_too_long(entries.len()) => Vec::new(),
            Value::Map(entries) => entries.iter().map(|entry| (entry.key.as_str(), self.entry(entry))).collect(),
            Value::Null => Vec::new(),
            Value::Scalar(_) | Value::List(_) => {
                self.wrong("this must be a map");
                Vec::new()
            }
        }
    }

    fn is_too_long(&self, length: usize) -> bool {
        let is_too_long = length > LENGTH_LIMIT;
        if is_too_long {
            self.wrong(format!("there are {length} entries here; {LENGTH_LIMIT} are allowed"));
        }
        is_too_long
    }

    fn entry(&self, entry: &'a super::yaml::Entry) -> Self {
        let dot = if self.place.path.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{}", self.place.path, entry.key);
        let place = Span { line: entry.line, column: entry.column, path };
        Self { node: &entry.node, place, reading: self.reading }
    }

    /// The items of a list; nothing but a note where it is no list.
    pub fn items(&self) -> Vec<Self> {
        match &self.node.value {
            Value::List(items) if self.is_too_long(items.len()) => Vec::new(),
            Value::List(items) => items.iter().enumerate().map(|(index, node)| self.item(index, node)).collect(),
            Value::Null => Vec::new(),
            Value::Scalar(_) | Value::Map(_) => {
                self.wrong("this must be a list");
                Vec::new()
            }
        }
    }

    fn item(&self, index: usize, node: &'a Node) -> Self {
        let path = format!("{}[{index}]", self.place.path);
        Self { node, place: Span { line: node.line, column: node.column, path }, reading: self.reading }
    }

    /// Returns the items of a list, or the single value in place of a list.
    pub fn items_or_self(&self) -> Vec<Self> {
        match &self.node.value {
            Value::List(_) => self.items(),
            Value::Null => Vec::new(),
            Value::Scalar(_) | Value::Map(_) => vec![self.clone()],
        }
    }
}
