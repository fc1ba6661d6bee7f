//! First contact: a join token for a certificate.

use crate::dial::dial_unknown;
use crate::error::LinkError;
use crate::identity::Identity;
use fleet_core::access::{JoinToken, Joiner};
use fleet_core::time::Time;
use fleet_proto::v1::join_client::JoinClient;
use fleet_proto::v1::{self, AdmitRequest, Certificate};
use fleet_proto::{PROTOCOL, PROTOCOL_MIN};
use rcgen::{CertificateParams, KeyPair};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tonic::Request;

const CALL_LIMIT: Duration = Duration::from_secs(20);

/// Trades the token for an identity, of whatever it is for. The secret leaves only after the port has shown the CA that the
/// token names.
pub async fn admit(token: &JoinToken, now: Time) -> Result<Identity, LinkError> {
    ask(token, v1::Joiner::Unspecified, now).await
}

/// Joins as a given kind of subject. A token for another kind is refused without being used up.
pub async fn admit_as(joiner: Joiner, token: &JoinToken, now: Time) -> Result<Identity, LinkError> {
    ask(token, joiner.into(), now).await
}

async fn ask(token: &JoinToken, joiner: v1::Joiner, now: Time) -> Result<Identity, LinkError> {
    let (key_pem, signing_request) = new_key()?;
    let request = AdmitRequest {
        secret: token.secret.to_vec(),
        signing_request,
        protocol: PROTOCOL,
        protocol_min: PROTOCOL_MIN,
        now_ms: now.0,
        joiner: joiner.into(),
    };
    let certificate = match ask_once(token, request.clone()).await {
        // The answer may have been lost: for the same key, the coordinator gives it again.
        Err(error) if is_cut_off(&error) => ask_once(token, request).await?,
        answer => answer?,
    };
    let ca = certificate.chain.last().map(|der| <[u8; 32]>::from(Sha256::digest(der)));
    if ca != Some(token.ca_fingerprint) {
        return Err(LinkError::BadAnswer("its CA is not the one that the token names"));
    }
    identity(&token.address, certificate, key_pem, now)
}

async fn ask_once(token: &JoinToken, request: AdmitRequest) -> Result<Certificate, LinkError> {
    let channel = dial_unknown(&token.address, token.ca_fingerprint).await?;
    let mut request = Request::new(request);
    request.set_timeout(CALL_LIMIT);
    let answer = JoinClient::new(channel).admit(request).await;
    answer.map(tonic::Response::into_inner).map_err(|status| LinkError::from_status(&token.address, status))
}

/// Returns whether the connection ended before the answer came. A request that timed out is not repeated.
fn is_cut_off(error: &LinkError) -> bool {
    match error {
        LinkError::Unreachable { .. } => true,
        LinkError::Failed(status) => std::error::Error::source(status.as_ref()).is_some(),
        LinkError::TimedOut { .. } | LinkError::ServerCertificateTime | LinkError::WrongCa { .. } => false,
        LinkError::Expired | LinkError::Revoked | LinkError::UnknownHere | LinkError::Refused { .. } => false,
        LinkError::OtherProtocol { .. } => false,
        LinkError::Key(_) | LinkError::BadAnswer(_) => false,
    }
}

/// A new key (PEM) and the request to sign it (DER).
pub(super) fn new_key() -> Result<(String, Vec<u8>), LinkError> {
    let key = KeyPair::generate().map_err(LinkError::Key)?;
    let request = CertificateParams::default().serialize_request(&key).map_err(LinkError::Key)?;
    Ok((key.serialize_pem(), request.der().to_vec()))
}

pub(super) fn identity(
    address: &str,
    certificate: Certificate,
    key_pem: String,
    now: Time,
) -> Result<Identity, LinkError> {
    let subject = certificate.subject.parse().map_err(|_| LinkError::BadAnswer("its subject is unknown"))?;
    if certificate.chain.len() < 2 {
        return Err(LinkError::BadAnswer("its chain is incomplete"));
    }
    let validity = (now, Time(certificate.not_after_ms));
    Ok(Identity::new(address.to_owned(), subject, validity, certificate.chain, key_pem))
}
