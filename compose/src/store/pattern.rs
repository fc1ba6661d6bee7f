//! Names with `*` for any letters and `?` for any one.

/// Returns whether the pattern matches the name.
pub fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut read) = (0, 0);
    // Position of the last `*`, and the length of the name that it has matched.
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[read] => (at, read) = (at + 1, read + 1),
            _ => {
                let Some((stood, taken)) = star else { return false };
                star = Some((stood, taken + 1));
                (at, read) = (stood + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

/// Returns true where the text has a wildcard.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::matches_pattern;

    #[test]
    fn a_star_means_any_letters_and_a_question_mark_one() {
        for (pattern, good, bad) in [
            ("data_*", &["data_", "data_anna", "data_a_b"][..], &["data", "xdata_a"][..]),
            ("*data*", &["data", "my_data_1"], &["dat"]),
            ("a?c", &["abc"], &["ac", "abbc"]),
            ("knowrob/*:latest", &["knowrob/user_data:latest"], &["knowrob/user_data:1"]),
            ("*a*b", &["ab", "aab", "xaxbxb"], &["ba", "abc"]),
            ("", &[""], &["a"]),
            ("plain", &["plain"], &["plain2"]),
        ] {
            good.iter().for_each(|name| assert!(matches_pattern(pattern, name), "`{pattern}` means `{name}`"));
            bad.iter().for_each(|name| assert!(!matches_pattern(pattern, name), "`{pattern}` does not mean `{name}`"));
        }
    }
}
