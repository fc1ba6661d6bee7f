//! Grows a tree from the parser's events.

use super::{BYTE_LIMIT, DEPTH_LIMIT, Entry, NODE_LIMIT, Node, Value};
use crate::compose::Problem;
use serde_saphyr::granit_parser::{Event, Marker, ScalarStyle, Tag};
use std::collections::{BTreeMap, BTreeSet};

const TOO_MANY: &str = "the file has too many values, its aliases written out";
/// The most bytes of text that a file's aliases may become: few bytes repeat a long text many times.
const ALIAS_BYTES: usize = 8 * BYTE_LIMIT;

/// The tree while it grows.
pub struct Tree<'a> {
    file: &'a str,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    /// Bytes of text that aliases have become.
    copied: usize,
    document: Option<Node>,
}

/// A list or map whose end has not come yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The key whose value comes next.
    key: Option<(String, Marker)>,
    /// The keys there already, so that a long map is not searched again for each of its keys.
    keys: BTreeSet<String>,
}

impl<'a> Tree<'a> {
    pub fn new(file: &'a str) -> Self {
        Self { file, open: Vec::new(), anchors: BTreeMap::new(), nodes: 0, copied: 0, document: None }
    }

    pub fn into_document(self) -> Option<Node> {
        self.document
    }

    pub fn take(&mut self, event: Event<'_>, at: Marker) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = self.is_tagged_as_text(tag.as_deref(), at)?;
                let is_plain = style == ScalarStyle::Plain && !is_text;
                let value = if is_plain && is_null(&text) { Value::Null } else { Value::Scalar(text.into_owned()) };
                self.add(node(at, value), 1, anchor, at)
            }
            Event::SequenceStart(_, anchor, tag) => self.open(Value::List(Vec::new()), anchor, tag.as_deref(), at),
            Event::MappingStart(_, anchor, tag) => self.open(Value::Map(Vec::new()), anchor, tag.as_deref(), at),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.add(open.node, 1, open.anchor, at),
                None => Ok(()),
            },
            Event::Alias(anchor) => self.add_copy(anchor, at),
            _ => Ok(()),
        }
    }

    /// Writes an alias out, as long as its copy stays within the bounds.
    fn add_copy(&mut self, anchor: usize, at: Marker) -> Result<(), Problem> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(self.problem(at, "this alias refers to the value that it stands in"));
        };
        let Measure { count, height, bytes } = measure(node);
        if self.open.len() + height > DEPTH_LIMIT {
            return Err(self.problem(at, "the values are nested too deeply"));
        }
        if self.nodes + count > NODE_LIMIT {
            return Err(self.problem(at, TOO_MANY));
        }
        if self.copied + bytes > ALIAS_BYTES {
            return Err(self.problem(at, format!("the file's aliases become more than {} MiB", ALIAS_BYTES >> 20)));
        }
        let copy = node.clone();
        self.copied += bytes;
        self.add(copy, count, 0, at)
    }

    fn open(&mut self, value: Value, anchor: usize, tag: Option<&Tag>, at: Marker) -> Result<(), Problem> {
        self.is_tagged_as_text(tag, at)?;
        if self.open.len() >= DEPTH_LIMIT {
            return Err(self.problem(at, "the values are nested too deeply"));
        }
        self.open.push(Open { node: node(at, value), anchor, key: None, keys: BTreeSet::new() });
        Ok(())
    }

    /// Puts a finished node where it belongs: as a key, as a value, as an item, or as the document.
    fn add(&mut self, node: Node, count: usize, anchor: usize, at: Marker) -> Result<(), Problem> {
        self.nodes += count;
        if self.nodes > NODE_LIMIT {
            return Err(self.problem(at, TOO_MANY));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            return self.finish(node, at);
        };
        let added = add_to(open, node, at);
        added.map_err(|error| self.problem(at, error.to_string()))
    }

    fn finish(&mut self, node: Node, at: Marker) -> Result<(), Problem> {
        match self.document.replace(node) {
            None => Ok(()),
            Some(_) => Err(self.problem(at, "the file holds more than one document")),
        }
    }

    fn is_tagged_as_text(&self, tag: Option<&Tag>, at: Marker) -> Result<bool, Problem> {
        match tag {
            None => Ok(false),
            Some(tag) if tag.is_yaml_core_schema() => Ok(tag.core_suffix() == Some("str")),
            Some(tag) => Err(self.problem(at, format!("fleet does not honour the tag `{}`", tag.original()))),
        }
    }

    pub fn problem(&self, at: Marker, text: impl Into<String>) -> Problem {
        Problem::of_file(self.file, text).at(at.line(), at.col() + 1)
    }
}

fn node(at: Marker, value: Value) -> Node {
    Node { line: at.line(), column: at.col() + 1, value }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Fault of a key in a map.
#[derive(Debug, thiserror::Error)]
enum KeyError {
    #[error("a key must be a text")]
    NotText,
    #[error("the key `{key}` stands here twice")]
    Twice { key: String },
}

fn add_to(open: &mut Open, node: Node, at: Marker) -> Result<(), KeyError> {
    match &mut open.node.value {
        Value::List(items) => items.push(node),
        Value::Map(entries) => match open.key.take() {
            None => open.key = Some((key_of(node, &mut open.keys)?, at)),
            Some((key, at)) => entries.push(Entry { key, line: at.line(), column: at.col() + 1, node }),
        },
        Value::Null | Value::Scalar(_) => {}
    }
    Ok(())
}

fn key_of(node: Node, keys: &mut BTreeSet<String>) -> Result<String, KeyError> {
    let Value::Scalar(key) = node.value else {
        return Err(KeyError::NotText);
    };
    if !keys.insert(key.clone()) {
        return Err(KeyError::Twice { key });
    }
    Ok(key)
}

/// Size of a tree: its nodes, its levels, and the bytes of its texts.
struct Measure {
    count: usize,
    height: usize,
    bytes: usize,
}

fn measure(node: &Node) -> Measure {
    let mut all = Measure { count: 1, height: 0, bytes: 0 };
    let mut add = |key: usize, child: &Node| {
        let Measure { count, height, bytes } = measure(child);
        all.count += count;
        all.height = all.height.max(height + 1);
        all.bytes += key + bytes;
    };
    match &node.value {
        Value::Null => {}
        Value::Scalar(text) => all.bytes = text.len(),
        Value::List(items) => items.iter().for_each(|item| add(0, item)),
        Value::Map(entries) => entries.iter().for_each(|entry| add(entry.key.len(), &entry.node)),
    }
    all
}
