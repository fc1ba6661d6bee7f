//! Supported keys, and the messages about others.

use super::cursor::Cursor;
use crate::guess::closest;

/// Refuses a key that is not honoured, with the best advice there is.
pub fn refuse(at: &Cursor, key: &str, known: &[&str]) {
    let text = "fleet does not honour this key";
    match advice(key) {
        Some(advice) => at.wrong_with_hint(text, advice),
        None => match closest(key, known.iter().copied()) {
            Some(meant) => at.wrong_with_hint(text, format!("did you mean `{meant}`?")),
            None => at.wrong(text),
        },
    }
}

pub fn is_extension(key: &str) -> bool {
    key.starts_with("x-")
}

fn advice(key: &str) -> Option<&'static str> {
    match key {
        "build" => Some("build and push the image, then name it under `image:`"),
        "mem_limit" => Some("write it as `deploy.resources.limits.memory`"),
        "cpus" => Some("write it as `deploy.resources.limits.cpus`"),
        "pids_limit" => Some("write it as `deploy.resources.limits.pids`"),
        "secrets" | "configs" => Some("declare a secret value in app.yaml, and use it in a template or a variable"),
        "extends" | "include" => Some("use a YAML anchor and `<<:` in one file"),
        _ => None,
    }
}
