//! `volumes` and `tmpfs`: mounts of a container.

mod long;
mod tmpfs;

pub use tmpfs::read_tmpfs;

use super::{Kind, Notes};
use crate::compose::cursor::Cursor;
use crate::compose::{Mount, MountOrigin, Service};
use crate::paths::{normal, normal_absolute};
use crate::spec::{HostPath, MountAccess, Relabel};

pub fn read_volumes(service: &mut Service, at: &Cursor, notes: &mut Notes) {
    for at in at.items() {
        let mount = if at.is_map() { long::read_long(&at) } else { read_short(&at) };
        if let Some(mount) = mount {
            add(service, mount, &at, notes);
        }
    }
}

fn add(service: &mut Service, mount: Mount, at: &Cursor, notes: &mut Notes) {
    if service.mounts.iter().any(|known| known.target == mount.target) {
        at.wrong(format!("something else is mounted at `{}` already", mount.target));
    }
    if let MountOrigin::Volume(name) = &mount.origin {
        notes.refer(Kind::Volume, name, at);
    }
    service.mounts.push(mount);
}

/// Reads `[SOURCE:]TARGET[:MODE]`.
fn read_short(at: &Cursor) -> Option<Mount> {
    let text = at.string()?;
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, mode] => (Some(source), target, mode),
        _ => {
            at.wrong_with_hint(format!("`{text}` is not a mount"), "write it as `SOURCE:TARGET` or `SOURCE:TARGET:ro`");
            return None;
        }
    };
    let (access, relabel) = read_mode(at, mode)?;
    let target = read_target(at, target)?;
    let origin = source.map_or(Some(MountOrigin::Anonymous), |source| read_origin(at, source, relabel))?;
    Some(Mount { origin, target, access })
}

fn read_mode(at: &Cursor, mode: &str) -> Option<(MountAccess, Option<Relabel>)> {
    let (mut access, mut relabel) = (MountAccess::ReadWrite, None);
    for option in mode.split(',').filter(|option| !option.is_empty()) {
        match option {
            "rw" => access = MountAccess::ReadWrite,
            "ro" => access = MountAccess::ReadOnly,
            "z" => relabel = Some(Relabel::Shared),
            "Z" => relabel = Some(Relabel::Private),
            // These tune Docker for macOS, and mean nothing to an engine on Linux.
            "cached" | "delegated" | "consistent" => {}
            other => {
                at.wrong(format!("fleet does not honour the mount option `{other}`"));
                return None;
            }
        }
    }
    Some((access, relabel))
}

/// A source with a path's look is a path; anything else names a volume.
fn read_origin(at: &Cursor, source: &str, relabel: Option<Relabel>) -> Option<MountOrigin> {
    if source.starts_with(['.', '/', '~']) {
        return read_path(at, source, HostPath::Create, relabel);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if source.is_empty() || !source.chars().all(allowed) {
        at.wrong_with_hint(format!("`{source}` is not a volume's name"), "a path begins with `./` or `/`");
        return None;
    }
    Some(MountOrigin::Volume(source.to_owned()))
}

fn read_path(at: &Cursor, path: &str, if_missing: HostPath, relabel: Option<Relabel>) -> Option<MountOrigin> {
    if path.starts_with('~') {
        at.wrong_with_hint("`~` means another folder on every host", "write an absolute path");
        return None;
    }
    let origin = if path.starts_with('/') {
        normal_absolute(path).map(|path| MountOrigin::Host { path, if_missing, relabel })
    } else {
        normal(path).map(|path| MountOrigin::Project { path, if_missing, relabel })
    };
    if origin.is_none() {
        at.wrong(format!("the path `{path}` leaves the project's folder"));
    }
    origin
}

fn read_target(at: &Cursor, target: &str) -> Option<String> {
    let normal = normal_absolute(target).filter(|target| target != "/");
    if normal.is_none() {
        at.wrong(format!("`{target}` is not an absolute path inside the container"));
    }
    normal
}
