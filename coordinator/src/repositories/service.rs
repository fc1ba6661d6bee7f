//! The calls of a host about the repositories that the coordinator keeps.

use super::allowed::{may_add, may_read};
use super::disk::Disk;
use super::lines::{LinePermit, Lines};
use super::quota::Lease;
use super::reads;
use super::upload::Upload;
use crate::clock;
use crate::connections::caller_of;
use crate::facts::Facts;
use crate::rpc_status::refuse;
use fleet_core::event::EventKind;
use fleet_core::hint::Hint;
use fleet_core::names::HostName;
use fleet_core::problem::Problem;
use fleet_core::refused_call::{Attempt, FileRefusal};
use fleet_proto::convert::{RepositoryFiles, repository_file, repository_files};
use fleet_proto::v1::{self, add_file, repositories_server::Repositories};
use futures_util::stream::{BoxStream, Stream, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

/// Time without data in the middle of a file after which the sender counts as gone.
const IDLE: Duration = Duration::from_secs(60);
/// The most bytes in one message.
const PIECE: usize = 256 * 1024;

/// gRPC service through which hosts read and write repositories on the coordinator's disk.
#[derive(Debug, Clone)]
pub struct RepositoriesService {
    /// Facts of the fleet.
    pub facts: Arc<Facts>,
    /// Disk of the repositories.
    pub disk: Arc<Disk>,
    /// Limits on open files of each host.
    pub lines: Arc<Lines>,
}

impl RepositoriesService {
    /// Makes the service with no open files.
    pub fn new(facts: Arc<Facts>, disk: Arc<Disk>) -> Self {
        Self { facts, disk, lines: Arc::default() }
    }

    async fn add(&self, host: &HostName, mut messages: Streaming<v1::AddFile>) -> Result<(), Status> {
        let file = match next(&mut messages).await? {
            Some(add_file::Kind::Begin(name)) => repository_file("add.begin", Some(name))?,
            Some(add_file::Kind::Bytes(_) | add_file::Kind::Sha256(_)) | None => return Err(out_of_order()),
        };
        let lease = self.lease(host, &file.of)?;
        let mut upload = Upload::begin(Arc::clone(&self.disk), file.clone(), lease.clone()).await?;
        let sum = loop {
            match next(&mut messages).await? {
                Some(add_file::Kind::Bytes(bytes)) if bytes.len() <= PIECE => upload.add(bytes).await?,
                Some(add_file::Kind::Sha256(sum)) => break sum,
                Some(add_file::Kind::Bytes(_) | add_file::Kind::Begin(_)) => return Err(out_of_order()),
                None => return Err(refuse(Attempt::KeepFile, FileRefusal::CutOff, Hint::SendAgain)),
            }
        };
        if next(&mut messages).await?.is_some() {
            return Err(out_of_order());
        }
        // It may belong to another instance by now, and its order may be over.
        if self.lease(host, &file.of)?.order != lease.order {
            return Err(refuse(Attempt::KeepFile, FileRefusal::OrderOver, None));
        }
        upload.keep(&sum).await
    }

    fn lease(&self, host: &HostName, of: &RepositoryFiles) -> Result<Lease, Status> {
        let snapshot = self.facts.read();
        self.disk.quotas.retain(|order| snapshot.asked().orders.contains_key(order));
        may_add(&snapshot, host, &of.repository, &of.instance)
    }

    /// Tells people once of each order whose host adds more than it may.
    async fn tell_what_is_over(&self) {
        for (instance, repository, problem) in self.disk.quotas.news() {
            let problem = Problem::Repository { repository: repository.clone(), problem: Box::new(problem) };
            let kind = EventKind::Found(Box::new(problem));
            if let Err(error) = self.facts.tell(&instance, kind, clock::now()).await {
                tracing::error!(%error, %instance, %repository, "could not tell that a host adds too much");
            }
        }
    }
}

/// The next message; none after the last.
async fn next(messages: &mut Streaming<v1::AddFile>) -> Result<Option<add_file::Kind>, Status> {
    let late = |_| refuse(Attempt::KeepFile, FileRefusal::NothingCame { waited: IDLE }, Hint::SendAgain);
    let message = timeout(IDLE, messages.message()).await.map_err(late)??;
    match message {
        Some(v1::AddFile { kind: Some(kind) }) => Ok(Some(kind)),
        Some(v1::AddFile { kind: None }) => Err(out_of_order()),
        None => Ok(None),
    }
}

fn out_of_order() -> Status {
    refuse(Attempt::KeepFile, FileRefusal::OutOfOrder, None)
}

/// Wraps a stream so that it holds its slot until it is dropped.
fn within<T: Send + 'static>(
    turn: LinePermit,
    stream: impl Stream<Item = T> + Send + 'static,
) -> BoxStream<'static, T> {
    stream
        .map(move |item| {
            let _has_it = &turn;
            item
        })
        .boxed()
}

#[tonic::async_trait]
impl Repositories for RepositoriesService {
    type ListStream = BoxStream<'static, Result<v1::FileList, Status>>;
    type ReadStream = BoxStream<'static, Result<v1::FilePiece, Status>>;

    async fn list(&self, request: Request<v1::ListFiles>) -> Result<Response<Self::ListStream>, Status> {
        let (host, _) = caller_of(&request)?.host(&self.facts)?;
        let files = repository_files(request.into_inner().of)?;
        may_read(&self.facts.read(), &host, &files.repository, &files.instance)?;
        let turn = self.lines.read(&host).await?;
        Ok(Response::new(within(turn, reads::list(Arc::clone(&self.disk), files))))
    }

    async fn read(&self, request: Request<v1::ReadFile>) -> Result<Response<Self::ReadStream>, Status> {
        let (host, _) = caller_of(&request)?.host(&self.facts)?;
        let v1::ReadFile { file, offset, length } = request.into_inner();
        let file = repository_file("read.file", file)?;
        may_read(&self.facts.read(), &host, &file.of.repository, &file.of.instance)?;
        let turn = self.lines.read(&host).await?;
        let pieces = reads::read(&self.disk, &file, offset, length).await?;
        Ok(Response::new(within(turn, pieces)))
    }

    async fn add(&self, request: Request<Streaming<v1::AddFile>>) -> Result<Response<v1::Added>, Status> {
        let (host, _) = caller_of(&request)?.host(&self.facts)?;
        let _turn = self.lines.add(&host)?;
        let added = RepositoriesService::add(self, &host, request.into_inner()).await;
        self.tell_what_is_over().await;
        added?;
        Ok(Response::new(v1::Added {}))
    }
}
