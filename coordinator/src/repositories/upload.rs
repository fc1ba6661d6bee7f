//! Receives one file: it is written beside the repository until it is complete and matches its name, then moved to its
//! place and synced.
//!
//! **Invariant:** a file that exists was complete when its upload was confirmed, whatever crashed in between.
//! **Invariant:** an existing file is never written again.

use super::claims::Claim;
use super::disk::{Disk, DiskError, make_folder, sync_folder};
use super::quota::{Lease, OverQuota, Share};
use super::writer::Writer;
use crate::rpc_status::{failed, refuse};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use fleet_core::backup::FileKind;
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName};
use fleet_core::refused_call::{Attempt, FileRefusal};
use fleet_proto::convert::RepositoryFile;
use rustix::fs::RenameFlags;
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::task::spawn_blocking;
use tonic::Status;

/// Number of bytes by which space is claimed.
const PIECE: u64 = 4 << 20;

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// A file that is under way. Dropped before it was kept, it leaves nothing.
#[derive(Debug)]
pub struct Upload {
    file: RepositoryFile,
    disk: Arc<Disk>,
    aside: Aside,
    to: Writer,
    bytes: u64,
    claim: Claim,
    host: HostName,
    share: Share,
}

/// Path of an incomplete file.
#[derive(Debug)]
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        // Leftovers are removed at the next start.
        let _ = fs::remove_file(&self.0);
    }
}

impl Upload {
    /// Begins a file under the order that allows the host to add it.
    pub async fn begin(disk: Arc<Disk>, file: RepositoryFile, lease: Lease) -> Result<Self, Status> {
        let (of, repository, host) = (file.of.instance.clone(), file.of.repository.clone(), lease.host.clone());
        let place = Arc::clone(&disk);
        let uploads = disk.uploads(&file.of.repository);
        let first = largest(file.of.kind).min(PIECE);
        let opened = spawn_blocking(move || {
            let room = place.space()?.free.saturating_sub(place.reserve);
            let which = (&repository, &of);
            let added = match place.quotas.may_have_added(&lease, which) {
                true => place.added_since(which, lease.asked)?,
                false => 0,
            };
            let share = place.quotas.begin(&lease, which, (room, added))?;
            let claim = place.claim(&lease.host, &of, first)?;
            let aside = Aside(uploads.join(SERIAL.fetch_add(1, Relaxed).to_string()));
            let opened = make_folder(&uploads).and_then(|()| private(&aside.0));
            opened.map(|to| (to, aside, claim, share)).map_err(|source| wrong(&of, uploads, source))
        });
        let (to, aside, claim, share) = finished(opened.await).map_err(|error| status_of(&error))?;
        Ok(Self { file, disk, aside, to: Writer::new(to), bytes: 0, claim, host, share })
    }

    pub async fn add(&mut self, bytes: Bytes) -> Result<(), Status> {
        self.bytes += bytes.len() as u64;
        let limit = largest(self.file.of.kind);
        if self.bytes > limit {
            return Err(refuse(Attempt::KeepFile, FileRefusal::TooLarge { limit }, None));
        }
        self.share.add(bytes.len() as u64).map_err(|error| status_of(&error.into()))?;
        if self.to.take(bytes) { self.write().await } else { Ok(()) }
    }

    async fn write(&mut self) -> Result<(), Status> {
        let bytes = self.to.waiting();
        self.claim_room(bytes).await.map_err(|error| status_of(&error))?;
        self.to.write().await.map_err(|source| self.wrong(source))?;
        self.claim.written(bytes);
        Ok(())
    }

    /// Claims space for bytes before they are written.
    async fn claim_room(&mut self, bytes: u64) -> Result<(), UploadError> {
        if bytes <= self.claim.left() {
            return Ok(());
        }
        let (disk, of, host) = (Arc::clone(&self.disk), self.file.of.instance.clone(), self.host.clone());
        let more = spawn_blocking(move || Ok(disk.claim(&host, &of, PIECE.max(bytes))?));
        self.claim.add(finished(more.await)?);
        Ok(())
    }

    /// Stores the file if its content has the hash that the sender named.
    pub async fn keep(mut self, sha256: &str) -> Result<(), Status> {
        self.write().await?;
        let Self { file, disk, aside, to, bytes, claim: _claim, host: _, share } = self;
        let path = aside.0.clone();
        let sum = to.end().await.map_err(|source| status_of(&wrong(&file.of.instance, path, source)))?;
        if sum != sha256 {
            return Err(refuse(Attempt::KeepFile, FileRefusal::Differs, Hint::SendAgain));
        }
        if file.of.kind != FileKind::Config && sum != file.id {
            return Err(refuse(Attempt::KeepFile, FileRefusal::OtherName, None));
        }
        let kept = spawn_blocking(move || {
            check_room(&disk, &file.of.instance, bytes)?;
            if place(&disk, &file, &aside)? == Placed::New {
                share.kept();
            }
            Ok(())
        });
        finished(kept.await).map_err(|error| status_of(&error))
    }

