//! Limits: `deploy.resources.limits` and `ulimits`.

use crate::compose::cursor::Cursor;
use crate::compose::keys::refuse;
use crate::spec::{Cpus, Resources, Ulimit};
use std::collections::BTreeMap;

/// Parses `deploy`, of which only the limits have a meaning on one host.
pub fn read_deploy(at: &Cursor) -> Resources {
    let limits = |at: &Cursor| only(at, "limits", read_limits);
    only(at, "resources", limits)
}

/// Reads the one key of a map that we honour.
fn only(at: &Cursor, key: &str, read: impl Fn(&Cursor) -> Resources) -> Resources {
    let mut resources = Resources::default();
    for (found, at) in at.entries() {
        if found == key {
            resources = read(&at);
        } else {
            refuse(&at, found, &[key]);
        }
    }
    resources
}

fn read_limits(at: &Cursor) -> Resources {
    let mut limits = Resources::default();
    for (key, at) in at.entries() {
        match key {
            "cpus" => limits.cpus = read_cpus(&at),
            "memory" => limits.memory = at.parse_or_say(),
            "pids" => limits.pids = at.parse("a number"),
            other => refuse(&at, other, &["cpus", "memory", "pids"]),
        }
    }
    limits
}

/// Reads a decimal number of processors without the detour of binary fractions.
fn read_cpus(at: &Cursor) -> Option<Cpus> {
    let text = at.string()?;
    let cpus = parse_cpus(&text);
    if cpus.is_none() {
        at.wrong(format!("`{text}` is not a number of processors: write it as `0.5` or `2`"));
    }
    cpus
}

fn parse_cpus(text: &str) -> Option<Cpus> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| digits.chars().all(|c| c.is_ascii_digit());
    if whole.len() > 6 || decimals.is_empty() || decimals.len() > 9 || !is_number(whole) || !is_number(decimals) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let billionths: u64 = format!("{decimals:0<9}").parse().ok()?;
    let cpus = whole * 1_000_000_000 + billionths;
    (cpus > 0).then_some(Cpus(cpus))
}

pub fn read_ulimits(at: &Cursor) -> BTreeMap<String, Ulimit> {
    let limit = |(name, at): (&str, Cursor)| Some((name.to_owned(), read_ulimit(&at)?));
    at.entries().into_iter().filter_map(limit).collect()
}

fn read_ulimit(at: &Cursor) -> Option<Ulimit> {
    if !at.is_map() {
        let both = at.parse("a number")?;
        return Some(Ulimit { soft: both, hard: both });
    }
    let (mut soft, mut hard) = (None, None);
    for (key, at) in at.entries() {
        match key {
            "soft" => soft = at.parse("a number"),
            "hard" => hard = at.parse("a number"),
            other => refuse(&at, other, &["soft", "hard"]),
        }
    }
    let limit = soft.zip(hard).map(|(soft, hard)| Ulimit { soft, hard });
    if limit.is_none() {
        at.wrong("both `soft` and `hard` are needed");
    }
    limit
}
