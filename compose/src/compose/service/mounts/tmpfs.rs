//! Mounts that live in memory: the key `tmpfs`.

use super::{Notes, add, read_target};
use crate::compose::cursor::Cursor;
use crate::compose::{Mount, MountOrigin, Service};
use crate::spec::MountAccess;
use crate::units::{Size, UnitError};

pub fn read_tmpfs(service: &mut Service, at: &Cursor) {
    for at in at.items_or_self() {
        let Some(text) = at.string() else { continue };
        let (target, options) = text.split_once(':').unwrap_or((&text, ""));
        let origin = read_tmpfs_options(&at, options);
        if let (Some(target), Some(origin)) = (read_target(&at, target), origin) {
            add(service, Mount { origin, target, access: MountAccess::ReadWrite }, &at, &mut Notes::default());
        }
    }
}

/// Reads the options of the short form: `size=64m,mode=1777`.
fn read_tmpfs_options(at: &Cursor, options: &str) -> Option<MountOrigin> {
    let (mut size, mut mode) = (None, None);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("size", text)) => size = Some(read_size(at, text)?),
            Some(("mode", text)) => mode = Some(read_octal(at, text)?),
            Some(_) | None => {
                at.wrong(format!("fleet does not honour the tmpfs option `{option}`"));
                return None;
            }
        }
    }
    Some(MountOrigin::Tmpfs { size, mode })
}

fn read_size(at: &Cursor, text: &str) -> Option<Size> {
    text.parse().map_err(|error: UnitError| at.wrong(error.to_string())).ok()
}

pub fn read_octal(at: &Cursor, text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o7777);
    if mode.is_none() {
        at.wrong(format!("`{text}` is not a mode in octal digits, such as `1777`"));
    }
    mode
}
