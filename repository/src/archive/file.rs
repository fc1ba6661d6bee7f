//! One file of a folder. It is opened only when it is read, and read to the length that was found by the walk.

use super::sample::Stamp;
use super::walk::Noted;
use rustic_core::{ErrorKind, ReadSourceOpen, RusticError, RusticResult};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

/// A file that is opened only when it is read.
pub(super) struct Unopened {
    /// Path in the snapshot.
    pub(super) path: PathBuf,
    pub(super) disk: PathBuf,
    pub(super) stamp: Stamp,
    pub(super) noted: Arc<Noted>,
}

impl ReadSourceOpen for Unopened {
    type Reader = Capped;

    fn open(self) -> RusticResult<Capped> {
        // Neither a link nor a pipe that replaced the file meanwhile may redirect or block the read.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
        let opened = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(&self.disk);
        let checked = opened.and_then(|file| {
            let metadata = file.metadata()?;
            if metadata.is_file() { Ok((file, metadata)) } else { Err(io::ErrorKind::NotFound.into()) }
        });
        match checked {
            Ok((file, metadata)) => {
                let is_noted = Stamp::of(&metadata) != self.stamp;
                if is_noted {
                    self.noted.changed(&self.disk);
                }
                let left = self.stamp.size;
                Ok(Capped { file, disk: self.disk, stamp: self.stamp, left, is_noted, noted: self.noted })
            }
            Err(error) => {
                let is_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
                let error = if is_link { io::ErrorKind::NotFound.into() } else { error };
                self.noted.left_out(&self.path, &self.disk, self.stamp.size, &error);
                Err(RusticError::with_source(ErrorKind::InputOutput, "a file cannot be opened", error))
            }
        }
    }
}

/// Yields exactly the number of bytes that the file had when it was found, because its metadata was written first.
pub(super) struct Capped {
    file: File,
    disk: PathBuf,
    stamp: Stamp,
    left: u64,
    is_noted: bool,
    noted: Arc<Noted>,
}

impl Read for Capped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.file.read(&mut buffer[..most]);
        let count = match read {
            Ok(0) => {
                if !self.is_noted {
                    self.is_noted = true;
                    self.noted.changed(&self.disk);
                }
                buffer[..most].fill(0);
                most
            }
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                self.noted.gate.shut(&self.disk.display().to_string(), &error.to_string());
                return Err(error);
            }
        };
        self.noted.activity.beat();
        self.left -= count as u64;
        if self.left == 0 && !self.is_noted && self.file.metadata().is_ok_and(|now| Stamp::of(&now) != self.stamp) {
            self.is_noted = true;
            self.noted.changed(&self.disk);
        }
        Ok(count)
    }
}
