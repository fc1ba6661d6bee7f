//! The volumes that a file describes.

use super::Volume;
use super::cursor::Cursor;
use super::keys::{is_extension, refuse};
use crate::spec::{EngineNameError, check_engine_key, check_engine_name};

const KEYS: [&str; 5] = ["name", "external", "driver", "driver_opts", "labels"];

pub fn read_volume((key, at): &(&str, Cursor)) -> (String, Volume) {
    let mut volume = Volume::default();
    for (key, at) in at.entries() {
        match key {
            _ if !KEYS.contains(&key) && !is_extension(key) => refuse(&at, key, &KEYS),
            _ if at.is_null() => {}
            "name" => volume.name = read_engine_name(&at, "volume"),
            "external" => volume.external = read_external(&at, &mut volume.name, "volume"),
            "driver" => volume.driver = at.string(),
            "driver_opts" => volume.options = at.pairs(),
            "labels" => volume.labels = at.pairs(),
            _ => {}
        }
    }
    check_key(key, at, "volume", volume.external && volume.name.is_none());
    let is_described = volume.driver.is_some() || !volume.options.is_empty() || !volume.labels.is_empty();
    if volume.external && is_described {
        at.wrong("an external volume is made elsewhere: only its name can be given");
    }
    ((*key).to_owned(), volume)
}

/// Reads `external: true`, or the older `external: {name: …}`.
pub fn read_external(at: &Cursor, name: &mut Option<String>, kind: &str) -> bool {
    if !at.is_map() {
        return at.switch().is_some_and(crate::spec::Switch::is_on);
    }
    for (key, at) in at.entries() {
        match key {
            "name" => *name = read_engine_name(&at, kind),
            other => refuse(&at, other, &["name"]),
        }
    }
    true
}

/// Reads the name that a network or a volume has at the Engine.
pub fn read_engine_name(at: &Cursor, kind: &str) -> Option<String> {
    let name = at.string()?;
    match check_engine_name(&name) {
        Ok(()) => Some(name),
        Err(error) => {
            refuse_name(at, kind, &name, error);
            None
        }
    }
}

/// Checks the name that the file itself gives a network or a volume. One that others made has it at the Engine, too.
pub fn check_key(key: &str, at: &Cursor, kind: &str, is_engine_name: bool) {
    let checked = if is_engine_name { check_engine_name(key) } else { check_engine_key(key) };
    if let Err(error) = checked {
        refuse_name(at, kind, key, error);
    }
}

fn refuse_name(at: &Cursor, kind: &str, name: &str, error: EngineNameError) {
    let name: String = name.chars().take(80).collect();
    at.wrong(format!("`{name}` cannot be the name of a {kind}: {error}"));
}
