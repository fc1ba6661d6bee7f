//! Targets of a volume by its driver and options.

use super::VolumeSpec;

/// Something outside of the instance to which a volume leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolumeTarget {
    /// A path of the host, as it is written.
    Path(String),
    /// A file system on a server, as `type://server[:port]/path`.
    Share(String),
    /// A driver other than the Engine's own, which may reach anything.
    Driver(String),
}

/// The types of file systems that lie on their device: a path of the host.
const ON_PATHS: [&str; 24] = [
    "", "none", "bind", "bcachefs", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfs", "hfsplus",
    "iso9660", "jfs", "msdos", "ntfs", "ntfs3", "overlay", "reiserfs", "squashfs", "udf", "vfat", "xfs",
];
/// The types of file systems on servers, with the word for each in policies.
const ON_SERVERS: [(&str, &str); 14] = [
    ("nfs", "nfs"),
    ("nfs4", "nfs"),
    ("cifs", "cifs"),
    ("smb3", "cifs"),
    ("smbfs", "cifs"),
    ("9p", "9p"),
    ("afs", "afs"),
    ("ceph", "ceph"),
    ("coda", "coda"),
    ("davfs", "davfs"),
    ("glusterfs", "glusterfs"),
    ("lustre", "lustre"),
    ("orangefs", "orangefs"),
    ("sshfs", "sshfs"),
];
/// Options of `mount` that name the server. They outrank the device.
const SERVERS: [&str; 4] = ["addr", "ip", "mountaddr", "mon_addr"];
/// Options of `mount` that name the source instead of the device.
const SOURCES: [&str; 4] = ["source", "unc", "target", "prefixpath"];

impl VolumeSpec {
    /// Returns the paths that the driver uses, as written. A relative one depends on a folder of the Engine, so that no
    /// policy can allow it.
    pub fn host_paths(&self) -> impl Iterator<Item = &str> {
        self.device_paths().into_iter().chain(self.flags().flat_map(paths_in)).chain(self.paths_of_others())
    }

    /// Returns all targets, each once.
    pub fn targets(&self) -> Vec<VolumeTarget> {
        let paths = self.host_paths().map(|path| VolumeTarget::Path(path.to_owned()));
        let shares = self.shares().into_iter().map(VolumeTarget::Share);
        let driver = self.other_driver().map(|driver| VolumeTarget::Driver(driver.to_owned()));
        let mut targets: Vec<VolumeTarget> = paths.chain(shares).chain(driver).collect();
        targets.sort();
        targets.dedup();
        targets
    }

    fn device_paths(&self) -> Vec<&str> {
        let (kind, device) = (self.option("type").unwrap_or_default(), self.option("device"));
        if self.is_bind() || ON_PATHS.contains(&kind) {
            return device.into_iter().collect();
        }
        let path = device.filter(|device| device.starts_with('/'));
        if self.is_memory() {
            return path.into_iter().collect();
        }
        match self.server_kind() {
            Some(_) => path.filter(|path| !is_unc(path)).into_iter().collect(),
            // File systems of the kernel, such as `proc`, belong to the host whatever the device is.
            None => path.into_iter().chain([kind]).collect(),
        }
    }

    /// Returns every absolute path in the options of other drivers, because their meaning is unknown.
    fn paths_of_others(&self) -> impl Iterator<Item = &str> {
        let values = self.options.values().filter(|_| self.other_driver().is_some());
        values.map(String::as_str).filter(|value| value.starts_with('/'))
    }

