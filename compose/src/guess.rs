//! Guesses the known name that a person meant.

use strsim::osa_distance;

/// Longest text that is compared: the distance takes time in proportion to the product of both lengths.
const LONGEST: usize = 64;

/// Returns the known name that is most similar to the written one, if it is similar enough: one slip (a letter added,
/// removed, replaced, or swapped with its neighbour) per three letters, three at most.
pub fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = written.chars().count();
    if length > LONGEST {
        return None;
    }
    let allowed = (length / 3).clamp(1, 3);
    let comparable = known.into_iter().filter(|name| name.len() <= LONGEST);
    let near = comparable.map(|name| (osa_distance(written, name), name));
    near.filter(|(distance, _)| *distance <= allowed).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        let known = ["environment", "db_password", "port"];
        let check = |written, expect| assert_eq!(closest(written, known), expect, "for `{written}`");
        check("enviroment", Some("environment"));
        check("db_pasword", Some("db_password"));
        check("prot", Some("port"));
        check("image", None);
        check("", None);
        check(&"port".repeat(1_000_000), None);
    }
}
