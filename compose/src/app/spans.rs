//! Finds the position of a path of keys in app.yaml, for problems that are found only after parsing.

use super::definition::FILE;
use crate::compose::Problem;
use crate::compose::yaml::{Node, Value, load};

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
