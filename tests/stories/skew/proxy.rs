//! Stands between an agent and its coordinator, and passes on each message as the pretended peer would have said it.

use super::peer::Peer;
use fleet_coordinator::identity::Authority;
use fleet_link::{Identity, dial};
use fleet_tests::fleet::now;
use fleet_tests::raw::Raw;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use rustls::ServerConfig;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::body::Body;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::StreamingService;
use tonic::transport::{Channel, Server};
use tonic::{Extensions, Request, Response, Status, Streaming};

/// Larger than any message of the wire.
const LIMIT: usize = 16 << 20;

/// Serves until it is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    _runtime: Runtime,
}

impl Proxy {
    /// Stands in for the coordinator in this folder, and calls it as this host.
    pub fn start(coordinator: &Path, host: &Identity, peer: Arc<Peer>) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads can be made");
        let acceptor = TlsAcceptor::from(Arc::new(server_config(coordinator)));
        let (address, channel, listener) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
            let address = listener.local_addr().expect("it is bound");
            (address, dial(host).await.expect("the coordinator is reached"), listener)
        });
        let pass = Pass { channel, peer };
        runtime.spawn(Server::builder().serve_with_incoming(pass, connections(listener, acceptor)));
        Self { address, _runtime: runtime }
    }
}

fn server_config(coordinator: &Path) -> ServerConfig {
    let authority = Authority::load(coordinator).expect("its keys are there");
    let (issued, key) = authority.server(&["127.0.0.1:0".to_owned()], now()).expect("a certificate");
    let chain = vec![issued.der, authority.certificate().clone()];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("there are versions").with_no_client_auth();
    let mut config = config.with_single_cert(chain, key).expect("the key is the certificate's");
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

fn connections(
    listener: TcpListener,
    acceptor: TlsAcceptor,
) -> impl futures_util::Stream<Item = std::io::Result<TlsStream<TcpStream>>> {
    stream::unfold((listener, acceptor), |(listener, acceptor)| async {
        let accepted = async { acceptor.accept(listener.accept().await?.0).await }.await;
        Some((accepted, (listener, acceptor)))
    })
}

/// One call, whichever it is: each is a stream of messages both ways.
#[derive(Clone)]
struct Pass {
    channel: Channel,
    peer: Arc<Peer>,
}

impl Service<http::Request<Body>> for Pass {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path_and_query().cloned().expect("a call has a path");
        let call = Call { pass: self.clone(), path };
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Raw).max_decoding_message_size(LIMIT);
            Ok(grpc.streaming(call, request).await)
        })
    }
}

struct Call {
    pass: Pass,
    path: PathAndQuery,
}

impl StreamingService<Vec<u8>> for Call {
    type Response = Vec<u8>;
    type ResponseStream = BoxStream<'static, Result<Vec<u8>, Status>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<Vec<u8>>>) -> Self::Future {
        let (Pass { channel, peer }, path) = (self.pass.clone(), self.path.clone());
        Box::pin(async move {
            let (metadata, _, messages) = request.into_parts();
            let (asking, method) = (Arc::clone(&peer), path.path().to_owned());
            // A stream that breaks ends here, and the call with it.
            let messages = messages.filter_map(async |message| message.ok());
            let messages = messages.flat_map(move |message| stream::iter(asking.for_coordinator(&method, &message)));
            let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(LIMIT);
            client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            let request = Request::from_parts(metadata, Extensions::default(), messages);
            let answer = client.streaming(request, path.clone(), Raw).await?;
            let answers = answer.map(|messages| {
                let passed = move |message: Result<Vec<u8>, Status>| match message {
                    Ok(message) => peer.for_agent(path.path(), &message).into_iter().map(Ok).collect(),
                    Err(status) => vec![Err(status)],
                };
                messages.flat_map(move |message| stream::iter(passed(message))).boxed()
            });
            Ok(answers)
        })
    }
}
