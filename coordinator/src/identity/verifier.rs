//! Accepts client certificates in a handshake: those of our CA whose serial is valid at this moment.
//!
//! A removed subject is refused here, before its connection takes a slot or a file descriptor. Each call checks again,
//! because a certificate may be revoked while its connection is open.

use super::{Serial, peer_of};
use fleet_core::access::Subject;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::fmt::Debug;
use std::sync::Arc;

/// Source of valid certificates. Called in each handshake, so it must be fast.
pub trait Believes: Debug + Send + Sync {
    /// Returns whether the certificate of the subject is valid at this moment.
    fn believes(&self, subject: &Subject, serial: &Serial) -> bool;
}

/// Checks the chain first, then asks whether the serial counts.
#[derive(Debug)]
pub struct Verifier {
    pub chain: Arc<dyn ClientCertVerifier>,
    pub believes: Arc<dyn Believes>,
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        self.chain.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        let counts = peer_of(end_entity).is_some_and(|(subject, serial)| self.believes.believes(&subject, &serial));
        if counts { Ok(verified) } else { Err(Error::InvalidCertificate(CertificateError::Revoked)) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
