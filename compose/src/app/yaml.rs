//! Parses a YAML file into a type, with the position of an error.

use crate::compose::Problem;
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
