//! Routes a call by its path to a service.

use super::calls::{CallPermit, Calls};
use crate::agents::AgentsService;
use crate::connections::Caller;
use crate::metrics::{RpcRecord, UNKNOWN};
use crate::operators::{BackupsService, OperatorsService};
use crate::panics::Panics;
use crate::repositories::RepositoriesService;
use crate::rpc_status::{check_protocol, refuse};
use crate::serve::{IdentityService, JoinService};
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_proto::protocol::protocols_of;
use fleet_proto::v1::agents_server::AgentsServer;
use fleet_proto::v1::backups_server::BackupsServer;
use fleet_proto::v1::identity_server::IdentityServer;
use fleet_proto::v1::join_server::JoinServer;
use fleet_proto::v1::operators_server::OperatorsServer;
use fleet_proto::v1::repositories_server::RepositoriesServer;
use futures_util::FutureExt;
use hyper::header::USER_AGENT;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;
use tracing::Instrument;

/// Full names of the services of the port.
const SERVICES: [&str; 6] = [
    <AgentsServer<AgentsService> as NamedService>::NAME,
    <JoinServer<JoinService> as NamedService>::NAME,
    <IdentityServer<IdentityService> as NamedService>::NAME,
    <OperatorsServer<OperatorsService> as NamedService>::NAME,
    <BackupsServer<BackupsService> as NamedService>::NAME,
    <RepositoriesServer<RepositoriesService> as NamedService>::NAME,
];

type Request = http::Request<Body>;
type Response = http::Response<Body>;

/// The services of the port.
#[derive(Debug, Clone)]
pub struct Router {
    pub agents: AgentsServer<AgentsService>,
    pub join: JoinServer<JoinService>,
    pub identity: IdentityServer<IdentityService>,
    pub operators: OperatorsServer<OperatorsService>,
    pub backups: BackupsServer<BackupsService>,
    pub repositories: RepositoriesServer<RepositoriesService>,
    pub calls: Arc<Calls>,
    /// Is cancelled when the facts cannot be used any more.
    pub failed: CancellationToken,
    pub panics: Arc<Panics>,
}

impl Service<Request> for Router {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<Response, Infallible>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let record = self.record(&request);
        let span = record.span(caller_name(&request).as_deref());
        let _entered = span.clone().entered();
        let place = match self.enter(&request) {
            Ok(place) => place,
            Err(status) => {
                record.refuse(status.code());
                return Box::pin(async move { Ok(status.into_http()) });
            }
        };
        let (calls, panics) = (Arc::clone(&self.calls), Arc::clone(&self.panics));
        let answer = self.answer(request);
        let answering = async move { Ok(calls.respond(place, record, caught(answer, &panics).await?)) };
        Box::pin(answering.instrument(span))
    }
}

/// Waits for the answer of a call. Others have calls on the same connection: a panic is the answer to its own call alone.
async fn caught(
    answer: impl Future<Output = Result<Response, Infallible>>,
    panics: &Panics,
) -> Result<Response, Infallible> {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|panic| {
        panics.note("call", panic.as_ref());
        Ok(refuse(Attempt::Call, CallRefusal::Fault, None).into_http())
    })
}

/// Checks the protocol of a command. Agents and joining machines send theirs in their messages; other clients send
/// none.
fn check_command(request: &Request) -> Result<(), Status> {
    match service_of(request) {
        <OperatorsServer<OperatorsService> as NamedService>::NAME
        | <BackupsServer<BackupsService> as NamedService>::NAME => {}
        _ => return Ok(()),
    }
    let said = request.headers().get(USER_AGENT).and_then(|said| said.to_str().ok());
    match said.and_then(protocols_of) {
        Some(theirs) => check_protocol(theirs).map(|_| ()),
        None => Ok(()),
    }
}

/// Returns the subject of the caller, where it has a certificate.
fn caller_name(request: &Request) -> Option<String> {
    let caller = request.extensions().get::<Arc<Caller>>()?;
    caller.certified.as_ref().map(|(subject, _)| subject.to_string())
}

fn service_of(request: &Request) -> &str {
    request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default()
}

impl Router {
    fn record(&self, request: &Request) -> RpcRecord {
        let service = service_of(request);
        let is_known = SERVICES.contains(&service);
        let service = if is_known { service.rsplit('.').next().unwrap_or(UNKNOWN) } else { UNKNOWN };
        let method = request.uri().path().rsplit('/').next().filter(|_| is_known).unwrap_or(UNKNOWN);
        self.calls.metrics.begin(service, method)
    }

    /// Returns a slot for the call, within the limits of its caller.
    fn enter(&self, request: &Request) -> Result<CallPermit, Status> {
        if self.failed.is_cancelled() {
            return Err(refuse(Attempt::Call, CallRefusal::Stopping, None));
        }
        let Some(caller) = request.extensions().get::<Arc<Caller>>() else { return self.calls.enter(None) };
        caller.check_class()?;
        check_command(request)?;
        self.calls.enter(caller.certified.as_ref().map(|(subject, _)| subject))
    }

    fn answer(&mut self, request: Request) -> BoxFuture<Response, Infallible> {
        match service_of(&request) {
            <AgentsServer<AgentsService> as NamedService>::NAME => self.agents.call(request),
            <JoinServer<JoinService> as NamedService>::NAME => self.join.call(request),
            <IdentityServer<IdentityService> as NamedService>::NAME => self.identity.call(request),
            <OperatorsServer<OperatorsService> as NamedService>::NAME => self.operators.call(request),
            <BackupsServer<BackupsService> as NamedService>::NAME => self.backups.call(request),
            <RepositoriesServer<RepositoriesService> as NamedService>::NAME => self.repositories.call(request),
            _ => Box::pin(async { Ok(refuse(Attempt::Call, CallRefusal::NoSuchService, None).into_http()) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    async fn code_of(answer: impl Future<Output = Result<Response, Infallible>>, panics: &Panics) -> Code {
        let Ok(response) = caught(answer, panics).await;
        Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
    }

    #[tokio::test]
    async fn a_call_that_panics_is_answered_and_counted_and_others_are_as_they_were() {
        let panics = Panics::default();
        let refused = async { Ok(Status::not_found("no such host").into_http()) };
        assert_eq!(code_of(refused, &panics).await, Code::NotFound);
        assert_eq!(panics.all().len(), 0);
        assert_eq!(code_of(async { panic!("a bug") }, &panics).await, Code::Internal);
        let found = panics.all();
        assert_eq!((found["call"].count, found["call"].message.as_str()), (1, "a bug"));
    }
}
