//! The volumes that a file describes.

use super::Volume;
use super::cursor::Cursor;
use super::keys::{is_extension, refuse};
use super::service::read_pairs;

const KEYS: [&str; 5] = ["name", "external", "driver", "driver_opts", "labels"];

pub fn read_volume((key, at): &(&str, Cursor)) -> (String, Volume) {
    let mut volume = Volume::default();
    for (key, at) in at.entries() {
        match key {
            _ if !KEYS.contains(&key) && !is_extension(key) => refuse(&at, key, &KEYS),
            _ if at.is_null() => {}
            "name" => volume.name = at.string(),
            "external" => volume.external = read_external(&at, &mut volume.name),
            "driver" => volume.driver = at.string(),
            "driver_opts" => volume.options = read_pairs(&at),
            "labels" => volume.labels = read_pairs(&at),
            _ => {}
        }
    }
    let is_described = volume.driver.is_some() || !volume.options.is_empty() || !volume.labels.is_empty();
    if volume.external && is_described {
        at.wrong("an external volume is made elsewhere: only its name can be given");
    }
    ((*key).to_owned(), volume)
}

/// Reads `external: true`, or the older `external: {name: …}`.
pub fn read_external(at: &Cursor, name: &mut Option<String>) -> bool {
    if !at.is_map() {
        return at.switch().is_some_and(crate::spec::Switch::is_on);
    }
    for (key, at) in at.entries() {
        match key {
            "name" => *name = at.string(),
            other => refuse(&at, other, &["name"]),
        }
    }
    true
}
