//! What of the host a volume gets at through the options of its driver.

use super::VolumeSpec;

impl VolumeSpec {
    /// The paths that the Engine's own driver hands to `mount`, as they are written. One that is relative is relative to a
    /// place that the Engine chose: nobody can allow it.
    pub fn host_paths(&self) -> impl Iterator<Item = &str> {
        let option = |key: &str| self.options.get(key).map(String::as_str);
        let (kind, flags) = (option("type").unwrap_or_default(), option("o").unwrap_or_default());
        let is_bind = flags.split(',').any(|flag| matches!(flag.trim(), "bind" | "rbind"));
        let is_memory = kind == "tmpfs" && !is_bind;
        let device = option("device").filter(|device| device.starts_with('/') || !is_memory && !is_remote(device));
        device.into_iter().chain(flags.split(',').flat_map(paths_in))
    }
}

/// `server:/export` is on another machine.
fn is_remote(device: &str) -> bool {
    device.split_once(":/").is_some_and(|(server, _)| !server.contains('/'))
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

    fn check(options: &[(&str, &str)], expect: &[&str]) {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (driver, labels) = (None, [].into());
        let volume =
            VolumeSpec { name: "lab".to_owned(), key: "lab".to_owned(), external: false, driver, options, labels };
        assert_eq!(volume.host_paths().collect::<Vec<_>>(), expect, "{volume:?}");
    }

    #[test]
    fn a_volume_gets_at_what_its_driver_mounts() {
        check(&[], &[]);
        check(&[("type", "none"), ("o", "bind"), ("device", "/etc")], &["/etc"]);
        check(&[("type", "none"), ("o", "rw,bind"), ("device", "../../etc")], &["../../etc"]);
        check(&[("type", "ext4"), ("device", "/dev/sda1")], &["/dev/sda1"]);
        check(&[("type", "cifs"), ("o", "credentials=/root/key"), ("device", "//lims/x")], &["//lims/x", "/root/key"]);
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
}
