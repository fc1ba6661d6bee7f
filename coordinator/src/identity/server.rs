//! The coordinator's side of TLS: its own certificate, renewed by itself, and who is believed.

use super::{Authority, IdentityError};
use fleet_core::time::Time;
use rustls::crypto::ring;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use std::sync::{Arc, PoisonError, RwLock};

/// The certificate that the port shows. It is made at each start and never kept.
#[derive(Debug)]
pub struct ServerCertificate(RwLock<Arc<CertifiedKey>>);

impl ServerCertificate {
    pub fn new(authority: &Authority, addresses: &[String], now: Time) -> Result<Self, IdentityError> {
        Ok(Self(RwLock::new(Arc::new(certified_key(authority, addresses, now)?))))
    }

    /// Puts a fresh one in its place; open connections are not touched.
    pub fn renew(&self, authority: &Authority, addresses: &[String], now: Time) -> Result<(), IdentityError> {
        let fresh = Arc::new(certified_key(authority, addresses, now)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn certified_key(authority: &Authority, addresses: &[String], now: Time) -> Result<CertifiedKey, IdentityError> {
    let (issued, key) = authority.server(addresses, now)?;
    let chain = vec![issued.der, authority.certificate().clone()];
    Ok(CertifiedKey::new(chain, ring::sign::any_supported_type(&key)?))
}

/// TLS for the one port. A certificate is optional here, because joining happens without one; each service asks for it.
pub fn server_config(
    authority: &Authority,
    certificate: Arc<ServerCertificate>,
) -> Result<Arc<ServerConfig>, IdentityError> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone())?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec()];
    // Nothing is resumed: a session would outlive its certificate's end, and take memory per agent.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
