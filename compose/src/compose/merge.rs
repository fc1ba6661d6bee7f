//! YAML's merge keys: `<<: *common` adds the entries that the map itself lacks.

use super::Problem;
use super::yaml::{Entry, Node, Value};
use std::collections::BTreeSet;

const MERGE: &str = "<<";

/// Resolves all merge keys of a tree.
pub fn merge(file: &str, node: Node) -> Result<Node, Problem> {
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(|item| merge(file, item)).collect::<Result<_, _>>()?),
        Value::Map(entries) => Value::Map(merge_entries(file, entries)?),
        Value::Null | Value::Scalar(_) => node.value,
    };
    Ok(Node { value, ..node })
}

/// Merges entries. Own entries of the map override merged ones; of several merged ones, the first wins.
fn merge_entries(file: &str, entries: Vec<Entry>) -> Result<Vec<Entry>, Problem> {
    let (merged, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.key == MERGE);
    for entry in &mut own {
        let node = std::mem::replace(&mut entry.node, Node { line: 0, column: 0, value: Value::Null });
        entry.node = merge(file, node)?;
    }
    let mut keys: BTreeSet<_> = own.iter().map(|entry| entry.key.clone()).collect();
    for entry in merged {
        let (line, column) = (entry.line, entry.column);
        for source in sources(entry.node) {
            let Value::Map(inherited) = merge(file, source)?.value else {
                return Err(Problem::of_file(file, "`<<` takes a map, or a list of maps").at(line, column));
            };
            own.extend(inherited.into_iter().filter(|entry| keys.insert(entry.key.clone())));
        }
    }
    Ok(own)
}

fn sources(node: Node) -> Vec<Node> {
    match node.value {
        Value::List(items) => items,
        Value::Null | Value::Scalar(_) | Value::Map(_) => vec![node],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::yaml::load;

    fn check(given: &str, expect: &str) {
        let merged = load("c.yaml", given.as_bytes()).and_then(|node| merge("c.yaml", node));
        let found = merged.map_or_else(|problem| problem.to_string(), |node| show(&node));
        assert_eq!(found, expect, "for\n{given}");
    }

    fn show(node: &Node) -> String {
        match &node.value {
            Value::Null => "~".to_owned(),
            Value::Scalar(text) => text.clone(),
            Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
            Value::Map(entries) => {
                let entries: Vec<_> = entries.iter().map(|e| format!("{}:{}", e.key, show(&e.node))).collect();
                format!("{{{}}}", entries.join(" "))
            }
        }
    }

    #[test]
    fn what_a_map_says_itself_wins() {
        check("x: &x\n    a: 1\n    b: 2\ny:\n    <<: *x\n    b: 3\n", "{x:{a:1 b:2} y:{b:3 a:1}}");
    }

    #[test]
    fn of_several_merged_maps_the_first_wins() {
        check("{x: &x {a: 1}, y: &y {a: 2, b: 2}, z: {<<: [*x, *y]}}", "{x:{a:1} y:{a:2 b:2} z:{a:1 b:2}}");
    }

    #[test]
    fn a_merged_map_may_merge_too() {
        check("{x: &x {a: 1}, y: &y {<<: *x, b: 2}, z: {<<: *y}}", "{x:{a:1} y:{b:2 a:1} z:{b:2 a:1}}");
    }

    #[test]
    fn only_maps_can_be_merged() {
        check("x: &x [1]\ny: {<<: *x}\n", "c.yaml:2:5: `<<` takes a map, or a list of maps");
    }

    #[test]
    fn quotes_and_tags_keep_text_as_text() {
        check("[null, ~, 'null', \"\", !!str null, no, 0x1f]", "[~ ~ null  null no 0x1f]");
    }

    #[test]
    fn what_is_not_plain_yaml_is_refused() {
        check("a: 1\na: 2\n", "c.yaml:2:1: the key `a` stands here twice");
        check("a: !reset 1\n", "c.yaml:1:11: fleet does not honour the tag `!reset`");
        check("---\na\n---\nb\n", "c.yaml:4:1: the file holds more than one document");
        check("? [a]\n: b\n", "c.yaml:1:5: a key must be a text");
        check("a: &a [*a]\n", "c.yaml:1:8: this alias refers to the value that it stands in");
    }

    #[test]
    fn a_billion_laughs_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", ")));
        }
        check(&text, "c.yaml:5:45: the file has too many values, its aliases written out");
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = "[".repeat(100_000);
        assert!(load("c.yaml", deep.as_bytes()).is_err());
        let mut chain = format!("a0: &a0 {}x{}\n", "[".repeat(60), "]".repeat(60));
        chain.push_str(&format!("a1: {}*a0{}\n", "[".repeat(60), "]".repeat(60)));
        check(&chain, "c.yaml:2:65: the values are nested too deeply");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-a-c:&*<\\[\\]{}#'\"! \n|>?,]{0,60}") {
            let _ = load("c.yaml", text.as_bytes()).and_then(|node| merge("c.yaml", node));
        }
    }
}
