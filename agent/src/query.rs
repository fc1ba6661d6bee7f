//! Answers queries: log lines, digests of images, and objections to claims. Nothing here is stored or ordered.
//!
//! **Invariant:** an answer is read from its source only as fast as the coordinator takes it, and never faster than its
//! pace: a flood in a log delays neither heartbeats nor orders.

mod claims;
mod pace;

use crate::agent_context::AgentContext;
use crate::link::QueryChange;
use crate::mask::Mask;
use crate::runtime::{ContainerRuntime, LogLine, LogRequest, LogStream, Resolved};
use fleet_core::names::{InstanceName, NameError};
use fleet_core::order_failure::OrderFailure;
use fleet_core::query_failure::QueryFailure;
use fleet_core::spec::Switch;
use fleet_proto::convert::{incoming_failure, reported_query_failure};
use fleet_proto::v1::agents_client::AgentsClient;
use fleet_proto::v1::host_query::Kind;
use fleet_proto::v1::query_reply::Kind as PieceKind;
use fleet_proto::v1::{self, HostQuery, LogsQuery, QueryReply, ResolveQuery, ResolvedImage};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tonic::transport::Channel;

/// Maximum number of logs that are followed at the same time. The coordinator lets each operator follow one.
const FOLLOWS: usize = 8;
/// The most logs that are read to their end at the same time.
const READS: usize = 4;
/// The most questions about images at the same time, whatever is read or followed: `app push` needs them.
const RESOLVES: usize = 4;
/// The most questions about claims at the same time.
const CLAIMS: usize = 8;
/// The most images of one question that a registry is asked for at the same time.
const AT_ONCE: usize = 4;
/// Longer lines are cut.
const LINE_LIMIT: usize = 16 << 10;
/// The moment in front of a line, which is no part of it, counts towards where it is cut.
const CUT_BEFORE: usize = 128;

/// Answers until it is dropped.
pub async fn run(context: Arc<AgentContext>, mut queries: mpsc::Receiver<QueryChange>) {
    let mut tasks = JoinSet::new();
    let mut open = Open::default();
    loop {
        let query = tokio::select! {
            Some(query) = queries.recv() => query,
            Some(_) = tasks.join_next() => {
                open.0.retain(|_, (_, handle)| !handle.is_finished());
                continue;
            }
            else => return,
        };
        match query {
            QueryChange::Forget(id) => open.0.remove(&id).into_iter().for_each(|(_, handle)| handle.abort()),
            QueryChange::Asked(query, channel) => {
                let (id, work) = (query.id, Work::of(&query));
                let kinds = if open.has_room_for(work) { kinds(&context, *query) } else { failure(work.too_many()) };
                let reply = tasks.spawn(send(channel, Pieces { query: id, is_named: false, kinds }));
                open.0.insert(id, (work, reply));
            }
        }
    }
}

/// Kind of a query: each kind has its own slots, so that one cannot block another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Follow,
    Read,
    Resolve,
    Claims,
}

impl Work {
    fn of(query: &HostQuery) -> Self {
        match &query.kind {
            Some(Kind::Logs(logs)) if logs.follow => Self::Follow,
            Some(Kind::Logs(_)) | None => Self::Read,
            Some(Kind::Resolve(_)) => Self::Resolve,
            Some(Kind::Claims(_)) => Self::Claims,
        }
    }

    fn most(self) -> usize {
        match self {
            Self::Follow => FOLLOWS,
            Self::Read => READS,
            Self::Resolve => RESOLVES,
            Self::Claims => CLAIMS,
        }
    }

    fn too_many(self) -> QueryFailure {
        let limit = self.most();
        match self {
            Self::Follow => QueryFailure::TooManyFollows { limit },
            Self::Read => QueryFailure::TooManyReads { limit },
            Self::Resolve => QueryFailure::TooManyResolves { limit },
            Self::Claims => QueryFailure::TooManyClaims { limit },
        }
    }
}

/// The answers under way.
#[derive(Debug, Default)]
struct Open(BTreeMap<u64, (Work, AbortHandle)>);

impl Open {
    fn has_room_for(&self, work: Work) -> bool {
        let alike = self.0.values().filter(|(other, handle)| *other == work && !handle.is_finished());
        alike.count() < work.most()
    }
}

/// The pieces of an answer, each with the name of its question.
struct Pieces {
    query: u64,
    /// False until the first piece was sent, which carries only the name: without it, an empty reply could not be
    /// assigned to its query.
    is_named: bool,
    kinds: BoxStream<'static, PieceKind>,
}

impl Stream for Pieces {
    type Item = QueryReply;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<QueryReply>> {
        let query = self.query;
        if !std::mem::replace(&mut self.is_named, true) {
            return Poll::Ready(Some(QueryReply { query, kind: None }));
        }
        let kind = self.kinds.poll_next_unpin(context);
        kind.map(|kind| kind.map(|kind| QueryReply { query, kind: Some(kind) }))
    }
}

async fn send(channel: Channel, pieces: Pieces) {
    let query = pieces.query;
    if let Err(status) = AgentsClient::new(channel).reply(pieces).await {
        tracing::debug!(query, %status, "the answer was cut off");
    }
}

