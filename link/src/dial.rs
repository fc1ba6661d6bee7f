//! The channel to the coordinator: TCP, TLS 1.3 or 1.2 with the one CA we trust, HTTP/2.

use crate::SERVER_NAME;
use crate::error::LinkError;
use crate::identity::Identity;
use hyper_util::rt::TokioIo;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256};
use socket2::SockRef;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

/// Time limit for reaching the coordinator, including name lookup and TLS.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Maximum time without acknowledgement of sent data: with a heartbeat every 7 s, a coordinator without power or
/// network is noticed within 20 s, without HTTP/2 pings.
const SILENCE_LIMIT: Duration = Duration::from_secs(13);

/// Bytes that the system accepts before they can be sent; further data waits above it, where a heartbeat overtakes bulk
/// data.
const UNSENT: u32 = 128 * 1024;

/// Small windows: control messages are small, and bulk data has streams with flow control of their own.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
const FRAME: u32 = 64 * 1024;

type BoxError = Box<dyn Error + Send + Sync>;

/// Connects as `identity`.
pub async fn dial(identity: &Identity) -> Result<Channel, LinkError> {
    connect(&identity.address, client_config(identity)?).await
}

/// Connects without a certificate, to the coordinator whose CA has this fingerprint.
pub(super) async fn dial_unknown(address: &str, ca_fingerprint: [u8; 32]) -> Result<Channel, LinkError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(ByFingerprint { ca_fingerprint, provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| LinkError::BadAnswer("TLS has no protocol version"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    connect(address, config).await
}

fn client_config(identity: &Identity) -> Result<ClientConfig, LinkError> {
    let unusable = |_| LinkError::BadAnswer("it is not a certificate for our key");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(identity.ca_der().to_vec())).map_err(unusable)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes())
        .map_err(|_| LinkError::BadAnswer("the key is unreadable"))?;
    let chain = identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(unusable)
}

async fn connect(address: &str, mut config: ClientConfig) -> Result<Channel, LinkError> {
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let target = address.to_owned();
    let reach = service_fn(move |_| reach(target.clone(), connector.clone()));
    let unreachable = |source: BoxError| LinkError::Unreachable { address: address.to_owned(), source };
    // The scheme is plain because TLS is made by our own connector below it.
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| unreachable(error.into()))?
        .user_agent(fleet_proto::protocol::user_agent(env!("CARGO_PKG_VERSION")))
        .map_err(|error| unreachable(error.into()))?
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .buffer_size(64);
    let connected = endpoint.connect_with_connector(reach).await;
    connected.map_err(|error| LinkError::from_connecting(address, error.into()))
}

async fn reach(address: String, connector: TlsConnector) -> Result<TokioIo<TlsStream<TcpStream>>, io::Error> {
    let timed_out = |_| io::Error::from(io::ErrorKind::TimedOut);
    timeout(CONNECT_LIMIT, secured(&address, connector)).await.map_err(timed_out)?.map(TokioIo::new)
}

async fn secured(address: &str, connector: TlsConnector) -> Result<TlsStream<TcpStream>, io::Error> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let socket = SockRef::from(&tcp);
    socket.set_tcp_user_timeout(Some(SILENCE_LIMIT))?;
    socket.set_tcp_notsent_lowat(UNSENT)?;
    let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
    connector.connect(name, tcp).await
}

/// Trusts the CA that the token names by fingerprint, and whatever that CA signed for the coordinator.
#[derive(Debug)]
struct ByFingerprint {
    ca_fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ByFingerprint {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let is_named = |der: &&CertificateDer<'_>| <[u8; 32]>::from(Sha256::digest(der)) == self.ca_fingerprint;
        let unknown_issuer = || TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        let ca = intermediates.iter().find(is_named).ok_or_else(unknown_issuer)?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|_| unknown_issuer())?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
