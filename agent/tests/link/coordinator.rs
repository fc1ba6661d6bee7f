//! A minimal coordinator: a CA, the four services of the wire, and a record of received messages.

#[path = "files.rs"]
mod files;

pub use files::RepositoryFiles;

use fleet_core::access::JoinToken;
use fleet_core::app::Bundle;
use fleet_link::SERVER_NAME;
use fleet_proto::v1::agents_server::{Agents, AgentsServer};
use fleet_proto::v1::from_agent::Kind;
use fleet_proto::v1::identity_server::{Identity, IdentityServer};
use fleet_proto::v1::join_server::{Join, JoinServer};
use fleet_proto::v1::repositories_server::RepositoriesServer;
use fleet_proto::v1::{self, AdmitRequest, Certificate, FromAgent, QueryReply, RenewRequest, ToAgent, to_agent};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use rcgen::{BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, IsCa, Issuer, KeyPair};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate as Pem, Identity as ServerIdentity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

/// Messages received so far, and messages to agents that watch.
#[derive(Debug, Default, Clone)]
pub struct Heard {
    pub reports: Vec<Kind>,
    pub answers: Vec<QueryReply>,
    pub watches: usize,
    /// Number of messages sent to watching agents.
    pub said: usize,
    /// The streams of reports that are open now, and how often there was none left.
    pub reporting: usize,
    pub silences: usize,
    /// Kinds that joining machines asked for, with their certificate requests.
    pub joiners: Vec<v1::Joiner>,
    pub signing_requests: Vec<Vec<u8>>,
}

pub struct Coordinator {
    pub address: SocketAddr,
    pub heard: watch::Sender<Heard>,
    pub says: watch::Sender<Option<to_agent::Kind>>,
    /// Status with which a watch call is refused.
    pub refusal: Mutex<Option<Status>>,
    pub bundles: Mutex<BTreeMap<String, Bundle>>,
    pub files: RepositoryFiles,
    /// Status in place of the next answer to a joining machine.
    pub lost: Mutex<Option<Status>>,
    /// Counts how often all connections were cut.
    cuts: watch::Sender<u64>,
    life: Duration,
    ca: Issuer<'static, KeyPair>,
    ca_der: Vec<u8>,
    tls: (String, String),
}

impl Coordinator {
    pub async fn new(life: Duration) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_certificate = params.self_signed(&key).expect("a certificate");
        let (ca_pem, ca_der) = (ca_certificate.pem(), ca_certificate.der().to_vec());
        let ca = Issuer::new(params, key);
        let server_key = KeyPair::generate().expect("a key");
        let server = CertificateParams::new([SERVER_NAME.to_owned()]).expect("a name");
        let server = server.signed_by(&server_key, &ca).expect("a certificate");
        let tls = (format!("{}{ca_pem}", server.pem()), server_key.serialize_pem());
        let (heard, says) = (watch::Sender::new(Heard::default()), watch::Sender::new(None));
        let (refusal, lost, bundles) = (Mutex::new(None), Mutex::new(None), Mutex::default());
        let cuts = watch::Sender::new(0);
        let files = RepositoryFiles::default();
        Arc::new(Self { address, heard, says, refusal, lost, bundles, files, cuts, life, ca, ca_der, tls })
    }

    pub fn token(&self) -> JoinToken {
        let ca_fingerprint = Sha256::digest(&self.ca_der).into();
        JoinToken { address: self.address.to_string(), ca_fingerprint, secret: [7; 32] }
    }

    /// Serves until the set is dropped or shut down.
    pub async fn serve(self: &Arc<Self>) -> JoinSet<()> {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(self.address).expect("the same port");
        let incoming = TcpIncoming::from(socket.listen(64).expect("listening"));
        let ca = Pem::from_pem(self.tls.0.split_inclusive("-----END CERTIFICATE-----\n").nth(1).expect("the CA's"));
        let identity = ServerIdentity::from_pem(&self.tls.0, &self.tls.1);
        let tls = ServerTlsConfig::new().identity(identity).client_ca_root(ca).client_auth_optional(true);
        let services = Services(Arc::clone(self));
        let server = Server::builder().tls_config(tls).expect("a configuration");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { server.serve_with_incoming(services, incoming).await.expect("it serves") });
        tasks
    }

    /// Ends all streams, as a restart does, and forgets received messages.
    pub fn restart(&self) {
        self.heard.send_replace(Heard::default());
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Waits until enough messages were received.
    pub async fn wait_for(&self, enough: impl FnMut(&Heard) -> bool) -> Heard {
        let mut heard = self.heard.subscribe();
        let waiting = tokio::time::timeout(Duration::from_secs(60), heard.wait_for(enough)).await;
        match waiting {
            Ok(heard) => heard.expect("we hold the sender").clone(),
            Err(_) => panic!("heard only {:?}", self.heard.borrow().reports),
        }
    }

    fn certify(&self, request: &[u8]) -> Result<Certificate, Status> {
        let request = CertificateSigningRequestParams::from_der(&request.to_vec().into());
        let mut request = request.map_err(|error| Status::invalid_argument(error.to_string()))?;
        request.params.distinguished_name.push(DnType::CommonName, "host:lab-1");
        let certificate = request.signed_by(&self.ca).map_err(|error| Status::internal(error.to_string()))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let not_after_ms = u64::try_from((now + self.life).as_millis()).unwrap_or(u64::MAX);
        let chain = vec![certificate.der().to_vec(), self.ca_der.clone()];
        Ok(Certificate { chain, subject: "host:lab-1".to_owned(), not_after_ms })
    }
}

