//! The coordinator's side of TLS: its own certificate, renewed by itself, and who is believed.

use super::verifier::{Believes, Verifier};
use super::{Authority, IdentityError};
use fleet_core::time::Time;
use rustls::crypto::ring;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Age at which the certificate is replaced, well before its 30 days are over.
const RENEW_AFTER: Duration = Duration::from_secs(20 * 86_400);

/// The certificate that the port shows. It is made at each start and never kept.
#[derive(Debug)]
pub struct ServerCertificate(RwLock<Shown>);

#[derive(Debug)]
struct Shown {
    key: Arc<CertifiedKey>,
    made: Time,
}

impl Shown {
    fn new(authority: &Authority, addresses: &[String], now: Time) -> Result<Self, IdentityError> {
        Ok(Self { key: Arc::new(certified_key(authority, addresses, now)?), made: now })
    }
}

impl ServerCertificate {
    /// Makes a certificate for the addresses.
    pub fn new(authority: &Authority, addresses: &[String], now: Time) -> Result<Self, IdentityError> {
        Ok(Self(RwLock::new(Shown::new(authority, addresses, now)?)))
    }

    /// Replaces it by a new one when it is time; open connections are not affected.
    pub fn renew_when_due(&self, authority: &Authority, addresses: &[String], now: Time) -> Result<(), IdentityError> {
        let made = self.0.read().unwrap_or_else(PoisonError::into_inner).made;
        if now.since(made) > RENEW_AFTER {
            let fresh = Shown::new(authority, addresses, now)?;
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        Ok(())
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).key))
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
    believes: Arc<dyn Believes>,
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
        .with_client_cert_verifier(Arc::new(Verifier { chain: verifier, believes }))
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec()];
    // No session is resumed: it would outlive its certificate's end, and take memory for each agent.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::identity::{Serial, peer_of};
    use fleet_core::access::Subject;
    use fleet_link::SERVER_NAME;
    use rustls::ClientConfig;
    use tokio::io::duplex;
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    #[derive(Debug)]
    struct Nobody;

    impl Believes for Nobody {
        fn believes(&self, _subject: &Subject, _serial: &Serial) -> bool {
            false
        }
    }

    /// The certificate that a newcomer is shown.
    async fn shown(port: &Arc<ServerConfig>, authority: &Authority) -> Vec<u8> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate().clone()).expect("it is a certificate");
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("it has versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (near, far) = duplex(16 * 1024);
        let name = SERVER_NAME.try_into().expect("it is a name");
        let (connector, acceptor) = (TlsConnector::from(Arc::new(client)), TlsAcceptor::from(Arc::clone(port)));
        let (near, _far) = tokio::join!(connector.connect(name, near), acceptor.accept(far));
        let near = near.expect("the certificate is good");
        near.get_ref().1.peer_certificates().expect("one was shown")[0].to_vec()
    }

    #[tokio::test]
    async fn the_ports_certificate_is_renewed_under_way_and_before_its_end() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let now = clock::now();
        let authority = Authority::create(directory.path(), Time(now.0 - 86_400_000 / 2)).expect("it is new");
        let long_ago = Time(now.0 - 86_400_000 * 20);
        let certificate = Arc::new(ServerCertificate::new(&authority, &[], long_ago).expect("it can be made"));
        let port = server_config(&authority, Arc::clone(&certificate), Arc::new(Nobody)).expect("it can be served");
        let first = shown(&port, &authority).await;
        let renew = |now| certificate.renew_when_due(&authority, &[], now).expect("it can be made");
        renew(now);
        assert_eq!(shown(&port, &authority).await, first, "it is not time yet");
        renew(now.after(Duration::from_secs(1)));
        let second = shown(&port, &authority).await;
        assert_ne!(second, first, "the same port shows another one");
        renew(now.after(Duration::from_secs(2)));
        assert_eq!(shown(&port, &authority).await, second, "and keeps it");
        assert!(peer_of(&first).is_none(), "it speaks for no host and no operator");
    }
}
