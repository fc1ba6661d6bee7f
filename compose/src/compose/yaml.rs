//! Parses the bytes of a YAML file to a tree with positions.
//!
//! **Invariant:** bounded. A tree has at most `NODE_LIMIT` nodes, with aliases expanded, and at most `DEPTH_LIMIT`
//! levels, so that recursion over it is safe.

mod tree;

use super::Problem;
use serde_saphyr::granit_parser::{Options, Parser, options};
use tree::Tree;

pub const BYTE_LIMIT: usize = 1 << 20;
const DEPTH_LIMIT: usize = 64;
const NODE_LIMIT: usize = 100_000;

/// A value with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub line: usize,
    pub column: usize,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Null,
    /// Text as written; the caller decides on its meaning.
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub line: usize,
    pub column: usize,
    pub node: Node,
}

/// Reads the one document of a file.
pub fn load(file: &str, bytes: &[u8]) -> Result<Node, Problem> {
    if bytes.len() > BYTE_LIMIT {
        return Err(Problem::of_file(file, "the file is larger than 1 MiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::of_file(file, "the file is not UTF-8 text"))?;
    let mut tree = Tree::new(file);
    for event in Parser::new_from_str_with_options(text, limits()) {
        let (event, span) = event.map_err(|error| tree.problem(*error.marker(), error.info()))?;
        tree.take(event, span.start)?;
    }
    Ok(tree.into_document().unwrap_or(Node { line: 1, column: 1, value: Value::Null }))
}

fn limits() -> Options {
    options! { emit_comments: false, flow_nesting_limit: DEPTH_LIMIT, block_nesting_limit: DEPTH_LIMIT }
}
