//! Giving files out: lists and pieces, each when whoever asked is ready for it.

use super::disk::{Disk, DiskError};
use crate::serve::{failed, refused};
use fleet_proto::convert::{RepositoryFile, RepositoryFiles};
use fleet_proto::v1;
use futures_util::stream::{Stream, unfold};
use std::io::{self, SeekFrom};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

/// The most files in one message.
const TOGETHER: usize = 1000;
/// The most bytes in one message.
const PIECE: u64 = 64 * 1024;

/// All files of a kind.
pub fn list(disk: Arc<Disk>, files: RepositoryFiles) -> ReceiverStream<Result<v1::FileList, Status>> {
    let (sender, found) = mpsc::channel(2);
    spawn_blocking(move || {
        let mut together = Vec::new();
        let listed = disk.list(&files, |id, bytes| {
            together.push(v1::FileFound { id, bytes });
            let is_full = together.len() == TOGETHER;
            !is_full || sender.blocking_send(Ok(v1::FileList { files: std::mem::take(&mut together) })).is_ok()
        });
        // Whoever does not listen any more needs no end.
        let _ = match listed {
            Ok(()) if together.is_empty() => Ok(()),
            Ok(()) => sender.blocking_send(Ok(v1::FileList { files: together })),
            Err(error) => sender.blocking_send(Err(failed("could not list the repository", &error))),
        };
    });
    ReceiverStream::new(found)
}

/// One file from `offset` on; with a `length`, exactly so much of it.
pub async fn read(
    disk: &Disk,
    file: &RepositoryFile,
    offset: u64,
    length: u64,
) -> Result<impl Stream<Item = Result<v1::FilePiece, Status>> + Send + 'static + use<>, Status> {
    let path = disk.path(file);
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => {
            refused(Code::NotFound, DiskError::Missing(file.of.instance.clone()).to_string(), "")
        }
        _ => failed("could not read the file", &DiskError::Io { path: path.clone(), source }),
    };
    let mut from = tokio::fs::File::open(&path).await.map_err(unreadable)?;
    let bytes = from.metadata().await.map_err(unreadable)?.len();
    let end = if length == 0 { Some(bytes) } else { offset.checked_add(length) };
    let Some(end) = end.filter(|end| *end <= bytes && offset <= *end) else {
        let text = format!("could not read the file: it has {bytes} bytes, and not those that were asked for");
        return Err(refused(Code::OutOfRange, text, ""));
    };
    from.seek(SeekFrom::Start(offset)).await.map_err(unreadable)?;
    Ok(unfold(Some((from, end - offset)), |state| async move {
        let (mut from, left) = state.filter(|(_, left)| *left > 0)?;
        let mut bytes = vec![0; usize::try_from(left.min(PIECE)).unwrap_or_default()];
        match from.read_exact(&mut bytes).await {
            Ok(read) => Some((Ok(v1::FilePiece { bytes }), Some((from, left - read as u64)))),
            Err(error) => Some((Err(failed("could not read the file", &error)), None)),
        }
    }))
}