    fn wrong(&self, source: io::Error) -> Status {
        status_of(&wrong(&self.file.of.instance, self.aside.0.clone(), source))
    }
}

/// The most bytes of a file.
fn largest(kind: FileKind) -> u64 {
    match kind {
        FileKind::Config | FileKind::Key => 64 << 10,
        FileKind::Snapshot => 8 << 20,
        FileKind::Index => 64 << 20,
        FileKind::Pack => 128 << 20,
    }
}

/// Reason why a file was not kept.
#[derive(Debug, thiserror::Error)]
enum UploadError {
    #[error("another file has that name already, and is not overwritten")]
    Occupied,
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Quota(#[from] OverQuota),
    #[error("its task ended unexpectedly")]
    Task,
}

fn status_of(error: &UploadError) -> Status {
    match error {
        UploadError::Occupied => refuse(Attempt::KeepFile, FileRefusal::Occupied, None),
        UploadError::Disk(DiskError::Full(instance)) => {
            refuse(Attempt::KeepFile, FileRefusal::DiskFull { instance: instance.clone() }, Hint::MakeRoom)
        }
        UploadError::Quota(OverQuota { instance, limit }) => {
            let refusal = FileRefusal::QuotaUsed { instance: instance.clone(), limit: *limit };
            refuse(Attempt::KeepFile, refusal, Hint::TakeLargerBackup)
        }
        UploadError::Disk(_) | UploadError::Task => failed(Attempt::KeepFile, error),
    }
}

fn finished<T>(ended: Result<Result<T, UploadError>, tokio::task::JoinError>) -> Result<T, UploadError> {
    ended.unwrap_or(Err(UploadError::Task))
}

/// Effect of an upload on the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    New,
    /// File that existed already, with the same bytes.
    Known,
}

/// Gives the file its name, if none is there.
fn place(disk: &Disk, file: &RepositoryFile, aside: &Aside) -> Result<Placed, UploadError> {
    let path = disk.path(file);
    let folder = path.parent().unwrap_or(&path).to_owned();
    let of = &file.of.instance;
    let wrong = |source| wrong(of, path.clone(), source);
    make_folder(&folder).map_err(wrong)?;
    match name_it(&aside.0, &path) {
        Ok(()) => {
            sync_folder(&folder).map_err(wrong)?;
            Ok(Placed::New)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_same = is_same(&aside.0, &path).map_err(wrong)?;
            if is_same { Ok(Placed::Known) } else { Err(UploadError::Occupied) }
        }
        Err(error) => Err(wrong(error)),
    }
}

/// Fails where the name is taken.
fn name_it(aside: &Path, path: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(rustix::fs::CWD, aside, rustix::fs::CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Some file systems cannot do that; but they have links, which do not replace anything either.
        Err(Errno::INVAL | Errno::NOSYS) => fs::hard_link(aside, path),
        Err(error) => Err(error.into()),
    }
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    if fs::metadata(one)?.len() != fs::metadata(other)?.len() {
        return Ok(false);
    }
    Ok(sum(one)? == sum(other)?)
}

fn sum(path: &Path) -> io::Result<String> {
    let (mut file, mut sum, mut piece) = (File::open(path)?, Sha256::new(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(HEXLOWER.encode(&sum.finalize())),
            read => sum.update(&piece[..read]),
        }
    }
}

fn private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Checks that enough space is left beside these bytes; bytes already written count as used.
fn check_room(disk: &Disk, of: &InstanceName, written: u64) -> Result<(), UploadError> {
    let space = disk.space()?;
    if space.free.saturating_add(written) < disk.reserve { Err(DiskError::Full(of.clone()).into()) } else { Ok(()) }
}

