//! Finds services that wait for each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

/// Services that each service waits for.
pub type Needs = BTreeMap<String, BTreeSet<String>>;

/// Returns one cycle, with its first service repeated at the end; none if there is an order.
pub fn find(needs: &Needs) -> Option<Vec<String>> {
    let mut settled = BTreeSet::new();
    needs.keys().find_map(|start| walk(start, needs, &mut Vec::new(), &mut settled))
}

fn walk<'a>(
    name: &'a str,
    needs: &'a Needs,
    path: &mut Vec<&'a str>,
    settled: &mut BTreeSet<&'a str>,
) -> Option<Vec<String>> {
    if settled.contains(name) {
        return None;
    }
    if let Some(start) = path.iter().position(|known| *known == name) {
        let circle = path[start..].iter().chain([&name]);
        return Some(circle.map(ToString::to_string).collect());
    }
    path.push(name);
    let before = needs.get(name).into_iter().flatten();
    let found = before.into_iter().find_map(|before| walk(before, needs, path, settled));
    path.pop();
    settled.insert(name);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[(&str, &[&str])], expect: Option<&str>) {
        let set = |names: &&[&str]| names.iter().map(ToString::to_string).collect();
        let needs = given.iter().map(|(name, names)| ((*name).to_owned(), set(names))).collect();
        assert_eq!(find(&needs).map(|circle| circle.join(" -> ")).as_deref(), expect);
    }

    #[test]
    fn a_circle_is_found_and_an_order_is_none() {
        check(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"])], Some("a -> b -> c -> a"));
        check(&[("a", &["a"])], Some("a -> a"));
        check(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])], None);
        check(&[("a", &["unknown"])], None);
    }
}
