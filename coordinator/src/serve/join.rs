//! Joining and renewing.

use crate::admission::{Admission, Admissions, AdmitError, Presented};
use crate::clock;
use crate::connections::{Connections, caller_of};
use crate::facts::Facts;
use crate::rpc_status::{check_protocol, failed, refused};
use fleet_core::access::Subject;
use fleet_core::hint::LinkHint;
use fleet_core::time::Time;
use fleet_proto::convert::incoming_joiner;
use fleet_proto::protocol::ProtocolRange;
use fleet_proto::refusal::{RefusalReason, refuse};
use fleet_proto::v1;
use fleet_proto::v1::identity_server::Identity;
use fleet_proto::v1::join_server::Join;
use std::sync::Arc;
use tonic::{Code, Request, Response, Status};

/// The one service that needs no certificate.
#[derive(Debug, Clone)]
pub struct JoinService {
    /// Admission of machines.
    pub admissions: Arc<Admissions>,
    /// Facts of the fleet.
    pub facts: Arc<Facts>,
    /// Open connections.
    pub connections: Arc<Connections>,
}

#[tonic::async_trait]
impl Join for JoinService {
    async fn admit(&self, request: Request<v1::AdmitRequest>) -> Result<Response<v1::Certificate>, Status> {
        let caller = caller_of(&request)?;
        let (address, _joining) = (caller.address, caller.begin_joining());
        let v1::AdmitRequest { secret, signing_request, protocol, now_ms, joiner, protocol_min } = request.into_inner();
        check_protocol(ProtocolRange::said(protocol, protocol_min))?;
        let now = clock::now();
        let joiner = incoming_joiner(joiner)?;
        let presented = Presented { secret: &secret, joiner };
        match self.admissions.admit(presented, &signing_request, Time(now_ms), now).await {
            Ok(admission) => {
                // A machine that joins again replaces the earlier one of its name.
                self.connections.cut_revoked(&admission.subject, &self.facts, now);
                tracing::info!(subject = %admission.subject, %address, "admitted");
                Ok(Response::new(certificate(admission)))
            }
            Err(error) => {
                tracing::warn!(%address, %error, "not admitted");
                Err(error.into())
            }
        }
    }
}

/// gRPC service that renews certificates.
#[derive(Debug, Clone)]
pub struct IdentityService {
    /// Admission of machines.
    pub admissions: Arc<Admissions>,
    /// Facts of the fleet.
    pub facts: Arc<Facts>,
}

#[tonic::async_trait]
impl Identity for IdentityService {
    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::Certificate>, Status> {
        let caller = caller_of(&request)?;
        let (subject, _) = caller.subject(&self.facts)?;
        let serial = caller.certified.as_ref().map_or("", |(_, serial)| serial.serial.as_str());
        let signing_request = request.into_inner().signing_request;
        let admission = self.admissions.renew(subject, serial, &signing_request, clock::now()).await?;
        Ok(Response::new(certificate(admission)))
    }
}

fn certificate(admission: Admission) -> v1::Certificate {
    v1::Certificate {
        chain: admission.chain,
        subject: admission.subject.to_string(),
        not_after_ms: admission.not_after.0,
    }
}

impl From<AdmitError> for Status {
    fn from(error: AdmitError) -> Self {
        let text = error.to_string();
        match error {
            AdmitError::TokenUnknown => refuse(RefusalReason::TokenUnknown, text, LinkHint::CopyToken),
            AdmitError::TokenExpired(_) => refuse(RefusalReason::TokenExpired, text, LinkHint::AskForToken),
            AdmitError::TokenReused | AdmitError::TokenUsedUp(_) => {
                refuse(RefusalReason::TokenUsedUp, text, LinkHint::CheckAdmitted)
            }
            AdmitError::TokenRevoked => refuse(RefusalReason::TokenRevoked, text, LinkHint::AskForToken),
            AdmitError::TokenForOther(Subject::Host(host)) => {
                refuse(RefusalReason::TokenForOther, text, LinkHint::JoinOnHost(host))
            }
            AdmitError::TokenForOther(Subject::Operator(_)) => {
                refuse(RefusalReason::TokenForOther, text, LinkHint::LogIn)
            }
            AdmitError::Removed(_) | AdmitError::Revoked => refuse(RefusalReason::Revoked, text, LinkHint::JoinAgain),
            AdmitError::TooManyMachines(_) => refused(Code::ResourceExhausted, text, LinkHint::LetCertificatesEnd),
            AdmitError::TooOften(_) => refused(Code::ResourceExhausted, text, LinkHint::Wait),
            AdmitError::Clock(_) => refused(Code::FailedPrecondition, text, LinkHint::SetClock),
            AdmitError::Request(_) => refused(Code::InvalidArgument, text, None),
            AdmitError::Store(source) => failed("could not keep the new certificate", &source),
        }
    }
}
