//! Text for people that all crates share: counts and lists.

use std::fmt::Display;

/// `1 file`, `2 files`, `2 copies`.
pub fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    if number == N::from(1) { format!("1 {noun}") } else { format!("{number} {}", plural(noun)) }
}

/// The verb that agrees with a number: `1 file` *has*, `2 files` *have*.
pub fn verb<N: Copy + PartialEq + From<u8>>(number: N, of_one: &'static str, of_more: &'static str) -> &'static str {
    if number == N::from(1) { of_one } else { of_more }
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        Some(_) | None => format!("{noun}s"),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn listed(all: &[String]) -> String {
    match all {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        let said = [count(0, "file"), count(1_usize, "file"), count(2_u64, "file"), count(2, "copy"), count(2, "day")];
        assert_eq!(said, ["0 files", "1 file", "2 files", "2 copies", "2 days"]);
    }

    #[test]
    fn verbs_agree() {
        assert_eq!([0, 1, 2].map(|number| verb(number, "has", "have")), ["have", "has", "have"]);
    }

    #[test]
    fn a_list_ends_with_and() {
        let all = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([0, 1, 2, 3].map(|length| listed(&all[..length])), ["", "a", "a and b", "a, b and c"]);
    }
}
