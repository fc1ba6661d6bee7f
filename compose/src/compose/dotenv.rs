//! Files of `NAME=value` lines: `.env` and those named by `env_file`.
//!
//! Values are taken literally, without their quotes. Variables inside values are refused, because some versions of
//! Compose fill them in; single quotes keep a dollar sign.

use super::{Problem, Problems};

/// Name of one line, and its value, if the line has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub name: String,
    pub value: Option<String>,
    pub line: usize,
}

/// Reads the lines of a file.
pub fn read(file: &str, bytes: &[u8]) -> Result<Vec<Assignment>, Problems> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::of_file(file, "the file is not UTF-8 text"))?;
    let mut problems = Problems::default();
    let mut assignments = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        match read_line(line) {
            Ok(None) => {}
            Ok(Some((name, value))) => assignments.push(Assignment { name, value, line: index + 1 }),
            Err(reason) => problems.push(Problem::of_file(file, reason).at(index + 1, 1)),
        }
    }
    problems.or(assignments)
}

type Pair = (String, Option<String>);

fn read_line(line: &str) -> Result<Option<Pair>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, value) = match line.split_once('=') {
        Some((name, value)) => (name.trim_end(), Some(read_value(value.trim_start())?)),
        None => (line, None),
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.is_empty() || !name.chars().all(is_part) {
        return Err("this is not a line of the form NAME=value");
    }
    Ok(Some((name.to_owned(), value)))
}

fn read_value(text: &str) -> Result<String, &'static str> {
    if let Some(inside) = text.strip_prefix('\'') {
        let (value, rest) = inside.split_once('\'').ok_or("a quote is not closed on its line")?;
        return after_quote(rest).map(|()| value.to_owned());
    }
    if let Some(inside) = text.strip_prefix('"') {
        let (value, rest) = double_quoted(inside)?;
        return after_quote(rest).and_then(|()| without_variables(value));
    }
    let end = comment_start(text).unwrap_or(text.len());
    without_variables(text[..end].trim_end().to_owned())
}

/// A comment begins at a `#` that follows white space.
fn comment_start(text: &str) -> Option<usize> {
    let starts = |(place, _): &(usize, &str)| *place == 0 || text[..*place].ends_with(char::is_whitespace);
    text.match_indices('#').find(starts).map(|(place, _)| place)
}

fn double_quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match (letter, text[place + letter.len_utf8()..].chars().next()) {
            ('"', _) => return Ok((value, &text[place + 1..])),
            ('\\', Some(escaped)) => {
                letters.next();
                value.push_str(&unescaped(escaped));
            }
            (other, _) => value.push(other),
        }
    }
    Err("a quote is not closed on its line")
}

fn unescaped(letter: char) -> String {
    match letter {
        'n' => "\n".to_owned(),
        'r' => "\r".to_owned(),
        't' => "\t".to_owned(),
        '"' | '\\' => letter.to_string(),
        other => format!("\\{other}"),
    }
}

fn after_quote(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') { Ok(()) } else { Err("something follows the closing quote") }
}

fn without_variables(value: String) -> Result<String, &'static str> {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '{';
    let has_variable = value.match_indices('$').any(|(place, _)| value[place + 1..].starts_with(begins));
    if has_variable {
        return Err("variables are not filled in here: put the value in single quotes to take it as it stands");
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expect: &str) {
        let show = |found: Vec<Assignment>| {
            found.iter().map(|a| format!("{}={:?}", a.name, a.value)).collect::<Vec<_>>().join(" ")
        };
        let found = read(".env", given.as_bytes()).map_or_else(|problems| problems.to_string(), show);
        assert_eq!(found, expect, "for `{given}`");
    }

    #[test]
    fn lines_are_read_as_compose_does() {
        check(
            "# a\n\nA=1\nexport B = x y # z\nC=a#b\nD=\nE",
            r#"A=Some("1") B=Some("x y") C=Some("a#b") D=Some("") E=None"#,
        );
        check(r#"A='$x #"' # c"#, r#"A=Some("$x #\"")"#);
        check(r#"A="a \"b\" \n \d""#, r#"A=Some("a \"b\" \n \\d")"#);
        check("A=5$\r\nB=a=b\r\n", r#"A=Some("5$") B=Some("a=b")"#);
        check("A=#b", r#"A=Some("")"#);
    }

    #[test]
    fn what_is_not_an_assignment_is_refused() {
        check("A B=1", ".env:1:1: this is not a line of the form NAME=value");
        check("A='x", ".env:1:1: a quote is not closed on its line");
        check("A=\"x", ".env:1:1: a quote is not closed on its line");
        check("A='x' y", ".env:1:1: something follows the closing quote");
        let text = "variables are not filled in here: put the value in single quotes to take it as it stands";
        check("\nA=${B}", &format!(".env:2:1: {text}"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[A-C='\"\\\\$#{} \n]{0,30}") {
            let _ = read(".env", text.as_bytes());
        }
    }
}
