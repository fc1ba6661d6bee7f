//! Image, container name, restart policy, and logging of a service.

use super::Notes;
use crate::compose::cursor::Cursor;
use crate::compose::keys::refuse;
use crate::spec::{Logging, Restart};

pub fn image(at: &Cursor) -> Option<String> {
    let image = at.string()?;
    let is_good = !image.is_empty() && !image.contains(|c: char| c.is_whitespace() || c.is_control());
    if !is_good {
        at.wrong(format!("`{image}` is not an image's reference"));
    }
    is_good.then_some(image)
}

pub fn container_name(at: &Cursor, notes: &mut Notes) -> Option<String> {
    let name = at.string()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.len() < 2 || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(allowed) {
        at.wrong(format!("`{name}` is not a container's name: use letters, digits, `_`, `.` and `-`"));
        return None;
    }
    notes.container_names.push((name.clone(), at.place().clone()));
    Some(name)
}

pub fn restart(at: &Cursor) -> Option<Restart> {
    let text = at.string()?;
    let attempts = text.strip_prefix("on-failure:").map(str::parse);
    let restart = match (text.as_str(), attempts) {
        ("no", _) => Restart::No,
        ("always", _) => Restart::Always,
        ("unless-stopped", _) => Restart::UnlessStopped,
        ("on-failure", _) => Restart::OnFailure { attempts: None },
        (_, Some(Ok(attempts))) => Restart::OnFailure { attempts: Some(attempts) },
        (_, Some(Err(_)) | None) => {
            let expected = "`no`, `always`, `on-failure`, `on-failure:3` or `unless-stopped`";
            at.wrong(format!("`{text}` is not a restart policy: write {expected}"));
            return None;
        }
    };
    Some(restart)
}

pub fn logging(at: &Cursor) -> Logging {
    let mut logging = Logging { driver: None, options: std::collections::BTreeMap::new() };
    for (key, at) in at.entries() {
        match key {
            "driver" => logging.driver = at.string(),
            "options" => logging.options = at.pairs(),
            other => refuse(&at, other, &["driver", "options"]),
        }
    }
    logging
}
