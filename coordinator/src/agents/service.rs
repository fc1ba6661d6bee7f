//! The four calls of a host.

use super::budget::Budgets;
use super::bundles;
use super::protocol;
use super::queries::HostQueries;
use super::report::Report;
use super::session::Sessions;
use super::watch::Watch;
use crate::clock;
use crate::connections::caller_of;
use crate::facts::Facts;
use crate::repositories::RepositoryService;
use crate::rpc_status::refuse;
use crate::values::Values;
use fleet_core::names::{Digest, HostName};
use fleet_core::refused_call::{Attempt, FileRefusal};
use fleet_proto::convert::ConvertError;
use fleet_proto::protocol::ProtocolRange;
use fleet_proto::v1::{self, agents_server::Agents, to_agent};
use fleet_proto::{PROTOCOL, PROTOCOL_MIN};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tonic::{Request, Response, Status, Streaming};

/// gRPC service for agents.
#[derive(Debug, Clone)]
pub struct AgentsService {
    /// Facts of the fleet.
    pub facts: Arc<Facts>,
    /// Connected hosts.
    pub sessions: Arc<Sessions>,
    /// Open queries to hosts.
    pub queries: Arc<HostQueries>,
    /// Values of instances.
    pub values: Arc<Values>,
    /// Service that manages the repositories.
    pub repository_service: Arc<RepositoryService>,
    /// Limits on what each host may send.
    pub budgets: Arc<Budgets>,
}

#[tonic::async_trait]
impl Agents for AgentsService {
    type WatchStream = BoxStream<'static, Result<v1::ToAgent, Status>>;
    type FetchBundleStream = BoxStream<'static, Result<v1::Piece, Status>>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let caller = caller_of(&request)?;
        let (host, _) = caller.host(&self.facts)?;
        let now = clock::now();
        let v1::WatchRequest { protocol, protocol_min, .. } = request.get_ref();
        protocol::check(&self.facts, &host, ProtocolRange::said(*protocol, *protocol_min), now).await?;
        let session = self.sessions.enter(&host, &caller, now)?;
        let number = session.begin_watch(now);
        let (facts, values, repository_service) =
            (Arc::clone(&self.facts), Arc::clone(&self.values), Arc::clone(&self.repository_service));
        let watch = Watch { session, facts, values, repository_service, number };
        let hello = stream::once(async { Ok(v1::ToAgent { kind: Some(to_agent::Kind::Hello(coordinator_hello())) }) });
        Ok(Response::new(hello.chain(watch.stream()).boxed()))
    }

    async fn report(&self, request: Request<Streaming<v1::FromAgent>>) -> Result<Response<v1::ReportEnd>, Status> {
        let caller = caller_of(&request)?;
        let (host, enrolment) = caller.host(&self.facts)?;
        let session = self.sessions.enter(&host, &caller, clock::now())?;
        let (sessions, facts) = (Arc::clone(&self.sessions), Arc::clone(&self.facts));
        let (budgets, written) = (Arc::clone(&self.budgets), AtomicUsize::new(0));
        Report { session, sessions, facts, enrolment, budgets, written }.listen(request.into_inner()).await?;
        Ok(Response::new(v1::ReportEnd {}))
    }

    async fn fetch_bundle(
        &self,
        request: Request<v1::FetchBundleRequest>,
    ) -> Result<Response<Self::FetchBundleStream>, Status> {
        let (host, _) = caller_of(&request)?.host(&self.facts)?;
        let digest: Digest = request.get_ref().digest.parse().map_err(ConvertError::Name)?;
        if !bundles::concerns(&self.facts.read(), &host, &digest) {
            let refusal = FileRefusal::ReleaseNotNamed { digest: digest.to_string(), host };
            return Err(refuse(Attempt::GiveBundle, refusal, None));
        }
        Ok(Response::new(bundles::pieces(Arc::clone(&self.facts), digest).boxed()))
    }

    async fn reply(&self, request: Request<Streaming<v1::QueryReply>>) -> Result<Response<v1::QueryReplyEnd>, Status> {
        let (host, _) = caller_of(&request)?.host(&self.facts)?;
        self.forward(&host, request.into_inner()).await?;
        Ok(Response::new(v1::QueryReplyEnd {}))
    }
}

fn coordinator_hello() -> v1::CoordinatorHello {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    v1::CoordinatorHello { protocol: PROTOCOL, protocol_min: PROTOCOL_MIN, version }
}

impl AgentsService {
    /// Passes reply pieces on as fast as the caller takes them.
    async fn forward(&self, host: &HostName, mut pieces: Streaming<v1::QueryReply>) -> Result<(), Status> {
        let nobody = || refuse(Attempt::PassAnswer, FileRefusal::NobodyWaits, None);
        let mut way = None;
        while let Some(piece) = pieces.message().await? {
            let way = match &mut way {
                Some(way) => way,
                None => way.insert(self.queries.way(host, piece.query).ok_or_else(nobody)?),
            };
            way.pass(piece).await.map_err(|_| nobody())?;
        }
        match way {
            Some(way) => way.end().await.map_err(|_| nobody()),
            None => Ok(()),
        }
    }
}