    /// Returns the shares that are mounted from servers. If the options name several, each counts.
    fn shares(&self) -> Vec<String> {
        let Some(kind) = self.server_kind().filter(|_| !self.is_bind()) else { return Vec::new() };
        let device = self.option("device").unwrap_or_default();
        let (server, path) = parts_of(device);
        let path = if path.is_empty() { self.flags_of(&["aname"]).next().unwrap_or_default() } else { path };
        let mut servers: Vec<&str> = self.flags_of(&SERVERS).collect();
        let others: Vec<&str> = self.flags_of(&SOURCES).collect();
        // A socket of the host: a path.
        let is_path = device.starts_with('/') && !is_unc(device);
        if servers.is_empty() && !(is_path && others.is_empty()) {
            servers.push(server);
        }
        let ports: String = self.flags_of(&["port", "mountport"]).map(|port| format!(":{port}")).collect();
        let at = |server: &str| share(kind, &format!("{server}{ports}/{}", path.trim_start_matches('/')));
        let other = |source: &str| share(kind, source.trim_start_matches(['/', '\\']));
        servers.into_iter().map(at).chain(others.into_iter().map(other)).collect()
    }

    /// The word for file systems on servers of its type.
    fn server_kind(&self) -> Option<&'static str> {
        let kind = self.option("type").unwrap_or_default();
        let kind = kind.strip_prefix("fuse.").unwrap_or(kind);
        ON_SERVERS.iter().find(|(name, _)| *name == kind).map(|(_, word)| *word)
    }

    fn other_driver(&self) -> Option<&str> {
        // The Engine names a plugin with its tag.
        let driver = self.driver.as_deref().map(|driver| driver.strip_suffix(":latest").unwrap_or(driver));
        driver.filter(|driver| !driver.is_empty() && *driver != "local")
    }

    fn option(&self, key: &str) -> Option<&str> {
        self.options.get(key).map(String::as_str)
    }

    fn flags(&self) -> impl Iterator<Item = &str> {
        self.option("o").unwrap_or_default().split(',')
    }

    fn flags_of<'a>(&'a self, keys: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let pairs = self.flags().filter_map(|flag| flag.split_once('='));
        pairs.filter(|(key, _)| keys.contains(&key.trim())).map(|(_, value)| value.trim())
    }

    fn is_bind(&self) -> bool {
        self.flags().any(|flag| matches!(flag.trim(), "bind" | "rbind"))
    }

    fn is_memory(&self) -> bool {
        self.option("type") == Some("tmpfs") && !self.is_bind()
    }
}

fn share(kind: &str, rest: &str) -> String {
    format!("{kind}://{}", rest.trim_end_matches('/'))
}

/// `//server/share` and `\\server\share`.
fn is_unc(device: &str) -> bool {
    device.starts_with("//") || device.starts_with("\\\\")
}

/// The server and the path of a device: `server:/path`, `//server/path`, or a server alone.
fn parts_of(device: &str) -> (&str, &str) {
    if is_unc(device) {
        let rest = device.trim_start_matches(['/', '\\']);
        return rest.split_once(['/', '\\']).unwrap_or((rest, ""));
    }
    match device.split_once(":/") {
        Some((server, path)) if !server.contains('/') => (server, path),
        Some(_) | None if device.starts_with('/') => ("", device),
        Some(_) | None => (device, ""),
    }
}

