//! The long form of a mount.

use super::tmpfs::read_octal;
use super::{read_origin, read_path, read_target};
use crate::compose::cursor::Cursor;
use crate::compose::keys::refuse;
use crate::compose::{Mount, MountOrigin};
use crate::spec::{HostPath, MountAccess, Relabel, Switch};
use crate::units::Size;

const LONG_KEYS: [&str; 7] = ["type", "source", "target", "read_only", "bind", "volume", "tmpfs"];

pub fn read_long(at: &Cursor) -> Option<Mount> {
    let (mut kind, mut source, mut target) = (String::new(), None, None);
    let (mut access, mut options) = (MountAccess::ReadWrite, Options::default());
    for (key, at) in at.entries() {
        match key {
            "type" => kind = at.string().unwrap_or_default(),
            "source" => source = at.string(),
            "target" => target = at.string().and_then(|target| read_target(&at, &target)),
            "read_only" if at.switch().is_some_and(Switch::is_on) => access = MountAccess::ReadOnly,
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

fn read_long_origin(at: &Cursor, kind: &str, source: Option<&str>, options: &Options) -> Option<MountOrigin> {
    if let Some(other) = &options.section
        && other != kind
    {
        at.wrong(format!("`{other}` has no meaning for a mount of the type `{kind}`"));
    }
    match (kind, source) {
        ("volume", None) => Some(MountOrigin::Anonymous),
        ("volume", Some(name)) if !name.starts_with(['.', '/', '~']) => read_origin(at, name, None),
        ("bind", Some(path)) => read_path(at, path, options.if_missing, options.relabel),
        ("tmpfs", None) => Some(MountOrigin::Tmpfs { size: options.size, mode: options.mode }),
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

/// Sections `bind`, `volume` and `tmpfs` of the long form.
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
    if at.switch().is_some_and(Switch::is_on) { HostPath::Create } else { HostPath::Refuse }
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
