//! The files of repositories as a coordinator keeps them, in memory, with faults on request.

use fleet_proto::v1::repositories_server::Repositories;
use fleet_proto::v1::{AddFile, Added, FileFound, FileList, FileName, FilePiece, ListFiles, ReadFile, add_file};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tonic::{Request, Response, Status, Streaming};

type Key = (String, String, i32, String);

#[derive(Debug, Clone, Default)]
pub struct RepositoryFiles {
    pub kept: Arc<Mutex<BTreeMap<Key, Vec<u8>>>>,
    /// Number of calls that fail in a row, as if the connection had broken.
    pub breaks: Arc<Mutex<u32>>,
    /// Answer to every upload.
    pub refusal: Arc<Mutex<Option<Status>>>,
}

impl RepositoryFiles {
    fn pass(&self) -> Result<(), Status> {
        let mut breaks = self.breaks.lock().expect("no fault");
        if *breaks == 0 {
            return Ok(());
        }
        *breaks -= 1;
        Err(Status::unavailable("the connection broke"))
    }
}

fn key(name: Option<&FileName>) -> Result<Key, Status> {
    let name = name.ok_or_else(|| Status::invalid_argument("no file is named"))?;
    Ok((name.repository.clone(), name.instance.clone(), name.kind, name.id.clone()))
}

#[tonic::async_trait]
impl Repositories for RepositoryFiles {
    type ListStream = BoxStream<'static, Result<FileList, Status>>;
    type ReadStream = BoxStream<'static, Result<FilePiece, Status>>;

    async fn list(&self, request: Request<ListFiles>) -> Result<Response<Self::ListStream>, Status> {
        self.pass()?;
        let (repository, instance, kind, _) = key(request.get_ref().of.as_ref())?;
        let kept = self.kept.lock().expect("no fault");
        let of_kind = kept.iter().filter(|((r, i, k, _), _)| (r, i, *k) == (&repository, &instance, kind));
        let files: Vec<_> =
            of_kind.map(|((.., id), bytes)| FileFound { id: id.clone(), bytes: bytes.len() as u64 }).collect();
        let pieces: Vec<_> = files.chunks(2).map(|files| Ok(FileList { files: files.to_vec() })).collect();
        Ok(Response::new(stream::iter(pieces).boxed()))
    }

    async fn read(&self, request: Request<ReadFile>) -> Result<Response<Self::ReadStream>, Status> {
        self.pass()?;
        let ReadFile { file, offset, length } = request.into_inner();
        let kept = self.kept.lock().expect("no fault");
        let bytes = kept.get(&key(file.as_ref())?).ok_or_else(|| Status::not_found("there is no such file"))?;
        let from = usize::try_from(offset).expect("small").min(bytes.len());
        let length = if length == 0 { bytes.len() } else { usize::try_from(length).expect("small") };
        let range = &bytes[from..bytes.len().min(from.saturating_add(length))];
        let pieces: Vec<_> =
            range.chunks(64 * 1024).map(|bytes| Ok(FilePiece { bytes: bytes.to_vec().into() })).collect();
        Ok(Response::new(stream::iter(pieces).boxed()))
    }

    async fn add(&self, request: Request<Streaming<AddFile>>) -> Result<Response<Added>, Status> {
        self.pass()?;
        assert!(request.peer_certs().is_some(), "whoever adds has a certificate");
        let (mut messages, mut name, mut bytes, mut sha256) = (request.into_inner(), None, Vec::new(), None);
        while let Some(message) = messages.message().await? {
            match message.kind {
                Some(add_file::Kind::Begin(begin)) => name = Some(begin),
                Some(add_file::Kind::Bytes(piece)) => {
                    assert!(piece.len() <= 256 * 1024, "pieces are small");
                    bytes.extend(piece);
                }
                Some(add_file::Kind::Sha256(hash)) => sha256 = Some(hash),
                None => return Err(Status::invalid_argument("nothing was said")),
            }
        }
        if let Some(refusal) = self.refusal.lock().expect("no fault").clone() {
            return Err(refusal);
        }
        let found = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
        if sha256.as_deref() != Some(found.as_str()) {
            return Err(Status::invalid_argument("it is not whole"));
        }
        let key = key(name.as_ref())?;
        let mut kept = self.kept.lock().expect("no fault");
        match kept.get(&key) {
            Some(there) if *there != bytes => Err(Status::already_exists("another file has that name")),
            _ => {
                kept.insert(key, bytes);
                Ok(Response::new(Added {}))
            }
        }
    }
}
