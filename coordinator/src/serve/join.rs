//! Joining and renewing.

use crate::admission::{Admission, Admissions, AdmitError, Presented};
use crate::clock;
use crate::connections::{Connections, caller_of};
use crate::facts::Facts;
use crate::rpc_status::{check_protocol, failed, refuse};
use fleet_core::access::Subject;
use fleet_core::hint::{Hint, LinkHint};
use fleet_core::refused_call::{AdmissionRefusal, Attempt};
use fleet_core::time::Time;
use fleet_proto::convert::incoming_joiner;
use fleet_proto::protocol::ProtocolRange;
use fleet_proto::v1;
use fleet_proto::v1::identity_server::Identity;
use fleet_proto::v1::join_server::Join;
use std::sync::Arc;
use tonic::{Request, Response, Status};

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
                Err(refused(Attempt::Join, error))
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
        let renewed = self.admissions.renew(subject, serial, &signing_request, clock::now()).await;
        let admission = renewed.map_err(|error| refused(Attempt::Renew, error))?;
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

fn refused(attempt: Attempt, error: AdmitError) -> Status {
    let refusal = match error {
        AdmitError::Refused(refusal) => refusal,
        AdmitError::Request(_) => AdmissionRefusal::RequestDamaged,
        AdmitError::Store(source) => return failed(Attempt::KeepCertificate, &source),
    };
    let hint = hint(&refusal).map(Hint::from);
    refuse(attempt, refusal, hint)
}

fn hint(refusal: &AdmissionRefusal) -> Option<LinkHint> {
    Some(match refusal {
        AdmissionRefusal::TokenUnknown => LinkHint::CopyToken,
        AdmissionRefusal::TokenExpired { .. } | AdmissionRefusal::TokenRevoked => LinkHint::AskForToken,
        AdmissionRefusal::TokenReused | AdmissionRefusal::TokenUsedUp { .. } => LinkHint::CheckAdmitted,
        AdmissionRefusal::TokenForOther { subject: Subject::Host(host) } => LinkHint::JoinOnHost(host.clone()),
        AdmissionRefusal::TokenForOther { subject: Subject::Operator(_) } => LinkHint::LogIn,
        AdmissionRefusal::Removed { .. } | AdmissionRefusal::CertificateRevoked => LinkHint::JoinAgain,
        AdmissionRefusal::TooManyMachines { .. } => LinkHint::LetCertificatesEnd,
        AdmissionRefusal::RenewedTooOften { .. } => LinkHint::Wait,
        AdmissionRefusal::ClockBehind { .. } | AdmissionRefusal::ClockAhead { .. } => LinkHint::SetClock,
        AdmissionRefusal::RequestDamaged => return None,
    })
}
