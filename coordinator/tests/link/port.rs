//! The port, with misbehaving peers.

use crate::harness::{FakeAgent, Harness, LIMIT, hello, now};
use crate::import::{code, named};
use fleet_coordinator::home::{Home, HomeError};
use fleet_coordinator::store::StoreError;
use fleet_link::dial;
use fleet_proto::refusal::{RefusalReason, word_of};
use fleet_proto::v1::{self, from_agent};
use fleet_proto::{MESSAGE_LIMIT, PROTOCOL};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request};

#[tokio::test]
async fn a_second_coordinator_on_the_directory_is_refused() {
    let harness = Harness::new().await;
    match Home::open(harness.path()) {
        Err(HomeError::Store(error @ StoreError::InUse { .. })) => {
            assert!(error.to_string().contains(&harness.path().display().to_string()), "{error}");
        }
        other => panic!("it should have been refused: {other:?}"),
    }
}

#[tokio::test]
async fn garbage_on_the_port_ends_its_own_connection_only() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let identity = harness.host(&mut admin, "lab-1").await;
    let mut agent = FakeAgent::connect(&identity).await.expect("it is welcome");
    let mut unauthenticated = TcpStream::connect(harness.address).await.expect("the port is open");
    unauthenticated.write_all(&[0x55; 4096]).await.expect("it can be sent");
    let mut answer = Vec::new();
    let _ = timeout(LIMIT, unauthenticated.read_to_end(&mut answer)).await.expect("the connection ends");
    agent.open_set().await.expect("the others are not disturbed");
    admin.get_status(v1::GetStatusRequest {}).await.expect("the others are not disturbed");
}

/// Sends bytes as they are where a message is expected.
#[derive(Debug, Clone, Default)]
struct Raw;

impl tonic::codec::Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl tonic::codec::Encoder for Raw {
    type Item = Vec<u8>;
    type Error = tonic::Status;
    fn encode(&mut self, item: Vec<u8>, to: &mut tonic::codec::EncodeBuf<'_>) -> Result<(), tonic::Status> {
        prost::bytes::BufMut::put_slice(to, &item);
        Ok(())
    }
}

impl tonic::codec::Decoder for Raw {
    type Item = Vec<u8>;
    type Error = tonic::Status;
    fn decode(&mut self, from: &mut tonic::codec::DecodeBuf<'_>) -> Result<Option<Vec<u8>>, tonic::Status> {
        use prost::bytes::Buf;
        let bytes = from.copy_to_bytes(from.remaining());
        Ok(Some(bytes.to_vec()))
    }
}

async fn send_raw(identity: &fleet_link::Identity, path: &'static str, bytes: Vec<u8>) -> tonic::Status {
    let channel = dial(identity).await.expect("the port is open");
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.expect("the channel is ready");
    let path = PathAndQuery::from_static(path);
    let sent = timeout(LIMIT, grpc.unary(Request::new(bytes), path, Raw)).await.expect("it is answered in time");
    sent.expect_err("it is refused")
}

#[tokio::test]
async fn a_message_that_is_no_protobuf_or_too_large_is_refused() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let identity = harness.host(&mut admin, "lab-1").await;
    let garbage = send_raw(&identity, "/fleet.v1.Agents/Report", vec![0xff; 64]).await;
    assert_eq!(garbage.code(), Code::Internal, "{garbage}");
    let identity = harness.host(&mut admin, "lab-2").await;
    let oversized = send_raw(&identity, "/fleet.v1.Agents/Report", vec![0; MESSAGE_LIMIT + 1]).await;
    assert_eq!(oversized.code(), Code::OutOfRange, "{oversized}");
    let unknown = send_raw(&identity, "/fleet.v1.Nothing/AtAll", vec![]).await;
    assert_eq!(unknown.code(), Code::Unimplemented);
    admin.get_status(v1::GetStatusRequest {}).await.expect("the others are not disturbed");
}

