//! A small disk of its own, to be filled up.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub struct Disk(TempDir);

impl Disk {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=500m", "tmpfs"]).arg(folder.path()).status();
        assert!(mount.expect("mount runs").success(), "this test needs root");
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the disk up to about `free` bytes until the returned value is dropped.
    pub fn fill(&self, free: u64) -> Ballast {
        let found = rustix::fs::statvfs(self.path()).expect("it is there");
        let taken = (found.f_bavail * found.f_frsize).saturating_sub(free);
        let path = self.path().join("ballast");
        let filled = Command::new("fallocate").args(["-l", &taken.to_string()]).arg(&path).status();
        assert!(filled.expect("fallocate runs").success());
        Ballast(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

pub struct Ballast(PathBuf);

impl Drop for Ballast {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
