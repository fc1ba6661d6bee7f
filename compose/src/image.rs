//! Image references: the registry that an image comes from, and the image that it is.

use crate::names::Digest;
use std::collections::BTreeMap;

/// Returns whether the first component of a reference names a registry.
pub fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

/// Returns the reference without its registry, which is the same at sites with different registries.
fn without_registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((first, rest)) if is_registry(first) => rest,
        Some(_) | None => reference,
    }
}

/// Returns whether two references mean the same image, possibly in two registries.
pub fn is_same_image(one: &str, other: &str) -> bool {
    without_registry(one) == without_registry(other)
}

/// The digest that an image is pinned to.
///
/// Returns the pin of an image. A pin made with one registry holds for every other: the digest identifies the content,
/// so that a registry with something else under the name is rejected.
pub fn pin_of<'a>(image: &str, pins: &'a BTreeMap<String, Digest>) -> Option<&'a Digest> {
    let elsewhere = || pins.iter().find(|(pinned, _)| is_same_image(pinned, image)).map(|(_, digest)| digest);
    pins.get(image).or_else(elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(image: &str, pinned: &str, expect: bool) {
        let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse().expect("it is a digest");
        let pins = BTreeMap::from([(pinned.to_owned(), digest)]);
        assert_eq!(pin_of(image, &pins).is_some(), expect, "{image} by a pin of {pinned}");
    }

    #[test]
    fn a_pin_holds_in_every_registry() {
        check("notes:1.2", "notes:1.2", true);
        check("10.99.0.1:5001/notes:1.2", "notes:1.2", true);
        check("notes:1.2", "localhost/notes:1.2", true);
        check("a.example/lab/notes:1.2", "b.example/lab/notes:1.2", true);
    }

    #[test]
    fn a_pin_holds_for_one_image_at_one_tag() {
        check("notes:1.2", "notes:1.1", false);
        check("lab/notes:1.2", "notes:1.2", false);
        check("a.example/lab/notes:1.2", "a.example/other/notes:1.2", false);
    }
}
