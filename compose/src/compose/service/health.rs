//! `healthcheck`.

use crate::compose::cursor::Cursor;
use crate::compose::keys::refuse;
use crate::spec::{Healthcheck, Probing, Switch};

const KEYS: [&str; 6] = ["test", "interval", "timeout", "retries", "start_period", "disable"];

pub fn read_healthcheck(at: &Cursor) -> Option<Healthcheck> {
    let mut check = Healthcheck::default();
    let mut disabled = Switch::Off;
    for (key, at) in at.entries() {
        match key {
            "test" => check.test = read_test(&at).unwrap_or_default(),
            "interval" => check.interval = at.parse_or_say(),
            "timeout" => check.timeout = at.parse_or_say(),
            "start_period" => check.start_period = at.parse_or_say(),
            "retries" => check.retries = at.parse("a number"),
            "disable" => disabled = at.switch().unwrap_or_default(),
            other => refuse(&at, other, &KEYS),
        }
    }
    if disabled.is_on() {
        check = Healthcheck { test: Probing::Disabled, ..Healthcheck::default() };
    }
    Some(check)
}

/// Parses a test: a line runs in the container's shell; a list names its own program.
fn read_test(at: &Cursor) -> Option<Probing> {
    if !at.is_list() {
        return Some(Probing::Shell(at.text()?));
    }
    let mut words = at.items().iter().filter_map(Cursor::text).collect::<Vec<_>>().into_iter();
    let kind = words.next();
    match (kind.as_ref().map_or("", |kind| kind.expose()), words.len()) {
        ("NONE", 0) => Some(Probing::Disabled),
        ("CMD", 1..) => Some(Probing::Exec(words.collect())),
        ("CMD-SHELL", 1) => words.next().map(Probing::Shell),
        (_, _) => {
            let hint = "begin with `CMD` and its words, `CMD-SHELL` and one line, or `NONE`";
            at.wrong_with_hint("this is not a health check's command", hint);
            None
        }
    }
}