fn wrong(of: &InstanceName, path: PathBuf, source: io::Error) -> UploadError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskError::Full(of.clone()).into(),
        _ => DiskError::Io { path, source }.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::facts::testing::read;
    use crate::repositories::quota::{Purpose, tests::lease};
    use fleet_core::refused_call::CallRefusal;
    use fleet_core::time::Time;
    use fleet_proto::convert::RepositoryFiles;
    use fleet_proto::refusal::refused_call_of;
    use tonic::Code;

    fn requested() -> Lease {
        lease("lab-1", "backup", Purpose::Requested)
    }

    #[tokio::test]
    async fn a_file_that_would_reach_into_the_reserve_is_refused_while_it_comes() {
        let home = tempfile::tempdir().expect("a directory can be made");
        let mut disk = Disk::below(home.path());
        let of = RepositoryFiles { repository: read("central"), instance: read("notes-1"), kind: FileKind::Pack };
        let file = RepositoryFile { of, id: "0".repeat(64) };
        let mut upload = Upload::begin(Arc::new(disk.clone()), file, requested()).await.expect("there is room");
        upload.add(vec![7; 1 << 20].into()).await.expect("that is within what was promised");
        disk.reserve = u64::MAX >> 1;
        upload.disk = Arc::new(disk);
        let piece = vec![7; usize::try_from(PIECE).expect("it is small")];
        let full = upload.add(piece.into()).await.expect_err("there is no more");
        assert_eq!(full.code(), Code::ResourceExhausted);
    }

    fn config() -> RepositoryFile {
        let of = RepositoryFiles { repository: read("central"), instance: read("notes-1"), kind: FileKind::Config };
        RepositoryFile { of, id: String::new() }
    }

    #[tokio::test]
    async fn what_would_fill_the_disk_is_refused_and_leaves_nothing() {
        let home = tempfile::tempdir().expect("a directory can be made");
        let mut disk = Disk::below(home.path());
        let begun = Upload::begin(Arc::new(disk.clone()), config(), requested()).await;
        let mut upload = begun.expect("there is room");
        upload.add(Bytes::from_static(b"config")).await.expect("there is room");
        disk.reserve = u64::MAX;
        upload.disk = Arc::new(disk.clone());
        let full = upload.keep(&HEXLOWER.encode(&Sha256::digest(b"config"))).await.expect_err("it became full");
        assert_eq!(full.code(), Code::ResourceExhausted);
        let refusal = refused_call_of(&full).map(|call| call.refusal);
        assert_eq!(refusal, Some(FileRefusal::DiskFull { instance: read("notes-1") }.into()));
        let full =
            Upload::begin(Arc::new(disk.clone()), config(), requested()).await.map(|_| ()).expect_err("it is full");
        assert_eq!(full.code(), Code::ResourceExhausted);
        let left: Vec<_> = fs::read_dir(disk.uploads(&read("central"))).expect("it is there").collect();
        assert!(left.is_empty() && !disk.path(&config()).exists());
    }

    /// Adds random bytes as packs until it is refused; answers how many bytes were kept.
    async fn fill(disk: &Arc<Disk>, lease: &Lease, instance: &str, bytes: usize) -> u64 {
        let mut kept = 0;
        for number in 0_u32.. {
            let mut content = vec![0; bytes];
            content[..4].copy_from_slice(&number.to_le_bytes());
            let sum = HEXLOWER.encode(&Sha256::digest(&content));
            let of = RepositoryFiles { repository: read("central"), instance: read(instance), kind: FileKind::Pack };
            let file = RepositoryFile { of, id: sum.clone() };
            let adding = async {
                let mut upload = Upload::begin(Arc::clone(disk), file, lease.clone()).await?;
                upload.add(content.into()).await?;
                upload.keep(&sum).await
            };
            match adding.await {
                Ok(()) => kept += bytes as u64,
                Err(refused) => {
                    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
                    let Some(CallRefusal::File { refusal }) = refused_call_of(&refused).map(|call| call.refusal) else {
                        panic!("{refused}");
                    };
                    assert!(matches!(*refusal, FileRefusal::QuotaUsed { .. }), "{refused}");
                    return kept;
                }
            }
        }
        kept
    }

    #[tokio::test]
    async fn garbage_is_refused_at_its_quota_and_another_host_goes_on_to_add() {
        let home = tempfile::tempdir().expect("a directory can be made");
        let disk = Arc::new(Disk::below(home.path()));
        let scheduled = |host, id| lease(host, id, Purpose::Proof);
        let limit = 32 << 20;
        assert_eq!(fill(&disk, &scheduled("lab-1", "one"), "notes-1", 4 << 20).await, limit);
        let small = fill(&disk, &scheduled("lab-1", "two"), "notes-1", 4).await / 4;
        assert_eq!(small, limit / (64 << 10), "small files take up their part");
        assert_eq!(fill(&disk, &scheduled("lab-2", "three"), "notes-2", 8 << 20).await, limit);
        assert_eq!(disk.quotas.over().len(), 2);
    }

    #[tokio::test]
    async fn a_coordinator_that_starts_again_gives_an_order_no_second_quota() {
        let home = tempfile::tempdir().expect("a directory can be made");
        let asked = Lease { asked: clock::now(), ..lease("lab-1", "one", Purpose::Proof) };
        let (limit, half) = (32 << 20, 16 << 20);
        let before = Arc::new(Disk::below(home.path()));
        let of = RepositoryFiles { repository: read("central"), instance: read("notes-1"), kind: FileKind::Pack };
        for number in 0..4_u8 {
            let content = vec![200 + number; 4 << 20];
            let sum = HEXLOWER.encode(&Sha256::digest(&content));
            let file = RepositoryFile { of: of.clone(), id: sum.clone() };
            let mut upload = Upload::begin(Arc::clone(&before), file, asked.clone()).await.expect("there is room");
            upload.add(content.into()).await.expect("there is room");
            upload.keep(&sum).await.expect("there is room");
        }
        drop(before);
        let again = Arc::new(Disk::below(home.path()));
        assert_eq!(fill(&again, &asked, "notes-1", 4 << 20).await, half);
        let next = Arc::new(Disk::below(home.path()));
        let later = Lease { order: crate::facts::testing::order("two"), asked: Time(clock::now().0 + 1), ..asked };
        assert_eq!(fill(&next, &later, "notes-1", 2 << 20).await, limit, "another order has its own");
    }
}
