//! Values of instances as operators give them: `--set` and `--values`.

use crate::ask;
use crate::context::Context;
use clap::Args;
use fleet_core::command_error::CommandError;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// The most bytes of a file of values.
const FILE_LIMIT: usize = 1 << 20;

#[derive(Debug, Default, Args)]
pub struct ValueArgs {
    /// Set a value; may be repeated, and wins over --values
    #[arg(short, long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Read values from a YAML or JSON file of `key: value`; `-` is standard input
    #[arg(long, value_name = "FILE")]
    values: Option<PathBuf>,
}

impl ValueArgs {
    /// The values of the file, then those of the command line.
    pub fn read(&self, context: &Context) -> Result<BTreeMap<String, String>, CommandError> {
        let mut values = match &self.values {
            Some(path) => read_file(context, path)?,
            None => BTreeMap::new(),
        };
        for (key, value) in read_pairs(&self.set)? {
            values.insert(key, value);
        }
        Ok(values)
    }

    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.values.is_none()
    }
}

fn read_pairs(pairs: &[String]) -> Result<BTreeMap<String, String>, CommandError> {
    let mut values = BTreeMap::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(CommandError::misused(format!("`{pair}` is not a value")).hint("write --set KEY=VALUE"));
        };
        if values.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(CommandError::misused(format!("the value `{key}` is set twice")));
        }
    }
    Ok(values)
}

fn read_file(context: &Context, path: &PathBuf) -> Result<BTreeMap<String, String>, CommandError> {
    let text = if path.as_os_str() == "-" { ask::read_all(context, FILE_LIMIT)? } else { read_bounded(path)? };
    read_yaml(&text).map_err(|error| {
        CommandError::misused(format!("could not read values from `{}`", path.display()))
            .because(first_line(&error))
            .hint("write one `key: value` a line; see `fleet help values`")
    })
}

fn read_bounded(path: &PathBuf) -> Result<String, CommandError> {
    let failed = |because: String| {
        CommandError::misused(format!("could not read values from `{}`", path.display())).because(because)
    };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(FILE_LIMIT as u64 + 1).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    if text.len() > FILE_LIMIT { Err(failed("it has more than 1 MiB".to_owned())) } else { Ok(text) }
}

/// Parses values as their literal text: `1.10` stays `1.10`.
fn read_yaml(text: &str) -> Result<BTreeMap<String, String>, serde_saphyr::Error> {
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    serde_saphyr::from_str(text)
}

fn first_line(error: &serde_saphyr::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let shown = |values: BTreeMap<String, String>| {
            values.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(read_yaml(text).map_or_else(|_| "refused".to_owned(), shown), expect, "for `{text}`");
    }

    #[test]
    fn a_value_is_the_text_that_stands_in_the_file() {
        check(
            "port: 8080\nversion: 1.10\nmode: 0644\non: true\ntitle: 'a b'",
            "mode=0644 on=true port=8080 title=a b version=1.10",
        );
        check("{\"port\": 8080, \"title\": \"x: y\"}", "port=8080 title=x: y");
        check("", "");
        check("# nothing\n", "");
    }

    #[test]
    fn what_is_not_a_value_is_refused() {
        check("port: [1, 2]", "refused");
        check("port: {a: b}", "refused");
        check("- port", "refused");
        check("port: 1\nport: 2", "refused");
    }

    #[test]
    fn pairs_are_split_at_the_first_sign() {
        let pairs = ["a=b=c".to_owned(), "d=".to_owned()];
        let values = read_pairs(&pairs).expect("they are well formed");
        assert_eq!(values, [("a".to_owned(), "b=c".to_owned()), ("d".to_owned(), String::new())].into());
        assert!(read_pairs(&["=x".to_owned()]).is_err());
        assert!(read_pairs(&["a=1".to_owned(), "a=2".to_owned()]).is_err());
    }
}
