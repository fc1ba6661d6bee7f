//! Splits a command written as one line into words, as a shell would, without running anything.
//!
//! `shell-words` and `shlex` would treat text after a `#` as a comment and drop it. Compose does not.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    #[error("a quote is not closed")]
    OpenQuote,
    #[error("the line ends in a backslash")]
    OpenEscape,
}

/// Splits at white space; quotes and backslashes keep their content together.
pub fn split(line: &str) -> Result<Vec<String>, WordError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => single_quoted(&mut letters, word.get_or_insert_default())?,
            '"' => double_quoted(&mut letters, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(letters.next().ok_or(WordError::OpenEscape)?),
            space if space.is_ascii_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

fn single_quoted(letters: &mut std::str::Chars, word: &mut String) -> Result<(), WordError> {
    for letter in letters {
        if letter == '\'' {
            return Ok(());
        }
        word.push(letter);
    }
    Err(WordError::OpenQuote)
}

/// Parses a double-quoted part, in which a backslash escapes only a quote or itself.
fn double_quoted(letters: &mut std::str::Chars, word: &mut String) -> Result<(), WordError> {
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return Ok(()),
            '\\' => match letters.next().ok_or(WordError::OpenQuote)? {
                escaped @ ('"' | '\\') => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            other => word.push(other),
        }
    }
    Err(WordError::OpenQuote)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expect: &str) {
        let found = split(given).map_or_else(|error| error.to_string(), |words| words.join("|"));
        assert_eq!(found, expect, "for `{given}`");
    }

    #[test]
    fn a_line_is_split_as_a_shell_would() {
        check("nginx -g 'daemon off;'", "nginx|-g|daemon off;");
        check("a  b\tc\n", "a|b|c");
        check(r#"sh -c "echo \"x\" \n $$""#, r#"sh|-c|echo "x" \n $$"#);
        check(r"a\ b c", "a b|c");
        check("a'b'\"c\" ''", "abc|");
        check("notify --room #ops now", "notify|--room|#ops|now");
        check("", "");
    }

    #[test]
    fn what_stays_open_is_refused() {
        check("a 'b", "a quote is not closed");
        check("a \"b", "a quote is not closed");
        check("a \\", "the line ends in a backslash");
    }
}
