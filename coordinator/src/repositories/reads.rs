//! Sends lists and pieces of files, each when the caller is ready for it.

use super::disk::{Disk, DiskError};
use super::said;
use crate::rpc_status::{failed, refuse};
use fleet_core::hint::Hint;
use fleet_core::refused_call::{Attempt, FileRefusal};
use fleet_proto::convert::{RepositoryFile, RepositoryFiles};
use fleet_proto::v1;
use fleet_repository::is_of_one_file;
use futures_util::stream::{Stream, unfold};
use std::io::{self, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// The most files in one message.
const TOGETHER: usize = 1000;
/// Time limit of the disk, or of the caller, for one message.
const IDLE: Duration = Duration::from_secs(60);
/// The most bytes in one message.
const PIECE: u64 = 256 * 1024;

/// Sends all files of a kind. A caller that does not read them in time gets no more.
pub fn list(disk: Arc<Disk>, files: RepositoryFiles) -> ReceiverStream<Result<v1::FileList, Status>> {
    list_within(disk, files, IDLE)
}

fn list_within(
    disk: Arc<Disk>,
    files: RepositoryFiles,
    idle: Duration,
) -> ReceiverStream<Result<v1::FileList, Status>> {
    let (sender, found) = mpsc::channel(2);
    let runtime = Handle::current();
    spawn_blocking(move || {
        let send = |message| runtime.block_on(sender.send_timeout(message, idle)).is_ok();
        let mut together = Vec::new();
        let listed = disk.list(&files, |id, bytes| {
            together.push(v1::FileFound { id, bytes });
            let is_full = together.len() == TOGETHER;
            !is_full || send(Ok(v1::FileList { files: std::mem::take(&mut together) }))
        });
        // A caller that has gone needs no end message.
        match listed {
            Ok(()) if together.is_empty() => true,
            Ok(()) => send(Ok(v1::FileList { files: together })),
            Err(error) => send(Err(failed(Attempt::ListFiles, &error))),
        }
    });
    ReceiverStream::new(found)
}

/// Reads one file from `offset` on; with a `length`, exactly that number of bytes.
pub async fn read(
    disk: &Disk,
    file: &RepositoryFile,
    offset: u64,
    length: u64,
) -> Result<impl Stream<Item = Result<v1::FilePiece, Status>> + Send + 'static + use<>, Status> {
    let path = disk.path(file);
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => {
            refuse(Attempt::ReadFile, FileRefusal::Missing { instance: file.of.instance.clone() }, None)
        }
        _ => not_read(&path, source),
    };
    let mut from = tokio::fs::File::open(&path).await.map_err(unreadable)?;
    let bytes = from.metadata().await.map_err(unreadable)?.len();
    let end = if length == 0 { Some(bytes) } else { offset.checked_add(length) };
    let Some(end) = end.filter(|end| *end <= bytes && offset <= *end) else {
        return Err(refuse(Attempt::ReadFile, FileRefusal::OutOfFile { bytes }, None));
    };
    from.seek(SeekFrom::Start(offset)).await.map_err(unreadable)?;
    Ok(unfold(Some((from, end - offset)), move |state| {
        let path = path.clone();
        async move {
            let (mut from, left) = state.filter(|(_, left)| *left > 0)?;
            let mut bytes = vec![0; usize::try_from(left.min(PIECE)).unwrap_or_default()];
            let late = |_| io::Error::from(io::ErrorKind::TimedOut);
            match timeout(IDLE, from.read_exact(&mut bytes)).await.map_err(late).flatten() {
                Ok(read) => Some((Ok(v1::FilePiece { bytes: bytes.into() }), Some((from, left - read as u64)))),
                Err(error) => Some((Err(not_read(&path, error)), None)),
            }
        }
    }))
}

/// A file that the disk cannot give is damaged, and no reason to come back later: the others are as they were.
fn not_read(path: &Path, source: io::Error) -> Status {
    let is_damaged = is_of_one_file(&source);
    let error = DiskError::Io { path: path.to_owned(), source };
    match is_damaged {
        true => refuse(Attempt::ReadFile, FileRefusal::Damaged { problem: said(&error) }, Hint::VerifyBackups),
        false => failed(Attempt::ReadFile, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::read as named;
    use crate::repositories::disk::make_folder;
    use fleet_core::backup::FileKind;
    use tonic::Code;

    #[test]
    fn a_file_that_the_disk_cannot_give_is_lost_and_a_disk_that_is_away_is_not() {
        let of = |code| not_read(Path::new("/repositories/a"), io::Error::from_raw_os_error(code)).code();
        assert_eq!([5, 74, 117].map(of), [Code::DataLoss; 3], "EIO, EBADMSG, EUCLEAN");
        assert_eq!([13, 110].map(of), [Code::Unavailable; 2], "EACCES, ETIMEDOUT");
    }

    #[tokio::test]
    async fn whoever_does_not_take_what_it_asked_for_holds_nobody_for_ever() {
        let home = tempfile::tempdir().expect("a directory can be made");
        let disk = Arc::new(Disk::below(home.path()));
        let files = RepositoryFiles { repository: named("central"), instance: named("notes-1"), kind: FileKind::Key };
        let folder = disk.folder_of(&files);
        make_folder(&folder).expect("there is room");
        for number in 0..TOGETHER * 4 {
            std::fs::write(folder.join(format!("{number:064x}")), "").expect("there is room");
        }
        // Two messages wait for it, and the channel is full for a third.
        let mut found = list_within(disk, files, Duration::from_millis(50)).into_inner();
        let given_up = async {
            while !found.is_closed() {
                tokio::task::yield_now().await;
            }
        };
        timeout(IDLE, given_up).await.expect("nobody waits for ever");
        let mut messages = 0;
        while found.recv().await.is_some() {
            messages += 1;
        }
        assert_eq!(messages, 2, "the rest was given up");
    }
}
