//! Parses a YAML file of a bundle into a type, and finds the positions of errors.
//!
//! The parser knows those of its own errors; a problem that is found only after parsing is at a path of keys in app.yaml.

use super::definition::FILE;
use crate::compose::Problem;
use crate::compose::yaml::{Node, Value, load};
use serde::de::DeserializeOwned;

/// The most bytes in such a file.
const BYTE_LIMIT: usize = 1 << 20;

pub fn from_bytes<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, Problem> {
    if bytes.len() > BYTE_LIMIT {
        return Err(Problem::of_file(file, "the file is larger than 1 MiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::of_file(file, "the file is not UTF-8 text"))?;
    serde_saphyr::from_str(text).map_err(|error| problem(file, &error))
}

fn problem(file: &str, error: &serde_saphyr::Error) -> Problem {
    let error = error.without_snippet();
    let location = error.location();
    // The parser's text ends with its own position, which is in our first line already.
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = text.split(" at line ").next().unwrap_or(text).to_owned();
    let problem = Problem::of_file(file, text);
    let number = |value: u64| usize::try_from(value).unwrap_or_default();
    location.map_or(problem.clone(), |place| problem.at(number(place.line()), number(place.column())))
}

/// A problem with the definition at the path, such as `templates[0]`, with its line if the path leads somewhere.
pub fn problem_at(bytes: &[u8], path: &str, text: impl Into<String>) -> Problem {
    let problem = Problem { path: path.to_owned(), ..Problem::of_file(FILE, text) };
    let place = load(FILE, bytes).ok().and_then(|tree| find(&tree, path));
    place.map_or(problem.clone(), |(line, column)| problem.at(line, column))
}

fn find(tree: &Node, path: &str) -> Option<(usize, usize)> {
    let (mut node, mut place) = (tree, (tree.line, tree.column));
    for step in path.split(['.', '[']) {
        (node, place) = match &node.value {
            Value::Map(entries) => {
                let entry = entries.iter().find(|entry| entry.key == step)?;
                (&entry.node, (entry.line, entry.column))
            }
            Value::List(items) => {
                let item = items.get(step.trim_end_matches(']').parse::<usize>().ok()?)?;
                (item, (item.line, item.column))
            }
            Value::Null | Value::Scalar(_) => return None,
        };
    }
    Some(place)
}
