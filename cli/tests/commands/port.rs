//! From a call's path to the service of the fake that answers it.

use crate::desk::Desk;
use crate::fake::Gate;
use crate::safe::Safe;
use fleet_proto::v1::backups_server::BackupsServer;
use fleet_proto::v1::identity_server::IdentityServer;
use fleet_proto::v1::join_server::JoinServer;
use fleet_proto::v1::operators_server::OperatorsServer;
use std::convert::Infallible;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};

#[derive(Clone)]
pub struct Port {
    pub join: JoinServer<Gate>,
    pub identity: IdentityServer<Gate>,
    pub operators: OperatorsServer<Desk>,
    pub backups: BackupsServer<Safe>,
}

impl Service<http::Request<Body>> for Port {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        if path.starts_with("/fleet.v1.Join/") {
            self.join.call(request)
        } else if path.starts_with("/fleet.v1.Identity/") {
            self.identity.call(request)
        } else if path.starts_with("/fleet.v1.Backups/") {
            self.backups.call(request)
        } else {
            self.operators.call(request)
        }
    }
}