#[tokio::test]
async fn another_protocol_is_told_which_side_is_older() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let identity = harness.host(&mut admin, "lab-1").await;
    for (protocol, expect) in [(PROTOCOL - 1, RefusalReason::ProtocolOld), (PROTOCOL + 1, RefusalReason::ProtocolNew)] {
        let status = FakeAgent::connect_quietly(&identity, protocol).await.err().expect("it is refused");
        assert_eq!(word_of(&status), Some(expect));
    }
}

async fn link_of(admin: &mut crate::harness::Operators, name: &str) -> v1::HostLink {
    let request = v1::ListHostsRequest { name: name.to_owned(), ..Default::default() };
    let hosts = admin.list_hosts(request).await.expect("it is there").into_inner().hosts;
    hosts.first().map(v1::HostView::link).unwrap_or_default()
}

pub async fn until_link(admin: &mut crate::harness::Operators, name: &str, link: v1::HostLink) {
    let reached = async {
        while link_of(admin, name).await != link {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LIMIT, reached).await.unwrap_or_else(|_| panic!("`{name}` should be {link:?}"));
}

#[tokio::test]
async fn a_host_is_online_while_it_speaks() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let identity = harness.host(&mut admin, "lab-1").await;
    until_link(&mut admin, "lab-1", v1::HostLink::Offline).await;
    let agent = FakeAgent::connect(&identity).await.expect("it is welcome");
    until_link(&mut admin, "lab-1", v1::HostLink::Online).await;
    // It stays connected, and sends nothing more.
    until_link(&mut admin, "lab-1", v1::HostLink::Offline).await;
    drop(agent);
}

#[tokio::test]
async fn a_second_connection_replaces_the_first() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let identity = harness.host(&mut admin, "lab-1").await;
    let mut first = FakeAgent::connect(&identity).await.expect("it is welcome");
    first.open_set().await.expect("it is told its orders");
    let mut second = FakeAgent::connect(&identity).await.expect("it is welcome");
    second.open_set().await.expect("it is told its orders");
    while first.open_set().await.is_ok() {}
    until_link(&mut admin, "lab-1", v1::HostLink::Online).await;
    second.say(from_agent::Kind::Heartbeat(v1::Heartbeat {})).await;
}

#[tokio::test]
async fn a_wrong_clock_is_shown() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let identity = harness.host(&mut admin, "lab-1").await;
    let agent = FakeAgent::connect_quietly(&identity, PROTOCOL).await.expect("it is welcome");
    agent.say(hello(fleet_core::time::Time(now().0 - 300_000))).await;
    agent.say(from_agent::Kind::Complete(v1::Complete {})).await;
    until_link(&mut admin, "lab-1", v1::HostLink::Online).await;
    let status = admin.get_status(v1::GetStatusRequest {}).await.expect("it answers").into_inner();
    let recorded = status.attention.iter().find(|one| named(&one.subject) == "host lab-1").expect("it needs a person");
    assert_eq!(code(recorded), v1::ProblemCode::ClockBehind);
}

/// Connects with TLS and without a certificate, as a joining machine does, and sends no request.
pub async fn unauthenticated(harness: &Harness, ca: &[u8]) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.to_vec().into()).expect("it is a certificate");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config.expect("it has versions").with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = "fleet-coordinator".try_into().expect("it is a name");
    let stream = TcpStream::connect(harness.address).await.expect("the port is open");
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    connector.connect(name, stream).await.expect("a stranger is let in")
}

#[tokio::test]
async fn a_crowd_of_strangers_keeps_nobody_out_and_is_never_large() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let identity = harness.host(&mut admin, "lab-1").await;
    let mut first = unauthenticated(&harness, identity.ca_der()).await;
    let mut crowd = Vec::new();
    for _ in 0..256 {
        crowd.push(unauthenticated(&harness, identity.ca_der()).await);
    }
    let mut answer = Vec::new();
    let ended = timeout(LIMIT, first.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the oldest gives way");
    harness.host(&mut admin, "lab-2").await;
    FakeAgent::connect(&identity).await.expect("it is welcome");
}