fn kinds(context: &Arc<AgentContext>, query: HostQuery) -> BoxStream<'static, PieceKind> {
    match query.kind {
        Some(Kind::Logs(logs)) => match request(context, &logs) {
            Ok((name, request)) => lines(&context.runtime, request, Mask::of(context, &name)),
            Err(reason) => failure(reason),
        },
        Some(Kind::Resolve(resolve)) => masked_failures(resolved(&context.runtime, resolve), Mask::of_all(context)),
        Some(Kind::Claims(query)) => masked_failures(claims::reply(Arc::clone(context), query), Mask::of_all(context)),
        None => failure(QueryFailure::NotUnderstood),
    }
}

/// Masks secrets in replies other than logs: their error texts may come from a registry or the Engine.
fn masked_failures(kinds: BoxStream<'static, PieceKind>, mask: Mask) -> BoxStream<'static, PieceKind> {
    let masked = move |kind| match kind {
        PieceKind::QueryFailure(failure) => {
            PieceKind::QueryFailure(mask.query_failure(reported_query_failure(failure)).into())
        }
        PieceKind::Resolved(image) => {
            let failure = image.failure.map(|failure| mask.query_failure(reported_query_failure(failure)).into());
            PieceKind::Resolved(ResolvedImage { failure, ..image })
        }
        PieceKind::Claims(v1::ClaimsReply { failure }) => {
            let failure = failure.map(|failure| mask.failure(incoming_failure(Some(failure))).into());
            PieceKind::Claims(v1::ClaimsReply { failure })
        }
        PieceKind::Line(_) => kind,
    };
    kinds.map(masked).boxed()
}

fn failure(reason: QueryFailure) -> BoxStream<'static, PieceKind> {
    let piece = PieceKind::QueryFailure(reason.into());
    stream::once(async { piece }).boxed()
}

fn request(context: &AgentContext, logs: &LogsQuery) -> Result<(InstanceName, LogRequest), QueryFailure> {
    let unreadable = |error: NameError| QueryFailure::Unreadable { problem: error.to_string() };
    let name: InstanceName = logs.instance.parse().map_err(unreadable)?;
    let ledger = context.ledger();
    let spec = ledger.instances().get(&name).and_then(|entry| entry.spec());
    let open = ledger.orders().values().find_map(|entry| entry.spec_under_way(&name));
    let spec = spec.or(open).ok_or_else(|| QueryFailure::NoInstance { instance: name.clone() })?;
    let service = Some(logs.service.clone()).filter(|service| !service.is_empty());
    if let Some(service) = &service
        && spec.container(service).is_none()
    {
        let known = spec.containers.iter().map(|container| container.service.clone()).collect();
        return Err(QueryFailure::NoService { instance: name, service: service.clone(), known });
    }
    let follow = Switch::from(logs.follow);
    let (project, instance) = (spec.project.clone(), name.clone());
    let tail = Some(logs.tail).filter(|tail| *tail > 0);
    Ok((name, LogRequest { project, instance, service, tail, follow }))
}

/// The lines, without the instance's secrets: an app may print its configuration.
fn lines(runtime: &Arc<dyn ContainerRuntime>, request: LogRequest, mask: Mask) -> BoxStream<'static, PieceKind> {
    let lines = runtime.logs(request).map(move |line| match line {
        Ok(line) => PieceKind::Line(wire_line(line, &mask)),
        Err(error) => {
            let failure = QueryFailure::Failed { failure: Box::new(OrderFailure::from(&error)) };
            PieceKind::QueryFailure(mask.query_failure(failure).into())
        }
    });
    pace::paced(lines.boxed(), size)
}

fn size(piece: &PieceKind) -> usize {
    match piece {
        PieceKind::Line(line) => line.text.len(),
        PieceKind::Resolved(_) | PieceKind::Claims(_) | PieceKind::QueryFailure(_) => 0,
    }
}

fn wire_line(line: LogLine, mask: &Mask) -> v1::LogLine {
    let stream = match line.stream {
        LogStream::Stdout => v1::LogStream::Stdout,
        LogStream::Stderr => v1::LogStream::Stderr,
    };
    let at_ms = line.at.map_or(0, |at| at.0);
    v1::LogLine { service: line.service, stream: stream.into(), at_ms, text: cut(masked(line.text, mask)) }
}

/// A line as long as lines may be was cut off, perhaps within a secret.
fn masked(text: String, mask: &Mask) -> String {
    if text.len() >= LINE_LIMIT - CUT_BEFORE { mask.apply_to_cut(text) } else { mask.apply(text) }
}

fn cut(mut text: String) -> String {
    let mut end = LINE_LIMIT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

fn resolved(runtime: &Arc<dyn ContainerRuntime>, query: ResolveQuery) -> BoxStream<'static, PieceKind> {
    let runtime = Arc::clone(runtime);
    let ask = move |image: String| {
        let runtime = Arc::clone(&runtime);
        async move {
            let (digest, failure) = match runtime.resolve(&image).await {
                Ok(Resolved::InRegistry(digest)) => (digest.to_string(), None),
                Ok(Resolved::OnlyHere(id)) => (String::new(), Some(QueryFailure::ImageOnlyHere { id: id.to_string() })),
                Err(error) => {
                    (String::new(), Some(QueryFailure::Failed { failure: Box::new(OrderFailure::from(&error)) }))
                }
            };
            PieceKind::Resolved(ResolvedImage { image, digest, failure: failure.map(Into::into) })
        }
    };
    stream::iter(query.images).map(ask).buffered(AT_ONCE).boxed()
}

#[cfg(test)]
mod tests;