/// The paths in one flag: layers of an overlay, a file with credentials.
fn paths_in(flag: &str) -> impl Iterator<Item = &str> {
    let (key, value) = flag.split_once('=').unwrap_or_default();
    let is_layer = matches!(key.trim(), "lowerdir" | "upperdir" | "workdir");
    value.split(':').filter(move |part| part.starts_with('/') || is_layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(driver: Option<&str>, options: &[(&str, &str)]) -> VolumeSpec {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (driver, labels) = (driver.map(str::to_owned), [].into());
        VolumeSpec { name: "lab".to_owned(), key: "lab".to_owned(), external: false, driver, options, labels }
    }

    fn check(options: &[(&str, &str)], expect: &[&str]) {
        let volume = volume(None, options);
        assert_eq!(volume.host_paths().collect::<Vec<_>>(), expect, "{volume:?}");
    }

    #[test]
    fn a_volume_gets_at_what_its_driver_mounts() {
        check(&[], &[]);
        check(&[("type", "none"), ("o", "bind"), ("device", "/etc")], &["/etc"]);
        check(&[("type", "none"), ("o", "rw,bind"), ("device", "../../etc")], &["../../etc"]);
        check(&[("type", "ext4"), ("device", "/dev/sda1")], &["/dev/sda1"]);
        check(&[("type", "cifs"), ("o", "credentials=/root/key"), ("device", "//lims/x")], &["/root/key"]);
        check(&[("type", "none"), ("o", "bind"), ("device", "//lims/x")], &["//lims/x"]);
    }

    #[test]
    fn a_layer_of_an_overlay_is_a_path_too() {
        let layers = ("o", "lowerdir=/etc:usr,upperdir=/srv/up");
        check(&[("type", "overlay"), layers, ("device", "overlay")], &["overlay", "/etc", "usr", "/srv/up"]);
    }

    #[test]
    fn memory_and_other_machines_are_not_the_hosts() {
        check(&[("type", "tmpfs"), ("o", "size=1m"), ("device", "tmpfs")], &[]);
        check(&[("type", "nfs"), ("o", "addr=10.0.0.1,rw"), ("device", ":/export")], &[]);
        check(&[("type", "nfs"), ("device", "lims.lab:/export")], &[]);
        check(&[("type", "tmpfs"), ("o", "bind"), ("device", "etc")], &["etc"]);
        check(&[("type", "nfs"), ("o", "bind"), ("device", "../x:/etc")], &["../x:/etc"]);
    }

    #[test]
    fn a_file_system_of_the_kernel_is_the_hosts_whatever_its_device() {
        check(&[("type", "proc"), ("device", "proc")], &["proc"]);
        check(&[("type", "proc"), ("device", "/data/files")], &["/data/files", "proc"]);
        check(&[("type", "devtmpfs"), ("device", "any:/x")], &["devtmpfs"]);
    }

    #[test]
    fn what_is_mounted_from_a_server_is_named_with_type_server_and_path() {
        for (kind, flags, device, expect) in [
            ("nfs", "addr=127.0.0.1,rw", ":/export", &["nfs://127.0.0.1/export"][..]),
            ("nfs4", "", "lims.lab:/export/", &["nfs://lims.lab/export"]),
            ("nfs", "addr=127.0.0.1,port=2050", "lims.lab:/x", &["nfs://127.0.0.1:2050/x"]),
            ("nfs", "addr=10.0.0.1,mountaddr=127.0.0.1", ":/x", &["nfs://10.0.0.1/x", "nfs://127.0.0.1/x"]),
            ("nfs", "addr=127.0.0.1", "/x", &["nfs://127.0.0.1/x"]),
            ("cifs", "username=u", "//lims/share", &["cifs://lims/share"]),
            ("smb3", "ip=127.0.0.1", "\\\\lims\\share", &["cifs://127.0.0.1/share"]),
            ("cifs", "unc=//other/c$", "//lims/share", &["cifs://lims/share", "cifs://other/c$"]),
            ("9p", "trans=tcp,aname=/srv", "10.0.0.5", &["9p://10.0.0.5/srv"]),
            ("9p", "trans=unix", "/run/9p.sock", &[]),
            ("fuse.sshfs", "", "me@lims:/srv", &["sshfs://me@lims/srv"]),
            ("tmpfs", "addr=1.2.3.4", ":/x", &[]),
            ("nfs", "bind", "/etc", &[]),
        ] {
            let volume = volume(Some("local"), &[("type", kind), ("o", flags), ("device", device)]);
            assert_eq!(volume.shares(), expect, "{kind} {flags} {device}");
        }
    }

    #[test]
    fn a_driver_that_is_not_the_engines_own_counts_with_each_absolute_path_of_its_options() {
        let path = |path: &str| VolumeTarget::Path(path.to_owned());
        let sshfs = volume(Some("vieux/sshfs"), &[("sshcmd", "me@lims:/srv"), ("IdentityFile", "/root/key")]);
        assert_eq!(sshfs.targets(), [path("/root/key"), VolumeTarget::Driver("vieux/sshfs".to_owned())]);
        assert_eq!(volume(Some("local"), &[]).targets(), []);
        assert_eq!(volume(Some(""), &[]).targets(), []);
    }
}