/// An open stream of reports, counted for as long as it is.
struct ReportStream(watch::Sender<Heard>);

impl ReportStream {
    fn begin(heard: &watch::Sender<Heard>) -> Self {
        heard.send_modify(|heard| heard.reporting += 1);
        Self(heard.clone())
    }
}

impl Drop for ReportStream {
    fn drop(&mut self) {
        self.0.send_modify(|heard| {
            heard.reporting = heard.reporting.saturating_sub(1);
            heard.silences += usize::from(heard.reporting == 0);
        });
    }
}

#[derive(Clone)]
struct Services(Arc<Coordinator>);

/// From a call's path to the service that answers it.
impl Service<http::Request<Body>> for Services {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match request.uri().path().split('/').nth(1) {
            Some("fleet.v1.Join") => JoinServer::new(self.clone()).call(request),
            Some("fleet.v1.Repositories") => RepositoriesServer::new(self.0.files.clone()).call(request),
            Some("fleet.v1.Identity") => IdentityServer::new(self.clone()).call(request),
            _ => AgentsServer::new(self.clone()).call(request),
        }
    }
}

#[tonic::async_trait]
impl Join for Services {
    async fn admit(&self, request: Request<AdmitRequest>) -> Result<Response<Certificate>, Status> {
        assert_eq!(request.get_ref().secret, [7; 32]);
        self.0.heard.send_modify(|heard| {
            heard.joiners.push(request.get_ref().joiner());
            heard.signing_requests.push(request.get_ref().signing_request.clone());
        });
        if let Some(lost) = self.0.lost.lock().expect("no fault").take() {
            return Err(lost);
        }
        self.0.certify(&request.get_ref().signing_request).map(Response::new)
    }
}

#[tonic::async_trait]
impl Identity for Services {
    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<Certificate>, Status> {
        assert!(request.peer_certs().is_some(), "whoever renews has a certificate");
        self.0.certify(&request.get_ref().signing_request).map(Response::new)
    }
}

#[tonic::async_trait]
impl Agents for Services {
    type WatchStream = BoxStream<'static, Result<ToAgent, Status>>;
    type FetchBundleStream = BoxStream<'static, Result<v1::Piece, Status>>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        assert!(request.peer_certs().is_some(), "whoever watches has a certificate");
        self.0.heard.send_modify(|heard| heard.watches += 1);
        if let Some(refusal) = self.0.refusal.lock().expect("no fault").clone() {
            return Err(refusal);
        }
        let mut says = self.0.says.subscribe();
        says.mark_changed();
        let heard = self.0.heard.clone();
        let stream = stream::unfold((says, heard), |(mut says, heard)| async {
            says.changed().await.ok()?;
            let kind = says.borrow_and_update().clone();
            heard.send_modify(|heard| heard.said += 1);
            Some((Ok(ToAgent { kind }), (says, heard)))
        });
        let mut cuts = self.0.cuts.subscribe();
        let stream = stream.take_until(async move { cuts.changed().await });
        Ok(Response::new(stream.boxed()))
    }

    async fn report(&self, request: Request<Streaming<FromAgent>>) -> Result<Response<v1::ReportEnd>, Status> {
        let _stream = ReportStream::begin(&self.0.heard);
        let mut reports = request.into_inner();
        let mut cuts = self.0.cuts.subscribe();
        loop {
            let message = tokio::select! {
                message = reports.message() => message?,
                _ = cuts.changed() => None,
            };
            let Some(message) = message else { break };
            self.0.heard.send_modify(|heard| heard.reports.extend(message.kind));
        }
        Ok(Response::new(v1::ReportEnd {}))
    }

    async fn fetch_bundle(
        &self,
        request: Request<v1::FetchBundleRequest>,
    ) -> Result<Response<Self::FetchBundleStream>, Status> {
        let bundles = self.0.bundles.lock().expect("no fault");
        let bundle = bundles.get(&request.get_ref().digest).ok_or_else(|| Status::not_found("no such release"))?;
        let pieces: Vec<_> = bundle.encode().chunks(64).map(|bytes| Ok(v1::Piece { bytes: bytes.to_vec() })).collect();
        Ok(Response::new(stream::iter(pieces).boxed()))
    }

    async fn reply(&self, request: Request<Streaming<QueryReply>>) -> Result<Response<v1::QueryReplyEnd>, Status> {
        let mut pieces = request.into_inner();
        while let Some(piece) = pieces.message().await? {
            if piece.kind.is_some() {
                self.0.heard.send_modify(|heard| heard.answers.push(piece));
            }
        }
        Ok(Response::new(v1::QueryReplyEnd {}))
    }
}
