//! `volumes` and `tmpfs`: what a container finds mounted, in short and in long form.

use super::{Kind, Notes};
use crate::compose::cursor::Cursor;
use crate::compose::keys::refuse;
use crate::compose::{Mount, Origin, Service};
use crate::paths::{normal, normal_absolute};
use crate::spec::{Access, HostPath, Relabel};
use crate::units::Size;

const LONG_KEYS: [&str; 7] = ["type", "source", "target", "read_only", "bind", "volume", "tmpfs"];

pub fn read_volumes(service: &mut Service, at: &Cursor, notes: &mut Notes) {
    for at in at.items() {
        let mount = if at.is_map() { read_long(&at) } else { read_short(&at) };
        if let Some(mount) = mount {
            add(service, mount, &at, notes);
        }
    }
}

pub fn read_tmpfs(service: &mut Service, at: &Cursor) {
    for at in at.items_or_self() {
        let Some(text) = at.string() else { continue };
        let (target, options) = text.split_once(':').unwrap_or((&text, ""));
        let origin = read_tmpfs_options(&at, options);
        if let (Some(target), Some(origin)) = (read_target(&at, target), origin) {
            add(service, Mount { origin, target, access: Access::ReadWrite }, &at, &mut Notes::default());
        }
    }
}

fn add(service: &mut Service, mount: Mount, at: &Cursor, notes: &mut Notes) {
    if service.mounts.iter().any(|known| known.target == mount.target) {
        at.wrong(format!("something else is mounted at `{}` already", mount.target));
    }
    if let Origin::Volume(name) = &mount.origin {
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
    let origin = source.map_or(Some(Origin::Anonymous), |source| read_origin(at, source, relabel))?;
    Some(Mount { origin, target, access })
}

fn read_mode(at: &Cursor, mode: &str) -> Option<(Access, Option<Relabel>)> {
    let (mut access, mut relabel) = (Access::ReadWrite, None);
    for option in mode.split(',').filter(|option| !option.is_empty()) {
        match option {
            "rw" => access = Access::ReadWrite,
            "ro" => access = Access::ReadOnly,
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
fn read_origin(at: &Cursor, source: &str, relabel: Option<Relabel>) -> Option<Origin> {
    if source.starts_with(['.', '/', '~']) {
        return read_path(at, source, HostPath::Create, relabel);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if source.is_empty() || !source.chars().all(allowed) {
        at.wrong_with_hint(format!("`{source}` is not a volume's name"), "a path begins with `./` or `/`");
        return None;
    }
    Some(Origin::Volume(source.to_owned()))
}

fn read_path(at: &Cursor, path: &str, if_missing: HostPath, relabel: Option<Relabel>) -> Option<Origin> {
    if path.starts_with('~') {
        at.wrong_with_hint("`~` means another folder on every host", "write an absolute path");
        return None;
    }
    let origin = if path.starts_with('/') {
        normal_absolute(path).map(|path| Origin::Host { path, if_missing, relabel })
    } else {
        normal(path).map(|path| Origin::Project { path, if_missing, relabel })
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

fn read_long(at: &Cursor) -> Option<Mount> {
    let (mut kind, mut source, mut target) = (String::new(), None, None);
    let (mut access, mut options) = (Access::ReadWrite, Options::default());
    for (key, at) in at.entries() {
        match key {
            "type" => kind = at.string().unwrap_or_default(),
            "source" => source = at.string(),
            "target" => target = at.string().and_then(|target| read_target(&at, &target)),
            "read_only" if at.switch().is_some_and(crate::spec::Switch::is_on) => access = Access::ReadOnly,
            "read_only" => {}
            "bind" | "volume" | "tmpfs" => options.read(key, &at),
            other => refuse(&at, other, &LONG_KEYS),
        }
    }
    let target = target.or_else(|| {
        at.wrong("`target`, an absolute path inside the container, is missing");
        None
    })?;
    let origin = read_long_origin(at, &kind, source.as_deref(), &options)?;
    Some(Mount { origin, target, access })
}

fn read_long_origin(at: &Cursor, kind: &str, source: Option<&str>, options: &Options) -> Option<Origin> {
    if let Some(other) = &options.section
        && other != kind
    {
        at.wrong(format!("`{other}` has no meaning for a mount of the type `{kind}`"));
    }
    match (kind, source) {
        ("volume", None) => Some(Origin::Anonymous),
        ("volume", Some(name)) if !name.starts_with(['.', '/', '~']) => read_origin(at, name, None),
        ("bind", Some(path)) => read_path(at, path, options.if_missing, options.relabel),
        ("tmpfs", None) => Some(Origin::Tmpfs { size: options.size, mode: options.mode }),
        ("volume" | "bind" | "tmpfs", _) => {
            at.wrong("`source` does not fit the mount's type");
            None
        }
        (other, _) => {
            at.wrong(format!("the type must be `volume`, `bind` or `tmpfs`, not `{other}`"));
            None
        }
    }
}

/// What the sections `bind`, `volume` and `tmpfs` of the long form say.
struct Options {
    section: Option<String>,
    if_missing: HostPath,
    relabel: Option<Relabel>,
    size: Option<Size>,
    mode: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { section: None, if_missing: HostPath::Refuse, relabel: None, size: None, mode: None }
    }
}

impl Options {
    fn read(&mut self, section: &str, at: &Cursor) {
        self.section = Some(section.to_owned());
        for (key, at) in at.entries() {
            match (section, key) {
                ("bind", "create_host_path") => self.if_missing = read_if_missing(&at),
                ("bind", "selinux") => self.relabel = read_relabel(&at),
                ("tmpfs", "size") => self.size = at.parse_or_say(),
                ("tmpfs", "mode") => self.mode = at.string().and_then(|mode| read_octal(&at, &mode)),
                (_, other) => refuse(&at, other, &["create_host_path", "selinux", "size", "mode"]),
            }
        }
    }
}

fn read_if_missing(at: &Cursor) -> HostPath {
    if at.switch().is_some_and(crate::spec::Switch::is_on) { HostPath::Create } else { HostPath::Refuse }
}

fn read_relabel(at: &Cursor) -> Option<Relabel> {
    match at.string()?.as_str() {
        "z" => Some(Relabel::Shared),
        "Z" => Some(Relabel::Private),
        other => {
            at.wrong(format!("this must be `z` or `Z`, not `{other}`"));
            None
        }
    }
}

fn read_octal(at: &Cursor, text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o7777);
    if mode.is_none() {
        at.wrong(format!("`{text}` is not a mode in octal digits, such as `1777`"));
    }
    mode
}

/// Reads the options of the short form: `size=64m,mode=1777`.
fn read_tmpfs_options(at: &Cursor, options: &str) -> Option<Origin> {
    let (mut size, mut mode) = (None, None);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("size", text)) => {
                size = Some(text.parse().map_err(|_| at.wrong(format!("`{text}` is not a size"))).ok()?)
            }
            Some(("mode", text)) => mode = Some(read_octal(at, text)?),
            Some(_) | None => {
                at.wrong(format!("fleet does not honour the tmpfs option `{option}`"));
                return None;
            }
        }
    }
    Some(Origin::Tmpfs { size, mode })
}
